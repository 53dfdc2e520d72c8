#pragma once

#include <chrono>
#include <cstdint>

namespace rowtide {

struct RetryLimits {
  std::chrono::milliseconds initial{200};
  std::chrono::milliseconds max{30'000};
};

// Exponential backoff with jitter for one component. One owner, no locks.
class RetryPolicy {
 public:
  RetryPolicy(RetryLimits limits, std::uint64_t seed) : limits_(limits), random_(seed | 1) {}

  // The pause before the next try: doubles from `initial` to `max`, minus up to a quarter at random
  // so that many pipelines do not come back in step.
  std::chrono::milliseconds next() {
    const auto step = std::min<std::uint64_t>(failures_, 16);
    ++failures_;
    const auto grown = limits_.initial.count() << step;
    const auto pause = std::min<std::int64_t>(grown, limits_.max.count());
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    const auto jitter = static_cast<std::int64_t>(random_ % 256) * pause / 1024;
    return std::chrono::milliseconds(pause - jitter);
  }
  void succeeded() { failures_ = 0; }
  std::uint64_t failures() const { return failures_; }

 private:
  RetryLimits limits_;
  std::uint64_t random_;
  std::uint64_t failures_ = 0;
};

}  // namespace rowtide
