#pragma once

#include <chrono>
#include <cstdint>

namespace rowtide {

using MonotonicTime = std::chrono::steady_clock::time_point;
// The moment until which a call may wait, never longer.
using Deadline = MonotonicTime;

// Time enters every component through this. Implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime now() const noexcept = 0;
  // Microseconds since 1970-01-01 UTC. For display and lag; the only order that hangs on it
  // is that of epochs whose store was lost.
  virtual std::int64_t wall_us() const noexcept = 0;
};

class SystemClock final : public Clock {
 public:
  MonotonicTime now() const noexcept override { return std::chrono::steady_clock::now(); }
  std::int64_t wall_us() const noexcept override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace rowtide
