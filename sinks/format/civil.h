#pragma once

#include <cstdint>

namespace rowtide {

inline constexpr std::int64_t kMicrosecondsPerDay = 86'400'000'000;

struct SplitTimestamp {
  std::int64_t days = 0;
  std::int64_t time_us = 0;  // 0 up to a day, also before 1970
};

constexpr SplitTimestamp split_timestamp(std::int64_t microseconds) noexcept {
  std::int64_t days = microseconds / kMicrosecondsPerDay;
  std::int64_t time_us = microseconds % kMicrosecondsPerDay;
  if (time_us < 0) {
    time_us += kMicrosecondsPerDay;
    --days;
  }
  return {days, time_us};
}

}  // namespace rowtide
