#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/api/sink.h"
#include "engine/api/source.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "offsets/memory_store.h"
#include "tests/support/test_batches.h"

// Fakes of everything that a pipeline is put together from. A fake of something that outlives the
// process (a database, a destination, a store) is an object of the test; the connector that uses it
// is built anew for each run, as in the daemon.
namespace rowtide::test {

// Waits until `holds`; false when that takes too long. Tests wait for what they mean with this, not
// for time to pass.
template <class Condition>
bool eventually(Condition&& holds, std::chrono::seconds within = std::chrono::seconds(30)) {
  const auto until = MonotonicTime::clock::now() + within;
  while (!holds()) {
    if (MonotonicTime::clock::now() >= until) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// The system's time, moved forward by hand.
class ManualClock final : public Clock {
 public:
  MonotonicTime now() const noexcept override {
    return MonotonicTime::clock::now() + std::chrono::nanoseconds(ahead_ns_.load());
  }
  std::int64_t wall_us() const noexcept override {
    return SystemClock().wall_us() + (ahead_ns_.load() + wall_ahead_ns_.load()) / 1000;
  }
  void advance(std::chrono::nanoseconds by) { ahead_ns_ += by.count(); }
  // Moves only what people see, and no deadline.
  void advance_wall(std::chrono::nanoseconds by) { wall_ahead_ns_ += by.count(); }

 private:
  std::atomic<std::int64_t> ahead_ns_{0};
  std::atomic<std::int64_t> wall_ahead_ns_{0};
};

// One life of the process. Once it has ended nothing that belongs to it changes anything that
// outlives it, which is what a kill is; its threads may still run.
class FakeProcess {
 public:
  // Runs `effect` if the process lives, in one piece with respect to kill().
  bool affect(const std::function<void()>& effect);
  void kill();
  static Error killed() { return fatal_error(Code::kCancelled, "the process was killed"); }

 private:
  std::mutex mutex_;
  bool alive_ = true;
};

struct DeliveredRow {
  Position position;
  std::int64_t id = 0;
  friend bool operator==(const DeliveredRow&, const DeliveredRow&) = default;
};

// What a destination holds, and how it behaves. Thread safe through `mutex`, which a test holds
// while it looks at or changes a field of a destination in use.
struct FakeDestination {
  mutable std::mutex mutex;

  Guarantee guarantee = Guarantee::kTransactional;
  // Nothing above is made durable.
  std::optional<Position> durable_limit;
  // Makes the rows of an unfinished transaction durable too, as a sink does that has to split it.
  bool splits = false;
  // Asked before each step; an error is its outcome.
  std::function<Result<void>()> before_open;
  std::function<Result<void>(const Batch&)> before_submit;
  std::function<Result<void>()> before_poll;
  // Before everything is asked to become durable.
  std::function<void()> on_flush;
  // The last word on each report.
  std::function<void(DurableReport&)> on_report;

  std::optional<ResumePoint> marker;
  // The marker was once replaced by an earlier one: rows between the two would come twice.
  bool went_back = false;
  Epoch epoch;
  std::vector<DeliveredRow> rows;

  std::vector<LaneContext> opens;
  std::size_t batches = 0;
  std::size_t closes = 0;
  std::size_t flushes = 0;

  // With the mutex taken inside.
  std::vector<DeliveredRow> delivered() const;
  std::vector<std::int64_t> delivered_ids() const;
  std::size_t submissions() const;
  void hold_above(std::optional<Position> limit);
};

// Applies inserts of orders_schema() to a FakeDestination. Rows and marker change in one step.
class FakeSink final : public Sink {
 public:
  explicit FakeSink(FakeDestination& destination, FakeProcess* process = nullptr)
      : destination_(destination), process_(process) {}

  Guarantee guarantee() const noexcept override { return destination_.guarantee; }
  Result<std::optional<ResumePoint>> open(const LaneContext& context) override;
  Result<void> submit(BatchPtr batch, Deadline until) override;
  Result<DurableReport> poll_durable(Deadline until) override;
  Result<void> flush(Deadline until) override;
  void close() noexcept override;

 private:
  // Rows that become durable together, and the marker that goes with them.
  struct Step {
    std::vector<DeliveredRow> rows;
    ResumePoint marker;
    bool splits = false;
  };

  void make_durable();

  FakeDestination& destination_;
  FakeProcess* process_;
  Epoch epoch_;
  std::vector<Step> pending_;
  DurableReport report_;
};

// A database with a replication slot: transactions 1, 2, 3 ... numbered and placed as TestBatches
// does, transaction n with `rows[n - 1]` inserts (0 = a step of an idle stream). The row r of it
// has the id 1000 * n + r. Thread safe like FakeDestination.
struct FakeDatabase {
  mutable std::mutex mutex;
  std::condition_variable changed;

  std::vector<int> rows;
  // Transactions committed so far; the stream waits behind them.
  std::size_t committed = 0;
  // After the last transaction the stream ends instead of waiting.
  bool ends = false;
  std::function<Result<void>(const StreamStart&)> before_open;
  std::function<Result<void>()> before_poll;

  // What the slot was told, as the number of a transaction; rows up to there are gone.
  std::size_t confirmed = 0;
  std::vector<StreamStart> opens;
  std::vector<ResumePoint> acknowledged;
  std::size_t polls = 0;
  std::size_t closes = 0;

  explicit FakeDatabase(std::vector<int> transactions)
      : rows(std::move(transactions)), committed(rows.size()) {}

  void commit_up_to(std::size_t transaction);
  // With the mutex taken inside.
  std::size_t confirmed_now() const;
  std::size_t open_count() const;
  std::optional<StreamStart> last_open() const;
  std::optional<ResumePoint> last_acknowledged() const;
  // All that a destination has in the end, given which rows it wants.
  std::vector<DeliveredRow> all_rows(const std::function<bool(std::int64_t)>& wants = {}) const;
};

// Streams the slot of a FakeDatabase.
class ScriptedSource final : public Source {
 public:
  explicit ScriptedSource(FakeDatabase& database, FakeProcess* process = nullptr)
      : database_(database), process_(process) {}

  Result<void> open(const StreamStart& start) override;
  Result<PollOutcome> poll(BatchBuilder& out, Deadline until) override;
  Result<void> acknowledge(const std::optional<ResumePoint>& durable) override;
  std::unique_ptr<ChunkReader> chunk_reader() override { return nullptr; }
  SourceStatus status() const override { return {}; }
  void close() noexcept override;

 private:
  // Adds the transaction or as much as fits; false when the builder became full inside it.
  bool add_transaction(std::size_t transaction, BatchBuilder& out);

  FakeDatabase& database_;
  FakeProcess* process_;
  bool open_ = false;
  std::size_t next_ = 1;           // transaction to send next
  int next_row_ = 1;               // row of it to send next
  bool begun_ = false;             // on this connection
  std::size_t first_ = 1;          // first transaction of this connection
  std::uint64_t skipped_row_ = 0;  // of the first one: delivered up to here
};

// A MemoryStore that can be made to fail, and that counts.
class FakeStore final : public StateStore {
 public:
  explicit FakeStore(FakeProcess* process = nullptr) : process_(process) {}
  FakeStore(const FakeStore& kept, FakeProcess* process)
      : memory_(kept.memory_), process_(process) {}

  Result<PipelineState> load(std::string_view pipeline) override;
  Result<Epoch> begin_epoch(std::string_view pipeline, Epoch floor) override;
  Result<void> commit(std::span<const Commit> commits) override;
  Result<void> set_lane(std::string_view pipeline, std::string_view sink,
                        const LaneState& state) override;
  Result<void> erase_lane(std::string_view pipeline, std::string_view sink) override;
  Result<void> put_backfill(std::string_view pipeline, std::string_view id,
                            std::string_view record) override;

  // While set, every commit fails with it.
  void fail_with(std::optional<Error> error);
  // Sizes of the commits that reached the store, in pipelines; refused ones are counted apart.
  std::vector<std::size_t> commit_sizes() const;
  std::size_t refused() const { return refused_.load(); }

 private:
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  FakeProcess* process_;
  mutable std::mutex mutex_;
  std::optional<Error> error_;             // guarded by mutex_
  std::vector<std::size_t> commit_sizes_;  // guarded by mutex_
  std::atomic<std::size_t> refused_{0};
};

// The transaction behind which a token resumes.
std::size_t transaction_of_token(std::string_view token);

// Time, failpoints and a silent log for components under test.
struct FakeRuntime {
  ManualClock clock;
  Failpoints failpoints;
  Runtime runtime{clock, failpoints, Log::silent()};
};

}  // namespace rowtide::test
