#include "sources/mysql/catalog.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "engine/model/table_filter.h"

namespace rowtide::mysql {
namespace {

// Of the databases of users. Names are compared as bytes later on: collations of information_schema
// differ between servers.
constexpr std::string_view kOfUsers =
    "NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')";

using Keys = std::map<TableName, std::vector<std::string>>;

std::string cell_text(const SqlRow& row, std::size_t column) {
  return row[column].value_or(std::string());
}

std::optional<std::uint64_t> cell_number(const SqlRow& row, std::size_t column) {
  if (!row[column]) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  std::from_chars(row[column]->data(), row[column]->data() + row[column]->size(), number);
  return number;
}

// Column names of primary keys, in the order of the key. `condition` is on TABLE_SCHEMA and the
// like.
Result<Keys> load_primary_keys(SqlSession& session, const std::string& condition) {
  ROWTIDE_TRY_ASSIGN(const auto result,
                     session.query(fmt::format("SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME\n"
                                               "FROM information_schema.STATISTICS\n"
                                               "WHERE INDEX_NAME = 'PRIMARY' AND {}\n"
                                               "ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX",
                                               condition)));
  Keys keys;
  for (const SqlRow& row : result.rows) {
    keys[{cell_text(row, 0), cell_text(row, 1)}].push_back(cell_text(row, 2));
  }
  return keys;
}

// MariaDB writes its type json as longtext with this check. Servers of MySQL have a type instead.
Result<std::vector<std::string>> json_checks(SqlSession& session, const std::string& of_table) {
  if (session.server().flavour == Flavour::kMysql) {
    return std::vector<std::string>();
  }
  ROWTIDE_TRY_ASSIGN(const auto result,
                     session.query("SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS\n"
                                   "WHERE CHECK_CLAUSE LIKE 'json_valid(%' AND " +
                                   of_table));
  std::vector<std::string> clauses;
  for (const SqlRow& row : result.rows) {
    clauses.push_back(cell_text(row, 0));
  }
  return clauses;
}

CatalogColumn column_of(const SqlRow& row, const std::vector<std::string>& json_clauses) {
  CatalogColumn column;
  column.name = cell_text(row, 0);
  column.data_type = cell_text(row, 1);
  column.column_type = cell_text(row, 2);
  column.charset = cell_text(row, 3);
  column.collation = cell_text(row, 4);
  column.nullable = cell_text(row, 5) == "YES";
  const std::string extra = cell_text(row, 6);
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  column.invisible = has(extra, "INVISIBLE");
  column.generated = has(extra, "VIRTUAL GENERATED") || has(extra, "STORED GENERATED");
  // Not of an enum or set, whose labels may hold anything.
  column.is_unsigned = column.column_type.ends_with(" unsigned") ||
                       column.column_type.ends_with(" unsigned zerofill");
  const std::string check = "json_valid(" + quote_identifier(column.name) + ")";
  column.json =
      column.data_type == "json" || (column.data_type == "longtext" &&
                                     std::ranges::find(json_clauses, check) != json_clauses.end());
  return column;
}

}  // namespace

bool is_system_database(std::string_view database) noexcept {
  return database == "mysql" || database == "sys" || database == "information_schema" ||
         database == "performance_schema" || database == "INFORMATION_SCHEMA" ||
         database == "PERFORMANCE_SCHEMA";
}

std::string TableInfo::sql_name() const {
  return quote_identifier(database) + "." + quote_identifier(table);
}

Result<std::vector<TableInfo>> load_tables(SqlSession& session, const CapturedTables& captured) {
  ROWTIDE_TRY_ASSIGN(
      const auto result,
      session.query(
          fmt::format("SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_TYPE, TABLE_ROWS,\n"
                      "  DATA_LENGTH + INDEX_LENGTH\n"
                      "FROM information_schema.TABLES\n"
                      "WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA {}",
                      kOfUsers)));
  ROWTIDE_TRY_ASSIGN(auto keys,
                     load_primary_keys(session, fmt::format("TABLE_SCHEMA {}", kOfUsers)));
  std::vector<TableInfo> tables;
  for (const SqlRow& row : result.rows) {
    TableInfo table;
    table.database = cell_text(row, 0);
    table.table = cell_text(row, 1);
    if (!captured.matches(table.database, table.table)) {
      continue;
    }
    table.engine = cell_text(row, 2);
    table.type = cell_text(row, 3);
    table.estimated_rows = cell_number(row, 4);
    table.size_bytes = cell_number(row, 5);
    table.primary_key = std::move(keys[{table.database, table.table}]);
    tables.push_back(std::move(table));
  }
  std::ranges::sort(tables, {}, [](const TableInfo& table) {
    return std::pair<std::string_view, std::string_view>(table.database, table.table);
  });
  return tables;
}

Result<std::vector<CascadingKey>> load_cascading_keys(SqlSession& session,
                                                      const CapturedTables& captured) {
  ROWTIDE_TRY_ASSIGN(const auto result,
                     session.query(fmt::format(
                         "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME\n"
                         "FROM information_schema.REFERENTIAL_CONSTRAINTS\n"
                         "WHERE CONSTRAINT_SCHEMA {} AND (DELETE_RULE IN ('CASCADE', 'SET NULL')\n"
                         "  OR UPDATE_RULE IN ('CASCADE', 'SET NULL'))\n"
                         "ORDER BY CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME",
                         kOfUsers)));
  std::vector<CascadingKey> keys;
  for (const SqlRow& row : result.rows) {
    CascadingKey key{cell_text(row, 0), cell_text(row, 1), cell_text(row, 2)};
    if (captured.matches(key.database, key.table)) {
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

Result<TableColumns> SqlCatalog::columns(std::string_view database, std::string_view table) {
  // The first two find the table; names of two tables may differ in what a collation ignores.
  const auto of_table = [&](std::string_view schema_column) {
    return fmt::format(
        "{0} = {1} AND TABLE_NAME = {2} AND CAST({0} AS BINARY) = CAST({1} AS BINARY) AND "
        "CAST(TABLE_NAME AS BINARY) = CAST({2} AS BINARY)",
        schema_column, quote_literal(database), quote_literal(table));
  };
  const std::string condition = of_table("TABLE_SCHEMA");
  ROWTIDE_TRY_ASSIGN(
      const auto type,
      session_.query_value("SELECT TABLE_TYPE FROM information_schema.TABLES WHERE " + condition));
  if (!type) {
    return fail(operator_error(
        Code::kNotFound, fmt::format("the server shows no table {}.{}", database, table),
        fmt::format("GRANT SELECT ON {}.{} TO the user of the pipeline, or leave it out of "
                    "source.tables",
                    quote_identifier(database), quote_identifier(table))));
  }
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     session_.query("SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE,\n"
                                    "  CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, EXTRA\n"
                                    "FROM information_schema.COLUMNS WHERE " +
                                    condition + " ORDER BY ORDINAL_POSITION"));
  ROWTIDE_TRY_ASSIGN(const auto clauses, json_checks(session_, of_table("CONSTRAINT_SCHEMA")));
  ROWTIDE_TRY_ASSIGN(const auto keys, load_primary_keys(session_, condition));

  TableColumns out;
  out.database = database;
  out.table = table;
  out.sequence = *type == "SEQUENCE";
  out.system_versioned = *type == "SYSTEM VERSIONED";
  for (const SqlRow& row : rows.rows) {
    out.columns.push_back(column_of(row, clauses));
  }
  if (!keys.empty()) {
    for (const std::string& name : keys.begin()->second) {
      const auto at = std::ranges::find(out.columns, name, &CatalogColumn::name);
      out.primary_key.push_back(static_cast<std::uint32_t>(at - out.columns.begin()));
    }
  }
  return out;
}

}  // namespace rowtide::mysql
