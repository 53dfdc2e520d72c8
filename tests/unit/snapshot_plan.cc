#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "engine/snapshot/backfill_plan.h"

namespace rowtide::test {
namespace {

const std::vector<std::string> kSinks = {"lake", "queue", "warehouse"};
constexpr std::uint64_t kLake = 1;
constexpr std::uint64_t kQueue = 2;
constexpr std::uint64_t kWarehouse = 4;

ScanKey key(int at) {
  return {std::to_string(at)};
}

// Sorts keys as numbers, which is not how their text sorts.
struct NumberOrder {
  int calls = 0;
  std::optional<Error> error;

  Result<std::vector<std::size_t>> operator()(std::span<const ScanKey> keys) {
    ++calls;
    if (error) {
      return fail(*error);
    }
    std::vector<std::size_t> sorted;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      sorted.push_back(i);
    }
    std::ranges::sort(sorted, {}, [&](std::size_t i) { return std::stoi(keys[i].front()); });
    return sorted;
  }
};

struct Range {
  std::optional<ScanKey> after;
  std::optional<ScanKey> up_to;
  std::uint64_t lanes = 0;
  friend bool operator==(const Range&, const Range&) = default;
};
using Ranges = std::vector<Range>;

Ranges ranges_of(const std::vector<std::shared_ptr<Part>>& parts) {
  Ranges ranges;
  for (const auto& part : parts) {
    EXPECT_EQ(part->read_to, part->delivered_to);
    EXPECT_FALSE(part->read_whole);
    ranges.push_back({part->delivered_to, part->up_to, part->lanes});
  }
  return ranges;
}

Ranges ranges_from(const std::vector<PartLeft>& left, NumberOrder& order) {
  Result<void> outcome;
  const auto parts = parts_from(left, kSinks, std::ref(order), outcome);
  EXPECT_TRUE(outcome);
  return ranges_of(parts);
}

Ranges ranges_from(const std::vector<PartLeft>& left) {
  NumberOrder order;
  return ranges_from(left, order);
}

TEST(BackfillParts, OfSinksAtTheSamePlaceAreOne) {
  EXPECT_EQ(ranges_from({{key(5), std::nullopt, {"lake"}}, {key(5), std::nullopt, {"queue"}}}),
            (Ranges{{key(5), std::nullopt, kLake | kQueue}}));
}

TEST(BackfillParts, OfSinksAtDifferentPlacesShareTheRest) {
  EXPECT_EQ(ranges_from({{key(100), key(200), {"lake"}},
                         {std::nullopt, key(200), {"queue"}},
                         {key(20), key(200), {"warehouse"}}}),
            (Ranges{{std::nullopt, key(20), kQueue},
                    {key(20), key(100), kQueue | kWarehouse},
                    {key(100), key(200), kLake | kQueue | kWarehouse}}));
}

TEST(BackfillParts, WithDifferentEndsStayApart) {
  auto ranges = ranges_from({{key(1), key(5), {"lake"}}, {key(2), std::nullopt, {"lake"}}});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_NE(std::ranges::find(ranges, Range{key(1), key(5), kLake}), ranges.end());
  EXPECT_NE(std::ranges::find(ranges, Range{key(2), std::nullopt, kLake}), ranges.end());
}

TEST(BackfillParts, OfSingleRowsComeFirstAndTogetherPerSinks) {
  NumberOrder order;
  Result<void> outcome;
  const auto parts = parts_from({{key(3), std::nullopt, {"lake"}, {}},
                                 {{}, {}, {"lake"}, {key(9), key(7)}},
                                 {{}, {}, {"queue"}, {key(7), key(8)}}},
                                kSinks, std::ref(order), outcome);
  ASSERT_TRUE(outcome);
  std::map<std::uint64_t, std::vector<ScanKey>> rows;
  ASSERT_EQ(parts.size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) {
    rows[parts[i]->lanes] = parts[i]->keys;
  }
  EXPECT_EQ(rows, (std::map<std::uint64_t, std::vector<ScanKey>>{
                      {kLake, {key(9)}}, {kQueue, {key(8)}}, {kLake | kQueue, {key(7)}}}));
  EXPECT_EQ(parts[3]->delivered_to, key(3));
}

TEST(BackfillParts, TakeFurtherRowsUntilAChunkIsBegun) {
  auto parts = parts_between({}, kLake);
  add_row(parts, key(1), kLake);
  add_row(parts, key(2), kLake);
  add_row(parts, key(1), kLake);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts.front()->keys, (std::vector<ScanKey>{key(1), key(2)}));
  EXPECT_TRUE(parts.back()->keys.empty()) << "a range takes none";
  parts.front()->chunks.push_back(nullptr);
  add_row(parts, key(1), kLake);
  ASSERT_EQ(parts.size(), 3U) << "what is being read may have been read before the row moved";
  EXPECT_EQ(parts.front()->keys, (std::vector<ScanKey>{key(1)}));
}

