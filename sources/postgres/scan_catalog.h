#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <libpq-fe.h>

#include "engine/api/chunk_reader.h"
#include "engine/base/error.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/row_decoder.h"
#include "sources/postgres/table_scan.h"
#include "sources/postgres/type_catalog.h"

namespace rowtide::postgres {

// A table as the stream would describe it now, and what reading it takes beside that.
struct ScanRelation {
  std::uint32_t relation_id = 0;
  std::string schema;
  std::string table;
  bool partitioned = false;
  // Cells as the stream makes them; its schema() equals the stream's.
  std::unique_ptr<RelationDecoder> decoder;
  // By column of the schema: comes in binary form. The others are asked for as text.
  std::vector<bool> binary;
  // In the order of the index; empty = no unique key is published as a whole.
  std::vector<ScanKeyColumn> key;
  // Indexes of the key's columns in the schema.
  std::vector<std::uint32_t> key_columns;
  // Of the publication; empty = none.
  std::string row_filter;
  bool changes_are_whole = false;
  // Names the file that holds the rows; another one after the table was rewritten.
  std::string file;
  std::uint64_t blocks = 0;
  double rows_per_block = 0;

  std::string display_name() const { return schema + "." + table; }
};

// What is asked of the catalog for each chunk, planned once on a connection: planning costs the
// server several times what the answers do. One connection's, and its thread's.
class RelationQueries {
 public:
  explicit RelationQueries(std::string publication) : publication_(std::move(publication)) {}

  // Code::kNotFound when the table is gone. `types` outlives the relation.
  Result<ScanRelation> load(PGconn* connection, std::uint32_t relation_id, TypeCatalog& types);
  // The next call brings another connection.
  void connection_changed() noexcept { planned_ = false; }
  const std::string& publication() const noexcept { return publication_; }

 private:
  Result<void> plan(PGconn* connection);

  const std::string publication_;
  bool planned_ = false;
};

// The tables that the stream delivers: published, and wanted by the configuration. Ordered by name.
// `patterns` narrow them; one that names none of them is Code::kNotFound.
Result<std::vector<ScanTable>> load_scan_tables(PGconn* connection,
                                                const PostgresSourceConfig& config,
                                                std::span<const std::string> patterns,
                                                RelationQueries& relations, TypeCatalog& types);

// Places in the order of the key's first column that part the table evenly, in ascending order, as
// the statistics know them; none for a small table.
Result<std::vector<ScanKey>> load_key_cuts(PGconn* connection, const ScanRelation& relation,
                                           std::size_t parts);

}  // namespace rowtide::postgres
