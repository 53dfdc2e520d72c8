#pragma once

#include <cstdint>
#include <string>

#include <libpq-fe.h>

#include "engine/base/error.h"

namespace rowtide::postgres {

// Which server tables may be read on beside a stream.

// What tells a server, and the history that it has, from others.
struct ServerIdentity {
  std::string system_id;
  std::uint32_t timeline = 0;
  bool in_recovery = false;
  // When it was started, to the microsecond: no two servers of one system share it.
  std::string started_at;
  std::string database;
};

// `connection` and `replication` (for IDENTIFY_SYSTEM, which alone tells the timeline that a
// standby has reached) lead to the same database.
Result<ServerIdentity> load_server_identity(PGconn* connection, PGconn* replication);

// Whether `reads`, the server of `backfill_url`, is one whose rows belong to the stream of
// `stream`: a standby of the same system on the same timeline, or the same server.
Result<void> judge_chunk_server(const ServerIdentity& reads, const ServerIdentity& stream);

}  // namespace rowtide::postgres
