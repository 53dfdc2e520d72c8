#include "sources/mysql/start_position.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace rowtide::mysql {
namespace {

constexpr int kBinaryLogStatusSince = 80200;

Error no_gtids() {
  return operator_error(
      Code::kUnsupported, "the server gives no GTIDs (gtid_mode is not ON)",
      "Switch gtid_mode step by step to ON (enforce_gtid_consistency = ON, then OFF_PERMISSIVE, "
      "ON_PERMISSIVE, ON), or set source.position: file");
}

Error bad_start(std::string_view what) {
  return operator_error(
      Code::kConfig, fmt::format("source.start is no place in the stream: {}", what),
      "Write latest, earliest, a GTID set (MySQL), a GTID position (MariaDB), or FILE:OFFSET "
      "with position: file");
}

Result<std::string> cell(const SqlRows& rows, std::size_t column) {
  if (rows.rows.empty() || rows.rows[0].size() <= column) {
    return fail(retry_error(Code::kProtocol, "the server answered with fewer columns than asked"));
  }
  return rows.rows[0][column].value_or("");
}

Result<std::string> value(SqlSession& session, const std::string& sql) {
  ROWTIDE_TRY_ASSIGN(auto found, session.query_value(sql));
  return found.value_or("");
}

Result<StreamPosition> newest_file(SqlSession& session, const ServerHistory& history) {
  const bool renamed = session.server().number >= kBinaryLogStatusSince;
  ROWTIDE_TRY_ASSIGN(const SqlRows rows,
                     session.query(renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS"));
  ROWTIDE_TRY_ASSIGN(const std::string file, cell(rows, 0));
  ROWTIDE_TRY_ASSIGN(const std::string offset, cell(rows, 1));
  return StreamPosition::parse(fmt::format("file:{}:{}:{}", history.server_uuid, file, offset));
}

Result<StreamPosition> oldest_file(SqlSession& session, const ServerHistory& history) {
  ROWTIDE_TRY_ASSIGN(const SqlRows rows, session.query("SHOW BINARY LOGS"));
  ROWTIDE_TRY_ASSIGN(const std::string file, cell(rows, 0));
  return StreamPosition::parse(fmt::format("file:{}:{}:4", history.server_uuid, file));
}

// What the oldest file of a MariaDB server begins behind.
Result<StreamPosition> oldest_mariadb(SqlSession& session) {
  ROWTIDE_TRY_ASSIGN(const SqlRows rows, session.query("SHOW BINARY LOGS"));
  ROWTIDE_TRY_ASSIGN(const std::string file, cell(rows, 0));
  ROWTIDE_TRY_ASSIGN(
      const std::string text,
      value(session, fmt::format("SELECT BINLOG_GTID_POS({}, 4)", quote_literal(file))));
  ROWTIDE_TRY_ASSIGN(auto state, MariaDbGtidState::parse(text));
  return StreamPosition(std::move(state));
}

Result<StreamPosition> configured(SqlSession& session, const ServerHistory& history,
                                  const MysqlSourceConfig& config) {
  const std::string& start = config.start;
  if (history.flavour == Flavour::kMariaDb) {
    if (start == "latest") {
      return StreamPosition(history.binlog_pos);
    }
    if (start == "earliest") {
      return oldest_mariadb(session);
    }
    auto state = MariaDbGtidState::parse(start);
    return state ? Result<StreamPosition>(StreamPosition(*std::move(state)))
                 : fail(bad_start(start));
  }
  if (config.position == PositionKind::kFile) {
    if (start == "latest") {
      return newest_file(session, history);
    }
    if (start == "earliest") {
      return oldest_file(session, history);
    }
    auto position = StreamPosition::parse(fmt::format("file:{}:{}", history.server_uuid, start));
    return position ? std::move(position) : fail(bad_start(start));
  }
  if (start == "latest") {
    return StreamPosition(history.executed);
  }
  if (start == "earliest") {
    return StreamPosition(history.purged);
  }
  auto set = GtidSet::parse(start);
  return set ? Result<StreamPosition>(StreamPosition(*std::move(set))) : fail(bad_start(start));
}

// The position that a lane stored, if it is one of this kind of server and configuration.
Result<StreamPosition> stored_position(SqlSession& session, const ServerHistory& history,
                                       const MysqlSourceConfig& config, const ResumePoint& point) {
  const bool maria = history.flavour == Flavour::kMariaDb;
  const bool by_file = config.position == PositionKind::kFile;
  ROWTIDE_TRY_ASSIGN(auto position, StreamPosition::parse(point.token));
  if ((position.gtid_state() != nullptr) != maria) {
    return fail(operator_error(
        Code::kPositionLost,
        fmt::format("the stored position is one of {}, and the server is {}",
                    maria ? "MySQL" : "MariaDB", session.server().display_name()),
        "Connect to the server that was read before, or begin anew with a snapshot"));
  }
  if (!maria && (position.gtid_set() == nullptr) != by_file) {
    return fail(operator_error(
        Code::kConfig,
        fmt::format("the stored position is one by {}", by_file ? "GTIDs" : "file and offset"),
        by_file ? "Take source.position: file away"
                : "Set source.position: file, or begin anew with a snapshot"));
  }
  return position;
}

// Where a stream begins when some lane has no position yet: where the configuration says, but not
// behind what the others were delivered.
Result<StreamPosition> beginning(SqlSession& session, const ServerHistory& history,
                                 const MysqlSourceConfig& config, const StreamStart& start) {
  ROWTIDE_TRY_ASSIGN(auto position, configured(session, history, config));
  if (!start.lowest) {
    return position;
  }
  ROWTIDE_TRY_ASSIGN(auto stored, stored_position(session, history, config, *start.lowest));
  return stored.commit() < position.commit() ? std::move(stored) : std::move(position);
}

}  // namespace

Result<ServerHistory> load_server_history(SqlSession& session) {
  ServerHistory history;
  history.flavour = session.server().flavour;
  if (history.flavour == Flavour::kMariaDb) {
    ROWTIDE_TRY_ASSIGN(const SqlRows rows,
                       session.query("SELECT @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_current_pos, "
                                     "@@GLOBAL.lower_case_table_names, @@GLOBAL.server_id"));
    ROWTIDE_TRY_ASSIGN(const std::string case_rule, cell(rows, 2));
    ROWTIDE_TRY_ASSIGN(history.server_id, cell(rows, 3));
    history.lower_case_names = case_rule == "1";
    ROWTIDE_TRY_ASSIGN(const std::string binlog, cell(rows, 0));
    ROWTIDE_TRY_ASSIGN(const std::string current, cell(rows, 1));
    ROWTIDE_TRY_ASSIGN(history.binlog_pos, MariaDbGtidState::parse(binlog));
    ROWTIDE_TRY_ASSIGN(history.current_pos, MariaDbGtidState::parse(current));
    return history;
  }
  ROWTIDE_TRY_ASSIGN(
      const SqlRows rows,
      session.query("SELECT @@GLOBAL.server_uuid, @@GLOBAL.gtid_mode, @@GLOBAL.gtid_purged, "
                    "@@GLOBAL.gtid_executed, @@GLOBAL.lower_case_table_names, "
                    "@@GLOBAL.server_id"));
  ROWTIDE_TRY_ASSIGN(const std::string case_rule, cell(rows, 4));
  history.lower_case_names = case_rule == "1";
  ROWTIDE_TRY_ASSIGN(history.server_id, cell(rows, 5));
  ROWTIDE_TRY_ASSIGN(history.server_uuid, cell(rows, 0));
  ROWTIDE_TRY_ASSIGN(const std::string mode, cell(rows, 1));
  ROWTIDE_TRY_ASSIGN(const std::string purged, cell(rows, 2));
  ROWTIDE_TRY_ASSIGN(const std::string executed, cell(rows, 3));
  history.gtids_on = mode == "ON";
  ROWTIDE_TRY_ASSIGN(history.purged, GtidSet::parse(purged));
  ROWTIDE_TRY_ASSIGN(history.executed, GtidSet::parse(executed));
  return history;
}

Result<StreamPosition> start_position(SqlSession& session, const ServerHistory& history,
                                      const MysqlSourceConfig& config, const StreamStart& start) {
  const bool maria = history.flavour == Flavour::kMariaDb;
  const bool by_file = config.position == PositionKind::kFile;
  if (by_file && maria) {
    return fail(operator_error(Code::kConfig, "a MariaDB server always gives GTIDs",
                               "Take source.position: file away"));
  }
  if (!by_file && !history.gtids_on) {
    return fail(no_gtids());
  }
  return start.from ? stored_position(session, history, config, *start.from)
                    : beginning(session, history, config, start);
}

bool is_ahead(const ServerHistory& history, const StreamPosition& stored) {
  const StreamPosition position = stored.delivered();
  if (const auto* set = position.gtid_set()) {
    return !set->is_subset_of(history.executed);
  }
  if (const auto* state = position.gtid_state()) {
    return !state->is_covered_by(history.binlog_pos) && !state->is_covered_by(history.current_pos);
  }
  return false;
}

Result<void> check_history(const ServerHistory& history, const StreamPosition& position) {
  const auto lost = [](std::string message, std::string remedy) {
    return fail(operator_error(Code::kPositionLost, std::move(message), std::move(remedy)));
  };
  if (!position.has_gtids() && position.server_uuid() != history.server_uuid) {
    return lost(fmt::format("the stored position is one in the files of server {}, and this is {}",
                            position.server_uuid(), history.server_uuid),
                "Connect to that server, or begin anew with a snapshot; with GTIDs any server of a "
                "replication setup will do");
  }
  if (is_ahead(history, position)) {
    const std::string_view there =
        history.flavour == Flavour::kMariaDb ? history.binlog_pos.text() : history.executed.text();
    return lost(fmt::format("transactions that were delivered are not on this server: delivered "
                            "{}, there are {}",
                            shortened(position.delivered().text()), shortened(there)),
                "It is another server, it lost transactions in a failover, or it is a replica that "
                "is behind: connect to one with the full history (or wait for it and restart the "
                "pipeline), or begin anew with a snapshot");
  }
  const auto* set = position.gtid_set();
  if (set != nullptr && !history.purged.is_subset_of(*set)) {
    return lost(fmt::format("the server purged binary logs that were still to be read: delivered "
                            "{}, purged {}",
                            shortened(position.text()), shortened(history.purged.text())),
                "Connect to a server that still has them, or begin anew with a snapshot; keep "
                "binary logs longer (binlog_expire_logs_seconds)");
  }
  return {};
}

DumpStart dump_start(const ServerHistory& history, const StreamPosition& position) {
  if (const auto* state = position.gtid_state()) {
    return GtidStateStart{std::string(state->text())};
  }
  if (const auto* set = position.gtid_set()) {
    GtidSetStart start{set->encode(), {}};
    if (position.has_file() && position.server_uuid() == history.server_uuid) {
      start.hint = position.file();
    }
    return start;
  }
  return FileStart{position.file()};
}

}  // namespace rowtide::mysql
