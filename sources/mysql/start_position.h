#pragma once

#include <string>

#include "engine/api/source.h"
#include "engine/base/error.h"
#include "sources/mysql/mysql_config.h"
#include "sources/mysql/sql_session.h"
#include "sources/mysql/stream_position.h"

namespace rowtide::mysql {

// What a server says of its own history.
struct ServerHistory {
  Flavour flavour = Flavour::kMysql;
  std::string server_uuid;  // empty on MariaDB
  std::string server_id;
  bool gtids_on = true;
  // lower_case_table_names = 1.
  bool lower_case_names = false;
  // Everything that it has executed, and what of it is no longer in its files (MySQL).
  GtidSet executed;
  GtidSet purged;
  // MariaDB: the same, as the last GTIDs of its binary logs or of what it replicated.
  MariaDbGtidState binlog_pos;
  MariaDbGtidState current_pos;
};
Result<ServerHistory> load_server_history(SqlSession& session);

// Where the stream begins: behind `start.from`, or where the configuration says, but not behind
// what lanes that have a position are still owed.
Result<StreamPosition> start_position(SqlSession& session, const ServerHistory& history,
                                      const MysqlSourceConfig& config, const StreamStart& start);

// Code::kPositionLost when the server's history is not the one that `position` is of, or has lost
// what lies behind it. The server itself looks at transactions of its own only.
Result<void> check_history(const ServerHistory& history, const StreamPosition& position);
// True when transactions of which rows were delivered by then are missing: in another history for
// good, on this server for as long as their commit is under way, since a dump sends them before.
bool is_ahead(const ServerHistory& history, const StreamPosition& stored);

DumpStart dump_start(const ServerHistory& history, const StreamPosition& position);

}  // namespace rowtide::mysql
