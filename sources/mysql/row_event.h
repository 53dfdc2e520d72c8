#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/batch/batch.h"
#include "sources/mysql/column_decoder.h"
#include "sources/mysql/table_shape.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {

enum class RowsKind : std::uint8_t { kWrite, kUpdate, kDelete, kPartialUpdate };

// Flags of a rows event.
inline constexpr std::uint16_t kRowsEndOfStatement = 0x01;
// SQL-layer foreign keys: the server logs what cascades do.
inline constexpr std::uint16_t kRowsSqlForeignKeys = 0x10;

// A rows event taken apart up to its rows. Views point into the event's body.
struct RowsEvent {
  RowsKind kind = RowsKind::kWrite;
  std::uint16_t flags = 0;
  std::uint64_t table_id = 0;
  std::uint32_t column_count = 0;
  // A bit per column, lowest bit first; the other one is of the after image of an update and equals
  // the first for other kinds. Bits beyond column_count mean nothing.
  std::string_view present;
  std::string_view present_after;
  std::string_view rows;

  bool ends_statement() const { return (flags & kRowsEndOfStatement) != 0; }
  // A rows event that only ends its statement.
  bool is_dummy() const { return table_id == kNoTableId; }
};

// Whether `event_type` is one that parse_rows_event takes: 23-25 (version 1), 30-32 (version 2)
// and 39 (partial update). MariaDB's compressed ones are decompressed before, and come as what they
// are inside.
bool is_rows_event(std::uint8_t event_type);

// `body` is the event behind its header and without checksum.
Result<RowsEvent> parse_rows_event(std::uint8_t event_type, std::string_view body);

// Hands out the rows of one event, one at a time. Shape and event must outlive the reader, and so
// must the bytes of the event; what was added to a builder lives in its arena and needs neither.
//
// An update becomes one event with both images. A column that the before image lacks is kAbsent
// there; one that the after image lacks is what the before image says, or else kUnchanged. A column
// that an insert lacks is kAbsent: its value is the column's default, which the log does not tell.
// BeforeImage is kFull when every column is there, else kKey, and then holds the key only.
class RowReader {
 public:
  // Code::kSchema when the event's column count is not that of the shape.
  static Result<RowReader> create(const TableShape& shape, const RowsEvent& rows);

  // Adds the next row to `out`, which is in a transaction, or with `keep` false only counts it
  // there (skip_row) without decoding it. False when there is no row left, and then nothing was
  // done. After an error the reader is of no use any more.
  Result<bool> next(BatchBuilder& out, bool keep);

 private:
  // What one of the two images holds.
  struct Image {
    std::string_view present;
    std::uint32_t present_count = 0;
    bool all_present = false;
  };

  RowReader(const TableShape& shape, const RowsEvent& rows);
  Image image_of(std::string_view present) const;
  Result<void> check_images() const;
  // One image; `diff_bits` has a bit per JSON column that comes as a diff, empty = none does.
  Result<void> skip_image(const Image& image);
  Result<void> read_image(const Image& image, std::string_view diff_bits, std::span<Value> cells);
  Result<void> read_cell(std::size_t column, std::string_view diff_bits, Value& out);
  Result<void> patch_json(std::size_t json_index, std::string_view diffs, Value& out);
  Result<std::string_view> read_diff_bits();
  Result<void> read_event(BatchBuilder& out, Event& event);
  Error damaged(std::string_view what) const;
  Error bad_cell(std::size_t column, CellError error) const;
  Error too_long(std::size_t column) const;

  const TableShape* shape_;
  RowsKind kind_;
  Image before_;
  Image after_;
  WireReader in_;
  DecodeContext context_;
  // Partial updates: the JSON documents of the row's before image, as on the wire.
  std::vector<std::optional<std::string_view>> json_before_;
};

}  // namespace rowtide::mysql
