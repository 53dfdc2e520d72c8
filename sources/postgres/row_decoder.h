#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/batch/batch.h"
#include "engine/model/table_schema.h"
#include "sources/postgres/pgoutput_messages.h"
#include "sources/postgres/value_decode.h"

namespace rowtide::postgres {

// Decodes the rows of one relation as one Relation message describes it; a changed Relation message
// needs a new decoder. Which function decodes which column is settled once, here. Used by one
// thread.
class RelationDecoder {
 public:
  // `catalog` outlives the decoder and already holds every type of the relation that is not
  // builtin; a type that it does not know is decoded as literal text. Key columns are those that
  // the message flags, except with identity FULL, where every column is flagged: see
  // set_primary_key().
  static Result<std::unique_ptr<RelationDecoder>> create(const RelationMessage& relation,
                                                         const TypeCatalog& catalog);

  // Names the primary key of a relation whose identity is FULL or NOTHING; with the other
  // identities the message already says the key and the call changes nothing. Empty = no primary
  // key: FULL then means all columns, not unique. Call before the first row. A name that is no
  // column is an error.
  Result<void> set_primary_key(std::span<const std::string> column_names);

  const SchemaPtr& schema() const noexcept { return schema_; }
  // 'd', 'n', 'f' or 'i', as in the message.
  char replica_identity() const noexcept { return replica_identity_; }
  // True when every column may be asked for in binary.
  bool binary_supported() const noexcept { return binary_supported_; }

  // Fills op, before_image, before, after and schema of `event`, with storage from `out`; what was
  // in the other fields stays. An update's unchanged cells are taken from the old row where the
  // identity is FULL and stay kUnchanged elsewhere. The message's bytes are not needed afterwards.
  // Errors: Code::kProtocol for a malformed tuple, Code::kData for a cell that is no value of its
  // column's type.
  Result<void> decode_row(const RowMessage& row, BatchBuilder& out, Event& event);

  // One tuple (Int16 column count, then 'n', 'u', 't' or 'b' per column) into `cells`, one cell per
  // column. Bytes are copied into `arena` once.
  Result<void> decode_tuple(std::string_view tuple, Arena& arena, std::span<Value> cells);

  // One tuple of COPY (FORMAT binary): Int16 field count, then Int32 length (-1 = NULL) and bytes
  // per field; the fields are the relation's columns in order. Needs binary_supported().
  Result<void> decode_copy_tuple(std::string_view tuple, Arena& arena, std::span<Value> cells);

  // One cell in text ('t') or binary ('b') format; the cell's bytes must already live in `arena` or
  // as long as it.
  Result<void> decode_cell(std::size_t column, char format, std::string_view bytes, Arena& arena,
                           Value& cell);

 private:
  struct ColumnPlan {
    CellDecoder text = nullptr;
    CellDecoder binary = nullptr;
    // The column's type with domains resolved.
    std::uint32_t type_oid = 0;
    // Flagged in the Relation message: present in a key tuple.
    bool in_identity = false;
  };

  RelationDecoder() = default;
  void keep_identity_only(std::span<Value> cells) const;
  Error tuple_error(std::size_t offset, std::string_view what) const;
  Error cell_error(std::size_t column, char format) const;

  SchemaPtr schema_;
  std::vector<ColumnPlan> plan_;
  DecodeContext context_;
  char replica_identity_ = 'd';
  bool binary_supported_ = true;
};

}  // namespace rowtide::postgres
