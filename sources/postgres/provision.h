#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include <libpq-fe.h>

#include "engine/api/source.h"
#include "engine/base/error.h"
#include "sources/postgres/postgres_config.h"

namespace rowtide::postgres {

// What a stream finds on the server once everything that it needs is there.
struct Provisioned {
  bool publication_created = false;
  bool slot_created = false;
  // New slot: its consistent point. Existing slot: the position that it has confirmed, below which
  // the server sends nothing any more.
  std::uint64_t start_lsn = 0;
  // The slot's own flags, which decide what arrives.
  bool two_phase = false;
  bool failover = false;
  // Of our walsender; 0 = it waits for ever.
  std::chrono::milliseconds wal_sender_timeout{0};
};

// Creates or extends the publication, then creates or validates the slot; in this order, since
// decoding looks at the publication as it was at each place of the log. Running it again changes
// nothing. `has_position` says that the pipeline has delivered from this slot before: then a
// missing slot is Code::kPositionLost rather than something to create. Refuses to publish a table
// without replica identity, which would make the application's own UPDATE and DELETE fail.
// `joining`, where given, is told of tables before they are added to a publication that is there.
// `connection` is an ordinary one; the call may wait `slot_timeout` for running transactions.
Result<Provisioned> provision(PGconn* connection, const PostgresSourceConfig& config,
                              const Names& names, bool has_position,
                              const decltype(StreamStart::joining)& joining = {});

// Whether provision() could make the publication cover what the configuration takes; the error is
// the one that it would end with. Changes nothing.
Result<void> check_publication(PGconn* connection, const PostgresSourceConfig& config,
                               const Names& names);

}  // namespace rowtide::postgres
