#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/api/finding.h"
#include "sources/mysql/catalog.h"
#include "sources/mysql/mysql_config.h"

namespace rowtide::mysql {

// A captured table that the user may not read.
struct UnreadableTable {
  TableInfo table;
  Error error;
};

// Everything the judgement needs, read once. Judging is free of I/O, so that states that are hard
// to provoke on a real server can be tested.
struct PreflightState {
  ServerVersion server;
  std::string user;  // 'name'@'host', ready for a statement
  // Global variables in lower case; one that the server does not know is missing.
  std::map<std::string, std::string> variables;
  std::string captured_text;
  std::vector<TableInfo> tables;
  std::vector<UnreadableTable> unreadable;
  std::vector<CascadingKey> cascading_keys;
  // Of SHOW MASTER STATUS: databases that are left out of the binary log, or alone in it.
  std::string logged_databases;
  std::string ignored_databases;
  std::uint32_t own_server_id = 0;

  // Empty when the server has no such variable.
  std::string_view variable(std::string_view name) const;
  bool mariadb() const { return server.flavour == Flavour::kMariaDb; }
};

inline void add_ok(Findings& findings, std::string subject, std::string message) {
  findings.push_back(
      {Finding::Severity::kOk, std::move(subject), std::move(message), std::string()});
}
inline void add_warning(Findings& findings, std::string subject, std::string message,
                        std::string fix) {
  findings.push_back(
      {Finding::Severity::kWarning, std::move(subject), std::move(message), std::move(fix)});
}
inline void add_error(Findings& findings, std::string subject, std::string message,
                      std::string fix) {
  findings.push_back(
      {Finding::Severity::kError, std::move(subject), std::move(message), std::move(fix)});
}

// True for a version that Rowtide reads from.
bool is_supported(const ServerVersion& server) noexcept;
// Version, binary log, what is in it and how long, GTIDs, ids.
void judge_server(const PreflightState& state, const MysqlSourceConfig& config, Findings& findings);
// What is captured, and what of it does not come into the binary log.
void judge_tables(const PreflightState& state, Findings& findings);

}  // namespace rowtide::mysql
