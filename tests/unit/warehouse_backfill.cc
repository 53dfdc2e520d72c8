#include <gtest/gtest.h>

#include "tests/unit/warehouse_fixture.h"

namespace rowtide::test {
namespace {

using Lines = std::vector<std::string>;

constexpr auto kNames = "SELECT id, customer FROM public.orders ORDER BY id, customer";

Cells order(int id, const std::string& customer) {
  return {id, customer, "1.00", true, nullptr};
}

Cells order_key(int id) {
  return {id, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell};
}

// Rows of a backfill go through as little as they need, and must meet what is there all the same.
class Backfilled : public WarehouseTest {
 protected:
  // A sink that can hold nothing: every batch is applied when it is submitted.
  SinkHandle open_tight(const warehouse::Settings& settings, std::uint64_t epoch = 1) {
    auto sink = make(settings);
    const auto opened = sink.sink->open(tight(epoch));
    EXPECT_TRUE(opened) << opened.error().to_text();
    return sink;
  }

  static LaneContext tight(std::uint64_t epoch = 1) {
    auto made = context(epoch);
    made.buffer_bytes = 1;
    return made;
  }

  // Commits only when it is told to or full.
  static warehouse::Settings patient() {
    auto made = settings();
    made.flush_interval = std::chrono::hours(1);
    return made;
  }

