#include <gtest/gtest.h>

#include "tests/unit/warehouse_fixture.h"
#include "tests/unit/warehouse_random.h"

namespace rowtide::test {
namespace {

using Lines = std::vector<std::string>;
using warehouse::Mode;

constexpr auto kOrders = "SELECT id, customer, amount, paid, note FROM public.orders ORDER BY id";

class Delivery : public WarehouseTest {};

std::string yes(bool duckdb) {
  return duckdb ? "true" : "t";
}

TEST_P(Delivery, MirrorHoldsTheCurrentRows) {
  auto sink = open();
  TestBatches b;
  b.orders({1, 2, 3});
  b.begin()
      .update(orders_schema(), {2, "Bea", "9.00", false, "new"})
      .remove(orders_schema(), {3, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell})
      .commit();
  deliver(sink, {b.take()});
  const bool d = is_duckdb();
  EXPECT_EQ(select(sink, kOrders), (Lines{"1|customer-1|1.50|" + yes(d) + "|NULL",
                                          d ? "2|Bea|9.00|false|new" : "2|Bea|9.00|f|new"}));
  b.begin().update(orders_schema(), {1, "Ann", "0.01", true, nullptr}).commit();
  b.begin().truncate(orders_schema()).insert(orders_schema(), {7, "Gus", "1", true, ""}).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(select(sink, kOrders), Lines{"7|Gus|1.00|" + yes(d) + "|"});
  EXPECT_EQ(report(sink).rows_delivered, 8U);
}

TEST_P(Delivery, UnchangedColumnsKeepWhatIsStored) {
  auto sink = open();
  TestBatches b;
  b.begin().insert(orders_schema(), {1, "Ann", "1.00", true, "long text"}).commit();
  b.begin().insert(orders_schema(), {2, "Bob", "2.00", true, "other"}).commit();
  deliver(sink, {b.take()});
  b.begin()
      .update(orders_schema(), {1, "Ann B", "1.50", true, kUnchangedCell})
      .update(orders_schema(), {22, "Bob", kUnchangedCell, true, kUnchangedCell},
              {2, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell}, BeforeImage::kKey)
      .commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(select(sink, "SELECT id, customer, amount, note FROM public.orders ORDER BY id"),
            (Lines{"1|Ann B|1.50|long text", "22|Bob|2.00|other"}));
}

TEST_P(Delivery, ARowThatIsMissingIsAnErrorWhereItsValuesAreNeeded) {
  auto sink = open();
  TestBatches b;
  b.begin().update(orders_schema(), {5, "Eve", "1.00", true, kUnchangedCell}).commit();
  const auto delivered = try_deliver(sink, {b.take()});
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Code::kData);
  EXPECT_NE(delivered.error().message.find("public.orders"), std::string::npos);
  EXPECT_FALSE(delivered.error().remedy.empty());
}

TEST_P(Delivery, RandomChangesEndInTheRowsOfTheSource) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    BatchBuilder::Limits limits;
    limits.batch_events = 5;
    TestBatches out(limits);
    RandomChanges changes(seed);
    auto sink = open(settings(), seed);
    if (seed > 1) {
      out.continue_at(1000 * seed);
      out.begin().truncate(RandomChanges::schema()).commit();
    }
    for (int flush = 0; flush < 6; ++flush) {
      std::vector<BatchPtr> batches;
      for (int i = 0; i < 3; ++i) {
        changes.transaction(out, 25, batches);
      }
      batches.push_back(out.take());
      deliver(sink, batches);
      ASSERT_EQ(select(sink, "SELECT id, part, name, note, size FROM public.parts ORDER BY 1, 2"),
                RandomChanges::lines(changes.rows()));
    }
    sink.sink->close();
  }
}

TEST_P(Delivery, RandomChangesAppliedInPiecesEndInTheRowsOfTheSource) {
  for (std::uint64_t seed = 100; seed <= 104; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    BatchBuilder::Limits limits;
    limits.batch_events = 4;
    TestBatches out(limits);
    out.continue_at(1000 * seed);
    RandomChanges changes(seed);
    auto tight = settings();
    tight.flush_bytes = 1;  // every batch is applied by itself
    tight.split_transaction_rows = 20;
    auto sink = open(tight, seed);
    out.begin().truncate(RandomChanges::schema()).commit();
    std::vector<BatchPtr> batches;
    for (int i = 0; i < 4; ++i) {
      changes.transaction(out, 60, batches);
    }
    batches.push_back(out.take());
    deliver(sink, batches);
    ASSERT_EQ(select(sink, "SELECT id, part, name, note, size FROM public.parts ORDER BY 1, 2"),
              RandomChanges::lines(changes.rows()));
    sink.sink->close();
  }
}

