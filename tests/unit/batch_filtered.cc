#include <gtest/gtest.h>

#include "tests/support/test_batches.h"

namespace rowtide::test {
namespace {

std::vector<std::int64_t> ids_of(const Batch& batch) {
  std::vector<std::int64_t> ids;
  for (const auto& event : batch.events()) {
    ids.push_back(event.after[0].integer());
  }
  return ids;
}

using Ids = std::vector<std::int64_t>;
using Keep = std::function<bool(const Event&)>;

TEST(FilteredBatches, AreTheSameWhenNothingFallsAway) {
  const auto batch = TestBatches().orders({1, 2}).take();
  const Keep all = [](const Event&) { return true; };
  EXPECT_EQ(filtered(batch, std::nullopt, nullptr), batch);
  EXPECT_EQ(filtered(batch, std::nullopt, &all), batch);
  EXPECT_EQ(filtered(batch, TestBatches::end_of(0), nullptr), batch);
}

TEST(FilteredBatches, StartBehindAPosition) {
  const auto batch = TestBatches().orders({1, 2, 3}).orders({4}).take();
  EXPECT_EQ(ids_of(*filtered(batch, Position{1, 100, 2}, nullptr)), (Ids{3, 4}));
  EXPECT_EQ(ids_of(*filtered(batch, TestBatches::end_of(1), nullptr)), (Ids{4}));
  EXPECT_EQ(ids_of(*filtered(batch, TestBatches::end_of(2), nullptr)), (Ids{}));
}

TEST(FilteredBatches, HoldNoEndOfATransactionThatWasDelivered) {
  TestBatches batches;
  batches.orders({1}).begin().orders_row(2).orders_row(3);
  const auto mine = filtered(batches.take(), Position{1, 200, 1}, nullptr);
  ASSERT_EQ(mine->transactions().size(), 1U);
  EXPECT_EQ(mine->transactions()[0].id, "2");
  EXPECT_TRUE(mine->transactions()[0].continued);
  EXPECT_FALSE(mine->transactions()[0].complete);
  ASSERT_EQ(ids_of(*mine), (Ids{3}));
  EXPECT_EQ(mine->position_of(mine->events()[0]), (Position{1, 200, 2}));

  // Also when it is only the end, and every event of the batch lies behind it.
  batches.orders_row(4);
  static_cast<void>(batches.take());
  batches.commit().orders({5});
  const auto behind = filtered(batches.take(), TestBatches::end_of(2), nullptr);
  ASSERT_EQ(behind->transactions().size(), 1U);
  EXPECT_EQ(behind->transactions()[0].id, "3");
  EXPECT_FALSE(behind->transactions()[0].continued);
  EXPECT_EQ(behind->position_of(behind->events()[0]), (Position{1, 300, 1}));
}

TEST(FilteredBatches, AreTheSameInTheMiddleOfATransaction) {
  TestBatches batches;
  batches.begin().orders_row(1);
  static_cast<void>(batches.take());
  batches.orders_row(2).commit();
  const auto batch = batches.take();
  EXPECT_EQ(filtered(batch, Position{1, 100, 1}, nullptr), batch);
}

TEST(FilteredBatches, OfALaterTimelineAreBehindEveryPositionOfTheEarlier) {
  const auto batch = TestBatches().orders({1}).take();
  EXPECT_EQ(ids_of(*filtered(batch, Position{0, 900, kWholeTransaction}, nullptr)), (Ids{1}));
  EXPECT_EQ(ids_of(*filtered(batch, Position{2, 1, 0}, nullptr)), (Ids{}));
}

TEST(FilteredBatches, KeepWhatIsWanted) {
  const auto batch = TestBatches().orders({1, 2, 3}).orders({5}).orders({6}).take();
  const Keep even = [](const Event& event) { return event.after[0].integer() % 2 == 0; };
  const auto mine = filtered(batch, std::nullopt, &even);
  EXPECT_EQ(ids_of(*mine), (Ids{2, 6}));
  // Transactions that lost every event are still there, and say that they ended.
  ASSERT_EQ(mine->transactions().size(), 3U);
  EXPECT_EQ(mine->transactions()[1].event_count, 0U);
  EXPECT_TRUE(mine->transactions()[1].complete);
  EXPECT_EQ(mine->transactions()[2].first_event, 1U);
  EXPECT_EQ(mine->transactions()[2].event_count, 1U);
  EXPECT_EQ(mine->position_of(mine->events()[0]), (Position{1, 100, 2}));
  EXPECT_EQ(mine->position_of(mine->events()[1]), (Position{1, 300, 1}));
}

TEST(FilteredBatches, KeepPositionsTokensAndSequence) {
  TestBatches batches;
  batches.orders({1}).begin().orders_row(2);
  const auto batch = batches.take();
  const auto nothing = filtered(batch, TestBatches::end_of(9), nullptr);
  EXPECT_TRUE(nothing->events().empty());
  EXPECT_EQ(nothing->resume_point(), batch->resume_point());
  EXPECT_EQ(nothing->sequence(), batch->sequence());
  EXPECT_EQ(nothing->size_bytes(), batch->size_bytes());
  EXPECT_EQ(nothing->schemas().size(), batch->schemas().size());
  EXPECT_TRUE(nothing->transactions().empty());
}

TEST(FilteredBatches, KeepAMessageWithTheRowThatItBelongsTo) {
  TestBatches batches;
  batches.begin().orders_row(1).message("audit", "of row 2").orders_row(2).commit();
  const auto batch = batches.take();
  const auto behind_one = filtered(batch, Position{1, 100, 1}, nullptr);
  ASSERT_EQ(behind_one->events().size(), 2U);
  EXPECT_EQ(behind_one->events()[0].op, Op::kMessage);
  EXPECT_TRUE(filtered(batch, Position{1, 100, 2}, nullptr)->events().empty());
}

TEST(FilteredBatches, KeepTheBytesOfTheBatchAlive) {
  ByteBudget budget(1);
  BatchBuilder builder({}, &budget);
  builder.begin_transaction(
      {.id = "1", .timeline = 1, .commit = 100, .committed_at_us = 0, .start_token = "token-0"});
  for (int i = 0; i < 2; ++i) {
    Event event;
    event.after = builder.allocate_cells(1);
    builder.add_row(event, orders_schema());
  }
  builder.end_transaction("token-1");
  BatchPtr batch = builder.take();
  const auto held = budget.used_bytes();
  EXPECT_GT(held, 0U);
  BatchPtr mine = filtered(batch, Position{1, 100, 1}, nullptr);
  batch.reset();
  // Counted once, by whoever lives longest.
  EXPECT_EQ(budget.used_bytes(), held);
  EXPECT_EQ(mine->events()[0].after[0].kind(), ValueKind::kAbsent);
  EXPECT_EQ(mine->transactions()[0].id, "1");
  mine.reset();
  EXPECT_EQ(budget.used_bytes(), 0U);
}

}  // namespace
}  // namespace rowtide::test
