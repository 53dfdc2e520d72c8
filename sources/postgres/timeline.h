#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <libpq-fe.h>

#include "engine/base/error.h"

namespace rowtide::postgres {

// Which history of which cluster a position belongs to. LSNs are used again after a failover, so
// two positions compare only within one of these.
struct StreamIdentity {
  std::string system_id;
  std::uint32_t timeline = 0;
  // In IDENTIFY_SYSTEM: how far the server has written its log. Stored: where we resume.
  std::uint64_t lsn = 0;
};

// IDENTIFY_SYSTEM, on a replication connection.
Result<StreamIdentity> identify_system(PGconn* replication);

// The decision alone. `history` is the text of TIMELINE_HISTORY for the server's timeline, used
// only when the server has moved to a newer one. Code::kPositionLost = rows beyond the fork were
// delivered that this server never had ("phantom transactions"), or the server is another cluster
// or an older copy; kRetry = a standby that has not received so much log yet.
Result<void> decide_timeline(const StreamIdentity& stored, const StreamIdentity& server,
                             std::string_view history, bool in_recovery);

// Asks the server what decide_timeline() needs and returns the server's identity as it is now.
Result<StreamIdentity> verify_timeline(PGconn* replication, const StreamIdentity& stored);

}  // namespace rowtide::postgres
