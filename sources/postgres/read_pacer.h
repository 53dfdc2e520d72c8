#pragma once

#include <chrono>
#include <cstddef>

#include "engine/base/clock.h"

namespace rowtide::postgres {

// Decides how long to leave the socket alone between two drains. A walsender sends one segment per
// message to a reader that takes each at once, and spends its CPU there; left alone for a few
// hundred microseconds it fills the socket and sends two to three times the rows. An idle stream
// must not pay for that with latency: what comes alone is read and handed on at once.
class ReadPacer {
 public:
  // A drain brought `bytes`.
  void drained(std::size_t bytes, MonotonicTime now) {
    const bool close_together = bytes > 0 && now - last_bytes_ < kCloseTogether;
    busy_ = bytes >= kBusyBytes || close_together;
    if (bytes > 0) {
      last_bytes_ = now;
    }
    next_read_ = busy_ ? now + kPause : now;
  }
  // When to read next.
  MonotonicTime next_read() const { return next_read_; }
  // True while a batch that began at `filling_since` gains more by waiting for the next drain than
  // its first row loses.
  bool keep_filling(MonotonicTime filling_since, MonotonicTime now) const {
    return busy_ && now - filling_since < kFillTime;
  }

 private:
  static constexpr std::size_t kBusyBytes = 2048;
  static constexpr auto kCloseTogether = std::chrono::microseconds(500);
  static constexpr auto kPause = std::chrono::microseconds(200);
  static constexpr auto kFillTime = std::chrono::milliseconds(2);

  MonotonicTime next_read_{};
  MonotonicTime last_bytes_{};
  bool busy_ = false;
};

}  // namespace rowtide::postgres
