#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace rowtide::postgres {

// What pg_current_snapshot() prints: "xmin:xmax:xip,xip,...". Only the low 32 bits are kept, which
// is all that the stream tells of a transaction.
struct TransactionSnapshot {
  std::uint32_t xmax = 0;
  std::vector<std::uint32_t> in_progress;  // sorted by number

  static Result<TransactionSnapshot> parse(std::string_view text);
  // Whether a transaction that has committed is seen. Ids wrap around: what lies within half of
  // their range before xmax is older than xmax.
  bool sees(std::uint32_t xid) const;
};

// What the stream has delivered, for readers of tables beside it: a transaction can be delivered
// before the server shows it to a snapshot, and a row read then is older than what the stream said.
//
// Three kinds of transactions are covered: those noted here; those that did not fit any more; and
// those that were delivered before this object was made and whose commit still waits (for a
// synchronous standby). The last two are found by a survey: the caller lists what is in progress in
// the database and may be committing, and each of those has to leave that list. Thread safe. One
// per source; it lives across reconnects.
class DeliveredTransactions {
 public:
  static constexpr std::size_t kMostNoted = std::size_t{1} << 20;

  explicit DeliveredTransactions(std::size_t most_noted = kMostNoted) : most_noted_(most_noted) {}

  // A stream begins, of a server whose log ends at `log_end`, which lies behind everything that was
  // ever delivered. Another timeline is another server, or the same one after a recovery, where
  // all that was delivered before is visible, or is not there at all.
  void stream_started(std::uint32_t timeline, std::uint64_t log_end = 0,
                      std::string system_id = std::string());
  // Rows of a committed transaction are about to be delivered. `xid` is that of the top level; 0
  // for what is not a transaction.
  void add(std::uint32_t xid, std::uint64_t commit_lsn);

  // Of the stream's positions; 0 = no stream was started.
  std::uint32_t timeline() const;
  // The cluster's; empty = not known.
  std::string system_id() const;
  // The newest commit that was added.
  std::uint64_t commit_lsn() const;

  // For readers on a standby, which may not have replayed what the stream's server shows: the end
  // of its log when something was learned from it that a reader relies on (the stream's start, the
  // list of tables). Only moves on.
  std::uint64_t log_end() const;
  void learned_at(std::uint64_t log_end);

  // A place in the order of additions.
  using Mark = std::uint64_t;
  Mark mark() const;

  // True when a survey has to be made before anything can be said.
  bool survey_due() const;
  // True while a survey's transactions have not all gone: survey again.
  bool in_doubt() const;
  // Takes note of a survey: what may be committing. `begun` is survey_mark() from before it.
  std::uint64_t survey_mark() const;
  void surveyed(std::uint64_t begun, std::vector<std::uint32_t> may_be_committing);

  // Whether everything that was delivered before `mark` is seen by `snapshot`. Forgets what is.
  bool all_visible(const TransactionSnapshot& snapshot, Mark mark);

  std::size_t noted() const;

 private:
  struct Noted {
    std::uint32_t xid = 0;
    std::uint32_t order = 0;  // low bits of the mark
  };

  // Moves what was added since to `waiting_`. Under looking_.
  void take_fresh();

  const std::size_t most_noted_;

  // Held by those who look, before mutex_; the stream never waits for it.
  mutable std::mutex looking_;
  std::vector<Noted> waiting_;           // guarded by looking_
  std::vector<std::uint32_t> in_doubt_;  // guarded by looking_
  std::uint64_t surveyed_ = 0;           // guarded by looking_
  std::uint64_t streams_seen_ = 0;       // guarded by looking_

  mutable std::mutex mutex_;
  std::vector<Noted> fresh_;  // guarded by mutex_, as all that follows
  std::uint64_t added_ = 0;
  // Steps with each loss of knowledge; a survey makes good what was lost before it began.
  std::uint64_t lost_ = 1;
  std::uint64_t streams_ = 0;  // steps with each new timeline
  std::uint32_t timeline_ = 0;
  std::uint64_t commit_lsn_ = 0;
  std::uint64_t log_end_ = 0;
  std::string system_id_;
};

}  // namespace rowtide::postgres
