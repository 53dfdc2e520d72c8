// When poll returns, what an acknowledgement moves, and how the connection is kept alive.

#include <atomic>
#include <thread>

#include "tests/contract/source_harness.h"

namespace rowtide::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kSilence(2000);

class SourceFlow : public SourceContract {
 protected:
  // One insert into orders, cut on its own.
  ResumePoint one_row(int id) {
    writer().run("INSERT INTO orders VALUES (" + std::to_string(id) + ", 'one')");
    const auto before = rows().size();
    read_until([&] { return rows().size() > before; });
    return batches().empty() ? ResumePoint() : last_point();
  }
  // The server heard of us twice: whatever we said before has arrived.
  void be_heard() {
    for (int i = 0; i < 2; ++i) {
      const auto before = subject().last_heard_us();
      acknowledge_until([&] { return subject().last_heard_us() > before; });
    }
  }
  void acknowledge_until_confirmed(const ResumePoint& point) {
    durable = point;
    const auto wanted = subject().confirmed_by(point);
    acknowledge_until([&] { return subject().confirmed() >= wanted; });
    EXPECT_EQ(subject().confirmed(), wanted);
  }
};

TEST_P(SourceFlow, PollOnAnIdleStreamEndsAtItsDeadline) {
  opened();
  read_all();
  int idle = 0;
  read_until([&] {
    const auto start = now();
    const auto until = start + milliseconds(50);
    const auto outcome = source().poll(builder(), until);
    EXPECT_TRUE(outcome) << outcome.error().to_text();
    EXPECT_LT(now() - start, seconds(20)) << "a bound for a hung poll, not for a slow one";
    if (outcome && *outcome == PollOutcome::kIdle) {
      EXPECT_GE(now(), until);
      ++idle;
    }
    return !outcome || idle >= 3;
  });
}

TEST_P(SourceFlow, PollWithADeadlineThatHasPassedStillReads) {
  opened();
  writer().run("INSERT INTO orders VALUES (1, 'one')");
  wait_until([&] {
    const auto outcome = source().poll(builder(), now());
    EXPECT_TRUE(outcome) << outcome.error().to_text();
    EXPECT_TRUE(builder().empty() || builder().can_cut());
    return !outcome || (builder().can_cut() && !builder().take()->events().empty());
  });
}

TEST_P(SourceFlow, AFullBuilderTakesNoMore) {
  cut_at(10);
  opened();
  writer().run("BEGIN");
  insert_many(writer(), "orders", 1, 2000);
  writer().run("COMMIT");
  const auto outcome_of = [&] { return source().poll(builder(), now() + milliseconds(200)); };
  wait_until([&] {
    const auto outcome = outcome_of();
    EXPECT_TRUE(outcome) << outcome.error().to_text();
    return !outcome || builder().full();
  });
  const auto rows_before = builder().rows_in_transaction();
  for (int i = 0; i < 3; ++i) {
    const auto outcome = outcome_of();
    ASSERT_TRUE(outcome) << outcome.error().to_text();
    EXPECT_EQ(*outcome, PollOutcome::kMore);
    EXPECT_EQ(builder().rows_in_transaction(), rows_before);
  }
  read_all();
  EXPECT_EQ(rows().size(), 2000U);
}

TEST_P(SourceFlow, AcknowledgeMovesTheServerExactlyToWhatItIsGiven) {
  if (!GetParam().server_is_told) {
    GTEST_SKIP() << "the server is told nothing of what is durable";
  }
  subject().cut_off_after(kSilence);
  opened();
  be_heard();
  const auto before = subject().confirmed();
  const auto first = one_row(1);
  const auto second = one_row(2);
  const auto third = one_row(3);
  ASSERT_LT(first.position, second.position);
  ASSERT_LT(second.position, third.position);
  be_heard();
  EXPECT_EQ(subject().confirmed(), before) << "nothing was given to it yet";
  acknowledge_until_confirmed(first);
  be_heard();
  EXPECT_EQ(subject().confirmed(), subject().confirmed_by(first));
  acknowledge_until_confirmed(second);
  // An older point, and none, take nothing back.
  durable = first;
  be_heard();
  EXPECT_EQ(subject().confirmed(), subject().confirmed_by(second));
  durable.reset();
  be_heard();
  EXPECT_EQ(subject().confirmed(), subject().confirmed_by(second));
  acknowledge_until_confirmed(third);
}

