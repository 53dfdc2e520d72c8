#include "sources/postgres/timeline.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/postgres_config.h"

namespace rowtide::postgres {
namespace {

constexpr const char* kReload =
    "Decide which copy is right; then drop the slot, forget the pipeline's position and load the "
    "tables again";

// The place where history left `timeline`, from lines "1<TAB>0/304F780<TAB>reason".
std::optional<std::uint64_t> switch_point(std::string_view history, std::uint32_t timeline) {
  while (!history.empty()) {
    const std::size_t end = std::min(history.find('\n'), history.size());
    const std::string_view line = history.substr(0, end);
    history.remove_prefix(std::min(end + 1, history.size()));
    std::uint32_t parent = 0;
    const auto [stop, code] = std::from_chars(line.data(), line.data() + line.size(), parent);
    if (code != std::errc() || parent != timeline) {
      continue;
    }
    std::string_view rest = line.substr(static_cast<std::size_t>(stop - line.data()));
    const std::size_t begin = rest.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
      continue;
    }
    rest.remove_prefix(begin);
    const auto lsn = parse_lsn(rest.substr(0, rest.find_first_of(" \t")));
    return lsn ? std::optional(*lsn) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<StreamIdentity> identify_system(PGconn* replication) {
  ROWTIDE_TRY_ASSIGN(const auto rows, query(replication, "IDENTIFY_SYSTEM"));
  if (rows.rows() != 1 || rows.columns() < 3) {
    return fail(fatal_error(Code::kProtocol, "IDENTIFY_SYSTEM returned no row"));
  }
  StreamIdentity identity;
  identity.system_id = rows.text(0, 0);
  identity.timeline = static_cast<std::uint32_t>(rows.integer(0, 1));
  ROWTIDE_TRY_ASSIGN(identity.lsn, parse_lsn(rows.text(0, 2)));
  return identity;
}

Result<void> decide_timeline(const StreamIdentity& stored, const StreamIdentity& server,
                             std::string_view history, bool in_recovery) {
  if (stored.system_id != server.system_id) {
    return fail(operator_error(
        Code::kPositionLost,
        fmt::format("the position belongs to cluster {}, this server is cluster {}",
                    stored.system_id, server.system_id),
        "Point source.url at the server that the position came from; after an upgrade or a "
        "reload, forget the pipeline's position and load the tables again"));
  }
  if (server.timeline < stored.timeline) {
    return fail(operator_error(
        Code::kPositionLost,
        fmt::format("the position is on timeline {}, this server is still on timeline {}: it is a "
                    "former primary or was restored from a backup",
                    stored.timeline, server.timeline),
        "Point source.url at the current primary"));
  }
  if (server.timeline > stored.timeline) {
    const auto fork = switch_point(history, stored.timeline);
    if (!fork || stored.lsn > *fork) {
      return fail(operator_error(
          Code::kPositionLost,
          fmt::format("diverged at a failover: delivered up to {} on timeline {}, which this "
                      "server left at {}; the sinks may hold phantom transactions that it never "
                      "had",
                      lsn_text(stored.lsn), stored.timeline,
                      fork ? lsn_text(*fork) : std::string("an unknown place")),
          kReload));
    }
    return {};
  }
  if (stored.lsn > server.lsn) {
    if (in_recovery) {
      return fail(retry_error(Code::kConnection,
                              fmt::format("this standby has received log up to {}, the position is "
                                          "{}",
                                          lsn_text(server.lsn), lsn_text(stored.lsn)),
                              "Wait until the standby has caught up"));
    }
    return fail(operator_error(
        Code::kPositionLost,
        fmt::format("the position {} lies beyond the end of the server's log {}: the server was "
                    "restored from a backup or lost log",
                    lsn_text(stored.lsn), lsn_text(server.lsn)),
        kReload));
  }
  return {};
}

Result<StreamIdentity> verify_timeline(PGconn* replication, const StreamIdentity& stored) {
  ROWTIDE_TRY_ASSIGN(auto server, identify_system(replication));
  std::string history;
  // Timeline 1 has no history file and asking for it is an error.
  if (server.system_id == stored.system_id && server.timeline > stored.timeline &&
      server.timeline > 1) {
    ROWTIDE_TRY_ASSIGN(const auto rows,
                       query(replication, fmt::format("TIMELINE_HISTORY {}", server.timeline)));
    if (rows.rows() == 1 && rows.columns() == 2) {
      history = rows.text(0, 1);
    }
  }
  ROWTIDE_TRY_ASSIGN(const auto recovery, query(replication, "SELECT pg_is_in_recovery()"));
  ROWTIDE_TRY(decide_timeline(stored, server, history, recovery.boolean(0, 0)));
  return server;
}

}  // namespace rowtide::postgres
