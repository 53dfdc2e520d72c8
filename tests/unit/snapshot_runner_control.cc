#include <gtest/gtest.h>

#include "tests/unit/snapshot_fixture.h"

namespace rowtide::test {
namespace {

using enum BackfillControl::Action;
using Names = std::vector<std::string>;

class BackfillActions : public BackfillRunnerTest {
 protected:
  BackfillActions() { settings.workers = 1; }

  bool takes_rows(std::size_t count) {
    return takes_until([&, count] { return lanes["lake"].reads.size() >= count; });
  }
};
using BackfillQueue = BackfillActions;
using BackfillLimits = BackfillActions;

TEST_F(BackfillActions, PausedItHandsNothingOutUntilItIsResumed) {
  shop.add_table("orders", 12);
  start();
  ASSERT_TRUE(takes_rows(2));
  ASSERT_TRUE(runner->act("shop-1", kPause));
  const auto had = lanes["lake"].reads.size();
  deliver_stream();
  while (deliver_slice()) {
  }
  EXPECT_EQ(lanes["lake"].reads.size(), had);
  EXPECT_FALSE(runner->waiting());
  EXPECT_FALSE(runner->finished());
  EXPECT_EQ(status().state, BackfillState::kPaused);
  EXPECT_TRUE(becomes_stored("shop-1", BackfillState::kPaused));
  ASSERT_TRUE(runner->act("shop-1", kResume));
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillActions, PausedItStaysPausedOverARestart) {
  shop.add_table("orders", 12);
  start();
  ASSERT_TRUE(takes_rows(4));
  ASSERT_TRUE(runner->act("shop-1", kPause));
  ASSERT_TRUE(deliver_slice());
  start_again();
  EXPECT_EQ(status().state, BackfillState::kPaused);
  EXPECT_EQ(status().rows_delivered, 4U);
  EXPECT_FALSE(runner->waiting());
  ASSERT_TRUE(runner->act("shop-1", kResume));
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillActions, PausedWhileItReadsItForgetsTheChunk) {
  shop.add_table("orders", 4);
  shop.on_read = [this](const ChunkRequest&) {
    gate.pass();
    return Result<void>();
  };
  start();
  ASSERT_TRUE(gate.reached(1));
  ASSERT_TRUE(runner->act("shop-1", kPause));
  EXPECT_EQ(status().chunks_discarded, 1U);
  ASSERT_TRUE(runner->act("shop-1", kResume));
  remove("orders", 1);
  gate.open();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), (Names{"orders 2", "orders 3", "orders 4"}));
  expect_same_content();
}

TEST_F(BackfillActions, CancelledItLeavesTheToken) {
  shop.add_table("orders", 12);
  start();
  ASSERT_TRUE(takes_rows(2));
  ASSERT_TRUE(runner->act("shop-1", kCancel));
  EXPECT_TRUE(runner->waiting());
  ASSERT_TRUE(deliver_slice());
  ASSERT_EQ(last->events().size(), 1U);
  EXPECT_EQ(last->events()[0].op, Op::kMessage);
  EXPECT_EQ(last->last_token(), source_token);
  EXPECT_FALSE(deliver_slice());
  beat();
  deliver_stream();
  EXPECT_FALSE(last->is_filling(101));
  EXPECT_TRUE(is_finished());
  EXPECT_EQ(status().state, BackfillState::kCancelled);
  EXPECT_EQ(status().rows_delivered, 2U);
  EXPECT_TRUE(becomes_stored("shop-1", BackfillState::kCancelled));
}

TEST_F(BackfillActions, ThatDoNotFitAreRefused) {
  shop.add_table("orders", 2);
  start();
  const auto unknown = runner->act("shop-9", kPause);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  ASSERT_TRUE(runs_to_the_end());
  for (const auto action : {kPause, kResume, kCancel}) {
    const auto late = runner->act("shop-1", action);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Code::kConflict);
  }
}

TEST_F(BackfillQueue, RunsOneBehindTheOther) {
  shop.add_table("customers", 6);
  shop.add_table("orders", 6);
  start();
  BackfillSpec spec;
  spec.tables = {"public.orders"};
  ASSERT_EQ(*runner->add(spec), "shop-2");
  EXPECT_EQ(runner->status().front().id, "shop-2");
  ASSERT_TRUE(takes_rows(12));
  EXPECT_EQ(status("shop-2").rows_delivered, 0U);
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(lanes["lake"].reads.size(), 18U);
  for (std::size_t i = 12; i < 18; ++i) {
    EXPECT_TRUE(lanes["lake"].reads[i].starts_with("orders"));
  }
  EXPECT_EQ(status("shop-2").rows_delivered, 6U);
  EXPECT_EQ(shop.prepared_now(), (Names{"customers", "orders", "orders"}));
}

TEST_F(BackfillQueue, PassesAPausedOneBy) {
  shop.add_table("customers", 6);
  shop.add_table("orders", 6);
  start();
  BackfillSpec spec;
  spec.tables = {"public.orders"};
  ASSERT_TRUE(runner->add(spec));
  ASSERT_TRUE(runner->act("shop-1", kPause));
  ASSERT_TRUE(runs_until([&] { return status("shop-2").state == BackfillState::kFinished; }));
  EXPECT_EQ(status("shop-1").state, BackfillState::kPaused);
  ASSERT_TRUE(runner->act("shop-1", kResume));
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(distinct(lanes["lake"].reads).size(), 12U);
}

TEST_F(BackfillQueue, HoldsBothOverARestart) {
  shop.add_table("orders", 12);
  start();
  ASSERT_TRUE(runner->add({}));
  ASSERT_TRUE(takes_rows(4));
  start_again();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(lanes["lake"].reads.size(), 24U);
  EXPECT_EQ(status("shop-2").rows_delivered, 12U);
}

TEST_F(BackfillLimits, HoldTheBuffer) {
  settings.workers = 2;
  settings.buffer_bytes = 1;
  settings.chunk_rows = 2;
  shop.add_table("orders", 40, {10, 20, 30});
  start();
  ASSERT_TRUE(eventually([&] { return status().chunks_read >= 1; }));
  // Each worker had begun one when there was room, and none begins another.
  std::size_t read = 0;
  ASSERT_TRUE(eventually([&] {
    const auto before = lanes["lake"].reads.size();
    deliver_stream();
    // Every row that waits is of a chunk that was begun when none was waiting.
    const auto waiting = shop.rows_read_now() - before;
    read = std::max(read, waiting);
    deliver_slice();
    tell_stored();
    return is_finished();
  }));
  EXPECT_LE(read, 4U);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillLimits, HoldTheRowsPerSecond) {
  settings.rows_per_second = 10;
  settings.chunk_rows = 100;
  shop.add_table("orders", 40);
  start();
  // A second's worth, and the slice that goes over it.
  ASSERT_TRUE(takes_rows(10));
  while (deliver_slice()) {
  }
  EXPECT_LE(lanes["lake"].reads.size(), 14U);
  EXPECT_TRUE(runner->waiting());
  const auto had = lanes["lake"].reads.size();
  fake.clock.advance(std::chrono::seconds(100));
  // However long nothing was taken, no more than a second's worth comes at once.
  ASSERT_TRUE(takes_rows(had + 10));
  while (deliver_slice()) {
  }
  EXPECT_LE(lanes["lake"].reads.size(), had + 14);
  ASSERT_TRUE(runs_until([&] {
    fake.clock.advance(std::chrono::milliseconds(100));
    return is_finished();
  }));
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

}  // namespace
}  // namespace rowtide::test
