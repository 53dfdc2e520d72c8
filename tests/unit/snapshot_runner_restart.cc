#include <gtest/gtest.h>

#include "tests/unit/snapshot_fixture.h"

namespace rowtide::test {
namespace {

using Names = std::vector<std::string>;

class BackfillRestarts : public BackfillRunnerTest {
 protected:
  BackfillRestarts() { settings.workers = 1; }

  bool takes_rows(const std::string& sink, std::size_t count) {
    return takes_until([&, count] { return lanes[sink].reads.size() >= count; });
  }
  void lose_the_store() {
    const auto state = store.load("shop");
    ASSERT_TRUE(state);
    for (const auto& [id, record] : state->backfills) {
      ASSERT_TRUE(store.put_backfill("shop", id, ""));
    }
  }
};

TEST_F(BackfillRestarts, ReadOnlyWhatIsLeft) {
  shop.add_table("customers", 6);
  shop.add_table("orders", 12);
  shop.add_table("products", 5);
  start();
  // The first table, and half of a chunk of the second.
  ASSERT_TRUE(takes_rows("lake", 12));
  const auto had = lanes["lake"].reads.size();
  stop();
  shop.rows_read = 0;
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(shop.rows_read, 23 - had);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  expect_same_content();
  EXPECT_EQ(status().rows_delivered, 23U);
  EXPECT_EQ(runner->status().size(), 1U);
}

TEST_F(BackfillRestarts, AtEverySliceBringEachRowOnce) {
  settings.workers = 2;
  shop.add_table("customers", 7, {3});
  shop.add_table("orders", 9, {4, 6});
  start();
  std::size_t restarts = 0;
  ASSERT_TRUE(eventually([&] {
    deliver_stream();
    const auto had = lanes["lake"].reads.size();
    const bool got = deliver_slice();
    tell_stored();
    if (got && lanes["lake"].reads.size() > had) {
      start_again();
      ++restarts;
    }
    return is_finished();
  }));
  EXPECT_GE(restarts, 8U);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  expect_same_content();
}

TEST_F(BackfillRestarts, OfTheStreamAloneForgetWhatWasRead) {
  shop.add_table("orders", 8);
  start();
  ASSERT_TRUE(takes_rows("lake", 2));
  ASSERT_TRUE(eventually([&] { return shop.rows_read_now() == 8; }));
  const std::vector<std::optional<std::string>> tokens = {lanes["lake"].token};
  ASSERT_TRUE(runner->restart(tokens, stream.builder()));
  // Nothing may be handed out, nor read, before the stream is there.
  EXPECT_FALSE(deliver_slice());
  EXPECT_EQ(shop.rows_read_now(), 8U);
  runner->stream_opened();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(shop.rows_read, 8U + 6U);
}

TEST_F(BackfillRestarts, BringSinksTogetherThatStandApart) {
  sinks = {"lake", "queue"};
  shop.add_table("customers", 4);
  shop.add_table("orders", 12);
  start();
  ASSERT_TRUE(takes_rows("lake", 2));
  lanes["queue"].stalled = true;
  ASSERT_TRUE(takes_rows("lake", 10));
  const auto had = lanes["queue"].reads.size();
  ASSERT_EQ(had, 2U);
  lanes["queue"].stalled = false;
  stop();
  shop.rows_read = 0;
  start();
  ASSERT_TRUE(runs_to_the_end());
  // What both lack is read once.
  EXPECT_EQ(shop.rows_read, 14U);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(sorted_reads("queue"), all_rows());
}

TEST_F(BackfillRestarts, GoOnFromTheTokensWhenTheStoreIsLost) {
  shop.add_table("customers", 4);
  shop.add_table("orders", 8);
  start();
  ASSERT_TRUE(takes_rows("lake", 6));
  const auto created = status().created_at_us;
  stop();
  lose_the_store();
  shop.rows_read = 0;
  start();
  EXPECT_EQ(status().created_at_us, created);
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(shop.rows_read, 6U);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(status().rows_delivered, 12U);
}

TEST_F(BackfillRestarts, NumberOnBehindTheBackfillsOfTheTokens) {
  shop.add_table("orders", 8);
  start();
  ASSERT_TRUE(takes_rows("lake", 2));
  stop();
  lose_the_store();
  start();
  const auto id = runner->add({});
  ASSERT_TRUE(id);
  EXPECT_EQ(*id, "shop-2");
}

TEST_F(BackfillRestarts, KnowBackfillsThatHaveEnded) {
  shop.add_table("orders", 3);
  start();
  ASSERT_TRUE(runs_to_the_end());
  ASSERT_TRUE(becomes_stored("shop-1", BackfillState::kFinished));
  const auto reads = lanes["lake"].reads;
  start_again();
  EXPECT_FALSE(runner->waiting());
  EXPECT_TRUE(runner->finished());
  EXPECT_EQ(status().state, BackfillState::kFinished);
  EXPECT_EQ(lanes["lake"].reads, reads);
}

TEST_F(BackfillRestarts, FinishWhatEverySinkHasGotMeanwhile) {
  shop.add_table("orders", 3);
  start();
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() == 3 && !runner->waiting(); }));
  // The end was handed out, and it was never told that it is stored.
  shop.rows_read = 0;
  start_again();
  EXPECT_TRUE(eventually([&] { return runner->finished(); }));
  EXPECT_EQ(status().rows_delivered, 3U);
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(shop.rows_read, 0U);
}

TEST_F(BackfillRestarts, StartAnInitialBackfillForANewSinkAlone) {
  shop.add_table("orders", 5);
  start();
  ASSERT_TRUE(runs_to_the_end());
  ASSERT_TRUE(becomes_stored("shop-1", BackfillState::kFinished));
  sinks = {"lake", "queue"};
  start_again();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(sorted_reads("queue"), all_rows());
  EXPECT_EQ(runner->status().size(), 2U);
}

TEST_F(BackfillRestarts, StartAnInitialBackfillForASinkThatLostEverything) {
  shop.add_table("orders", 5);
  start();
  ASSERT_TRUE(runs_to_the_end());
  ASSERT_TRUE(becomes_stored("shop-1", BackfillState::kFinished));
  lanes["lake"] = FakeLane();
  start_again();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillRestarts, GoOnWithoutASinkThatIsGone) {
  sinks = {"lake", "queue"};
  shop.add_table("orders", 8);
  start();
  ASSERT_TRUE(takes_rows("lake", 2));
  stop();
  sinks = {"lake"};
  lanes.erase("queue");
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillRestarts, RefuseATokenThatIsDamaged) {
  shop.add_table("orders", 3);
  start();
  const std::vector<std::optional<std::string>> tokens = {"token-1#[{"};
  const auto restarted = runner->restart(tokens, stream.builder());
  ASSERT_FALSE(restarted);
  EXPECT_EQ(restarted.error().code, Code::kData);
}

}  // namespace
}  // namespace rowtide::test
