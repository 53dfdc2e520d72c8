#include <future>

#include <gtest/gtest.h>

#include "engine/pipeline/change_log.h"
#include "tests/unit/pipeline_fakes.h"

namespace rowtide {
namespace {

using test::TestBatches;

constexpr std::size_t kRoomForMany = std::size_t{1} << 30;

Deadline soon() {
  return MonotonicTime::clock::now();
}
Deadline late() {
  return MonotonicTime::clock::now() + std::chrono::seconds(30);
}

// Transaction n as a batch of its own that counts against `budget`.
BatchPtr transaction(std::uint64_t n, ByteBudget* budget = nullptr, std::size_t size_bytes = 0) {
  BatchBuilder builder({}, budget);
  builder.arena().allocate(size_bytes);
  builder.begin_transaction({.id = "x",
                             .timeline = 1,
                             .commit = 100 * n,
                             .committed_at_us = 0,
                             .start_token = TestBatches::token_of(n - 1)});
  Event event;
  event.after = builder.allocate_cells(5);
  builder.add_row(event, test::orders_schema());
  builder.end_transaction(TestBatches::token_of(n));
  return builder.take();
}

Position end_of(std::uint64_t n) {
  return TestBatches::end_of(n);
}

// The number of the transaction that the lane gets next; 0 = nothing, -1 = finished.
int next_of(ChangeLog& log, std::size_t lane) {
  BatchPtr batch;
  switch (log.next(lane, soon(), batch)) {
    case ChangeLog::Taken::kBatch:
      return static_cast<int>(batch->last_position().commit / 100);
    case ChangeLog::Taken::kFinished:
      return -1;
    default:
      return 0;
  }
}

TEST(ChangeLogs, GiveEveryLaneEveryBatchAtItsOwnPace) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  ASSERT_TRUE(log.attach(1, std::nullopt));
  log.append(transaction(1));
  log.append(transaction(2));
  EXPECT_EQ(next_of(log, 0), 1);
  EXPECT_EQ(next_of(log, 0), 2);
  EXPECT_EQ(next_of(log, 0), 0);
  EXPECT_EQ(next_of(log, 1), 1);
  log.append(transaction(3));
  EXPECT_EQ(next_of(log, 0), 3);
  EXPECT_EQ(next_of(log, 1), 2);
  EXPECT_EQ(next_of(log, 1), 3);
}

TEST(ChangeLogs, WakeALaneThatWaits) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(1, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  auto got = std::async(std::launch::async, [&] {
    BatchPtr batch;
    while (log.next(0, late(), batch) == ChangeLog::Taken::kNothing) {
    }
    return batch;
  });
  log.append(transaction(1));
  EXPECT_EQ(got.get()->last_position(), end_of(1));
}

TEST(ChangeLogs, KeepABatchUntilItIsDurableEverywhere) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  ASSERT_TRUE(log.attach(1, std::nullopt));
  log.append(transaction(1, &budget));
  const auto held = budget.used_bytes();
  EXPECT_GT(held, 0U);
  EXPECT_EQ(next_of(log, 0), 1);
  EXPECT_EQ(next_of(log, 1), 1);
  log.set_durable(0, end_of(1));
  EXPECT_EQ(budget.used_bytes(), held);
  log.set_durable(1, end_of(1));
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST(ChangeLogs, LetALaneStartOverWithoutTheSourceWhatIsNotDurable) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  ASSERT_TRUE(log.attach(1, std::nullopt));
  for (std::uint64_t n = 1; n <= 3; ++n) {
    log.append(transaction(n));
    next_of(log, 0);
    next_of(log, 1);
  }
  log.set_durable(0, end_of(1));
  log.set_durable(1, end_of(1));
  log.detach(0);
  ASSERT_TRUE(log.attach(0, end_of(1)));
  EXPECT_EQ(next_of(log, 0), 2);
  EXPECT_EQ(next_of(log, 0), 3);
}

