#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "engine/base/error.h"
#include "sources/mysql/mysql_config.h"
#include "sources/mysql/scan_key.h"
#include "sources/mysql/sql_session.h"
#include "sources/mysql/table_shape.h"

namespace rowtide::mysql {

// What is read beside the stream, by the catalog.

// The captured tables among those that `patterns` name (all when empty), ordered by name, with how
// each would be read. Code::kNotFound when a pattern names none.
Result<std::vector<ScanTable>> load_scan_tables(SqlSession& session,
                                                const MysqlSourceConfig& config,
                                                const CapturedTables& captured,
                                                std::span<const std::string> patterns);

// A table as it is now.
struct ScanRelation {
  // `database`.`table`
  std::string sql_name;
  std::unique_ptr<const TableShape> shape;
  // The primary key, in the order of its index; empty = none.
  std::vector<std::uint32_t> key_columns;
  std::vector<ScanKeyColumn> key;

  const SchemaPtr& schema() const noexcept { return shape->schema; }
};

// The shape is the one that the stream has or will have of the same table. `announced`: what it
// last announced, null = nothing. Code::kNotFound when the table is gone.
Result<ScanRelation> load_scan_relation(SqlSession& session, const MysqlSourceConfig& config,
                                        const ScanTable& table, const TableSchema* announced);

// Up to `parts - 1` places that cut the table into parts of about the same size; none for a small
// one, and none where finding them would cost as much as reading.
Result<std::vector<ScanKey>> load_key_cuts(SqlSession& session, const ScanRelation& relation,
                                           double estimated_rows, std::size_t parts);

}  // namespace rowtide::mysql
