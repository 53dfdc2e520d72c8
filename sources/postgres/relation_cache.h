#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/base/error.h"
#include "engine/client/postgres_client.h"
#include "engine/model/table_schema.h"
#include "sources/postgres/row_decoder.h"
#include "sources/postgres/table_patterns.h"
#include "sources/postgres/type_catalog.h"

namespace rowtide::postgres {

// A relation of the stream as its latest Relation message describes it.
struct Relation {
  std::string message;  // the raw message behind its type byte and xid, to notice real changes
  std::unique_ptr<RelationDecoder> decoder;
  // The configuration wants its rows.
  bool wanted = true;
  // The schema differs from what was last announced: say so before the next row.
  bool announce = false;
};

using CatalogConnection = std::function<Result<PGconn*>()>;

// The decoder of a relation, whose types `types` holds. The catalog is asked for the primary key
// where the message does not say it (identity FULL or NOTHING).
Result<std::unique_ptr<RelationDecoder>> make_decoder(const RelationMessage& relation,
                                                      const TypeCatalog& types,
                                                      const CatalogConnection& catalog);

// Every relation that the stream has described. The catalog is asked (on an ordinary connection)
// only for what the stream does not say: types made by users, and the primary key of a table whose
// identity is FULL or NOTHING. Reader thread only.
class RelationCache {
 public:
  // Gives an ordinary connection for catalog questions, free to be used at once.
  using Catalog = CatalogConnection;

  RelationCache(TablePatterns patterns, std::map<std::uint64_t, TableSchema> announced,
                Catalog catalog);

  // Forgets the messages (each connection describes its relations anew), and the announcements that
  // were dropped with the builder; not what was announced otherwise.
  void reset();

  // Takes a Relation message in.
  Result<void> describe(std::string_view message, bool in_stream);
  // Notes a Type message: the name of a type that the catalog may no longer have.
  Result<void> describe_type(std::string_view message, bool in_stream);
  // kProtocol when the stream never described it.
  Result<Relation*> find(std::uint32_t relation_id);
  // The schema was handed out as an announcement.
  void announced(Relation& relation);
  // All that was handed out has been taken from the builder.
  void taken() { untaken_.clear(); }
  // Set when the last describe() met a column that cannot be decoded from the binary protocol.
  bool needs_text() const noexcept { return needs_text_; }

  // Whether every column of the publication's tables can be read in binary.
  Result<bool> binary_possible(std::string_view publication);

 private:
  Result<void> learn_types(const RelationMessage& relation);
  Result<bool> is_wanted(const RelationMessage& relation);

  const TablePatterns patterns_;
  const Catalog catalog_;
  TypeCatalog types_;
  std::unordered_map<std::uint32_t, std::pair<std::string, std::string>> type_names_;
  std::unordered_map<std::uint32_t, Relation> relations_;
  std::map<std::uint64_t, TableSchema> announced_;
  // What was announced before, of the tables whose announcement may still be in the builder.
  std::map<std::uint64_t, std::optional<TableSchema>> untaken_;
  std::uint32_t last_id_ = 0;
  Relation* last_ = nullptr;
  bool needs_text_ = false;
};

}  // namespace rowtide::postgres
