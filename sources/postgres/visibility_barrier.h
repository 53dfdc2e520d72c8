#pragma once

#include <libpq-fe.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "sources/postgres/delivered_transactions.h"

namespace rowtide::postgres {

// Waits until a snapshot taken on the connection from now on sees every transaction that the stream
// has delivered by now. Code::kTimeout when that does not happen until `until`.
//
// On a standby it waits for the replay instead: what a standby replayed is visible at once, and its
// snapshots do not tell which transactions are in progress.
Result<void> wait_until_visible(PGconn* connection, DeliveredTransactions& delivered, bool standby,
                                const Clock& clock, Deadline until);

}  // namespace rowtide::postgres
