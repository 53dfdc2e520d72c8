#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "sources/mysql/server_address.h"

namespace rowtide::mysql {

// One row of text; nullopt = NULL.
using SqlRow = std::vector<std::optional<std::string>>;

struct SqlRows {
  std::vector<std::string> columns;
  std::vector<SqlRow> rows;
};

// A connection for control statements: variables, catalogs, grants. Results are small and read
// whole; rows of tables are not read through it. The session is utf8mb4 in time zone UTC with an
// empty sql_mode, so that quote_literal() holds. One thread at a time.
class SqlSession {
 public:
  // Errors carry the server's words and what to do about them.
  static Result<std::unique_ptr<SqlSession>> connect(const ConnectOptions& options);
  ~SqlSession();
  SqlSession(const SqlSession&) = delete;
  SqlSession& operator=(const SqlSession&) = delete;

  const ServerVersion& server() const noexcept { return server_; }

  // One statement in the text protocol; no rows for one that returns none.
  Result<SqlRows> query(const std::string& sql);
  // The first cell of the first row; nullopt when it is NULL or there is no row.
  Result<std::optional<std::string>> query_value(const std::string& sql);

 private:
  struct Impl;
  explicit SqlSession(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  ServerVersion server_;
};

// `name` with inner backticks doubled.
std::string quote_identifier(std::string_view name);
// 'text', for the sql_mode of a SqlSession.
std::string quote_literal(std::string_view text);

}  // namespace rowtide::mysql
