// In which order changes come, how they are numbered, and which shape they have.

#include <algorithm>
#include <map>

#include "tests/contract/source_harness.h"

namespace rowtide::test {
namespace {

using SourceOrder = SourceContract;

constexpr int kMany = 2000;  // rows, enough to be sent before their commit where that is done

std::vector<std::uint64_t> row_numbers_of(const Batches& batches) {
  std::vector<std::uint64_t> numbers;
  for (const auto& batch : batches) {
    for (const auto& event : batch->events()) {
      if (event.op != Op::kSchema && event.schema != nullptr &&
          event.schema->table != "sentinels") {
        numbers.push_back(event.row);
      }
    }
  }
  return numbers;
}

TEST_P(SourceOrder, TransactionsComeInTheOrderOfTheirCommits) {
  opened();
  const auto other = subject().session();
  writer().run("BEGIN");
  other->run("BEGIN");
  writer().run("INSERT INTO orders VALUES (1, 'first')");
  other->run("INSERT INTO orders VALUES (2, 'second')");
  writer().run("INSERT INTO items VALUES (3, 'third')");
  other->run("UPDATE orders SET note = 'again' WHERE id = 2");
  other->run("COMMIT");
  writer().run("COMMIT");
  read_all();
  EXPECT_EQ(rows(), (Lines{"c orders 2 second", "u orders 2 again", "c orders 1 first",
                           "c items 3 third"}));
}

TEST_P(SourceOrder, ALargeTransactionComesAtItsCommitAndAsAWhole) {
  opened();
  cut_at(100);
  const auto other = subject().session();
  writer().run("BEGIN");
  insert_many_and_see_them_sent(1, kMany);
  other->run("INSERT INTO items VALUES (1, 'between')");
  insert_many(writer(), "orders", kMany + 1, 10);
  read_until([&] { return !rows().empty(); });
  EXPECT_EQ(rows(), Lines{"c items 1 between"}) << "nothing may come before its commit";
  writer().run("COMMIT");
  other->run("INSERT INTO items VALUES (2, 'behind')");
  read_all();
  const auto all = rows();
  ASSERT_EQ(all.size(), 2U + kMany + 10);
  EXPECT_EQ(all.front(), "c items 1 between");
  EXPECT_EQ(all.back(), "c items 2 behind");
  for (int id = 1; id <= kMany + 10; ++id) {
    ASSERT_TRUE(all[id].starts_with("c orders " + std::to_string(id) + " ")) << all[id];
  }
  // Only the first part of a transaction is not continued.
  std::map<std::uint64_t, int> parts_of;
  int parts = 0;
  for (const auto& batch : batches()) {
    for (const auto& part : batch->transactions()) {
      int& seen = parts_of[part.commit];
      EXPECT_EQ(part.continued, seen > 0) << "part " << seen << " of " << part.id;
      parts = std::max(parts, ++seen);
    }
  }
  EXPECT_GT(parts, kMany / 100 / 2);
}

TEST_P(SourceOrder, ARolledBackTransactionNeverComes) {
  opened();
  writer().run("BEGIN");
  insert_many_and_see_them_sent(1, kMany);
  writer().run("ROLLBACK");
  writer().run("INSERT INTO orders VALUES (1, 'kept')");
  read_all();
  EXPECT_EQ(rows(), Lines{"c orders 1 kept"});
}

// Once in a transaction that is sent before its commit where the source has that.
TEST_P(SourceOrder, RowChangesAreCountedAndNothingElse) {
  opened();
  for (const int before : {0, kMany}) {
    writer().run("BEGIN");
    if (before > 0) {
      insert_many_and_see_them_sent(1000, before);
    }
    writer().run("INSERT INTO orders VALUES (1, 'one')");
    writer().run("INSERT INTO items VALUES (1, 'one')");
    writer().run("INSERT INTO unwanted VALUES (" + std::to_string(before) + ", 'left out')");
    writer().run("SAVEPOINT inner_part");
    // In the large one this part is large enough to have been sent before it is rolled back.
    insert_many(writer(), "orders", 100'000, before > 0 ? kMany : 1);
    writer().run("ROLLBACK TO SAVEPOINT inner_part");
    const bool has_messages = writer().message("note", "to self");
    writer().run("UPDATE orders SET note = 'two' WHERE id = 1");
    writer().run("TRUNCATE TABLE items");
    writer().run("DELETE FROM orders WHERE id = 1");
    writer().run("COMMIT");
    const auto seen = rows().size();
    const auto messages_seen = events_of(batches()).size();
    read_all();
    EXPECT_EQ(behind(rows(), seen + before), (Lines{"c orders 1 one", "c items 1 one",
                                                    "u orders 1 two", "t items", "d orders 1"}));
    const auto numbers = row_numbers_of(batches());
    const auto base = static_cast<std::uint64_t>(before);
    const auto own = GetParam().truncate_commits;
    EXPECT_EQ(behind(numbers, numbers.size() - 5),
              (std::vector{base + 1, base + 2, base + 4, own ? 1 : base + 5, own ? 1 : base + 6}));
    const auto events = behind(events_of(batches()), messages_seen);
    const auto message = std::ranges::find(events, "m note to self");
    ASSERT_EQ(message != events.end(), has_messages);
    if (has_messages) {
      EXPECT_EQ(*(message + 1), "u orders 1 two");
    }
  }
}

TEST_P(SourceOrder, TheNumbersAreTheSameOnEachSendingAndInAnotherMode) {
  opened();
  writer().run("INSERT INTO unwanted VALUES (1, 'before')");
  writer().run("BEGIN");
  insert_many(writer(), "orders", 1, kMany);
  writer().run("SAVEPOINT inner_part");
  insert_many(writer(), "items", 1, 50);
  writer().run("ROLLBACK TO SAVEPOINT inner_part");
  writer().run("INSERT INTO unwanted VALUES (2, 'amid')");
  writer().run("DELETE FROM orders WHERE id <= 20");
  writer().run("COMMIT");
  writer().run("INSERT INTO items VALUES (7, 'behind')");
  read_all();
  const auto first = positioned_rows_of(batches());
  ASSERT_EQ(first.size(), kMany + 21U);
  for (const auto variant : {Variant::kUsual, Variant::kOther}) {
    cut_at(variant == Variant::kOther ? 64 : 8192);
    restart(variant);
    opened();
    read_all();
    auto again = positioned_rows_of(batches());
    std::erase_if(again, [](const auto& row) { return row.find("c unwanted") != row.npos; });
    EXPECT_EQ(again, first);
  }
}

TEST_P(SourceOrder, ATablesShapeIsAnnouncedOnceBeforeItsFirstRow) {
  opened();
  writer().run("INSERT INTO orders VALUES (1, 'one')");
  writer().run("INSERT INTO orders VALUES (2, 'two')");
  writer().run("INSERT INTO items VALUES (3, 'three')");
  read_all();
  const Lines rows_only{"c orders 1 one", "c orders 2 two", "c items 3 three"};
  const Lines announced{"s orders id,note", rows_only[0], rows_only[1], "s items id,note",
                        rows_only[2]};
  EXPECT_EQ(events_of(batches()), announced);
  // The same source, or a new one that is told of it, does not say it again. A source learns from
  // the next poll that what it left in the builder was taken.
  EXPECT_TRUE(step());
  close();
  opened();
  read_all();
  EXPECT_EQ(events_of(batches()), rows_only);
  restart();
  opened();
  read_all();
  EXPECT_EQ(events_of(batches()), rows_only);
  // Only what was announced counts: this source was told of nothing.
  forget_announcements();
  restart();
  opened();
  read_all();
  EXPECT_EQ(events_of(batches()), announced);
}

TEST_P(SourceOrder, AChangedShapeIsAnnouncedBeforeItsFirstRow) {
  opened();
  writer().run("INSERT INTO orders VALUES (1, 'one')");
  read_all();
  const auto start = last_point();
  writer().run("ALTER TABLE orders ADD COLUMN extra text");
  writer().run("INSERT INTO orders VALUES (2, 'two', 'more')");
  read_all();
  const Lines all{"s orders id,note", "c orders 1 one", "s orders id,note,extra",
                  "c orders 2 two more"};
  EXPECT_EQ(events_of(batches()), all);
  // While nobody reads.
  close();
  writer().run("ALTER TABLE orders ADD COLUMN later text");
  writer().run("INSERT INTO orders VALUES (3, 'three', NULL, 'last')");
  restart();
  opened_behind(start);
  read_all();
  EXPECT_EQ(events_of(batches()), (Lines{"c orders 2 two more", "s orders id,note,extra,later",
                                         "c orders 3 three NULL last"}));
  // From the beginning every row comes under the shape of its moment again.
  restart();
  opened();
  read_all();
  EXPECT_EQ(events_of(batches()),
            (Lines{all[0], all[1], all[2], all[3], "s orders id,note,extra,later",
                   "c orders 3 three NULL last"}));
}

TEST_P(SourceOrder, AnAnnouncementThatNobodyTookComesAgain) {
  opened();
  writer().run("INSERT INTO orders VALUES (1, 'one')");
  // Read, but lost with the connection before it was cut.
  wait_until([&] {
    const auto outcome = source().poll(builder(), now() + std::chrono::milliseconds(200));
    EXPECT_TRUE(outcome) << outcome.error().to_text();
    return !outcome || (builder().can_cut() && !builder().take()->events().empty());
  });
  close();
  opened();
  read_all();
  EXPECT_EQ(events_of(batches()), (Lines{"s orders id,note", "c orders 1 one"}));
}

INSTANTIATE_TEST_SUITE_P(Of, SourceOrder, ::testing::ValuesIn(source_entries()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace rowtide::test
