#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/api/sink.h"
#include "sinks/warehouse/settings.h"
#include "sinks/warehouse/sql_destination.h"

namespace rowtide::warehouse {

// The Sink over a destination that speaks SQL: collects batches and decides what becomes one
// transaction of the destination.
//
// It commits at the ends of source transactions, when the oldest complete one is flush_interval
// old, when flush_bytes are collected, or on flush(). A source transaction that is bigger than what
// may be held is applied in pieces inside one open transaction of the destination; beyond
// split_transaction_rows it is committed in parts, each with a marker inside the transaction.
class WarehouseSink final : public Sink {
 public:
  // `name` says what the destination is, for errors. `backend` and `dialect` belong to the sink.
  WarehouseSink(std::string name, Settings settings, std::unique_ptr<SqlBackend> backend,
                std::unique_ptr<Dialect> dialect, const Runtime& runtime);

  Guarantee guarantee() const noexcept override { return Guarantee::kTransactional; }
  Result<std::optional<ResumePoint>> open(const LaneContext& context) override;
  Result<void> submit(BatchPtr batch, Deadline until) override;
  Result<DurableReport> poll_durable(Deadline until) override;
  Result<void> flush(Deadline until) override;
  void close() noexcept override;

 private:
  // A batch of which the events from first_event on are not applied.
  struct Held {
    BatchPtr batch;
    std::uint32_t first_event = 0;
    // The place up to which whole transactions reach, and the event behind them; nullopt when the
    // batch completes none.
    std::optional<ResumePoint> boundary;
    std::uint32_t boundary_event = 0;
    // Rows of a backfill are among its events.
    bool reads = false;
    // Holds a message that SqlDestination::control() takes: a slice of a backfill, in a batch of
    // its own.
    bool control = false;
  };

  Held hold(BatchPtr batch) const;
  // Notes that the transaction which the last batch left open is complete without more rows.
  void close_open_transaction(const Batch& next);
  bool over_limit() const noexcept { return held_bytes_ >= limit_bytes_; }
  bool due() const;
  // Applies every complete transaction; false when the destination is not to be had.
  Result<bool> apply_complete(Deadline until);
  // The same, and commits.
  Result<bool> commit_complete(Deadline until);
  Result<void> commit_applied();
  Result<bool> commit_control(Deadline until);
  bool may_collect() const;
  // Applies what is held of the transaction in progress, to make room.
  Result<bool> apply_partial(Deadline until);
  Result<bool> make_room(Deadline until);
  // Applies [first, end) events of the held batches; false as above.
  Result<bool> apply(std::vector<Slice> slices, Deadline until);
  Result<void> commit(const ResumePoint& point);
  Result<bool> begin(Deadline until);
  // Lets go of the destination at once, so that whoever comes next does not wait for our close.
  Error give_up(Error error, std::string_view where);
  Result<void> split_at(const ResumePoint& point);

  const std::string name_;
  const Settings settings_;
  const Runtime runtime_;
  std::unique_ptr<SqlBackend> backend_;
  std::unique_ptr<Dialect> dialect_;
  SqlDestination destination_;

  std::deque<Held> held_;
  std::size_t held_bytes_ = 0;
  std::size_t limit_bytes_ = 0;
  // When the oldest complete transaction that is not durable came in.
  std::optional<MonotonicTime> complete_since_;
  // Since when somebody else has had the destination.
  std::optional<MonotonicTime> busy_since_;
  // Up to where the open destination transaction holds whole source transactions. Nothing of a
  // transaction in progress is applied on top of it before it is committed.
  std::optional<ResumePoint> applied_complete_;
  // Where the open destination transaction has come to inside a source transaction.
  std::optional<ResumePoint> applied_inside_;
  // Rows of the source transaction in progress in the open destination transaction.
  std::uint64_t open_rows_ = 0;
  // The source transaction in progress has been committed in part.
  bool splitting_ = false;
  // Not yet committed.
  std::uint64_t pending_rows_ = 0;
  std::uint64_t pending_bytes_ = 0;
  DurableReport report_;
};

}  // namespace rowtide::warehouse
