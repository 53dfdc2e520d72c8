// What happens when a pipeline captures more tables than before.

#include <gtest/gtest.h>

#include "engine/snapshot/captured.h"
#include "tests/unit/snapshot_fixture.h"

namespace rowtide::test {
namespace {

using Names = std::vector<std::string>;

TEST(Captured, OnlyLessIsSureToBringNothing) {
  struct Case {
    Names before;
    Names now;
    bool may_bring;
  };
  for (const auto& [before, now, may_bring] : std::vector<Case>{
           {{"a.x"}, {"a.x"}, false},
           {{"a.x", "a.y"}, {"a.y"}, false},
           {{"a.x"}, {"a.x", "a.y"}, true},
           {{"a.x"}, {"a.y"}, true},
           {{"a.x"}, {}, true},
           {{"a.x"}, {"!a.x"}, true},
           {{}, {}, false},
           {{}, {"!a.x"}, false},
           {{"!a.x"}, {}, true},
           {{}, {"a.x"}, true},
           {{"a.*"}, {"a.*", "!a.x"}, false},
           {{"a.*", "!a.x"}, {"a.*"}, true},
           {{"a.*", "!a.x"}, {"!a.x", "a.*"}, true},
           {{"a.*", "!a.x", "a.xy"}, {"a.*", "!a.x"}, false},
           {{"a.*", "!a.x", "a.xy"}, {"a.*", "a.xy"}, true},
           {{"a.*", "!a.x", "b.*"}, {"a.*", "!a.x", "!a.y", "b.*"}, false},
       }) {
    EXPECT_EQ(may_bring_tables(before, now), may_bring)
        << testing::PrintToString(before) << " " << testing::PrintToString(now);
  }
}

TEST(Captured, WhatMayBeNewIsToldWithoutMarks) {
  EXPECT_EQ(new_patterns(Names{"a.x", "!a.z"}, Names{"a.x", "b.*", "!b.t"}), (Names{"b.*", "a.z"}));
}

TEST(Captured, ATableIsAlsoTakenByOneAboveIt) {
  ScanTable leaf;
  leaf.schema = "public";
  leaf.table = "orders_2026";
  leaf.above = {{"public", "orders"}};
  const auto filter = TableFilter::parse(Names{"public.orders"});
  EXPECT_TRUE(takes(*filter, leaf));
  leaf.above.clear();
  EXPECT_FALSE(takes(*filter, leaf));
}

class NewTables : public BackfillRunnerTest {
 protected:
  NewTables() { settings.captured = Names{"public.customers"}; }

  void grow() { settings.captured = Names{"public.customers", "public.o*", "public.a*"}; }
  Names noted() { return store.load("shop")->captured.value_or(Names{"nothing"}); }
};

TEST_F(NewTables, AreReadAndTheOthersNotAgain) {
  shop.add_table("customers", 6);
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(noted(), Names{"public.customers"});
  stop();
  shop.add_table("orders", 9);
  grow();
  start();
  // Before the first row of the stream can be delivered.
  EXPECT_EQ(noted(), *settings.captured);
  EXPECT_EQ(store.load("shop")->backfills.count("shop-2"), 1U);
  EXPECT_EQ(runner->status().size(), 2U);
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(status("shop-2").spec.tables, Names{"public.orders"});
  EXPECT_EQ(status("shop-2").rows_delivered, 9U);
  start_again();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(runner->status().size(), 2U);
  expect_same_content();
}

TEST_F(NewTables, AreReadOnceHoweverOftenTheDaemonIsKilled) {
  shop.add_table("customers", 3);
  start();
  ASSERT_TRUE(runs_to_the_end());
  stop();
  shop.add_table("orders", 7);
  grow();
  std::size_t restarts = 0;
  start();
  ASSERT_TRUE(eventually([&] {
    deliver_stream();
    const auto had = lanes["lake"].reads.size();
    const bool got = deliver_slice();
    tell_stored();
    if ((got && lanes["lake"].reads.size() > had) || restarts == 0) {
      start_again();
      ++restarts;
    }
    return is_finished();
  }));
  EXPECT_GE(restarts, 4U);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(runner->status().size(), 2U);
}

TEST_F(NewTables, OfASnapshotUnderWayAreLeftToTheirOwnBackfill) {
  settings.workers = 1;
  shop.add_table("customers", 12);
  start();
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() >= 4; }));
  stop();
  // One in front of where the snapshot is, and one behind it.
  shop.add_table("articles", 5);
  shop.add_table("orders", 5);
  grow();
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(status("shop-1").rows_delivered, 12U);
  EXPECT_EQ(status("shop-2").rows_delivered, 10U);
}

class JoiningTables : public BackfillRunnerTest {
 protected:
  JoiningTables() { settings.captured = Names{"public.*"}; }

  void note(const std::string& table) {
    const TableName name{"public", table};
    ASSERT_TRUE(runner->note_joining(std::span(&name, 1)));
  }
  void join(const std::string& table) {
    shop.add_table(table, 5);
    note(table);
  }
};