  static BatchPtr reads(TestBatches& b, const std::vector<Cells>& rows) {
    b.begin();
    for (const auto& row : rows) {
      b.read(orders_schema(), row);
    }
    b.commit();
    return b.take();
  }
};

TEST_P(Backfilled, ARowThatTheStreamBroughtBeforeIsReplaced) {
  auto sink = open();
  TestBatches b;
  b.begin().insert(orders_schema(), order(2, "stream")).commit();
  deliver(sink, {b.take()});
  deliver(sink, {reads(b, {order(1, "read"), order(2, "read"), order(3, "read")})});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|read", "2|read", "3|read"}));
}

TEST_P(Backfilled, ARowOfTheSameCommitIsReplaced) {
  auto sink = open();
  TestBatches b;
  b.begin().insert(orders_schema(), order(2, "stream")).commit();
  const auto before = b.take();
  const auto read = reads(b, {order(1, "read"), order(2, "read")});
  b.begin().update(orders_schema(), order(1, "stream")).commit();
  deliver(sink, {before, read, b.take()});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|stream", "2|read"}));
}

TEST_P(Backfilled, ARowThatWasDeletedBeforeComesOnce) {
  auto sink = open();
  TestBatches b;
  b.begin().insert(orders_schema(), order(1, "old")).commit();
  deliver(sink, {b.take()});
  b.begin().remove(orders_schema(), order_key(1)).commit();
  deliver(sink, {b.take(), reads(b, {order(1, "read"), order(2, "read")})});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|read", "2|read"}));
}

TEST_P(Backfilled, ATableThatIsFullIsReadOverItself) {
  auto sink = open_tight(patient());
  TestBatches b;
  for (const auto* const pass : {"first", "second"}) {
    std::vector<BatchPtr> batches;
    for (int from = 0; from < 5000; from += 1000) {
      std::vector<Cells> rows;
      for (int id = from; id < from + 1000; ++id) {
        rows.push_back(order(id, pass));
      }
      batches.push_back(reads(b, rows));
    }
    deliver(sink, batches);
    EXPECT_EQ(one(sink,
                  "SELECT count(*), count(DISTINCT id), min(customer), max(customer) FROM "
                  "public.orders"),
              std::string("5000|5000|") + pass + "|" + pass);
  }
}

TEST_P(Backfilled, ARowThatMovedMeetsTheReadOfItsNewKey) {
  auto sink = open_tight(patient());
  TestBatches b;
  const auto first = reads(b, {order(1, "read"), order(2, "read")});
  b.begin()
      .update(orders_schema(), {9, kUnchangedCell, "1.00", true, nullptr}, order_key(1),
              BeforeImage::kKey)
      .commit();
  const auto moved = b.take();
  deliver(sink, {first, moved, reads(b, {order(8, "read"), order(9, "read again")})});
  EXPECT_EQ(select(sink, kNames), (Lines{"2|read", "8|read", "9|read again"}));
}

TEST_P(Backfilled, ChangesOfRowsThatAreNotCommittedYetAreApplied) {
  auto sink = open_tight(patient());
  TestBatches b;
  const auto first = reads(b, {order(1, "read"), order(2, "read"), order(3, "read")});
  b.begin()
      .update(orders_schema(), {1, kUnchangedCell, "2.00", true, "note"})
      .remove(orders_schema(), order_key(2))
      .commit();
  deliver(sink, {first, b.take(), reads(b, {order(4, "read")})});
  EXPECT_EQ(select(sink, "SELECT id, customer, amount, note FROM public.orders ORDER BY id"),
            (Lines{"1|read|2.00|note", "3|read|1.00|NULL", "4|read|1.00|NULL"}));
}

TEST_P(Backfilled, WhatIsCollectedIsNeitherVisibleNorDurableBeforeItsCommit) {
  if (!is_duckdb()) {
    GTEST_SKIP() << "commits as often as it has to make room";
  }
  auto sink = open_tight(patient());
  TestBatches b;
  const auto first = reads(b, {order(1, "read")});
  const auto second = reads(b, {order(2, "read")});
  ASSERT_TRUE(sink.sink->submit(first, soon()));
  ASSERT_TRUE(sink.sink->submit(second, soon()));
  EXPECT_FALSE(report(sink).durable);
  EXPECT_EQ(report(sink).rows_delivered, 0U);
  ASSERT_TRUE(sink.sink->flush(soon()));
  EXPECT_EQ(report(sink).durable, second->resume_point());
  EXPECT_EQ(report(sink).rows_delivered, 2U);
  EXPECT_EQ(select(sink, kNames), (Lines{"1|read", "2|read"}));
}

TEST_P(Backfilled, WhatIsCollectedIsForgottenWithTheSinkAndComesAgain) {
  auto sink = open_tight(patient());
  TestBatches b;
  const auto first = reads(b, {order(1, "read")});
  deliver(sink, {first});
  const auto second = reads(b, {order(2, "read"), order(3, "read")});
  ASSERT_TRUE(sink.sink->submit(second, soon()));
  const auto durable = report(sink).durable;
  sink.sink->close();
  const auto again = sink.sink->open(tight(2));
  ASSERT_TRUE(again) << again.error().to_text();
  EXPECT_EQ(*again, durable);
  ASSERT_TRUE(sink.sink->flush(soon()));
  if (is_duckdb()) {
    EXPECT_EQ(durable, first->resume_point());
    EXPECT_EQ(select(sink, kNames), Lines{"1|read"});
    deliver(sink, {second});
  }
  EXPECT_EQ(select(sink, kNames), (Lines{"1|read", "2|read", "3|read"}));
}

TEST_P(Backfilled, AFailureTakesBackAllThatWasCollected) {
  auto sink = open_tight(patient());
  TestBatches b;
  deliver(sink, {reads(b, {order(1, "read")})});
  const auto good = reads(b, {order(2, "read")});
  b.begin().update(orders_schema(), {7, kUnchangedCell, "1.00", true, nullptr}).commit();
  const auto bad = b.take();
  static_cast<void>(sink.sink->submit(good, soon()));
  const auto durable = report(sink).durable;
  EXPECT_FALSE(try_deliver(sink, {bad}));
  sink.sink->close();
  const auto again = sink.sink->open(tight(2));
  ASSERT_TRUE(again) << again.error().to_text();
  EXPECT_EQ(*again, durable);
  EXPECT_EQ(select(sink, kNames), is_duckdb() ? Lines{"1|read"} : (Lines{"1|read", "2|read"}));
}

TEST_P(Backfilled, AShapeMayChangeWhileRowsAreCollected) {
  auto sink = open_tight(patient());
  TestBatches b;
  deliver(sink, {reads(b, {order(1, "old"), order(3, "old")})});
  const auto first = reads(b, {order(1, "read"), order(2, "read")});
  b.begin()
      .announce(orders_with_channel_schema())
      .read(orders_with_channel_schema(), {1, "again", "1.00", true, nullptr, "web"})
      .commit();
  const auto second = b.take();
  b.begin().remove(orders_with_channel_schema(),
                   {3, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell});
  b.commit();
  deliver(sink, {first, second, b.take()});
  EXPECT_EQ(select(sink, "SELECT id, customer, channel FROM public.orders ORDER BY id"),
            (Lines{"1|again|web", "2|read|NULL"}));
}

TEST_P(Backfilled, ATransactionInProgressIsNotCommittedWithWhatWasCollected) {
  auto sink = open_tight(patient());
  TestBatches b;
  const auto read = reads(b, {order(1, "read")});
  ASSERT_TRUE(sink.sink->submit(read, soon()));
  b.begin().orders_row(10);
  ASSERT_TRUE(sink.sink->submit(b.take(), soon()));
  ASSERT_TRUE(sink.sink->flush(soon()));
  EXPECT_EQ(report(sink).durable, read->resume_point());
  EXPECT_EQ(select(sink, kNames), Lines{"1|read"});
  b.orders_row(11).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "3");
}

INSTANTIATE_TEST_SUITE_P(Sinks, Backfilled,
                         ::testing::Values(Warehouse::kDuckdb, Warehouse::kPostgres),
                         warehouse_name);

}  // namespace
}  // namespace rowtide::test