TEST_P(Delivery, HistoryHoldsEveryChange) {
  auto sink = open(settings(Mode::kHistory));
  TestBatches b;
  b.begin()
      .insert(orders_schema(), {1, "Ann", "1.00", true, "text"})
      .update(orders_schema(), {1, "Bea", "2.00", true, kUnchangedCell})
      .commit();
  b.begin()
      .remove(orders_schema(), {1, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell})
      .message("app", "hello")
      .truncate(orders_schema())
      .commit();
  b.begin().insert(keyless_schema(), {"/home", std::int64_t{0}}).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(select(sink,
                   "SELECT id, customer, amount, note, _op, _position, _tx, _row, _unchanged FROM "
                   "public.orders ORDER BY _position"),
            (Lines{"1|Ann|1.00|text|c|" + to_text({1, 100, 1}) + "|1|1|NULL",
                   "1|Bea|2.00|NULL|u|" + to_text({1, 100, 2}) + "|1|2|[\"note\"]",
                   "1|NULL|NULL|NULL|d|" + to_text({1, 200, 1}) + "|2|1|NULL",
                   "NULL|NULL|NULL|NULL|t|" + to_text({1, 200, 2}) + "|2|2|NULL"}));
  EXPECT_EQ(one(sink,
                "SELECT page, _committed_at = TIMESTAMPTZ '2026-11-18 11:06:43.123456+00' FROM "
                "public.visits"),
            "/home|" + yes(is_duckdb()));
}

TEST_P(Delivery, ATransactionBecomesVisibleAsAWhole) {
  auto small = settings();
  small.flush_bytes = 1;
  auto sink = open(small);
  TestBatches b;
  b.orders({1});
  deliver(sink, {b.take()});
  b.begin();
  for (int id = 10; id < 13; ++id) {
    b.orders_row(id);
    ASSERT_TRUE(sink.sink->submit(b.take(), soon()));
    ASSERT_TRUE(sink.sink->flush(soon()));
    EXPECT_EQ(report(sink).durable, TestBatches::resume_after(1));
    EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "1");
  }
  b.orders_row(13).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "5");
  EXPECT_EQ(report(sink).transactions_split, 0U);
}

TEST_P(Delivery, ATransactionBeyondTheLimitIsCommittedInParts) {
  auto small = settings();
  small.flush_bytes = 1;
  small.split_transaction_rows = 2;
  auto sink = open(small);
  TestBatches b;
  b.begin();
  ResumePoint inside;
  for (int id = 1; id <= 4; ++id) {
    b.orders_row(id);
    const auto batch = b.take();
    inside = batch->resume_point();
    ASSERT_TRUE(sink.sink->submit(batch, soon()));
  }
  EXPECT_EQ(report(sink).durable, inside);
  EXPECT_EQ(inside.position, (Position{1, 100, 4}));
  EXPECT_EQ(report(sink).transactions_split, 1U);
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "4");
  sink.sink->close();
  const auto again = sink.sink->open(context());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, inside);
  b.orders_row(5).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "5");
}

TEST_P(Delivery, AMarkerInsideATransactionNeverGoesBackToTheEndOfTheOneBefore) {
  auto small = settings(warehouse::Mode::kHistory);
  small.flush_bytes = 1;
  small.split_transaction_rows = 2;
  auto sink = open(small);
  TestBatches b;
  b.orders({1}).begin().orders_row(2).orders_row(3);
  const auto batch = b.take();
  ASSERT_TRUE(sink.sink->submit(batch, soon()));
  const auto inside = report(sink).durable;
  ASSERT_EQ(inside->position, (Position{1, 200, 2}));
  sink.sink->close();
  ASSERT_TRUE(sink.sink->open(context()));
  // Another sink stands further back, so the stream brings it all again, and one row more.
  TestBatches from_the_start;
  from_the_start.orders({1}).begin().orders_row(2).orders_row(3).orders_row(4);
  const auto again = filtered(from_the_start.take(), inside->position, nullptr);
  ASSERT_TRUE(sink.sink->submit(again, soon()));
  static_cast<void>(report(sink));
  sink.sink->close();
  const auto marker = sink.sink->open(context());
  ASSERT_TRUE(marker && *marker);
  EXPECT_GE((*marker)->position, inside->position);
}

