#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "engine/api/finding.h"
#include "sources/postgres/catalog.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/replication_objects.h"

namespace rowtide::postgres {

// The oldest server that Rowtide reads from.
inline constexpr int kOldestMajor = 13;

// Everything the judgement needs, read once. Judging is free of I/O, so that states that are hard
// to provoke on a real server can be tested.
struct PreflightState {
  ServerInfo server;
  TablePatterns patterns;
  std::vector<TableInfo> all_tables;
  std::vector<TableInfo> selected;  // see select_tables()
  std::optional<PublicationInfo> publication;
  std::vector<PublicationTable> publication_tables;
  std::vector<TableInfo> uncovered;  // see not_covered()
  std::optional<SlotInfo> slot;
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

// Version, wal_level, free slots and senders, timeouts, standby rules, the role's attribute.
void judge_server(const PreflightState& state, const PostgresSourceConfig& config,
                  const Names& names, Findings& findings);
// What the patterns select, and whether changes of it can be published.
void judge_tables(const PreflightState& state, const PostgresSourceConfig& config,
                  const Names& names, Findings& findings);
void judge_publication(const PreflightState& state, const PostgresSourceConfig& config,
                       const Names& names, Findings& findings);
// Whether the server of `backfill_url` can stand in for that of `url`. Connects to both.
void judge_backfill_url(const PostgresSourceConfig& config, Findings& findings);
void judge_slot(const PreflightState& state, const PostgresSourceConfig& config, const Names& names,
                Findings& findings);

}  // namespace rowtide::postgres