TEST_P(SourceFlow, InsideATransactionOnlyWhatLiesBeforeItIsConfirmed) {
  if (!GetParam().server_is_told) {
    GTEST_SKIP() << "the server is told nothing of what is durable";
  }
  subject().cut_off_after(kSilence);
  cut_at(100);
  opened();
  const auto before = one_row(1);
  writer().run("BEGIN");
  insert_many(writer(), "items", 1, 2000);
  writer().run("COMMIT");
  read_until([&] { return rows().size() > 500; });
  durable = last_point();
  ASSERT_FALSE(durable->position.is_whole());
  be_heard();
  EXPECT_EQ(subject().confirmed(), subject().confirmed_by(*durable));
  EXPECT_GE(subject().confirmed(), subject().confirmed_by(before));
  // The server still has the rest of it.
  const auto from = *durable;
  const auto rest = 2001 - rows().size();
  restart();
  opened_behind(from);
  read_all();
  EXPECT_EQ(rows().size(), rest);
}

TEST_P(SourceFlow, AnIdleStreamLetsTheServerForgetItsLog) {
  if (!GetParam().server_is_told) {
    GTEST_SKIP() << "the server forgets its log by its own settings";
  }
  subject().cut_off_after(kSilence);  // both sides speak often
  opened();
  read_all();
  for (int round = 0; round < 2; ++round) {
    insert_many(writer(), "elsewhere", 1 + round * 500, 500);
    const auto end = subject().log_end();
    ASSERT_LT(subject().confirmed(), end);
    read_until([&] {
      durable = last_point();
      return subject().confirmed() >= end;
    });
  }
  EXPECT_EQ(rows(), Lines());
}

TEST_P(SourceFlow, AcknowledgingKeepsTheConnectionWhileNothingIsRead) {
  if (!GetParam().server_is_told) {
    GTEST_SKIP() << "the server hears nothing of its readers";
  }
  subject().cut_off_after(kSilence);
  opened();
  // More than a socket holds, so that the server is in the middle of sending.
  for (int id = 0; id < 10; ++id) {
    insert_many(writer(), "orders", id * 2000, 2000);
  }
  const auto connection = subject().connection();
  be_heard();
  const auto start_us = subject().last_heard_us();
  const auto long_enough_us = std::chrono::microseconds(2 * kSilence + kSilence / 2).count();
  acknowledge_until([&] { return subject().last_heard_us() - start_us > long_enough_us; });
  EXPECT_EQ(subject().connection(), connection);
  read_all();
  EXPECT_EQ(rows().size(), 20'000U);
  EXPECT_EQ(subject().connection(), connection);
}

TEST_P(SourceFlow, StatusAnswersFromAnotherThread) {
  std::atomic<int> answers = 0;
  std::jthread asking([&](const std::stop_token& stopping) {
    while (!stopping.stop_requested()) {
      const auto status = source().status();
      answers += status.notices.size() <= 16 ? 1 : 0;
      std::this_thread::yield();
    }
  });
  opened();
  writer().run("BEGIN");
  insert_many_and_see_them_sent(1, 2000);
  writer().run("COMMIT");
  read_all();
  const auto connected = source().status();
  EXPECT_TRUE(connected.connected);
  EXPECT_FALSE(connected.server.empty());
  EXPECT_FALSE(connected.position_text.empty());
  close();
  EXPECT_FALSE(source().status().connected);
  asking.request_stop();
  asking.join();
  EXPECT_GT(answers.load(), 0);
}

INSTANTIATE_TEST_SUITE_P(Of, SourceFlow, ::testing::ValuesIn(source_entries()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace rowtide::test