TEST(BackfillParts, HoldABoundedNumberOfRows) {
  std::vector<std::shared_ptr<Part>> parts;
  for (int i = 0; i < 1000; ++i) {
    add_row(parts, key(i), kLake);
  }
  EXPECT_EQ(parts.size(), 5U);
}

TEST(BackfillParts, AreOnlySortedWhereThereIsSomethingToSort) {
  NumberOrder order;
  ranges_from({{key(9), std::nullopt, {"lake"}}, {std::nullopt, std::nullopt, {"queue"}}}, order);
  EXPECT_EQ(order.calls, 0);
  ranges_from({{key(9), std::nullopt, {"lake"}}, {key(10), std::nullopt, {"queue"}}}, order);
  EXPECT_EQ(order.calls, 1);
}

TEST(BackfillParts, AreNoneWhenTheirKeysCannotBeSorted) {
  NumberOrder order;
  order.error = retry_error(Code::kConnection, "gone");
  Result<void> outcome;
  const auto parts =
      parts_from({{key(9), std::nullopt, {"lake"}}, {key(10), std::nullopt, {"queue"}}}, kSinks,
                 std::ref(order), outcome);
  EXPECT_TRUE(parts.empty());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kConnection);
}

TEST(BackfillParts, LieBetweenTheCuts) {
  EXPECT_EQ(ranges_of(parts_between({}, kLake)), (Ranges{{std::nullopt, std::nullopt, kLake}}));
  EXPECT_EQ(ranges_of(parts_between({key(5), key(10)}, kQueue)),
            (Ranges{{std::nullopt, key(5), kQueue},
                    {key(5), key(10), kQueue},
                    {key(10), std::nullopt, kQueue}}));
}

TEST(BackfillLanes, AreBitsInTheOrderOfTheSinks) {
  EXPECT_EQ(lanes_of(std::vector<std::string>{"warehouse", "lake", "gone"}, kSinks),
            kLake | kWarehouse);
  EXPECT_EQ(sinks_of(kLake | kWarehouse, kSinks), (std::vector<std::string>{"lake", "warehouse"}));
  EXPECT_TRUE(sinks_of(0, kSinks).empty());
}

// Tables a to e of one backfill for lake and queue.
class AdoptTest : public testing::Test {
 protected:
  AdoptTest() {
    backfill.record.id = "shop-1";
    backfill.record.sinks = {"lake", "queue"};
    for (const char* sink : {"lake", "queue"}) {
      BackfillLeft left;
      left.id = "shop-1";
      left.sinks = {sink};
      backfill.left_by_sink.push_back(left);
    }
  }
  void adopt() {
    std::vector<ScanTable> tables;
    for (const char* name : {"e", "d", "c", "b", "a"}) {
      ScanTable table;
      table.schema = "public";
      table.table = name;
      tables.push_back(table);
    }
    adopt_tables(backfill, std::move(tables));
  }
  // The states in the order of the names: u, b and d.
  std::string states() const {
    std::string all;
    for (const auto& table : backfill.tables) {
      all += "ubrd"[static_cast<int>(table->state)];
    }
    return all;
  }
  WorkLeft left() const {
    WorkLeft work;
    append_left(backfill, kSinks, work);
    return work;
  }
  BackfillLeft& lake() { return backfill.left_by_sink[0]; }
  BackfillLeft& queue() { return backfill.left_by_sink[1]; }

  Backfill backfill;
};

using Lefts = std::vector<PartLeft>;

TEST_F(AdoptTest, TakesEveryTableInTheOrderOfTheNames) {
  adopt();
  EXPECT_EQ(states(), "uuuuu");
  EXPECT_TRUE(backfill.planned);
  EXPECT_EQ(backfill.tables.front()->scan.table, "a");
  // Nothing to take apart: the whole table from its cuts.
  EXPECT_TRUE(backfill.tables.front()->left.empty());
  ASSERT_EQ(left().size(), 1U);
  EXPECT_EQ(left()[0].untouched_from, "public.a");
  EXPECT_EQ(left()[0].sinks, (std::vector<std::string>{"lake", "queue"}));
}

