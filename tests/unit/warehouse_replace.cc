#include <gtest/gtest.h>

#include "engine/api/backfill.h"
#include "tests/unit/warehouse_fixture.h"

namespace rowtide::test {
namespace {

using Lines = std::vector<std::string>;
using warehouse::Mode;

constexpr auto kNames = "SELECT id, customer FROM public.orders ORDER BY id, customer";
constexpr auto kTables =
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";

Cells order(int id, const std::string& customer) {
  return {id, customer, "1.00", true, nullptr};
}

Cells order_key(int id) {
  return {id, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell};
}

// A backfill that replaces its tables, as the stream tells of it.
class Replaced : public WarehouseTest {
 protected:
  BatchPtr tell(const std::string& event, const std::string& table = "public.orders",
                const std::string& backfill = "shop-2") {
    std::string text = "{\"backfill\":\"" + backfill + "\",\"event\":\"" + event + "\",";
    text += table.empty() ? "" : "\"table\":\"" + table + "\",";
    b_.begin().message(kBackfillEventPrefix, text + "\"rows\":0,\"replace\":true}").commit();
    return b_.take();
  }

  BatchPtr reads(const std::vector<Cells>& rows) {
    b_.begin();
    for (const auto& row : rows) {
      b_.read(orders_schema(), row);
    }
    b_.commit();
    return b_.take();
  }

  BatchPtr announce() {
    b_.begin().announce(orders_schema()).commit();
    return b_.take();
  }

  // A mirror of three rows of which the source lacks the last.
  SinkHandle open_filled() {
    auto sink = open();
    deliver(sink, {reads({order(1, "old"), order(2, "old"), order(3, "ghost")})});
    return sink;
  }

  // As after a restart of the daemon.
  void reopen(SinkHandle& sink) {
    sink.sink->close();
    sink = open(settings(), ++epoch_);
  }