TEST_F(JoiningTables, AreReadOnceHoweverOftenTheyAreNoted) {
  shop.add_table("customers", 6);
  start();
  ASSERT_TRUE(runs_to_the_end());
  stop();
  start();
  join("orders");
  EXPECT_EQ(store.load("shop")->backfills.count("shop-2"), 1U);
  // The source could not take it in and tries again, also after a new start.
  join("orders");
  start_again();
  join("orders");
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(status("shop-2").spec.tables, Names{"public.orders"});
  EXPECT_EQ(runner->status().size(), 2U);
}

TEST_F(JoiningTables, AreLeftToABackfillThatIsStillToFindThem) {
  shop.add_table("customers", 6);
  shop.on_tables = [&]() -> Result<void> {
    gate.pass();
    return {};
  };
  start();
  join("orders");
  gate.open();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(runner->status().size(), 1U);
}

TEST_F(JoiningTables, OfASnapshotUnderWayAreReadByItOrByAnother) {
  settings.workers = 1;
  shop.add_table("customers", 12);
  start();
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() >= 4; }));
  join("banks");
  stop();
  // In front of where the snapshot is, and behind it.
  start();
  join("articles");
  join("orders");
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(JoiningTables, AreReadAgainBehindOnesOfTheirNameThatWereRead) {
  settings.workers = 1;
  shop.add_table("articles", 4);
  shop.add_table("customers", 12);
  start();
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() >= 9; }));
  note("customers");
  EXPECT_EQ(runner->status().size(), 1U);
  note("articles");
  EXPECT_EQ(runner->status().size(), 2U);
}

TEST_F(JoiningTables, AreReadAgainWhereOnlyAPartOfThemIs) {
  shop.add_table("customers", 6);
  start();
  ASSERT_TRUE(runs_to_the_end());
  stop();
  start();
  shop.add_table("orders", 5);
  BackfillSpec part;
  part.tables = {"public.orders"};
  part.filter.where = "id < 3";
  ASSERT_TRUE(runner->add(part));
  note("orders");
  EXPECT_EQ(runner->status().size(), 3U);
}

TEST_F(JoiningTables, AreNotReadWithoutASnapshot) {
  start(false);
  join("orders");
  EXPECT_TRUE(runner->status().empty());
}

TEST_F(NewTables, ReachASinkWhoseSnapshotHadNotBegun) {
  sinks = {"lake", "queue"};
  lanes["queue"].stalled = true;
  shop.add_table("customers", 8);
  start();
  ASSERT_TRUE(takes_until([&] { return lanes["lake"].reads.size() >= 2; }));
  ASSERT_FALSE(lanes["queue"].token);
  stop();
  lanes["queue"].stalled = false;
  shop.add_table("orders", 5);
  grow();
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(sorted_reads("queue"), all_rows());
}

TEST_F(NewTables, OfASinkThatComesAlongAreInItsSnapshot) {
  shop.add_table("customers", 4);
  start();
  ASSERT_TRUE(runs_to_the_end());
  stop();
  sinks = {"lake", "queue"};
  shop.add_table("orders", 5);
  grow();
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(sorted_reads("lake"), all_rows());
  EXPECT_EQ(sorted_reads("queue"), all_rows());
}

TEST_F(NewTables, AreOnlyNotedWithoutASnapshot) {
  shop.add_table("customers", 4);
  start(false);
  beat();
  ASSERT_TRUE(runs_to_the_end());
  stop();
  grow();
  start(false);
  EXPECT_EQ(noted(), *settings.captured);
  EXPECT_TRUE(runner->status().empty());
  // What was streamed is known, also when a snapshot is wanted from now on.
  start_again(true);
  EXPECT_TRUE(runner->status().empty());
}

TEST_F(NewTables, AreThoseOfNowWhereNothingWasNoted) {
  settings.captured.reset();
  shop.add_table("customers", 4);
  start();
  ASSERT_TRUE(runs_to_the_end());
  stop();
  EXPECT_EQ(store.load("shop")->captured, std::nullopt);
  grow();
  start();
  EXPECT_EQ(noted(), *settings.captured);
  EXPECT_EQ(runner->status().size(), 1U);
}

TEST_F(NewTables, AreNoneWhenTablesGo) {
  settings.captured = Names{"public.customers", "public.orders"};
  shop.add_table("customers", 4);
  start();
  ASSERT_TRUE(runs_to_the_end());
  stop();
  settings.captured = Names{"public.customers"};
  start();
  EXPECT_EQ(noted(), Names{"public.customers"});
  EXPECT_EQ(runner->status().size(), 1U);
}

TEST_F(NewTables, AreInTheTokenSoThatALostStoreDoesNotMakeThemAll) {
  BackfillLeft left;
  left.id = "shop-2";
  left.sinks = {"lake"};
  left.captured_before = Names{"public.customers"};
  const auto parsed = parse_work_left(token_suffix({left}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->front().captured_before, left.captured_before);

  shop.add_table("customers", 4);
  shop.add_table("orders", 5);
  lanes["lake"].token = "0" + token_suffix({left});
  settings.captured = Names{"public.*"};
  start();
  ASSERT_TRUE(runs_until([&] { return is_finished(); }));
  EXPECT_EQ(lanes["lake"].reads.size(), 5U);
  EXPECT_EQ(decode_record(store.load("shop")->backfills.at("shop-2"))->captured_before,
            left.captured_before);
}

}  // namespace
}  // namespace rowtide::test
