#include "sources/mysql/preflight.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "engine/base/clock.h"
#include "sources/mysql/binlog_connection.h"
#include "sources/mysql/preflight_parts.h"

namespace rowtide::mysql {
namespace {

// Takes the value out of `result`, or turns its error into a finding and returns false.
template <class T>
bool take(Result<T> result, T& out, std::string_view subject, Findings& findings) {
  if (result) {
    out = std::move(*result);
    return true;
  }
  Error error = std::move(result).error();
  add_error(findings, std::string(subject), std::move(error.message), std::move(error.remedy));
  return false;
}

Result<std::map<std::string, std::string>> load_variables(SqlSession& session) {
  ROWTIDE_TRY_ASSIGN(const auto result, session.query("SHOW GLOBAL VARIABLES"));
  std::map<std::string, std::string> variables;
  for (const SqlRow& row : result.rows) {
    std::string name = row[0].value_or("");
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    variables.emplace(std::move(name), row[1].value_or(""));
  }
  return variables;
}

// 'name'@'host' of the account that the server took us for.
Result<std::string> load_user(SqlSession& session) {
  ROWTIDE_TRY_ASSIGN(const auto account, session.query_value("SELECT CURRENT_USER()"));
  const std::string text = account.value_or("");
  const std::size_t at = text.rfind('@');
  return at == std::string::npos
             ? quote_literal(text)
             : quote_literal(text.substr(0, at)) + "@" + quote_literal(text.substr(at + 1));
}

// A read of no rows. The only sure way to learn of a privilege, which can come from roles,
// databases or patterns.
std::vector<UnreadableTable> unreadable_tables(SqlSession& session,
                                               const std::vector<TableInfo>& tables) {
  // A table that is being altered is no reason to wait.
  ignore_error(session.query("SET SESSION lock_wait_timeout = 2"), "then it waits longer");
  std::vector<UnreadableTable> unreadable;
  for (const TableInfo& table : tables) {
    if (auto read = session.query("SELECT * FROM " + table.sql_name() + " LIMIT 0");
        !read && read.error().code == Code::kPermission) {
      unreadable.push_back({table, std::move(read).error()});
    }
  }
  return unreadable;
}

// Which databases the binary log leaves out. Asked for by the names of both times.
Result<void> load_filters(SqlSession& session, PreflightState& state) {
  const bool renamed = !state.mariadb() && state.server.number >= 80200;
  ROWTIDE_TRY_ASSIGN(const auto result,
                     session.query(renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS"));
  if (!result.rows.empty() && result.rows.front().size() >= 4) {
    state.logged_databases = result.rows.front()[2].value_or("");
    state.ignored_databases = result.rows.front()[3].value_or("");
  }
  return {};
}

// Whether the server would let us stream; nothing is asked to be sent.
void try_dump(const PreflightState& state, const MysqlSourceConfig& config,
              std::string_view pipeline, Findings& findings) {
  const std::string subject = "user " + state.user;
  auto options = connect_options(config);
  if (!options) {
    return;
  }
  const SystemClock clock;
  BinlogConnection connection(clock);
  const auto connected =
      connection.connect({*options, replica_identity(config, pipeline), config.heartbeat});
  if (connected) {
    add_ok(findings, subject, "may replicate");
    return;
  }
  std::string fix = connected.error().remedy;
  if (connected.error().code == Code::kPermission) {
    fix = fmt::format("GRANT REPLICATION SLAVE, {} ON *.* TO {};",
                      state.mariadb() ? "BINLOG MONITOR" : "REPLICATION CLIENT", state.user);
  }
  add_error(findings, subject, connected.error().message, fix);
}

}  // namespace

Findings preflight(SqlSession& session, const MysqlSourceConfig& config,
                   std::string_view pipeline) {
  Findings unanswered;
  PreflightState state;
  CapturedTables captured;
  state.server = session.server();
  state.own_server_id = replica_identity(config, pipeline).server_id;
  if (!take(load_variables(session), state.variables, "server", unanswered) ||
      !take(load_user(session), state.user, "server", unanswered) ||
      !take(CapturedTables::parse(config), captured, "tables", unanswered)) {
    return unanswered;
  }
  Findings findings;
  if (!is_supported(state.server)) {
    judge_server(state, config, findings);
    return findings;
  }
  state.captured_text = captured.text();
  const bool tables_known =
      take(load_tables(session, captured), state.tables, "tables", unanswered) &&
      take(load_cascading_keys(session, captured), state.cascading_keys, "tables", unanswered);
  state.unreadable = unreadable_tables(session, state.tables);
  const bool logged = state.variable("log_bin") == "ON";
  if (logged) {
    if (auto filters = load_filters(session, state); !filters) {
      add_warning(
          findings, "user " + state.user, filters.error().message,
          fmt::format("GRANT {} ON *.* TO {};",
                      state.mariadb() ? "BINLOG MONITOR" : "REPLICATION CLIENT", state.user));
    }
  }
  judge_server(state, config, findings);
  if (logged) {
    try_dump(state, config, pipeline, findings);
  }
  if (tables_known) {
    judge_tables(state, findings);
  }
  findings.insert(findings.end(), unanswered.begin(), unanswered.end());
  return findings;
}

}  // namespace rowtide::mysql