TEST(ChangeLogs, RefuseALaneThatNeedsWhatIsGone) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  log.append(transaction(1));
  log.append(transaction(2));
  EXPECT_EQ(next_of(log, 0), 1);
  log.set_durable(0, end_of(1));
  EXPECT_FALSE(log.attach(1, std::nullopt));
  EXPECT_FALSE(log.attach(1, Position{1, 100, 5}));
  EXPECT_TRUE(log.any_attached());
  log.detach(0);
  EXPECT_FALSE(log.any_attached());
  // Nobody held the second one back any more either.
  EXPECT_FALSE(log.attach(1, end_of(1)));
  EXPECT_TRUE(log.attach(1, end_of(2)));
}

TEST(ChangeLogs, AttachExactlyAtTheFloor) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(1, budget);
  log.restart(end_of(5));
  EXPECT_FALSE(log.attach(0, end_of(4)));
  EXPECT_FALSE(log.attach(0, std::nullopt));
  EXPECT_TRUE(log.attach(0, end_of(5)));
  log.restart(std::nullopt);
  EXPECT_TRUE(log.attach(0, std::nullopt));
}

TEST(ChangeLogs, UnderPressureForgetWhatWasTakenAndKeepWhatWasNot) {
  ByteBudget budget(1);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  ASSERT_TRUE(log.attach(1, std::nullopt));
  log.append(transaction(1, &budget));
  log.append(transaction(2, &budget));
  EXPECT_FALSE(log.wait_for_room(soon()));
  // Taken by one lane only.
  EXPECT_EQ(next_of(log, 0), 1);
  EXPECT_EQ(next_of(log, 0), 2);
  EXPECT_FALSE(log.wait_for_room(soon()));
  EXPECT_EQ(next_of(log, 1), 1);
  EXPECT_FALSE(log.wait_for_room(soon()));
  EXPECT_EQ(next_of(log, 1), 2);
  EXPECT_TRUE(log.wait_for_room(soon()));
  EXPECT_EQ(budget.used_bytes(), 0U);
  // What a lane took and did not make durable is gone from the window: it has to ask the source.
  EXPECT_FALSE(log.attach(0, end_of(1)));
}

TEST(ChangeLogs, WaitForRoomUntilASinkLetsGo) {
  ByteBudget budget(1);
  ChangeLog log(1, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  log.append(transaction(1, &budget));
  BatchPtr held;
  ASSERT_EQ(log.next(0, soon(), held), ChangeLog::Taken::kBatch);
  EXPECT_FALSE(log.wait_for_room(soon()));
  auto room = std::async(std::launch::async, [&] { return log.wait_for_room(late()); });
  held.reset();
  EXPECT_TRUE(room.get());
}

TEST(ChangeLogs, KeepAReaderThatIsFasterThanEveryLaneNearTheFurthest) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  ASSERT_TRUE(log.attach(1, std::nullopt));
  log.append(transaction(1, &budget, ChangeLog::kFreshBytes / 2));
  EXPECT_TRUE(log.wait_for_room(soon()));
  log.append(transaction(2, &budget, ChangeLog::kFreshBytes));
  EXPECT_FALSE(log.wait_for_room(soon()));
  // The other lane may stay behind as far as the budget goes.
  EXPECT_EQ(next_of(log, 0), 1);
  EXPECT_EQ(next_of(log, 0), 2);
  EXPECT_TRUE(log.wait_for_room(soon()));
  EXPECT_EQ(next_of(log, 1), 1);
  EXPECT_EQ(next_of(log, 1), 2);
  log.set_durable(0, end_of(2));
  log.set_durable(1, end_of(2));
  EXPECT_EQ(budget.used_bytes(), 0U);
  // Starting over forgets what was fresh.
  log.append(transaction(3, &budget, 2 * ChangeLog::kFreshBytes));
  EXPECT_FALSE(log.wait_for_room(soon()));
  log.restart(end_of(2));
  EXPECT_TRUE(log.wait_for_room(soon()));
}

TEST(ChangeLogs, LetTheReaderGoAheadAsFarAsASinkHolds) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(1, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  log.append(transaction(1, &budget, 4 * ChangeLog::kFreshBytes));
  BatchPtr held;
  ASSERT_EQ(log.next(0, soon(), held), ChangeLog::Taken::kBatch);
  log.append(transaction(2, &budget, 3 * ChangeLog::kFreshBytes));
  EXPECT_TRUE(log.wait_for_room(soon()));
  log.append(transaction(3, &budget, 2 * ChangeLog::kFreshBytes));
  EXPECT_FALSE(log.wait_for_room(soon()));
}

