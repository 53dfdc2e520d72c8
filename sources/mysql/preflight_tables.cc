#include <algorithm>

#include <fmt/format.h>

#include "sources/mysql/preflight_parts.h"
#include "sources/mysql/sql_session.h"

namespace rowtide::mysql {
namespace {

// Since MySQL 9.6 foreign keys act above the storage engine, so that what they change is logged.
bool logs_cascades(const PreflightState& state) {
  return state.variable("innodb_native_foreign_keys") == "OFF";
}

std::string cascade_fix(const PreflightState& state) {
  return state.variable("innodb_native_foreign_keys").empty()
             ? "Change those rows by statements of their own, or by triggers in place of the key"
             : "In my.cnf under [mysqld]: innodb_native_foreign_keys = OFF; and restart the server";
}

}  // namespace

void judge_tables(const PreflightState& state, Findings& findings) {
  if (state.tables.empty()) {
    add_error(findings, "tables",
              fmt::format("{} sees no table that matches {}", state.user, state.captured_text),
              fmt::format("Correct source.tables; or GRANT SELECT ON *.* TO {};", state.user));
    return;
  }
  add_ok(findings, "tables", fmt::format("{} captured", state.tables.size()));
  for (const auto& [table, error] : state.unreadable) {
    add_warning(findings, "table " + table.display_name(),
                fmt::format("{} cannot read it; streaming works, a snapshot does not: {}",
                            state.user, error.message),
                fmt::format("GRANT SELECT ON {} TO {};", table.sql_name(), state.user));
  }
  if (logs_cascades(state)) {
    return;
  }
  for (const CascadingKey& key : state.cascading_keys) {
    add_warning(findings, fmt::format("table {}.{}", key.database, key.table),
                fmt::format("what foreign key {} changes by itself (CASCADE, SET NULL) is not in "
                            "the binary log and does not arrive",
                            key.name),
                cascade_fix(state));
  }
}

}  // namespace rowtide::mysql
