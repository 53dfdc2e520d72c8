#include <charconv>

#include <fmt/format.h>

#include "sources/mysql/preflight_parts.h"

namespace rowtide::mysql {
namespace {

constexpr int kOldestMysql = 80000;
constexpr int kOldestMariaDb = 100600;
constexpr std::int64_t kShortRetentionSeconds = std::int64_t{24} * 60 * 60;

std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool is_on(std::string_view value) {
  return value == "ON" || value == "1";
}

// How a variable is changed so that it stays changed.
std::string set_statement(const PreflightState& state, std::string_view name,
                          std::string_view value) {
  if (state.mariadb()) {
    return fmt::format("SET GLOBAL {} = {}; and in my.cnf under [mariadb]: {} = {}", name, value,
                       name, value);
  }
  return fmt::format("SET PERSIST {} = {};", name, value);
}

void judge_version(const PreflightState& state, Findings& findings) {
  if (is_supported(state.server)) {
    add_ok(findings, "server version", state.server.display_name());
    return;
  }
  add_error(findings, "server version",
            fmt::format("{} is not supported", state.server.display_name()),
            "Use MySQL 8.0 or MariaDB 10.6, or a later one");
}

void judge_log(const PreflightState& state, Findings& findings) {
  if (!is_on(state.variable("log_bin"))) {
    add_error(findings, "log_bin", "the server writes no binary log",
              "In my.cnf under [mysqld]: log_bin = binlog, server_id = 1; and restart the server");
    return;
  }
  add_ok(findings, "log_bin", "on");
  if (state.variable("server_id") == "0") {
    add_error(findings, "server_id", "0: the server refuses to be read",
              set_statement(state, "server_id", "1"));
  } else if (state.variable("server_id") == std::to_string(state.own_server_id)) {
    add_error(findings, "server_id",
              fmt::format("{} is the server's and ours", state.own_server_id),
              "Set source.server_id to a number that no server of this setup has");
  } else {
    add_ok(findings, "server_id",
           fmt::format("{}; ours is {}", state.variable("server_id"), state.own_server_id));
  }
}

void judge_format(const PreflightState& state, Findings& findings) {
  const std::string_view format = state.variable("binlog_format");
  // Servers that know one format only have no such variable any more.
  if (format.empty() || format == "ROW") {
    add_ok(findings, "binlog_format", "ROW");
  } else {
    add_error(
        findings, "binlog_format",
        fmt::format("{}: changes are logged as statements, which say no rows", format),
        set_statement(state, "binlog_format", "ROW") + " and let the applications connect anew");
  }
  const std::string_view image = state.variable("binlog_row_image");
  const bool full_image = image == "FULL" || image == "FULL_NODUP";
  if (image == "FULL") {
    add_ok(findings, "binlog_row_image", "FULL");
  } else {
    add_warning(findings, "binlog_row_image",
                fmt::format("{}: changes arrive as patches, without the columns that stay as they "
                            "are",
                            image),
                set_statement(state, "binlog_row_image", "FULL"));
  }
  if (state.variable("binlog_row_metadata") == "FULL") {
    add_ok(findings, "binlog_row_metadata", "FULL");
  } else {
    add_warning(findings, "binlog_row_metadata",
                "the log names no columns: they are taken from the catalog, and a table whose "
                "shape changed before its rows were read stops the stream",
                set_statement(state, "binlog_row_metadata", "FULL"));
  }
  const std::string_view partial = state.variable("binlog_row_value_options");
  if (partial.find("PARTIAL_JSON") != std::string_view::npos && !full_image) {
    add_error(findings, "binlog_row_value_options",
              fmt::format("PARTIAL_JSON beside binlog_row_image {}: a JSON value cannot be told "
                          "from what changed in it",
                          image),
              set_statement(state, "binlog_row_value_options", "''"));
  }
}

constexpr const char* kToGtids =
    "SET PERSIST enforce_gtid_consistency = ON; SET PERSIST gtid_mode = OFF_PERMISSIVE; "
    "SET PERSIST gtid_mode = ON_PERMISSIVE; once SHOW STATUS LIKE "
    "'Ongoing_anonymous_transaction_count' is 0: SET PERSIST gtid_mode = ON;";

// Without GTIDs the stream works and the barrier of a backfill does not.
void judge_file_position(const PreflightState& state, Findings& findings) {
  constexpr const char* kNoBackfill =
      "file: no table can be read beside the stream; snapshot: initial and rowtide backfill fail";
  const std::string_view mode = state.variable("gtid_mode");
  if (mode == "ON") {
    add_warning(findings, "gtid_mode",
                "ON, and source.position is file: the stream does not survive a failover",
                "Set source.position: gtid before the pipeline's first start");
    add_warning(findings, "source.position", kNoBackfill,
                "Set source.position: gtid before the pipeline's first start, or snapshot: never");
    return;
  }
  add_ok(findings, "gtid_mode", fmt::format("{}; source.position is file", mode));
  add_warning(findings, "source.position", kNoBackfill,
              fmt::format("{} then set source.position: gtid before the pipeline's first start; or "
                          "set snapshot: never",
                          kToGtids));
}

void judge_mysql_gtids(const PreflightState& state, const MysqlSourceConfig& config,
                       Findings& findings) {
  const std::string_view mode = state.variable("gtid_mode");
  if (config.position == PositionKind::kFile) {
    judge_file_position(state, findings);
    return;
  }
  if (mode == "ON") {
    add_ok(findings, "gtid_mode", "ON");
    return;
  }
  add_error(findings, "gtid_mode",
            fmt::format("{}: transactions have no names that hold on every server", mode),
            fmt::format("{} or set source.position: file", kToGtids));
}

void judge_mariadb_gtids(const PreflightState& state, const MysqlSourceConfig& config,
                         Findings& findings) {
  if (config.position == PositionKind::kFile) {
    add_error(findings, "source.position", "file, but MariaDB always has GTIDs",
              "Set source.position: gtid");
  }
  if (is_on(state.variable("gtid_strict_mode"))) {
    add_ok(findings, "gtid_strict_mode", "on");
  } else {
    add_warning(findings, "gtid_strict_mode",
                "off: the server accepts transactions out of order, which stop the stream",
                set_statement(state, "gtid_strict_mode", "ON"));
  }
}

void judge_retention(const PreflightState& state, Findings& findings) {
  std::int64_t kept_seconds = number_of(state.variable("binlog_expire_logs_seconds"));
  if (kept_seconds == 0) {
    kept_seconds = number_of(state.variable("expire_logs_days")) * kShortRetentionSeconds;
  }
  // MySQL can be told not to purge by itself at all.
  const std::string_view automatic = state.variable("binlog_expire_logs_auto_purge");
  if (kept_seconds == 0 || (!automatic.empty() && !is_on(automatic))) {
    add_ok(findings, "binlog_expire_logs_seconds", "binary logs are kept until they are purged");
  } else if (kept_seconds < kShortRetentionSeconds) {
    add_warning(findings, "binlog_expire_logs_seconds",
                fmt::format("a pipeline that is stopped for {} s has lost its place", kept_seconds),
                set_statement(state, "binlog_expire_logs_seconds", "604800"));
  } else {
    add_ok(findings, "binlog_expire_logs_seconds",
           fmt::format("binary logs are kept for {} h", kept_seconds / 3600));
  }
}

void judge_filters(const PreflightState& state, Findings& findings) {
  if (!state.logged_databases.empty()) {
    add_warning(findings, "binlog_do_db",
                fmt::format("only changes of {} are logged", state.logged_databases),
                "Take binlog_do_db out of my.cnf and restart the server");
  }
  if (!state.ignored_databases.empty()) {
    add_warning(findings, "binlog_ignore_db",
                fmt::format("changes of {} are not logged", state.ignored_databases),
                "Take binlog_ignore_db out of my.cnf and restart the server");
  }
}

}  // namespace

std::string_view PreflightState::variable(std::string_view name) const {
  const auto found = variables.find(std::string(name));
  return found == variables.end() ? std::string_view() : std::string_view(found->second);
}

bool is_supported(const ServerVersion& server) noexcept {
  return server.number >= (server.flavour == Flavour::kMariaDb ? kOldestMariaDb : kOldestMysql);
}

void judge_server(const PreflightState& state, const MysqlSourceConfig& config,
                  Findings& findings) {
  judge_version(state, findings);
  if (!is_supported(state.server)) {
    return;
  }
  judge_log(state, findings);
  judge_format(state, findings);
  if (state.mariadb()) {
    judge_mariadb_gtids(state, config, findings);
  } else {
    judge_mysql_gtids(state, config, findings);
  }
  judge_retention(state, findings);
  judge_filters(state, findings);
}

}  // namespace rowtide::mysql
