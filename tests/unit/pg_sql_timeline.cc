#include <gtest/gtest.h>

#include "sources/postgres/timeline.h"

namespace rowtide::postgres {
namespace {

constexpr const char* kHistory =
    "1\t0/3000000\tno recovery target specified\n\n2\t0/5000000\tno recovery target specified\n";

StreamIdentity at(std::uint32_t timeline, std::uint64_t lsn, const char* system = "700") {
  return {system, timeline, lsn};
}

TEST(Timeline, GoesOnWhereTheServerIsTheSame) {
  EXPECT_TRUE(decide_timeline(at(1, 0x100), at(1, 0x100), "", false));
  EXPECT_TRUE(decide_timeline(at(1, 0x100), at(1, 0x200), "", false));
}

TEST(Timeline, GoesOnAfterAFailoverWhenNothingBeyondTheForkWasDelivered) {
  EXPECT_TRUE(decide_timeline(at(1, 0x3000000), at(3, 0x6000000), kHistory, false));
  EXPECT_TRUE(decide_timeline(at(2, 0x4FFFFFF), at(3, 0x6000000), kHistory, false));
}

TEST(Timeline, StopsAtPhantomTransactions) {
  const auto result = decide_timeline(at(1, 0x3000001), at(3, 0x6000000), kHistory, false);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kPositionLost);
  EXPECT_EQ(result.error().disposition, Disposition::kOperator);
  EXPECT_NE(result.error().message.find("phantom transactions"), std::string::npos);
  EXPECT_FALSE(result.error().remedy.empty());
}

TEST(Timeline, StopsWhenTheHistoryDoesNotKnowOurTimeline) {
  EXPECT_FALSE(decide_timeline(at(2, 0x10), at(3, 0x6000000), "1\t0/3000000\tx\n", false));
  EXPECT_FALSE(decide_timeline(at(1, 0x10), at(2, 0x6000000), "", false));
  EXPECT_FALSE(decide_timeline(at(1, 0x10), at(2, 0x6000000), "1\tnonsense\n1", false));
}

TEST(Timeline, StopsAtAnotherClusterAndAtAFormerPrimary) {
  EXPECT_FALSE(decide_timeline(at(1, 0x10), at(1, 0x20, "701"), "", false));
  EXPECT_FALSE(decide_timeline(at(2, 0x10), at(1, 0x20), "", false));
}

TEST(Timeline, StopsWhenAPrimaryEndsBeforeOurPositionAndWaitsForAStandby) {
  const auto primary = decide_timeline(at(1, 0x200), at(1, 0x100), "", false);
  ASSERT_FALSE(primary);
  EXPECT_EQ(primary.error().code, Code::kPositionLost);
  const auto standby = decide_timeline(at(1, 0x200), at(1, 0x100), "", true);
  ASSERT_FALSE(standby);
  EXPECT_EQ(standby.error().disposition, Disposition::kRetry);
}

}  // namespace
}  // namespace rowtide::postgres
