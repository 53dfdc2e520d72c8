#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <libpq-fe.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/runtime.h"
#include "engine/client/postgres_client.h"
#include "engine/model/position.h"
#include "sources/postgres/delivered_transactions.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/scan_catalog.h"
#include "sources/postgres/watermark.h"

namespace rowtide::postgres {

// The connections of one reader of chunks: to the server of the stream or, with `backfill_url`, to
// a physical standby of it, and to both then. Knows when a snapshot there is not older than the
// stream, and which place in the stream lies behind it.
//
// On a standby the mark behind a chunk is written on the primary: a standby makes a commit visible
// before it says that it has replayed it, so its own word could lie below what a snapshot sees.
// Whatever a standby has was in the primary's log before.
//
// Thread: its reader's. `config` outlives it.
class ChunkServer {
 public:
  ChunkServer(const PostgresSourceConfig& config, const std::string& publication,
              std::shared_ptr<DeliveredTransactions> delivered, const Runtime& runtime);

  // Connects where there is no connection that is free. The other methods need it.
  Result<void> connect();
  void drop() noexcept;

  // Where tables are read.
  PGconn* reads() const noexcept { return reads_.get(); }
  // The server of the stream, which knows first what is captured.
  PGconn* catalog() const noexcept { return beside_ ? stream_.get() : reads_.get(); }

  // The same two, asked about relations.
  RelationQueries& reads_relations() noexcept { return reads_relations_; }
  RelationQueries& catalog_relations() noexcept {
    return beside_ ? stream_relations_ : reads_relations_;
  }

  // What catalog() said is relied on from now on.
  Result<void> catalog_was_read();
  // Code::kTimeout while the server of reads() does not know yet what catalog() said.
  Result<void> knows_catalog();

  // From here until finish() the server must stay what it is.
  Result<void> verify();
  Result<void> wait_until_visible(Deadline until);
  // The snapshot was given back: a place in the stream above everything that it saw.
  Result<Position> finish();
  // What to tell of a failure while reading.
  Error explain(Error error) const;

 private:
  Result<PgConn> open(const std::string& url, bool replication) const;
  Result<void> open_beside();

  const PostgresSourceConfig& config_;
  const std::shared_ptr<DeliveredTransactions> delivered_;
  const Runtime runtime_;

  // Of the stream, when the server was verified.
  std::uint32_t timeline_ = 0;
  PgConn reads_;
  RelationQueries reads_relations_;
  bool reads_in_recovery_ = false;
  // Tables are read on a standby that the stream does not come from.
  bool beside_ = false;
  // With `backfill_url`: the server of the stream, and who the one of reads() is.
  PgConn stream_;
  RelationQueries stream_relations_;
  PgConn identity_;
  Watermark watermark_{false};
};

}  // namespace rowtide::postgres
