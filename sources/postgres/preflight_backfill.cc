#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/chunk_server_identity.h"
#include "sources/postgres/preflight_parts.h"

namespace rowtide::postgres {
namespace {

constexpr const char* kSubject = "backfill_url";

struct Sessions {
  PgConn plain;
  PgConn replication;
};

Result<Sessions> open(const std::string& url, const PostgresSourceConfig& config) {
  ConnectOptions options;
  options.url = url;
  options.password = config.password;
  options.application_name = "rowtide check";
  Sessions sessions;
  ROWTIDE_TRY_ASSIGN(sessions.plain, connect(options));
  options.replication = true;
  ROWTIDE_TRY_ASSIGN(sessions.replication, connect(options));
  return sessions;
}

Result<void> judge(const Sessions& reads, const Sessions& stream, Findings& findings) {
  ROWTIDE_TRY_ASSIGN(const ServerIdentity reader,
                     load_server_identity(reads.plain.get(), reads.replication.get()));
  ROWTIDE_TRY_ASSIGN(const ServerIdentity streamer,
                     load_server_identity(stream.plain.get(), stream.replication.get()));
  ROWTIDE_TRY(judge_chunk_server(reader, streamer));
  if (!reader.in_recovery) {
    add_ok(findings, kSubject, "leads to the server of url itself");
    return {};
  }
  add_ok(findings, kSubject,
         fmt::format("leads to a standby on timeline {} of the same system", reader.timeline));
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     query(reads.plain.get(),
                           "SELECT pg_catalog.current_setting('hot_standby_feedback') = 'on',"
                           " pg_catalog.pg_is_wal_replay_paused()"));
  if (!rows.boolean(0, 0)) {
    add_warning(
        findings, kSubject,
        "hot_standby_feedback is off: changes on the primary can cancel what is being read, which "
        "is then read again",
        "On the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();");
  }
  if (rows.boolean(0, 1)) {
    add_warning(findings, kSubject, "the standby's replay is paused: backfills wait for it",
                "On the standby: SELECT pg_wal_replay_resume();");
  }
  return {};
}

Result<void> look(const PostgresSourceConfig& config, Findings& findings) {
  ROWTIDE_TRY_ASSIGN(const Sessions reads, open(config.backfill_url, config));
  ROWTIDE_TRY_ASSIGN(const Sessions stream, open(config.url, config));
  return judge(reads, stream, findings);
}

}  // namespace

void judge_backfill_url(const PostgresSourceConfig& config, Findings& findings) {
  if (config.backfill_url.empty()) {
    return;
  }
  if (auto looked = look(config, findings); !looked) {
    Error error = std::move(looked).error();
    add_error(findings, kSubject, std::move(error.message),
              error.remedy.empty() ? "Bring the server up, or leave backfill_url out"
                                   : std::move(error.remedy));
  }
}

}  // namespace rowtide::postgres
