#pragma once

#include <libpq-fe.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "sources/postgres/delivered_transactions.h"

namespace rowtide::postgres {

// Both wait until a snapshot taken on the connection from now on sees every transaction that the
// stream has delivered by now. Code::kTimeout when that does not happen until `until`.

// On the primary.
Result<void> wait_until_visible(PGconn* connection, DeliveredTransactions& delivered,
                                const Clock& clock, Deadline until);

// On a standby, whose snapshots do not tell which transactions are in progress. It counts a record
// as replayed only when the record is done with, and a commit is done with once it is visible; a
// transaction whose commit is held back for a synchronous standby is visible here all the same.
//
// `beside`: the stream comes from another server, of which the standby may lack anything, also what
// an earlier process has delivered; see DeliveredTransactions::log_end().
Result<void> wait_until_replayed(PGconn* connection, const DeliveredTransactions& delivered,
                                 bool beside, const Clock& clock, Deadline until);

// How far the standby has to get: what the stream delivered, or what was learned from its server.
struct ReplayGoal {
  // Begins at or above the replayed end of the log: not replayed yet. 0 = none.
  std::uint64_t commit_lsn = 0;
  std::uint64_t log_end = 0;

  bool is_reached(std::uint64_t replayed_lsn) const {
    return replayed_lsn > commit_lsn && replayed_lsn >= log_end;
  }
};
// Ok when it is reached; else Code::kTimeout, which tells how far the standby is behind.
Result<void> check_replayed(PGconn* connection, const ReplayGoal& goal);

}  // namespace rowtide::postgres
