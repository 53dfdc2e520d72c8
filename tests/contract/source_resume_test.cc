// Going on behind a resume point: whatever happened, nothing is lost and nothing comes twice.

#include <algorithm>

#include "tests/contract/source_harness.h"

namespace rowtide::test {
namespace {

constexpr int kMany = 2000;
constexpr std::size_t kCut = 150;

class SourceResume : public SourceContract {
 protected:
  // Two small transactions, a large one between them, one with a part rolled back, in many cuts.
  void write_some() {
    writer().run("INSERT INTO orders VALUES (1, 'small')");
    writer().run("BEGIN");
    insert_many(writer(), "items", 1, kMany);
    writer().run("SAVEPOINT inner_part");
    insert_many(writer(), "orders", 10, 20);
    writer().run("ROLLBACK TO SAVEPOINT inner_part");
    writer().run("UPDATE items SET note = 'new' WHERE id <= 10");
    writer().run("COMMIT");
    writer().run("INSERT INTO orders VALUES (2, 'small')");
  }
  // What write_some() wrote, as rows() shows it.
  static Lines some_rows() {
    Lines all{"c orders 1 small"};
    for (int id = 1; id <= kMany; ++id) {
      const auto number = std::to_string(id);
      all.push_back("c items " + number + " " +
                    ("note " + number + " xxxxxxxxxxxxxxxxxxx").substr(0, 24));
    }
    for (int id = 1; id <= 10; ++id) {
      all.push_back("u items " + std::to_string(id) + " new");
    }
    all.emplace_back("c orders 2 small");
    return all;
  }
  // Steps until so many rows were cut.
  void read_rows(std::size_t count) {
    read_until([&] { return rows().size() >= count; });
  }
  bool some_cut_is_inside_a_transaction() const {
    return std::ranges::any_of(batches(), [](const auto& b) { return !b->ends_on_commit(); });
  }
};

TEST_P(SourceResume, EveryCutCanBeResumedBehindAlsoInsideATransaction) {
  cut_at(kCut);
  opened();
  write_some();
  read_all();
  const auto sent = batches();
  ASSERT_EQ(rows(), some_rows());
  ASSERT_TRUE(some_cut_is_inside_a_transaction());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    // Now as after an error, now as after a restart, now with other settings.
    if (i % 3 == 0) {
      close();
    } else {
      restart(i % 3 == 1 ? Variant::kUsual : Variant::kOther);
    }
    opened_behind(sent[i]->resume_point());
    read_all();
    auto again = positioned_rows_of(batches());
    std::erase_if(again, [](const auto& row) { return row.find("c unwanted") != row.npos; });
    ASSERT_EQ(again, positioned_rows_of(behind(sent, i + 1))) << "behind cut " << i;
  }
}

TEST_P(SourceResume, GoingOnCutByCutEndsInTheSameRows) {
  cut_at(kCut);
  opened();
  write_some();
  Lines all;
  std::optional<ResumePoint> last;
  // Each stream gives a few cuts, then the connection is closed and what is not cut is dropped.
  while (all.empty() || all.back() != "c orders 2 small") {
    read_until([&] {
      return batches().size() >= 3 || (!rows().empty() && rows().back() == "c orders 2 small");
    });
    ASSERT_FALSE(HasFatalFailure());
    const auto part = rows();
    all.insert(all.end(), part.begin(), part.end());
    last = last_point();
    close();
    opened_behind(*last);
  }
  EXPECT_EQ(all, some_rows());
}

TEST_P(SourceResume, WhatAnotherLaneHasAlreadyMayLieFurtherOn) {
  cut_at(kCut);
  opened();
  write_some();
  read_all();
  const auto sent = batches();
  const auto from = sent[sent.size() / 3]->resume_point();
  const auto highest = last_point();
  restart();
  opened_at({.from = from, .highest = highest, .owed_from = from, .lowest = from});
  // The other lane's rows are stored, but this stream has not passed them yet.
  durable = highest;
  const auto told = GetParam().server_is_told;
  const auto heard = told ? subject().last_heard_us() : 0;
  EXPECT_TRUE(source().acknowledge(durable));
  if (told) {
    wait_until([&] { return subject().last_heard_us() > heard; });
    EXPECT_LT(subject().confirmed(), subject().confirmed_by(highest));
  }
  read_all();
  EXPECT_EQ(positioned_rows_of(batches()), positioned_rows_of(behind(sent, sent.size() / 3 + 1)));
  acknowledge_until_confirmed();
}

TEST_P(SourceResume, ALaneWithoutAPositionTakesNoRowsFromTheOthers) {
  opened();
  writer().run("INSERT INTO orders VALUES (1, 'one')");
  read_all();
  const auto point = last_point();
  restart(Variant::kLatest);
  writer().run("INSERT INTO orders VALUES (2, 'owed')");
  opened_at({.from = {}, .highest = point, .owed_from = point, .lowest = point});
  read_all();
  ASSERT_FALSE(rows().empty());
  EXPECT_EQ(rows().back(), "c orders 2 owed");
  // Nor when nobody can tell whether something is owed.
  writer().run("INSERT INTO orders VALUES (3, 'three')");
  opened_at({.from = {}, .highest = point, .owed_from = {}, .lowest = point});
  read_all();
  EXPECT_EQ(behind(rows(), rows().size() - 2), (Lines{"c orders 2 owed", "c orders 3 three"}));
}

TEST_P(SourceResume, AKilledConnectionLosesAndRepeatsNothing) {
  cut_at(kCut);
  opened();
  write_some();
  read_rows(600);
  ASSERT_TRUE(some_cut_is_inside_a_transaction());
  auto all = rows();
  const auto last = last_point();
  const auto taken = batches().size();
  subject().kill_connection();
  writer().run("INSERT INTO orders VALUES (3, 'while away')");
  const auto error = read_until_error();
  EXPECT_EQ(error.disposition, Disposition::kRetry) << error.to_text();
  // What was on its way already counts, too.
  const auto late = rows_of(behind(batches(), taken));
  all.insert(all.end(), late.begin(), late.end());
  const auto from = last_point();
  EXPECT_GE(from.position, last.position);
  close();
  opened_behind(from);
  read_all();
  const auto rest = rows();
  all.insert(all.end(), rest.begin(), rest.end());
  auto expected = some_rows();
  expected.emplace_back("c orders 3 while away");
  EXPECT_EQ(all, expected);
}

TEST_P(SourceResume, ACrashOfTheServerLosesAndRepeatsNothing) {
  cut_at(kCut);
  opened();
  write_some();
  read_rows(600);
  durable = batches().front()->resume_point();
  acknowledge_until_confirmed();
  subject().crash_server();
  const auto error = read_until_error();
  EXPECT_EQ(error.disposition, Disposition::kRetry) << error.to_text();
  auto all = rows();
  const auto from = last_point();
  close();
  subject().start_server();
  reconnect_writer();
  writer().run("INSERT INTO orders VALUES (3, 'after the crash')");
  opened_behind(from);
  read_all();
  const auto rest = rows();
  all.insert(all.end(), rest.begin(), rest.end());
  auto expected = some_rows();
  expected.emplace_back("c orders 3 after the crash");
  EXPECT_EQ(all, expected);
}

TEST_P(SourceResume, APositionThatMovedWithoutRowsCanBeResumedBehind) {
  subject().cut_off_after(std::chrono::seconds(2));  // both sides speak often
  opened();
  writer().run("INSERT INTO orders VALUES (1, 'before')");
  read_all();
  const auto last_row = last_point();
  insert_many(writer(), "elsewhere", 1, 200);
  const auto end = subject().log_end();
  read_until([&] { return subject().confirmed_by(last_point()) >= end; });
  const auto idle = last_point();
  EXPECT_GT(idle.position, last_row.position);
  EXPECT_TRUE(idle.position.is_whole());
  EXPECT_TRUE(batches().back()->events().empty());
  EXPECT_EQ(rows(), Lines{"c orders 1 before"});
  writer().run("INSERT INTO orders VALUES (2, 'behind')");
  restart();
  opened_behind(idle);
  read_all();
  EXPECT_EQ(rows(), Lines{"c orders 2 behind"});
}

TEST_P(SourceResume, ClosingTwiceIsNothingAndOpenWorksBehindIt) {
  source().close();
  source().close();
  opened();
  writer().run("INSERT INTO orders VALUES (1, 'one')");
  read_all();
  const auto from = last_point();
  close();
  close();
  EXPECT_FALSE(source().status().connected);
  EXPECT_TRUE(source().acknowledge(from)) << "there is nobody to tell, which is no error";
  opened_behind(from);
  EXPECT_TRUE(source().status().connected);
  // Without a close between them as well.
  opened_behind(from);
  writer().run("INSERT INTO orders VALUES (2, 'two')");
  read_all();
  EXPECT_EQ(rows(), Lines{"c orders 2 two"});
}

INSTANTIATE_TEST_SUITE_P(Of, SourceResume, ::testing::ValuesIn(source_entries()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace rowtide::test
