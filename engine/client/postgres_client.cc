#include "engine/client/postgres_client.h"

#include <charconv>

#include <fmt/format.h>

namespace rowtide::postgres {
namespace {

std::int64_t to_integer(std::string_view text) noexcept {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The server's message without the trailing newline, on one line.
std::string tidy(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  std::string out(text);
  for (char& c : out) {
    if (c == '\n') {
      c = ' ';
    }
  }
  return out;
}

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : tidy(text);
}

Error connection_error(std::string message) {
  const auto has = [&](std::string_view part) { return message.find(part) != std::string::npos; };
  if (has("password authentication failed") || has("no password supplied") ||
      has("authentication failed")) {
    return operator_error(Code::kAuthentication, std::move(message),
                          "Check the user and the password in the configuration");
  }
  if (has("no pg_hba.conf entry")) {
    return operator_error(
        Code::kAuthentication, std::move(message),
        "Add a line for this host, user and database (and one for the database "
        "'replication' if needed) to pg_hba.conf and run SELECT pg_reload_conf()");
  }
  if (has("database \"") && has("does not exist")) {
    return operator_error(Code::kNotFound, std::move(message),
                          "Correct the database name in the url");
  }
  if (has("role \"") && has("does not exist")) {
    return operator_error(Code::kAuthentication, std::move(message),
                          "Create the role, or correct the user in the url");
  }
  if (has("must be superuser or replication role") ||
      has("permission denied to start WAL sender")) {
    return operator_error(Code::kPermission, std::move(message),
                          "Run ALTER ROLE <user> REPLICATION as a superuser");
  }
  if (has("invalid connection option") || has("missing \"=\"") || has("invalid URI") ||
      has("invalid integer value") || has("invalid port number")) {
    return operator_error(Code::kConfig, std::move(message), "Correct the url");
  }
  return retry_error(Code::kConnection, std::move(message));
}

}  // namespace

std::int64_t QueryResult::integer(int row, int column) const noexcept {
  return to_integer(text(row, column));
}

std::int64_t QueryResult::affected_rows() const noexcept {
  return to_integer(PQcmdTuples(result_.get()));
}

std::string sqlstate(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state == nullptr ? std::string() : std::string(state);
}

Error to_error(PGconn* connection, const PGresult* result) {
  const std::string state = result == nullptr ? std::string() : sqlstate(result);
  if (state.empty()) {
    return connection_error(tidy(PQerrorMessage(connection)));
  }
  std::string message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (const auto detail = field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty()) {
    message += " (" + detail + ")";
  }
  message += " [SQLSTATE " + state + "]";
  const std::string_view group = std::string_view(state).substr(0, 2);
  if (state == "42501") {
    return operator_error(Code::kPermission, std::move(message), "Grant the missing privilege");
  }
  if (group == "28") {
    return operator_error(Code::kAuthentication, std::move(message),
                          "Check the user and the password in the configuration");
  }
  if (state == "53100") {
    return retry_error(Code::kDiskFull, std::move(message), "Free disk space on the server");
  }
  if (state == "25006") {
    return retry_error(Code::kReadOnly, std::move(message),
                       "The server is read-only: connect to the primary");
  }
  if (group == "08" || group == "53" || group == "57" || group == "58" || group == "40" ||
      state == "55006" || state == "55P03") {
    return retry_error(group == "40" ? Code::kConflict : Code::kConnection, std::move(message));
  }
  if (state == "42704" || state == "42P01" || state == "3F000" || state == "3D000") {
    return operator_error(Code::kNotFound, std::move(message), "Create what is missing");
  }
  if (group == "42") {
    return operator_error(Code::kSchema, std::move(message),
                          "Correct the object that the message names");
  }
  if (group == "22" || group == "23") {
    return operator_error(Code::kData, std::move(message),
                          "Correct the table or the data that the message names");
  }
  return operator_error(Code::kInternal, std::move(message), "See the server's log");
}

Result<PgConn> connect(const ConnectOptions& options) {
  const std::string timeout = std::to_string(options.connect_timeout_seconds);
  std::string settings = options.session_settings;
  const char* keys[] = {"dbname",           "client_encoding", "connect_timeout",
                        "application_name", "options",         "keepalives_idle",
                        "replication",      "password",        nullptr};
  const char* values[] = {options.url.c_str(),
                          "UTF8",
                          timeout.c_str(),
                          options.application_name.c_str(),
                          settings.c_str(),
                          "30",
                          options.replication ? "database" : nullptr,
                          options.password.empty() ? nullptr : options.password.reveal().c_str(),
                          nullptr};
  PgConn connection(PQconnectdbParams(keys, values, 1));
  if (connection == nullptr) {
    return fail(retry_error(Code::kConnection, "out of memory while connecting"));
  }
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return fail(connection_error(tidy(PQerrorMessage(connection.get()))));
  }
  // Notices go to whoever installs a receiver, never to standard error by themselves.
  PQsetNoticeReceiver(connection.get(), [](void*, const PGresult*) {}, nullptr);
  return connection;
}

namespace {

Result<QueryResult> checked(PGconn* connection, PGresult* raw) {
  QueryResult result(raw);
  if (raw == nullptr) {
    return fail(to_error(connection, nullptr));
  }
  switch (PQresultStatus(raw)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
      return result;
    default:
      return fail(to_error(connection, raw));
  }
}

std::vector<const char*> pointers_to(std::span<const std::optional<std::string>> parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  return values;
}

}  // namespace

Result<QueryResult> query(PGconn* connection, const std::string& sql) {
  return checked(connection, PQexec(connection, sql.c_str()));
}

Result<QueryResult> query(PGconn* connection, const std::string& sql,
                          std::span<const std::optional<std::string>> parameters) {
  const auto values = pointers_to(parameters);
  return checked(connection, PQexecParams(connection, sql.c_str(), static_cast<int>(values.size()),
                                          nullptr, values.data(), nullptr, nullptr, 0));
}

Result<void> prepare(PGconn* connection, const std::string& name, const std::string& sql) {
  const auto prepared =
      checked(connection, PQprepare(connection, name.c_str(), sql.c_str(), 0, nullptr));
  return prepared ? Result<void>() : fail(prepared.error());
}

Result<QueryResult> run_prepared(PGconn* connection, const std::string& name,
                                 std::span<const std::optional<std::string>> parameters) {
  const auto values = pointers_to(parameters);
  return checked(connection,
                 PQexecPrepared(connection, name.c_str(), static_cast<int>(values.size()),
                                values.data(), nullptr, nullptr, 0));
}

Result<void> grow_read_buffer(PGconn* connection) {
  const auto row = query(connection, "SELECT pg_catalog.repeat(' ', 131072)");
  return row ? Result<void>() : fail(row.error());
}

std::string quote_identifier(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') {
      out.push_back('"');
    }
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string quote_literal(std::string_view text) {
  const bool escaped = text.find('\\') != std::string_view::npos;
  std::string out = escaped ? " E'" : "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') {
      out.push_back(c);
    }
    out.push_back(c);
  }
  out.push_back('\'');
  return out;
}

}  // namespace rowtide::postgres
