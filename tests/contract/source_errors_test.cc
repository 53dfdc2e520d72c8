// What a source says when it cannot go on.

#include <thread>

#include "tests/contract/source_harness.h"

namespace rowtide::test {
namespace {

class SourceErrors : public SourceContract {
 protected:
  // Reads a row, closes, and gives the point behind it.
  ResumePoint point_behind_a_row() {
    opened();
    writer().run("INSERT INTO orders VALUES (1, 'one')");
    read_all();
    const auto point = last_point();
    durable = point;
    acknowledge_until_confirmed();
    durable.reset();
    close();
    return point;
  }
  static StreamStart owed_behind(const ResumePoint& point) {
    return {.from = point, .highest = point, .owed_from = point, .lowest = point};
  }
  static void expect_needs_operator(const Error& refusal) {
    EXPECT_EQ(refusal.disposition, Disposition::kOperator) << refusal.to_text();
    EXPECT_FALSE(refusal.remedy.empty()) << refusal.to_text();
  }
};

TEST_P(SourceErrors, APositionThatTheServerForgotIsLost) {
  const auto point = point_behind_a_row();
  subject().lose_position();
  const auto refusal = refusal_of(owed_behind(point));
  expect_needs_operator(refusal);
  EXPECT_EQ(refusal.code, Code::kPositionLost);
  // It stays lost: nothing was made in its place, where "now" would skip rows.
  EXPECT_EQ(refusal_of(owed_behind(point)).code, Code::kPositionLost);
  // Told of a lane that is further on only, too.
  EXPECT_EQ(refusal_of({.from = {}, .highest = point, .owed_from = {}, .lowest = point}).code,
            Code::kPositionLost);
  // A pipeline without a position begins anew.
  opened();
  writer().run("INSERT INTO orders VALUES (2, 'two')");
  read_all();
  EXPECT_EQ(rows(), Lines{"c orders 2 two"});
}

TEST_P(SourceErrors, SomethingElseInThePlaceOfThePositionIsRefused) {
  const auto point = point_behind_a_row();
  subject().misuse_position();
  expect_needs_operator(refusal_of(owed_behind(point)));
  expect_needs_operator(refusal_of({}));
}

TEST_P(SourceErrors, OwedRowsThatTheServerGaveUpAreAPositionLost) {
  if (!GetParam().server_is_told) {
    GTEST_SKIP() << "the server keeps no position that could be moved";
  }
  const auto point = point_behind_a_row();
  writer().run("INSERT INTO orders VALUES (2, 'skipped')");
  subject().skip_position();
  ASSERT_GT(subject().confirmed(), subject().confirmed_by(point));
  const auto refusal = refusal_of(owed_behind(point));
  expect_needs_operator(refusal);
  EXPECT_EQ(refusal.code, Code::kPositionLost);
  // Where nobody can tell what is owed, the stream goes on.
  opened_behind(point);
  writer().run("INSERT INTO orders VALUES (3, 'three')");
  read_all();
  EXPECT_EQ(rows(), Lines{"c orders 3 three"});
}

TEST_P(SourceErrors, AMalformedTokenIsRefused) {
  const auto point = point_behind_a_row();
  for (const auto* token : {"", "nonsense", "1:2", ":::"}) {
    expect_needs_operator(
        refusal_of({.from = ResumePoint{point.position, token}, .highest = {}, .owed_from = {}}));
  }
  opened_behind(point);
}

TEST_P(SourceErrors, AServerThatIsGoneIsTriedAgain) {
  const auto point = point_behind_a_row();
  opened_behind(point);
  subject().crash_server();
  const auto broken = read_until_error();
  EXPECT_EQ(broken.disposition, Disposition::kRetry) << broken.to_text();
  close();
  const auto down = source().open(owed_behind(point));
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().disposition, Disposition::kRetry) << down.error().to_text();
  EXPECT_FALSE(source().status().connected);
  subject().start_server();
  reconnect_writer();
  opened_at(owed_behind(point));
  writer().run("INSERT INTO orders VALUES (2, 'two')");
  read_all();
  EXPECT_EQ(rows(), Lines{"c orders 2 two"});
}

// A server may wait with its shutdown until everything is confirmed, which may never come.
TEST_P(SourceErrors, AServerThatShutsDownIsLetGo) {
  opened();
  for (int id = 0; id < 5; ++id) {
    insert_many(writer(), "orders", id * 2000, 2000);
  }
  std::thread stopping([&] { subject().shut_server_down(); });
  std::optional<Error> error;
  if (GetParam().server_is_told) {
    wait_until([&] {
      const auto acknowledged = source().acknowledge(std::nullopt);
      error = acknowledged ? std::nullopt : std::optional(acknowledged.error());
      return error.has_value();
    });
  } else {
    error = read_until_error();
  }
  close();
  stopping.join();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->disposition, Disposition::kRetry) << error->to_text();
  subject().start_server();
  reconnect_writer();
  opened();
  read_all();
  EXPECT_EQ(rows().size(), 10'000U);
}

INSTANTIATE_TEST_SUITE_P(Of, SourceErrors, ::testing::ValuesIn(source_entries()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace rowtide::test
