#include <gtest/gtest.h>

#include "engine/pipeline/reader.h"
#include "offsets/memory_store.h"
#include "tests/unit/pipeline_fakes.h"

namespace rowtide::test {
namespace {

ResumePoint after(std::uint64_t n) {
  return TestBatches::resume_after(n);
}

// The lanes and the committer, as far as a reader sees them.
class FakeReaderHost final : public ReaderHost {
 public:
  std::optional<StreamStart> wait_for_start() override {
    const std::scoped_lock lock(mutex_);
    ++asked_;
    return start_;
  }
  void stream_restarted() override { ++restarts; }
  std::vector<std::optional<std::string>> lane_tokens() override { return {std::nullopt}; }
  std::optional<ResumePoint> acknowledgeable() override {
    const std::scoped_lock lock(mutex_);
    return acknowledgeable_;
  }
  bool position_lost(const Error& error) override {
    ++lost;
    EXPECT_EQ(error.code, Code::kPositionLost);
    const std::scoped_lock lock(mutex_);
    if (!start_without_lost_lane_) {
      return false;
    }
    start_ = *start_without_lost_lane_;
    return true;
  }
  void batch_appended(const BatchPtr& batch) override {
    const std::scoped_lock lock(mutex_);
    appended_.push_back(batch->last_position());
  }

  void start_from(std::optional<StreamStart> start) {
    const std::scoped_lock lock(mutex_);
    start_ = std::move(start);
  }
  void without_lost_lane_from(StreamStart start) {
    const std::scoped_lock lock(mutex_);
    start_without_lost_lane_ = std::move(start);
  }
  void acknowledge(const ResumePoint& point) {
    const std::scoped_lock lock(mutex_);
    acknowledgeable_ = point;
  }
  int asked() const {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }
  bool appended(const Position& position) const {
    const std::scoped_lock lock(mutex_);
    return !appended_.empty() && appended_.back() == position;
  }

  std::atomic<int> restarts{0};
  std::atomic<int> lost{0};

 private:
  mutable std::mutex mutex_;
  int asked_ = 0;
  std::optional<StreamStart> start_ = StreamStart{};
  std::optional<StreamStart> start_without_lost_lane_;
  std::optional<ResumePoint> acknowledgeable_;
  std::vector<Position> appended_;
};

class Readers : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(log.attach(0, std::nullopt)); }
  void TearDown() override { reader.reset(); }

  void start() {
    reader = std::make_unique<Reader>(
        source, log, budget, limits,
        RetryLimits{std::chrono::milliseconds(1), std::chrono::milliseconds(5)}, host, backfills,
        fake.runtime);
    reader->start();
  }
  // Takes from the log until the transaction came whole; the ids of all rows on the way.
  std::vector<std::int64_t> take_up_to(std::uint64_t transaction) {
    std::vector<std::int64_t> ids;
    BatchPtr batch;
    const auto until = MonotonicTime::clock::now() + std::chrono::seconds(30);
    while (batch == nullptr || batch->last_position() < TestBatches::end_of(transaction)) {
      if (log.next(0, until, batch) != ChangeLog::Taken::kBatch &&
          MonotonicTime::clock::now() >= until) {
        ADD_FAILURE() << "transaction " << transaction << " did not come";
        return ids;
      }
      for (const auto& event : batch == nullptr ? std::span<const Event>() : batch->events()) {
        ids.push_back(event.after[0].integer());
      }
    }
    return ids;
  }

  FakeRuntime fake;
  FakeDatabase database{{1, 1, 1, 1, 1, 1}};
  ScriptedSource source{database};
  FakeReaderHost host;
  BatchBuilder::Limits limits;
  ByteBudget budget{std::size_t{1} << 30};
  ChangeLog log{1, budget};
  MemoryStore store;
  BackfillRunner backfills{"shop",      {}, false, {"sink"}, store, [] { return nullptr; },
                           fake.runtime};
  std::unique_ptr<Reader> reader;
};

TEST_F(Readers, CountAStreamThatNeverSaidWhereItStandsAsANewOne) {
  int left_to_fail = 2;
  database.before_open = [&](const StreamStart&) -> Result<void> {
    return left_to_fail-- > 0 ? fail(retry_error(Code::kConnection, "gone")) : Result<void>();
  };
  start();
  EXPECT_EQ(take_up_to(6).size(), 6U);
  EXPECT_EQ(host.asked(), 3);
  EXPECT_EQ(host.restarts, 3);
}

TEST_F(Readers, BringWhatTheSourceSendsInOrder) {
  start();
  EXPECT_EQ(take_up_to(6), (std::vector<std::int64_t>{1001, 2001, 3001, 4001, 5001, 6001}));
  EXPECT_EQ(reader->state(), RunState::kRunning);
  EXPECT_TRUE(eventually([&] { return reader->totals().transactions == 6; }));
  EXPECT_EQ(reader->totals().events, 6U);
  EXPECT_GT(reader->totals().bytes, 0U);
  EXPECT_FALSE(database.last_open()->from);
}

