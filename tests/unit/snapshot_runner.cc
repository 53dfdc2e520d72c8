#include <gtest/gtest.h>

#include "tests/unit/snapshot_fixture.h"

namespace rowtide::test {
namespace {

using Names = std::vector<std::string>;

// One worker, so that what is read when is the same each time.
class OneWorkerTest : public BackfillRunnerTest {
 protected:
  OneWorkerTest() { settings.workers = 1; }

  bool one_chunk_is_read() {
    return eventually([&] { return status().chunks_read >= 1; });
  }
};
using BackfillDelivery = BackfillRunnerTest;
using BackfillWindows = OneWorkerTest;

TEST_F(BackfillDelivery, OfEveryTableBringsEachRowOnce) {
  shop.add_table("customers", 0);
  shop.add_table("items", 23, {5, 10, 15});
  shop.add_table("orders", 9);
  start();
  EXPECT_FALSE(runner->finished());
  EXPECT_TRUE(runner->waiting());
  EXPECT_TRUE(stream.orders({7}).take()->is_filling(4711));
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  expect_same_content();
  const auto ended = status();
  EXPECT_EQ(ended.state, BackfillState::kFinished);
  EXPECT_EQ(ended.rows_delivered, 32U);
  EXPECT_EQ(ended.rows_outdated, 0U);
  EXPECT_EQ(ended.last_error, std::nullopt);
  EXPECT_GT(ended.ended_at_us, 0);
  ASSERT_EQ(ended.tables.size(), 3U);
  for (const auto& table : ended.tables) {
    EXPECT_TRUE(table.finished) << table.name;
  }
  EXPECT_EQ(ended.tables[1].rows_delivered, 23U);
  // Nothing is left, and the stream says so.
  EXPECT_EQ(lanes["lake"].token, source_token);
  EXPECT_FALSE(last->is_filling(101));
}

TEST_F(BackfillDelivery, AnnouncesEachTableInFrontOfItsRows) {
  shop.add_table("items", 0);
  shop.add_table("orders", 5);
  start();
  Names announced;
  ASSERT_TRUE(eventually([&] {
    deliver_stream();
    while (deliver_slice()) {
      for (const Event& event : last->events()) {
        if (event.op == Op::kSchema) {
          announced.push_back(event.schema->table);
          EXPECT_EQ(last->schemas().size(), 1U);
        } else if (event.op != Op::kMessage) {
          EXPECT_EQ(event.schema->table, announced.back());
        }
      }
    }
    tell_stored();
    return is_finished();
  }));
  EXPECT_EQ(announced, (Names{"items", "orders"}));
}

TEST_F(BackfillDelivery, EndsOnlyOnceEverySinkHasStoredIt) {
  sinks = {"lake", "queue"};
  shop.add_table("orders", 3);
  start();
  lanes["queue"].stalled = true;
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() == 3 && !runner->waiting(); }));
  tell_stored();
  EXPECT_FALSE(runner->finished());
  EXPECT_EQ(status().state, BackfillState::kRunning);
  // All of it is still in the token for whoever has less.
  const auto left = parse_work_left(split_token(*lanes["lake"].token).second);
  ASSERT_TRUE(left);
  ASSERT_EQ(left->size(), 1U);
  EXPECT_TRUE(left->front().done);
  lanes["queue"].position = at;
  tell_stored();
  EXPECT_TRUE(eventually([&] { return runner->finished() && runner->waiting(); }));
  ASSERT_TRUE(deliver_slice());
  EXPECT_EQ(last->last_token(), source_token);
  EXPECT_FALSE(runner->waiting());
}

TEST_F(BackfillDelivery, WithoutAnyIsIdle) {
  shop.add_table("orders", 3);
  start(false);
  EXPECT_FALSE(runner->waiting());
  EXPECT_TRUE(runner->finished());
  EXPECT_FALSE(deliver_slice());
  EXPECT_EQ(lanes["lake"].token, source_token);
}

TEST_F(BackfillWindows, RowsWaitForTheirHighWatermark) {
  shop.add_table("orders", 3);
  shop.on_open = [this](const ChunkRequest&) {
    gate.pass();
    return Result<void>();
  };
  start();
  ASSERT_TRUE(gate.reached(1));
  // Committed before the snapshot, not delivered yet.
  insert("orders", 4, "late");
  gate.open();
  ASSERT_TRUE(one_chunk_is_read());
  while (deliver_slice()) {
  }
  EXPECT_TRUE(lanes["lake"].reads.empty());
  deliver_stream();
  ASSERT_TRUE(runs_to_the_end());
  expect_same_content();
  EXPECT_EQ(lanes["lake"].reads.size(), 3U);
}

