// A process is killed at each of the sink's failpoints, at each time it is reached; the next one
// must bring the directory back to whole transactions and go on without a loss or a repeat.

#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/jsonl_fixture.h"

namespace rowtide::test {
namespace {

std::vector<BatchPtr> batches() {
  TestBatches source;
  std::vector<BatchPtr> made;
  for (int i = 1; i <= 6; ++i) {
    source.begin().orders_row(i).orders_row(100 + i);
    made.push_back(source.take());
    made.push_back(source.orders_row(200 + i).commit().take());
  }
  return made;
}

class JsonlKill : public JsonlTest, public ::testing::WithParamInterface<Failpoint> {
 protected:
  JsonlKill() { config_.rotate_bytes = 1000; }

  // Delivers everything behind the marker, one flush per batch.
  bool deliver(std::uint64_t epoch) {
    const auto marker = open(epoch);
    if (!marker) {
      return false;
    }
    for (const auto& batch : batches()) {
      if (*marker && batch->last_position() <= (*marker)->position) {
        continue;
      }
      const auto behind = *marker ? std::optional((*marker)->position) : std::nullopt;
      if (!sink_->submit(filtered(batch, behind, nullptr), clock_.time) ||
          !sink_->flush(clock_.time)) {
        return false;
      }
    }
    return true;
  }

  // Whether the child was killed by the failpoint.
  bool deliver_in_a_child_killed_at(std::uint64_t nth) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto spec = std::string(to_string(GetParam())) + ":" + std::to_string(nth);
      const bool armed = failpoints_.arm(spec).has_value();
      ::_exit(armed && deliver(nth) ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
};

TEST_P(JsonlKill, LeavesNothingThatRecoveryDoesNotMend) {
  std::vector<std::string> expected;
  for (const auto& batch : batches()) {
    for (const auto& event : batch->events()) {
      expected.push_back(to_text(batch->position_of(event)));
    }
  }
  std::uint64_t nth = 1;
  for (; deliver_in_a_child_killed_at(nth); ++nth) {
    ASSERT_TRUE(open(1000 + nth));
    const auto marker = open(1000 + nth).value();
    const auto held = positions_in(config_.path);
    ASSERT_TRUE(std::equal(held.begin(), held.end(), expected.begin()));
    EXPECT_EQ(held.size() % 3, 0U) << "part of a transaction survived";
    EXPECT_EQ(held.size() / 3 * 100, marker ? marker->position.commit : 0);
    ASSERT_TRUE(deliver(1000 + nth));
    EXPECT_EQ(positions_in(config_.path), expected);
    sink_.reset();
    std::filesystem::remove_all(config_.path);
  }
  EXPECT_GT(nth, 6U) << "the failpoint was hardly ever reached";
}

INSTANTIATE_TEST_SUITE_P(At, JsonlKill,
                         ::testing::Values(Failpoint::kSinkMidWrite, Failpoint::kSinkBeforeCommit,
                                           Failpoint::kSinkAfterCommit),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

}  // namespace
}  // namespace rowtide::test
