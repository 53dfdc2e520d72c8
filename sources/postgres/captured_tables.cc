#include "sources/postgres/captured_tables.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "engine/client/postgres_client.h"
#include "sources/postgres/catalog.h"
#include "sources/postgres/replication_objects.h"

namespace rowtide::postgres {
namespace {

using ColumnNames = std::map<std::uint32_t, std::vector<std::string>>;

Result<ColumnNames> load_column_names(PGconn* connection, const std::vector<TableInfo>& tables) {
  std::vector<std::uint32_t> ids;
  for (const TableInfo& table : tables) {
    ids.push_back(table.relation_id);
  }
  auto rows = query(connection,
                    "SELECT attrelid, attname FROM pg_attribute WHERE attrelid = ANY (" +
                        quote_literal(oid_array(ids)) +
                        "::oid[]) AND attnum > 0 AND NOT attisdropped ORDER BY attrelid, attnum");
  if (!rows) {
    return fail(std::move(rows).error());
  }
  ColumnNames names;
  for (int row = 0; row < rows->rows(); ++row) {
    names[static_cast<std::uint32_t>(rows->integer(row, 0))].emplace_back(rows->text(row, 1));
  }
  return names;
}

// The columns that tell a streamed row from the others; empty = none do.
const std::vector<std::string>& unique_key(const TableInfo& table) {
  static const std::vector<std::string> none;
  switch (table.identity) {
    case ReplicaIdentity::kIndex:
      return table.identity_index;
    case ReplicaIdentity::kDefault:
      return table.primary_key_deferrable ? none : table.primary_key;
    default:
      return table.primary_key;
  }
}

}  // namespace

Result<std::vector<TableSchema>> captured_tables(PGconn* connection,
                                                 const PostgresSourceConfig& config) {
  ROWTIDE_TRY_ASSIGN(const auto patterns, TablePatterns::parse(config.tables));
  ROWTIDE_TRY_ASSIGN(const auto all, load_tables(connection));
  std::vector<TableInfo> captured = select_tables(all, patterns);
  if (!config.publish_via_partition_root) {
    captured = with_leaves(all, captured);
  }
  std::erase_if(captured, [](const TableInfo& table) { return !table.publishable(); });
  ROWTIDE_TRY_ASSIGN(auto names, load_column_names(connection, captured));
  std::vector<TableSchema> schemas;
  for (const TableInfo& table : captured) {
    TableSchema schema;
    schema.table_id = table.relation_id;
    schema.schema = table.schema;
    schema.table = table.table;
    for (auto& name : names[table.relation_id]) {
      schema.columns.emplace_back().name = std::move(name);
    }
    for (const std::string& key : unique_key(table)) {
      const auto at = std::ranges::find(schema.columns, key, &Column::name);
      schema.key_columns.push_back(static_cast<std::uint32_t>(at - schema.columns.begin()));
    }
    schema.key_is_unique = !schema.key_columns.empty();
    schemas.push_back(std::move(schema));
  }
  return schemas;
}

}  // namespace rowtide::postgres