TEST(ChangeLogs, CountNothingAsFreshThatNobodyWaitsFor) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(1, budget);
  log.append(transaction(1, &budget, 2 * ChangeLog::kFreshBytes));
  EXPECT_TRUE(log.wait_for_room(soon()));
}

TEST(ChangeLogs, StopWaitingForRoomWhenFinished) {
  ByteBudget budget(1);
  ChangeLog log(1, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  log.append(transaction(1, &budget));
  auto room = std::async(std::launch::async, [&] { return log.wait_for_room(late()); });
  log.finish();
  EXPECT_FALSE(room.get());
}

TEST(ChangeLogs, ADetachedLaneHoldsNothingBack) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  ASSERT_TRUE(log.attach(1, std::nullopt));
  log.append(transaction(1, &budget));
  EXPECT_EQ(next_of(log, 0), 1);
  log.set_durable(0, end_of(1));
  EXPECT_GT(budget.used_bytes(), 0U);
  log.detach(1);
  EXPECT_EQ(budget.used_bytes(), 0U);
  log.append(transaction(2));
  EXPECT_EQ(next_of(log, 0), 2);
}

TEST(ChangeLogs, RestartEmptyForEveryLane) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  ASSERT_TRUE(log.attach(1, std::nullopt));
  log.append(transaction(5));
  EXPECT_EQ(next_of(log, 0), 5);
  log.set_durable(0, end_of(5));
  log.set_durable(1, end_of(2));
  log.restart(end_of(2));
  EXPECT_EQ(next_of(log, 0), 0);
  EXPECT_EQ(next_of(log, 1), 0);
  log.append(transaction(3));
  EXPECT_EQ(next_of(log, 0), 3);
  EXPECT_EQ(next_of(log, 1), 3);
}

TEST(ChangeLogs, NeverGiveALaneBatchesFromBehindAHole) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(2, budget);
  ASSERT_TRUE(log.attach(0, end_of(2)));
  ASSERT_TRUE(log.attach(1, end_of(5)));
  // Nobody knew of lane 0 when it was decided where the stream starts.
  log.restart(end_of(5));
  log.append(transaction(6));
  BatchPtr batch;
  EXPECT_EQ(log.next(0, soon(), batch), ChangeLog::Taken::kLeftBehind);
  EXPECT_EQ(batch, nullptr);
  EXPECT_EQ(next_of(log, 1), 6);
  // It has to come back and is told that the stream must start over.
  log.detach(0);
  EXPECT_FALSE(log.attach(0, end_of(2)));
  log.restart(end_of(2));
  EXPECT_TRUE(log.attach(0, end_of(2)));
  EXPECT_EQ(next_of(log, 0), 0);
}

TEST(ChangeLogs, KeepALaneThatStandsFurtherThanTheNewStart) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(1, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  log.append(transaction(1));
  EXPECT_EQ(next_of(log, 0), 1);
  log.set_durable(0, end_of(1));
  log.restart(end_of(1));
  EXPECT_EQ(next_of(log, 0), 0);
  log.restart(std::nullopt);
  EXPECT_EQ(next_of(log, 0), 0);
}

TEST(ChangeLogs, FinishBehindTheLastBatch) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(1, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  log.append(transaction(1));
  log.finish();
  EXPECT_EQ(next_of(log, 0), 1);
  EXPECT_EQ(next_of(log, 0), -1);
  EXPECT_EQ(next_of(log, 0), -1);
}

TEST(ChangeLogs, FinishingWakesALaneThatWaits) {
  ByteBudget budget(kRoomForMany);
  ChangeLog log(1, budget);
  ASSERT_TRUE(log.attach(0, std::nullopt));
  auto outcome = std::async(std::launch::async, [&] {
    BatchPtr batch;
    auto taken = ChangeLog::Taken::kNothing;
    while (taken == ChangeLog::Taken::kNothing) {
      taken = log.next(0, late(), batch);
    }
    return taken;
  });
  log.finish();
  EXPECT_EQ(outcome.get(), ChangeLog::Taken::kFinished);
}

}  // namespace
}  // namespace rowtide
