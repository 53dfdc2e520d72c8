// A source that is busy with others is left alone.

#include <atomic>

#include <gtest/gtest.h>

#include "tests/unit/snapshot_fixture.h"

namespace rowtide::test {
namespace {

class BackfillLoad : public BackfillRunnerTest {
 protected:
  BackfillLoad() {
    settings.max_load = 8;
    settings.chunk_rows = 2;
    shop.add_table("orders", 20);
    shop.on_load = [this]() -> Result<std::uint64_t> {
      ++measured_;
      if (refused_) {
        return fail(operator_error(Code::kPermission, "may not look", "GRANT it"));
      }
      return active_.load();
    };
  }

  bool waits_for(const std::string& words) {
    return runs_until([&] {
      const auto error = status().last_error;
      return error && error->message == words;
    });
  }

  std::atomic<std::uint64_t> active_{0};
  std::atomic<int> measured_{0};
  std::atomic<bool> refused_{false};
};

TEST_F(BackfillLoad, HoldsChunksWhileMoreSessionsAreActive) {
  active_ = 12;
  start();
  ASSERT_TRUE(waits_for("waits: 12 active sessions, max_load is 8"));
  EXPECT_EQ(status().state, BackfillState::kRunning);
  EXPECT_EQ(shop.chunk_count(), 0U);
  // The stream goes on.
  insert("orders", 100, "meanwhile");
  deliver_stream();
  EXPECT_EQ(lanes["lake"].tables["orders"].size(), 1U);
  // As many as the limit are not too many. What was measured counts for a second.
  active_ = 8;
  EXPECT_EQ(shop.chunk_count(), 0U);
  fake.clock.advance(std::chrono::seconds(1));
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_FALSE(status().last_error);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillLoad, AsksOnceASecondAtMost) {
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_GE(shop.chunk_count(), 10U);
  EXPECT_EQ(measured_, 1);
}

TEST_F(BackfillLoad, HoldsInTheMiddle) {
  settings.workers = 1;
  shop.on_open = [this](const ChunkRequest&) -> Result<void> {
    fake.clock.advance(std::chrono::milliseconds(600));
    active_ = 9;
    return {};
  };
  start();
  ASSERT_TRUE(waits_for("waits: 9 active sessions, max_load is 8"));
  // The second begins while what was measured before the first still counts.
  EXPECT_EQ(shop.chunk_count(), 2U);
  for (int look = 0; look < 3; ++look) {
    fake.clock.advance(std::chrono::seconds(1));
    ASSERT_TRUE(runs_until([&, before = measured_.load()] { return measured_ > before; }));
  }
  EXPECT_EQ(shop.chunk_count(), 2U);
}

TEST_F(BackfillLoad, IsNotAskedForWithoutALimit) {
  settings.max_load = 0;
  active_ = 1000;
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(measured_, 0);
}

TEST_F(BackfillLoad, FailsWhereItMayNotLook) {
  refused_ = true;
  start();
  ASSERT_TRUE(runs_until([&] { return status().state == BackfillState::kFailed; }));
  EXPECT_EQ(status().last_error->message, "may not look");
  EXPECT_EQ(shop.chunk_count(), 0U);
  refused_ = false;
  ASSERT_TRUE(runner->act("shop-1", BackfillControl::Action::kResume));
  ASSERT_TRUE(runs_to_the_end());
}

}  // namespace
}  // namespace rowtide::test
