#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/api/source.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "engine/batch/batch.h"
#include "sources/postgres/delivered_transactions.h"
#include "sources/postgres/pgoutput_messages.h"
#include "sources/postgres/relation_cache.h"
#include "sources/postgres/stream_spill.h"

namespace rowtide::postgres {

// Turns the messages of one stream into transactions of a batch builder: keeps what is not
// committed yet aside, numbers the rows, leaves out what was delivered before. Reader thread only;
// reset() for each new connection.
//
// Tokens: "<system id>:<timeline>:<LSN>", the LSN being where START_REPLICATION goes on. While a
// prepared transaction waits for its end, tokens stay before its PREPARE, so that the server sends
// it again after a restart; what was delivered behind it is recognised by its position.
class StreamAssembler {
 public:
  // `delivered` is told of each transaction before its first row is handed out.
  StreamAssembler(std::string pipeline, RelationCache& relations, SpillStore& store,
                  DeliveredTransactions& delivered, Runtime runtime);

  struct Start {
    std::string system_id;
    std::uint32_t timeline = 0;
    std::uint64_t start_lsn = 0;
    // The end of the server's log now.
    std::uint64_t log_end = 0;
    // What was delivered to the lane that is furthest behind, and to the one furthest ahead.
    std::optional<Position> delivered;
    std::optional<Position> highest;
  };
  Result<void> reset(const Start& start);

  // Takes one pgoutput message. Precondition: !releasing().
  Result<void> take(std::string_view message, BatchBuilder& out);

  // A committed transaction is being handed out from where it was kept; continue until done or the
  // builder is full, and take no message before.
  bool releasing() const noexcept { return release_.has_value(); }
  Result<void> release(BatchBuilder& out);

  // Everything that was sent up to `wal_end` and is not part of a transaction still open has been
  // taken in: lets an idle or filtered stream advance. Does nothing inside a transaction.
  void advance(std::uint64_t wal_end, BatchBuilder& out);

  // End of what was received completely; an acknowledgement never goes beyond.
  std::uint64_t received_lsn() const noexcept { return received_lsn_; }
  std::int64_t last_commit_us() const noexcept { return last_commit_us_; }
  std::uint64_t spilled_bytes() const;

 private:
  struct OpenTransaction {
    std::uint64_t commit_lsn = 0;
    bool skipped = false;  // delivered before, as a whole
  };
  struct Prepared {
    SpilledTransaction rows;
    bool streamed = false;
    std::string token_before;
  };
  struct Release {
    SpilledTransaction rows;
    bool streamed = false;
    std::uint64_t end_lsn = 0;
  };

  Result<void> take_begin(std::string_view message, BatchBuilder& out);
  Result<void> take_commit(std::string_view message, BatchBuilder& out);
  Result<void> take_stream_message(std::string_view message, BatchBuilder& out);
  Result<void> take_stream_start(std::string_view message);
  Result<void> take_stream_commit(std::string_view message, BatchBuilder& out);
  Result<void> take_stream_abort(std::string_view message);
  Result<void> take_prepare(std::string_view message, bool streamed);
  Result<void> take_commit_prepared(std::string_view message, BatchBuilder& out);
  Result<void> take_rollback_prepared(std::string_view message);
  Result<void> take_free_message(const LogicalMessage& message, BatchBuilder& out);

  // One message of a transaction that is being handed out.
  Result<void> apply(std::string_view message, bool in_stream, BatchBuilder& out);
  Result<void> apply_row(std::string_view message, bool in_stream, BatchBuilder& out);
  Result<void> apply_truncate(std::string_view message, bool in_stream, BatchBuilder& out);
  Result<void> apply_message(const LogicalMessage& message, BatchBuilder& out);
  void announce(Relation& relation, BatchBuilder& out);
  bool row_was_delivered(BatchBuilder& out);

  void begin(std::uint64_t commit_lsn, std::int64_t committed_at_us, std::uint32_t xid,
             BatchBuilder& out);
  void end(std::uint64_t end_lsn, BatchBuilder& out);
  Result<void> start_release(SpilledTransaction rows, bool streamed, std::uint64_t end_lsn,
                             BatchBuilder& out);
  std::uint32_t timeline_of(std::uint64_t commit_lsn) const;
  // What is handed out reaches up to `lsn`.
  void set_token(std::uint64_t lsn);
  SpilledTransaction new_spill();

  const std::string pipeline_;
  RelationCache& relations_;
  SpillStore& store_;
  DeliveredTransactions& delivered_;
  const Runtime runtime_;

  Start start_;
  std::string token_prefix_;
  std::string token_;  // of everything handed out so far
  std::uint64_t received_lsn_ = 0;
  std::uint64_t advanced_lsn_ = 0;  // the last that advance() moved to
  std::int64_t last_commit_us_ = 0;
  std::optional<OpenTransaction> open_;
  std::unordered_map<std::uint32_t, SpilledTransaction> streams_;
  SpilledTransaction* stream_ = nullptr;                   // between stream start and stop
  std::optional<Prepared> preparing_;                      // between begin prepare and prepare
  std::map<std::string, Prepared, std::less<>> prepared_;  // by gid
  std::optional<Release> release_;
  std::uint64_t next_spill_key_ = 1;
};

}  // namespace rowtide::postgres