  TestBatches b_;
  std::uint64_t epoch_ = 1;
};

TEST_P(Replaced, ARowThatOnlyTheSinkHasIsGoneWithTheSwapAndNotBefore) {
  auto sink = open_filled();
  deliver(sink, {tell("started"), announce()});
  const Lines before{"1|old", "2|old", "3|ghost"};
  EXPECT_EQ(select(sink, kNames), before);
  deliver(sink, {reads({order(1, "new")})});
  EXPECT_EQ(select(sink, kNames), before);
  deliver(sink, {reads({order(2, "new")}), tell("chunk")});
  EXPECT_EQ(select(sink, kNames), before);
  deliver(sink, {tell("finished")});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|new", "2|new"}));
  EXPECT_EQ(select(sink, kTables), Lines{"orders"});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM rowtide.replacements"), "0");
}

TEST_P(Replaced, AllInOneFlushEndsTheSame) {
  auto sink = open_filled();
  const auto started = tell("started");
  const auto rows = reads({order(1, "new"), order(2, "new")});
  const auto finished = tell("finished");
  b_.begin().insert(orders_schema(), order(4, "stream")).commit();
  const auto later = b_.take();
  deliver(sink, {started, rows, finished, later, tell("finished", "")});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|new", "2|new", "4|stream"}));
  EXPECT_EQ(select(sink, kTables), Lines{"orders"});
}

TEST_P(Replaced, ChangesOfTheStreamArriveInBoth) {
  auto sink = open_filled();
  deliver(sink, {tell("started"), announce()});
  b_.begin()
      .insert(orders_schema(), order(4, "stream"))
      .update(orders_schema(), order(1, "changed"))
      .remove(orders_schema(), order_key(2))
      .commit();
  deliver(sink, {b_.take()});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|changed", "3|ghost", "4|stream"}));
  deliver(sink, {reads({order(1, "changed"), order(5, "read")})});
  deliver(sink, {tell("finished")});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|changed", "4|stream", "5|read"}));
}

TEST_P(Replaced, ARestartAtEveryStepGoesOnFromWhereItWas) {
  auto sink = open_filled();
  deliver(sink, {tell("started")});
  reopen(sink);
  deliver(sink, {announce()});
  reopen(sink);
  deliver(sink, {reads({order(1, "new")})});
  reopen(sink);
  b_.begin().insert(orders_schema(), order(4, "stream")).commit();
  deliver(sink, {b_.take()});
  reopen(sink);
  EXPECT_EQ(select(sink, kNames), (Lines{"1|old", "2|old", "3|ghost", "4|stream"}));
  deliver(sink, {reads({order(2, "new")})});
  reopen(sink);
  deliver(sink, {tell("finished")});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|new", "2|new", "4|stream"}));
  reopen(sink);
  deliver(sink, {reads({order(1, "once more")})});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|once more", "2|new", "4|stream"}));
}

TEST_P(Replaced, ACancelledOneLeavesTheTableInUse) {
  auto sink = open_filled();
  deliver(sink, {tell("started"), reads({order(1, "new")})});
  reopen(sink);
  deliver(sink, {tell("cancelled", "", "shop-1")});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM rowtide.replacements"), "1");
  deliver(sink, {tell("cancelled", "")});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|old", "2|old", "3|ghost"}));
  EXPECT_EQ(select(sink, kTables), Lines{"orders"});
  deliver(sink, {reads({order(2, "plain")})});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|old", "2|plain", "3|ghost"}));
}

TEST_P(Replaced, OneThatIsStartedAgainStartsEmpty) {
  auto sink = open_filled();
  deliver(sink, {tell("started"), reads({order(1, "first try"), order(8, "first try")})});
  deliver(sink, {tell("started", "public.orders", "shop-3")});
  EXPECT_EQ(select(sink, kTables), Lines{"orders"});
  deliver(sink, {reads({order(1, "new")}), tell("finished", "public.orders", "shop-3")});
  EXPECT_EQ(select(sink, kNames), Lines{"1|new"});
}

TEST_P(Replaced, OneThatIsOverCanBeFollowedByAnother) {
  auto sink = open_filled();
  for (const auto* const name : {"second", "third"}) {
    deliver(sink, {tell("started"), reads({order(1, name)}), tell("finished")});
    EXPECT_EQ(select(sink, kNames), Lines{std::string("1|") + name});
  }
}

TEST_P(Replaced, ATableThatIsEmptyInTheSourceIsEmptied) {
  auto sink = open_filled();
  deliver(sink, {tell("started"), announce(), tell("finished")});
  EXPECT_EQ(select(sink, kNames), Lines{});
  EXPECT_EQ(select(sink, kTables), Lines{"orders"});
}

TEST_P(Replaced, AShapeThatChangesMeanwhileIsFollowedInBoth) {
  auto sink = open_filled();
  deliver(sink, {tell("started"), reads({order(1, "new")})});
  b_.begin()
      .announce(orders_with_channel_schema())
      .insert(orders_with_channel_schema(), {4, "stream", "1.00", true, nullptr, "web"})
      .commit();
  deliver(sink, {b_.take()});
  EXPECT_EQ(select(sink, "SELECT id, channel FROM public.orders ORDER BY id"),
            (Lines{"1|NULL", "2|NULL", "3|NULL", "4|web"}));
  deliver(sink, {tell("finished")});
  EXPECT_EQ(select(sink, "SELECT id, channel FROM public.orders ORDER BY id"),
            (Lines{"1|NULL", "4|web"}));
}

TEST_P(Replaced, AHistoryTakesTheRowsAsTheyAre) {
  auto sink = open(settings(Mode::kHistory));
  deliver(sink, {reads({order(1, "old")})});
  deliver(sink, {tell("started"), reads({order(1, "new")}), tell("finished")});
  EXPECT_EQ(select(sink, kNames), (Lines{"1|new", "1|old"}));
  EXPECT_EQ(select(sink, kTables), Lines{"orders"});
}

TEST_P(Replaced, ATableOfWhichTheSinkHearsNothingElseIsLeftAlone) {
  auto sink = open_filled();
  deliver(sink, {tell("started", "public.other"), tell("finished", "public.other")});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "3");
  EXPECT_EQ(one(sink, "SELECT count(*) FROM rowtide.replacements"), "0");
}

INSTANTIATE_TEST_SUITE_P(Sinks, Replaced,
                         ::testing::Values(Warehouse::kDuckdb, Warehouse::kPostgres),
                         warehouse_name);

}  // namespace
}  // namespace rowtide::test