TEST_F(Readers, CutBatchesAtTheirLimits) {
  database.rows = {3, 4};
  database.committed = 2;
  limits.batch_events = 2;
  start();
  EXPECT_EQ(take_up_to(2), (std::vector<std::int64_t>{1001, 1002, 1003, 2001, 2002, 2003, 2004}));
}

TEST_F(Readers, StartWhereTheLanesSay) {
  ASSERT_TRUE(log.attach(0, TestBatches::end_of(2)));
  host.start_from(StreamStart{after(2), after(4), after(2)});
  start();
  EXPECT_EQ(take_up_to(6), (std::vector<std::int64_t>{3001, 4001, 5001, 6001}));
  EXPECT_EQ(database.last_open()->from, after(2));
  EXPECT_EQ(database.last_open()->highest, after(4));
  EXPECT_EQ(database.last_open()->owed_from, after(2));
  EXPECT_EQ(host.restarts, 1);
}

TEST_F(Readers, OpenAgainBehindTheLastBatchAfterAnError) {
  database.commit_up_to(2);
  start();
  EXPECT_EQ(take_up_to(2).size(), 2U);
  {
    const std::scoped_lock lock(database.mutex);
    int left = 3;
    database.before_poll = [left]() mutable -> Result<void> {
      return left-- > 0 ? Result<void>(fail(retry_error(Code::kConnection, "reset by peer")))
                        : Result<void>();
    };
  }
  database.commit_up_to(4);
  EXPECT_EQ(take_up_to(4), (std::vector<std::int64_t>{3001, 4001}));
  EXPECT_EQ(reader->totals().retries, 3U);
  EXPECT_EQ(reader->state(), RunState::kRunning);
  EXPECT_FALSE(reader->last_error());
  const auto opened = database.last_open();
  EXPECT_EQ(opened->from, after(2));
  EXPECT_EQ(opened->highest, after(2));
  EXPECT_EQ(opened->owed_from, after(2));
  // The lanes were not asked again: the log goes on where it ended.
  EXPECT_EQ(host.asked(), 1);
}

TEST_F(Readers, DropAHalfBuiltTransactionWhenTheConnectionBreaks) {
  database.rows = {1, 5, 1};
  database.committed = 1;
  limits.batch_events = 2;
  start();
  EXPECT_EQ(take_up_to(1).size(), 1U);
  {
    // Breaks once in the middle of transaction 2.
    const std::scoped_lock lock(database.mutex);
    int polls = 0;
    database.before_poll = [polls, this]() mutable -> Result<void> {
      const bool breaks = database.committed > 1 && ++polls == 3;
      return breaks ? Result<void>(fail(retry_error(Code::kConnection, "reset by peer")))
                    : Result<void>();
    };
  }
  database.commit_up_to(3);
  EXPECT_EQ(take_up_to(3), (std::vector<std::int64_t>{2001, 2002, 2003, 2004, 2005, 3001}));
}

TEST_F(Readers, RetryOpeningWithGrowingPauses) {
  std::atomic<int> left{3};
  database.before_open = [&](const StreamStart&) -> Result<void> {
    return left-- > 0 ? Result<void>(fail(retry_error(Code::kConnection, "refused")))
                      : Result<void>();
  };
  start();
  EXPECT_EQ(take_up_to(6).size(), 6U);
  EXPECT_EQ(database.open_count(), 4U);
  EXPECT_EQ(reader->totals().retries, 3U);
}

TEST_F(Readers, StopAtAnErrorForTheOperator) {
  database.before_open = [](const StreamStart&) -> Result<void> {
    return fail(operator_error(Code::kPermission, "no REPLICATION", "ALTER ROLE"));
  };
  start();
  ASSERT_TRUE(eventually([&] { return reader->state() == RunState::kStopped; }));
  EXPECT_EQ(reader->last_error()->code, Code::kPermission);
  // The lanes are let go.
  BatchPtr batch;
  ASSERT_TRUE(eventually([&] {
    return log.next(0, MonotonicTime::clock::now(), batch) == ChangeLog::Taken::kFinished;
  }));
  EXPECT_EQ(database.open_count(), 1U);
}

TEST_F(Readers, PauseReadingButKeepTheConnectionAlive) {
  database.commit_up_to(2);
  start();
  EXPECT_EQ(take_up_to(2).size(), 2U);
  reader->set_paused(true);
  ASSERT_TRUE(eventually([&] { return reader->state() == RunState::kPaused; }));
  host.acknowledge(after(2));
  ASSERT_TRUE(eventually([&] { return database.last_acknowledged() == after(2); }));
  std::size_t polls = 0;
  {
    const std::scoped_lock lock(database.mutex);
    polls = database.polls;
  }
  // Another acknowledgement shows that the reader came round again, without polling.
  host.acknowledge(after(1));
  ASSERT_TRUE(eventually([&] { return database.last_acknowledged() == after(1); }));
  {
    const std::scoped_lock lock(database.mutex);
    EXPECT_EQ(database.polls, polls);
  }
  database.commit_up_to(3);
  reader->set_paused(false);
  EXPECT_EQ(take_up_to(3), (std::vector<std::int64_t>{3001}));
  EXPECT_EQ(reader->state(), RunState::kRunning);
}

