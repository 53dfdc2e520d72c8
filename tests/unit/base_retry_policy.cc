#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "engine/pipeline/retry_policy.h"

namespace rowtide {
namespace {

using std::chrono::milliseconds;

// The pauses lie in (3/4 grown, grown].
void expect_near(milliseconds pause, std::int64_t grown_ms) {
  EXPECT_LE(pause.count(), grown_ms);
  EXPECT_GE(pause.count(), grown_ms * 3 / 4);
}

TEST(RetryPolicies, DoubleUpToTheirLimit) {
  RetryPolicy policy({milliseconds(200), milliseconds(30'000)}, 1);
  for (const std::int64_t grown_ms : {200, 400, 800, 1600, 3200, 6400, 12'800, 25'600}) {
    expect_near(policy.next(), grown_ms);
  }
  for (int i = 0; i < 100; ++i) {
    expect_near(policy.next(), 30'000);
  }
  EXPECT_EQ(policy.failures(), 108U);
}

TEST(RetryPolicies, StartOverAfterASuccess) {
  RetryPolicy policy({milliseconds(200), milliseconds(30'000)}, 1);
  for (int i = 0; i < 10; ++i) {
    policy.next();
  }
  policy.succeeded();
  EXPECT_EQ(policy.failures(), 0U);
  expect_near(policy.next(), 200);
  EXPECT_EQ(policy.failures(), 1U);
}

TEST(RetryPolicies, NeverOverflowNorTurnNegative) {
  RetryPolicy policy({milliseconds(std::int64_t{1} << 40), milliseconds(std::int64_t{1} << 50)}, 1);
  for (int i = 0; i < 1000; ++i) {
    const auto pause = policy.next();
    EXPECT_GT(pause.count(), 0);
    EXPECT_LE(pause.count(), std::int64_t{1} << 50);
  }
}

TEST(RetryPolicies, NeverPauseLongerThanTheLimitEvenAtFirst) {
  RetryPolicy policy({milliseconds(500), milliseconds(100)}, 1);
  EXPECT_LE(policy.next(), milliseconds(100));
}

TEST(RetryPolicies, OfDifferentSeedsDoNotComeBackInStep) {
  std::set<std::int64_t> pauses_ms;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    RetryPolicy policy({milliseconds(10'000), milliseconds(10'000)}, seed * 7919);
    // The first numbers of such a generator are alike; what matters is that they part.
    policy.next();
    policy.next();
    pauses_ms.insert(policy.next().count());
  }
  EXPECT_GT(pauses_ms.size(), 20U);
}

TEST(RetryPolicies, AreTheSameForTheSameSeed) {
  RetryPolicy one({milliseconds(200), milliseconds(30'000)}, 42);
  RetryPolicy other({milliseconds(200), milliseconds(30'000)}, 42);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(one.next(), other.next());
  }
}

}  // namespace
}  // namespace rowtide
