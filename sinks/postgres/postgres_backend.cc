#include "sinks/postgres/postgres_backend.h"

#include <fmt/format.h>

#include "sinks/postgres/copy_writer.h"
#include "sinks/postgres/postgres_error.h"

namespace rowtide::postgres {
namespace {

// What the sink's statements and text forms rely on, whatever the role or the database sets.
constexpr std::string_view kSessionSettings =
    "-c standard_conforming_strings=on -c datestyle=ISO -c intervalstyle=postgres "
    "-c default_transaction_isolation=read\\ committed -c default_transaction_read_only=off "
    "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c search_path=pg_catalog";

std::string copy_statement(const warehouse::Load& load) {
  std::string sql = "COPY ";
  sql += load.temporary ? "pg_temp" : warehouse::quoted(load.schema);
  sql += "." + warehouse::quoted(load.table) + " (";
  bool first = true;
  for (const auto& column : load.columns) {
    sql += (first ? "" : ", ") + warehouse::quoted(column.name);
    first = false;
  }
  return sql + ") FROM STDIN";
}

// Says which of the source's columns the server's "column c2" is.
Error with_source_column(Error error, const warehouse::Load& load) {
  for (const auto& column : load.columns) {
    if (error.message.ends_with("column " + column.name)) {
      return std::move(error).with_context(
          fmt::format("table {} column {}", load.source_table, column.source_name));
    }
  }
  return std::move(error).with_context(fmt::format("table {}", load.source_table));
}

}  // namespace

ConnectOptions sink_connect_options(const PostgresSinkConfig& config, std::string_view settings) {
  ConnectOptions options;
  options.url = config.url;
  options.password = config.password;
  options.application_name = "rowtide";
  options.session_settings = settings;
  return options;
}

Result<void> PostgresBackend::open() {
  ROWTIDE_TRY_ASSIGN(connection_, connect(sink_connect_options(config_, kSessionSettings)));
  // Reported as durable means durable, also where the server's default gives that up.
  ROWTIDE_TRY(
      run("SELECT set_config('synchronous_commit', 'on', false) WHERE "
          "current_setting('synchronous_commit') = 'off'"));
  return {};
}

Result<warehouse::StatementResult> PostgresBackend::run(const std::string& sql) {
  const QueryResult result(PQexec(connection_.get(), sql.c_str()));
  const auto status = result.get() == nullptr ? PGRES_FATAL_ERROR : PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    return fail(statement_error(connection_.get(), result.get()));
  }
  warehouse::StatementResult out;
  out.affected_rows = result.affected_rows();
  for (int row = 0; row < result.rows(); ++row) {
    auto& cells = out.rows.emplace_back();
    for (int column = 0; column < result.columns(); ++column) {
      cells.push_back(result.optional_text(row, column));
    }
  }
  return out;
}

Result<void> PostgresBackend::load(const warehouse::Load& load) {
  {
    const QueryResult started(PQexec(connection_.get(), copy_statement(load).c_str()));
    if (started.get() == nullptr || PQresultStatus(started.get()) != PGRES_COPY_IN) {
      return fail(statement_error(connection_.get(), started.get()));
    }
  }
  if (auto sent = send_copy(connection_.get(), load); !sent) {
    return fail(with_source_column(std::move(sent).error(), load));
  }
  return {};
}

}  // namespace rowtide::postgres