TEST_F(Readers, DoNotReadForNobody) {
  log.detach(0);
  host.acknowledge(after(0));
  start();
  ASSERT_TRUE(eventually([&] { return database.last_acknowledged().has_value(); }));
  {
    const std::scoped_lock lock(database.mutex);
    EXPECT_EQ(database.polls, 0U);
  }
  ASSERT_TRUE(log.attach(0, std::nullopt));
  EXPECT_EQ(take_up_to(6).size(), 6U);
}

class ReadersWithoutRoom : public Readers {
 protected:
  ReadersWithoutRoom() { limits.batch_events = 1; }
  ByteBudget small_budget{1};
  ChangeLog small_log{1, small_budget};
};

TEST_F(ReadersWithoutRoom, ReadNoFurtherAndStillAcknowledge) {
  ASSERT_TRUE(small_log.attach(0, std::nullopt));
  reader = std::make_unique<Reader>(source, small_log, small_budget, limits, RetryLimits{}, host,
                                    backfills, fake.runtime);
  reader->start();
  ASSERT_TRUE(eventually([&] { return host.appended(TestBatches::end_of(1)); }));
  // Two acknowledgements later the reader has come round without reading.
  for (std::uint64_t n = 0; n <= 1; ++n) {
    host.acknowledge(after(n));
    ASSERT_TRUE(eventually([&] { return database.last_acknowledged() == after(n); }));
  }
  EXPECT_TRUE(host.appended(TestBatches::end_of(1)));
  for (std::uint64_t n = 1; n <= 6; ++n) {
    ASSERT_TRUE(eventually([&] { return host.appended(TestBatches::end_of(n)); })) << n;
    BatchPtr batch;
    ASSERT_EQ(small_log.next(0, MonotonicTime::clock::now(), batch), ChangeLog::Taken::kBatch);
    EXPECT_EQ(batch->last_position(), TestBatches::end_of(n));
  }
  reader.reset();
}

TEST_F(Readers, StartOverForALaneThatFellBehind) {
  start();
  EXPECT_EQ(take_up_to(6).size(), 6U);
  log.set_durable(0, TestBatches::end_of(3));
  host.start_from(StreamStart{after(3), after(3), after(3)});
  reader->request_restart();
  EXPECT_EQ(take_up_to(6), (std::vector<std::int64_t>{4001, 5001, 6001}));
  EXPECT_EQ(host.restarts, 2);
  // What was read before is known to the history although no lane stands there.
  EXPECT_EQ(database.last_open()->highest, after(6));
}

TEST_F(Readers, GoOnWithoutTheLaneWhoseRowsAreGone) {
  database.confirmed = 3;
  ASSERT_TRUE(log.attach(0, TestBatches::end_of(3)));
  host.start_from(StreamStart{after(1), after(3), after(1)});
  host.without_lost_lane_from(StreamStart{after(3), after(3), after(3)});
  start();
  EXPECT_EQ(take_up_to(6), (std::vector<std::int64_t>{4001, 5001, 6001}));
  EXPECT_EQ(host.lost, 1);
  EXPECT_EQ(database.open_count(), 2U);
  EXPECT_EQ(reader->state(), RunState::kRunning);
}

TEST_F(Readers, StopWhenNoLaneCanBeLeftBehind) {
  database.confirmed = 3;
  host.start_from(StreamStart{after(1), after(3), after(1)});
  start();
  ASSERT_TRUE(eventually([&] { return reader->state() == RunState::kStopped; }));
  EXPECT_EQ(reader->last_error()->code, Code::kPositionLost);
  EXPECT_EQ(host.lost, 1);
}

TEST_F(Readers, EndWithABoundedSource) {
  database.ends = true;
  start();
  EXPECT_EQ(take_up_to(6).size(), 6U);
  ASSERT_TRUE(eventually([&] { return reader->state() == RunState::kFinished; }));
  BatchPtr batch;
  EXPECT_TRUE(eventually([&] {
    return log.next(0, MonotonicTime::clock::now(), batch) == ChangeLog::Taken::kFinished;
  }));
}

TEST_F(Readers, AcknowledgeWhatBecomesDurableAfterTheyStoppedReading) {
  start();
  EXPECT_EQ(take_up_to(6).size(), 6U);
  reader->stop_reading();
  BatchPtr batch;
  ASSERT_TRUE(eventually([&] {
    return log.next(0, MonotonicTime::clock::now(), batch) == ChangeLog::Taken::kFinished;
  }));
  host.acknowledge(after(1));
  ASSERT_TRUE(eventually([&] { return database.confirmed_now() == 1; }));
  host.acknowledge(after(6));
  EXPECT_TRUE(eventually([&] { return database.confirmed_now() == 6; }));
  reader->finish();
  EXPECT_GE(database.closes, 1U);
}

}  // namespace
}  // namespace rowtide::test
