#include "engine/snapshot/stream_pace.h"

#include <algorithm>

namespace rowtide {
namespace {

// What a backfill may add to the way of a change.
constexpr std::int64_t kAllowedDelayUs = 2'000;
constexpr std::chrono::milliseconds kWindow(10);
// Clocks drift and routes change: the quickest is looked for anew.
constexpr std::chrono::seconds kQuickestOf(30);
// A stream that is silent for so long is waited for by nobody.
constexpr std::chrono::milliseconds kSilence(500);
constexpr double kSmallestShare = 0.05;
constexpr double kFall = 0.6;
constexpr double kRise = 0.004;

}  // namespace

void StreamPace::received(std::int64_t delay_us, MonotonicTime now) {
  received_at_.store(now, std::memory_order_relaxed);
  if (!quickest_us_ || now >= quickest_until_) {
    quickest_us_ = quickest_us_ ? quickest_lately_us_ : delay_us;
    quickest_lately_us_ = delay_us;
    quickest_until_ = now + kQuickestOf;
  }
  quickest_lately_us_ = std::min(quickest_lately_us_, delay_us);
  quickest_us_ = std::min(*quickest_us_, delay_us);
  worst_us_ = std::max(worst_us_, delay_us - *quickest_us_);
  if (now >= window_until_) {
    settle(now);
  }
}

void StreamPace::settle(MonotonicTime now) {
  const double before = share_.load(std::memory_order_relaxed);
  const double after = worst_us_ > kAllowedDelayUs ? std::max(kSmallestShare, before * kFall)
                                                   : std::min(1.0, before + kRise);
  share_.store(after, std::memory_order_relaxed);
  worst_us_ = 0;
  window_until_ = now + kWindow;
}

double StreamPace::share(MonotonicTime now) const {
  return now - received_at_.load(std::memory_order_relaxed) > kSilence
             ? 1.0
             : share_.load(std::memory_order_relaxed);
}

}  // namespace rowtide
