#include "sources/postgres/chunk_server_identity.h"

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/timeline.h"

namespace rowtide::postgres {

Result<ServerIdentity> load_server_identity(PGconn* connection, PGconn* replication) {
  ROWTIDE_TRY_ASSIGN(const StreamIdentity system, identify_system(replication));
  ROWTIDE_TRY_ASSIGN(
      const auto rows,
      query(connection,
            "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_postmaster_start_time(),"
            " pg_catalog.current_database()"));
  ServerIdentity identity;
  identity.system_id = system.system_id;
  identity.timeline = system.timeline;
  identity.in_recovery = rows.boolean(0, 0);
  identity.started_at = rows.text(0, 1);
  identity.database = rows.text(0, 2);
  return identity;
}

Result<void> judge_chunk_server(const ServerIdentity& reads, const ServerIdentity& stream) {
  if (reads.system_id != stream.system_id) {
    return fail(operator_error(
        Code::kConfig,
        fmt::format("backfill_url leads to cluster {}, url to cluster {}: its rows are not those "
                    "of the stream",
                    reads.system_id, stream.system_id),
        "Point backfill_url at a physical standby of the server of url, or leave it out"));
  }
  if (reads.database != stream.database) {
    return fail(operator_error(Code::kConfig,
                               fmt::format("backfill_url leads to database {}, url to {}",
                                           reads.database, stream.database),
                               "Name the same database in both"));
  }
  if (reads.timeline != stream.timeline) {
    return fail(retry_error(
        Code::kConflict,
        fmt::format("the server of backfill_url is on timeline {}, the stream on {}: it was "
                    "promoted, or one of the two follows another server",
                    reads.timeline, stream.timeline),
        "Point backfill_url at a standby of the server of url, or leave it out"));
  }
  if (!reads.in_recovery && reads.started_at != stream.started_at) {
    // After a failover the connection to the stream's server may be the one that is out of date.
    return fail(retry_error(
        Code::kConflict, "backfill_url leads to a server that is neither a standby nor that of url",
        "Point backfill_url at a physical standby of the server of url, or leave it out"));
  }
  return {};
}

}  // namespace rowtide::postgres