TEST_F(AdoptTest, KnowsDoneBegunAndUntouchedTables) {
  for (BackfillLeft* one : {&lake(), &queue()}) {
    one->untouched_from = "public.d";
    one->tables = {TableLeft{"public.b", 6, {{key(6), std::nullopt, {"lake", "queue"}}}}};
    one->rows_delivered = 16;
  }
  adopt();
  EXPECT_EQ(states(), "dbduu");
  EXPECT_EQ(backfill.tables[1]->left,
            (Lefts{{key(6), std::nullopt, {"lake"}}, {key(6), std::nullopt, {"queue"}}}));
  EXPECT_EQ(backfill.tables[1]->rows_delivered, 6U);
  ASSERT_EQ(left().size(), 1U);
  EXPECT_EQ(left()[0].untouched_from, "public.d");
  ASSERT_EQ(left()[0].tables.size(), 1U);
  EXPECT_EQ(left()[0].tables[0].name, "public.b");
}

TEST_F(AdoptTest, GivesAWholeTableToTheSinkThatHasNotBegunIt) {
  lake().untouched_from = "public.c";
  lake().tables = {TableLeft{"public.b", 4, {{key(4), std::nullopt, {"lake"}}}}};
  queue().untouched_from = "public.b";
  adopt();
  // a is done for both; b is begun by one, whole for the other; the rest is untouched by both.
  EXPECT_EQ(states(), "dbuuu");
  EXPECT_EQ(backfill.tables[1]->left,
            (Lefts{{key(4), std::nullopt, {"lake"}}, {std::nullopt, std::nullopt, {"queue"}}}));
}

TEST_F(AdoptTest, LeavesNothingOfATableThatOneSinkHasOut) {
  lake().done = true;
  queue().untouched_from = "public.c";
  queue().tables = {TableLeft{"public.a", 2, {{key(2), key(9), {"queue"}}}}};
  adopt();
  EXPECT_EQ(states(), "bdbbb");
  EXPECT_EQ(backfill.tables[0]->left, (Lefts{{key(2), key(9), {"queue"}}}));
  EXPECT_EQ(backfill.tables[4]->left, (Lefts{{std::nullopt, std::nullopt, {"queue"}}}));
}

TEST_F(AdoptTest, HasNoUntouchedTableInFrontOfABegunOne) {
  // The names before are untouched to both, as a table is that was renamed or added meanwhile.
  for (BackfillLeft* one : {&lake(), &queue()}) {
    one->untouched_from = "public.a";
    one->tables = {TableLeft{"public.c", 1, {{key(1), std::nullopt, {"lake", "queue"}}}}};
  }
  adopt();
  EXPECT_EQ(states(), "bbbuu");
  EXPECT_EQ(backfill.tables[0]->left, (Lefts{{std::nullopt, std::nullopt, {"lake", "queue"}}}));
  ASSERT_EQ(left().size(), 1U);
  EXPECT_EQ(left()[0].untouched_from, "public.d");
  EXPECT_EQ(left()[0].tables.size(), 3U);
}

TEST_F(AdoptTest, SaysWhatIsLeftOfTablesThatAreRead) {
  adopt();
  Table& table = *backfill.tables[0];
  table.state = Table::State::kReady;
  table.rows_delivered = 8;
  table.parts = parts_between({key(10)}, kLake | kQueue);
  // Only what was handed out counts, not what was read.
  table.parts[0]->delivered_to = key(4);
  table.parts[0]->read_to = key(9);
  backfill.rows_before_run = 100;
  backfill.rows_delivered = 8;
  const auto work = left();
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].untouched_from, "public.b");
  EXPECT_EQ(work[0].rows_delivered, 108U);
  const TableLeft want{
      "public.a",
      8,
      {{key(4), key(10), {"lake", "queue"}}, {key(10), std::nullopt, {"lake", "queue"}}},
      Told{.unstarted = {"lake", "queue"}, .finished = {}}};
  EXPECT_EQ(work[0].tables, std::vector{want});
}

TEST_F(AdoptTest, SaysThatEverythingWasHandedOut) {
  backfill.done = true;
  const auto work = left();
  ASSERT_EQ(work.size(), 1U);
  EXPECT_TRUE(work[0].done);
  EXPECT_EQ(work[0].untouched_from, std::nullopt);
}

TEST_F(AdoptTest, SaysWhatEachSinkHasLeftUntilItIsPlanned) {
  lake().untouched_from = "public.c";
  const auto work = left();
  ASSERT_EQ(work.size(), 2U);
  EXPECT_EQ(work[0].sinks, std::vector<std::string>{"lake"});
  EXPECT_EQ(work[0].untouched_from, "public.c");
  EXPECT_EQ(work[1].sinks, std::vector<std::string>{"queue"});
  EXPECT_EQ(work[1].untouched_from, "");
}

}  // namespace
}  // namespace rowtide::test
