#include <chrono>

#include <gtest/gtest.h>

#include "engine/snapshot/stream_pace.h"

namespace rowtide {
namespace {

using std::chrono::milliseconds;

// A stream of one transaction each millisecond, received so long after its commit.
class StreamPaceTest : public testing::Test {
 protected:
  void receive(int transactions, std::int64_t delay_us) {
    for (int i = 0; i < transactions; ++i) {
      now_ += milliseconds(1);
      pace_.received(delay_us, now_);
    }
  }
  double share() const { return pace_.share(now_); }

  StreamPace pace_;
  MonotonicTime now_{std::chrono::hours(1)};
};

TEST_F(StreamPaceTest, AStreamThatNeverSpokeLeavesTheWholeTime) {
  EXPECT_EQ(share(), 1);
}

TEST_F(StreamPaceTest, AnEvenStreamLeavesTheWholeTimeWhateverTheClocksSay) {
  receive(200, -3'600'000'000);
  EXPECT_EQ(share(), 1);
  receive(200, -3'600'000'000 + 900);
  EXPECT_EQ(share(), 1);
}

TEST_F(StreamPaceTest, AStreamThatIsHeldUpTakesItsTimeBackQuickly) {
  receive(20, 500);
  receive(100, 8'000);
  EXPECT_LT(share(), 0.1);
  EXPECT_GT(share(), 0);
}

TEST_F(StreamPaceTest, ASingleLateTransactionOfAWindowCounts) {
  receive(20, 500);
  receive(1, 30'000);
  receive(20, 500);
  EXPECT_LT(share(), 0.7);
}

TEST_F(StreamPaceTest, TheShareRisesSlowlyAgain) {
  receive(20, 500);
  receive(100, 8'000);
  const double low = share();
  receive(1'000, 500);
  EXPECT_GT(share(), low + 0.2);
  EXPECT_LT(share(), 0.6);
  receive(10'000, 500);
  EXPECT_EQ(share(), 1);
}

TEST_F(StreamPaceTest, AStreamThatFallsSilentGivesTheWholeTimeBack) {
  receive(20, 500);
  receive(100, 8'000);
  now_ += milliseconds(400);
  EXPECT_LT(share(), 0.1);
  now_ += milliseconds(200);
  EXPECT_EQ(share(), 1);
}

TEST_F(StreamPaceTest, ADelayThatStaysIsTheNewMeasureAfterAWhile) {
  receive(20, 500);
  receive(70'000, 8'000);
  EXPECT_EQ(share(), 1);
}

}  // namespace
}  // namespace rowtide