TEST_P(Delivery, FlushMakesTheLastRowOfASplitTransactionDurable) {
  auto small = settings();
  small.flush_bytes = 1;
  small.split_transaction_rows = 2;
  auto sink = open(small);
  TestBatches b;
  b.begin();
  for (int id = 1; id <= 3; ++id) {
    b.orders_row(id);
    ASSERT_TRUE(sink.sink->submit(b.take(), soon()));
  }
  EXPECT_EQ(report(sink).durable->position, (Position{1, 100, 2}));
  ASSERT_TRUE(sink.sink->flush(soon()));
  EXPECT_EQ(report(sink).durable->position, (Position{1, 100, 3}));
}

TEST_P(Delivery, AnOpenTransactionEndsWhereTheNextOneBegins) {
  auto sink = open();
  TestBatches b;
  b.begin().orders_row(1);
  ASSERT_TRUE(sink.sink->submit(b.take(), soon()));
  b.commit();
  static_cast<void>(b.take());  // held no row for this sink, so it was not given to it
  b.orders({2});
  deliver(sink, {b.take()});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "2");
}

TEST_P(Delivery, WhatWasNotCommittedIsForgottenAndTheMarkerSaysSo) {
  auto slow = settings();
  slow.flush_interval = std::chrono::hours(1);
  auto sink = open(slow);
  TestBatches b;
  b.orders({1});
  deliver(sink, {b.take()});
  b.orders({2});
  ASSERT_TRUE(sink.sink->submit(b.take(), soon()));
  EXPECT_EQ(report(sink).durable, TestBatches::resume_after(1));
  sink.sink->close();
  auto again = sink.sink->open(context());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, TestBatches::resume_after(1));
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "1");
  EXPECT_FALSE(report(sink).durable);
}

TEST_P(Delivery, AnOlderEpochIsFencedWhenItOpens) {
  open(settings(), 5).sink->close();
  auto sink = make(settings());
  const auto opened = sink.sink->open(context(4));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kFenced);
  EXPECT_EQ(opened.error().disposition, Disposition::kOperator);
}

TEST_P(Delivery, AnOlderEpochIsFencedWhenItCommits) {
  auto old_one = open(settings(), 1);
  TestBatches b;
  b.orders({1});
  deliver(old_one, {b.take()});
  auto new_one = open(settings(), 2);
  b.orders({2});
  const auto delivered = try_deliver(old_one, {b.take()});
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Code::kFenced);
  old_one.sink->close();
  EXPECT_EQ(one(new_one, "SELECT count(*) FROM public.orders"), "1");
}

TEST_P(Delivery, TheSamePositionCannotBeWrittenTwice) {
  auto sink = open();
  TestBatches b;
  b.orders({1});
  const auto batch = b.take();
  deliver(sink, {batch});
  const auto delivered = try_deliver(sink, {batch});
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Code::kFenced);
}

TEST_P(Delivery, QueriesCanOnlyRead) {
  auto sink = open();
  TestBatches b;
  b.orders({1});
  deliver(sink, {b.take()});
  class Ignore final : public QueryOutput {
    void columns(std::span<const std::string>) override {}
    void row(std::span<const std::optional<std::string>>) override {}
  } out;
  for (const char* sql :
       {"DELETE FROM public.orders", "SELECT 1; DELETE FROM public.orders",
        "DROP TABLE public.orders", "CREATE TABLE public.other (id integer)",
        "SELECT * FROM nowhere", "nonsense", "", "COPY public.orders TO '/tmp/orders.csv'"}) {
    const auto done = sink.queryable->query(sql, out);
    if (*sql != '\0') {
      EXPECT_FALSE(done) << sql;
    }
  }
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders;"), "1");
}

INSTANTIATE_TEST_SUITE_P(Sinks, Delivery,
                         ::testing::Values(Warehouse::kDuckdb, Warehouse::kPostgres),
                         warehouse_name);

}  // namespace
}  // namespace rowtide::test
