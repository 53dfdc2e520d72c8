#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "sources/mysql/column_catalog.h"
#include "sources/mysql/mysql_config.h"
#include "sources/mysql/sql_session.h"

namespace rowtide::mysql {

// What information_schema says. Everything here is "now".

// True for the databases that belong to the server itself: never captured.
bool is_system_database(std::string_view database) noexcept;

// One table of rows.
struct TableInfo {
  std::string database;
  std::string table;
  std::string engine;
  std::string type;  // "BASE TABLE" or "SYSTEM VERSIONED"
  // The server's estimates; nullopt when it has none.
  std::optional<std::uint64_t> estimated_rows;
  std::optional<std::uint64_t> size_bytes;
  // In the order of the key; empty = no primary key.
  std::vector<std::string> primary_key;

  bool system_versioned() const { return type == "SYSTEM VERSIONED"; }
  // `database`.`table`, ready for a statement.
  std::string sql_name() const;
  // database.table, for people.
  std::string display_name() const { return database + "." + table; }
};

// Every table that is captured and the user can see, ordered by name; sequences left out.
Result<std::vector<TableInfo>> load_tables(SqlSession& session, const CapturedTables& captured);

// A foreign key whose action changes rows by itself.
struct CascadingKey {
  std::string database;
  std::string table;
  std::string name;
};
// Those of captured tables.
Result<std::vector<CascadingKey>> load_cascading_keys(SqlSession& session,
                                                      const CapturedTables& captured);

// The columns of one table, asked for each time.
class SqlCatalog final : public ColumnCatalog {
 public:
  // The session outlives it and is used by the calling thread.
  explicit SqlCatalog(SqlSession& session) : session_(session) {}
  Result<TableColumns> columns(std::string_view database, std::string_view table) override;

 private:
  SqlSession& session_;
};

}  // namespace rowtide::mysql