TEST_F(BackfillWindows, RowsThatTheStreamOvertookAreLeftOut) {
  shop.add_table("orders", 4);
  shop.on_read = [this](const ChunkRequest&) {
    gate.pass();
    return Result<void>();
  };
  start();
  ASSERT_TRUE(gate.reached(1));
  // The snapshot is taken; what follows is newer than its rows.
  insert("orders", 1, "newer");
  rename("orders", 2, "renamed");
  rename("orders", 2, "renamed again");
  remove("orders", 3);
  deliver_stream();
  gate.open();
  ASSERT_TRUE(runs_to_the_end());
  expect_same_content();
  EXPECT_EQ(sorted_reads("lake"), (Names{"orders 2", "orders 4"}));
  EXPECT_EQ(status().rows_outdated, 2U);
  EXPECT_EQ(status().rows_delivered, 2U);
}

TEST_F(BackfillWindows, StayOpenUntilTheLastRowIsOut) {
  shop.add_table("orders", 4);
  start();
  ASSERT_TRUE(one_chunk_is_read());
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() == 2; }));
  // Between two slices of the same chunk.
  rename("orders", 4, "newer");
  remove("orders", 3);
  ASSERT_TRUE(runs_to_the_end());
  expect_same_content();
  EXPECT_EQ(status().rows_outdated, 1U);
}

TEST_F(BackfillWindows, ATruncatedTableIsReadAgain) {
  shop.add_table("orders", 4);
  start();
  ASSERT_TRUE(one_chunk_is_read());
  truncate("orders");
  insert("orders", 2, "after");
  deliver_stream();
  ASSERT_TRUE(runs_to_the_end());
  expect_same_content();
  EXPECT_EQ(status().chunks_discarded, 1U);
  EXPECT_EQ(sorted_reads("lake"), (Names{"orders 2"}));
}

TEST_F(BackfillWindows, AMovedRowIsReadWhereItIsNow) {
  shop.add_table("orders", 12);
  start();
  // Row 12 is not read yet, and the place where it goes to was.
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() == 4; }));
  const std::size_t before = shop.chunk_count();
  move("orders", 12, 0);
  ASSERT_TRUE(runs_to_the_end());
  expect_same_content();
  EXPECT_EQ(lanes["lake"].tables["orders"].at(0).second, "note-12");
  std::size_t single = 0;
  for (auto i = before; i < shop.chunks.size(); ++i) {
    const auto& chunk = shop.chunks[i];
    single += chunk.keys == std::vector<ScanKey>{{"0"}} ? 1 : 0;
  }
  EXPECT_EQ(single, 1U);
}

TEST_F(BackfillWindows, AnotherHistoryOfTheServerIsReadAnew) {
  shop.add_table("orders", 4);
  start();
  ASSERT_TRUE(one_chunk_is_read());
  TestBatches other;
  other.builder().advance({2, 5000, kWholeTransaction}, "token-50");
  const auto batch = other.take();
  runner->observe(*batch);
  EXPECT_EQ(status().chunks_discarded, 1U);
  ASSERT_TRUE(eventually([&] { return status().chunks_read == 2; }));
}

TEST_F(BackfillWindows, ATableWithoutAKeyIsHandedOutWhileItIsRead) {
  auto& table = shop.add_table("visits", 6);
  table.scan.method = ScanMethod::kWhole;
  shop.on_read = [this](const ChunkRequest&) {
    if (shop.rows_read_now() == 4) {
      gate.pass();
    }
    return Result<void>();
  };
  start();
  ASSERT_TRUE(gate.reached(1));
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() == 4; }));
  gate.open();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(shop.chunk_count(), 1U);
}

TEST_F(BackfillWindows, OfATableWithoutAKeyNoRowComesBehindATruncate) {
  auto& table = shop.add_table("visits", 6);
  table.scan.method = ScanMethod::kWhole;
  start();
  ASSERT_TRUE(takes_until([&] { return !lanes["lake"].reads.empty(); }));
  ASSERT_TRUE(eventually([&] { return status().chunks_read == 1; }));
  const auto before = lanes["lake"].reads.size();
  ASSERT_LT(before, 6U);
  truncate("visits");
  insert("visits", 9, "later");
  deliver_stream();
  ASSERT_TRUE(runs_to_the_end());
  expect_same_content();
  EXPECT_EQ(lanes["lake"].reads.size(), before);
  EXPECT_EQ(status().rows_outdated, 6 - before);
}

}  // namespace
}  // namespace rowtide::test
