#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "engine/base/error.h"
#include "engine/base/secret.h"

namespace rowtide::postgres {

struct PgConnDeleter {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
struct PgResultDeleter {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using PgConn = std::unique_ptr<PGconn, PgConnDeleter>;

// The rows of one statement.
class QueryResult {
 public:
  explicit QueryResult(PGresult* result) : result_(result) {}

  int rows() const noexcept { return PQntuples(result_.get()); }
  int columns() const noexcept { return PQnfields(result_.get()); }
  std::string column_name(int column) const { return PQfname(result_.get(), column); }
  bool is_null(int row, int column) const noexcept {
    return PQgetisnull(result_.get(), row, column) != 0;
  }
  // Empty for null.
  std::string_view text(int row, int column) const noexcept {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }
  std::optional<std::string> optional_text(int row, int column) const {
    return is_null(row, column) ? std::nullopt : std::optional(std::string(text(row, column)));
  }
  bool boolean(int row, int column) const noexcept { return text(row, column) == "t"; }
  // 0 when the cell is not a number.
  std::int64_t integer(int row, int column) const noexcept;
  // Rows touched by INSERT, UPDATE, DELETE.
  std::int64_t affected_rows() const noexcept;
  PGresult* get() const noexcept { return result_.get(); }

 private:
  std::unique_ptr<PGresult, PgResultDeleter> result_;
};

struct ConnectOptions {
  std::string url;  // postgresql://... or a libpq key=value string
  Secret password;  // wins over one in the URL
  bool replication = false;
  std::string application_name = "rowtide";
  // Server settings for the session, as in "-c name=value -c ...".
  std::string session_settings;
  int connect_timeout_seconds = 10;
};

// Connects; the session is UTF-8. Errors carry the server's words and what to do about them.
Result<PgConn> connect(const ConnectOptions& options);

// Runs one or several statements with the simple protocol; returns the last one's rows.
Result<QueryResult> query(PGconn* connection, const std::string& sql);
// Runs one statement with text parameters; null pointer = NULL.
Result<QueryResult> query(PGconn* connection, const std::string& sql,
                          std::span<const std::optional<std::string>> parameters);

// Plans a statement once for this connection, under a name; its parameters are texts.
Result<void> prepare(PGconn* connection, const std::string& name, const std::string& sql);
// Runs a prepared statement; null pointer = NULL.
Result<QueryResult> run_prepared(PGconn* connection, const std::string& name,
                                 std::span<const std::optional<std::string>> parameters);

// libpq reads as much as its buffer has room for, begins with 16 KiB, and keeps what one long
// message made of it. A stream of short messages would be read in small pieces for ever, each with
// a system call and a window update of its own; so this brings one long message.
Result<void> grow_read_buffer(PGconn* connection);

// Maps the failure of a result, or of the connection when `result` is null.
Error to_error(PGconn* connection, const PGresult* result);
// SQLSTATE of a failed result, empty where there is none.
std::string sqlstate(const PGresult* result);

// "name" with inner quotes doubled.
std::string quote_identifier(std::string_view name);
// 'text' safe under any setting of standard_conforming_strings.
std::string quote_literal(std::string_view text);

}  // namespace rowtide::postgres
