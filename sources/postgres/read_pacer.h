#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/clock.h"

namespace rowtide::postgres {

// Decides how long to leave the socket alone between two drains. A walsender sends one segment per
// message to a reader that takes each at once, and spends its CPU there; left alone for a few
// hundred microseconds it fills the socket and sends two to three times the rows. An idle stream
// must not pay for that with latency: what comes alone is read and handed on at once.
class ReadPacer {
 public:
  // A local socket's buffer is charged by the message and full after a few hundred small ones, so a
  // long pause would make its sender wait; TCP joins them.
  explicit ReadPacer(bool local_socket = false)
      : sustained_pause_(local_socket ? kPause : 2 * kPause) {}

  // A drain brought `bytes`.
  void drained(std::size_t bytes, MonotonicTime now) {
    const bool close_together = bytes > 0 && now - last_bytes_ < kCloseTogether;
    busy_drains_ = bytes >= kBusyBytes || close_together ? busy_drains_ + 1 : 0;
    if (bytes > 0) {
      last_bytes_ = now;
    }
    next_read_ = now;
    if (busy_drains_ > 0) {
      next_read_ += sustained() ? sustained_pause_ : kPause;
    }
  }
  // When to read next.
  MonotonicTime next_read() const { return next_read_; }
  // True while a batch that began at `filling_since` gains more by waiting for the next drain than
  // its first row loses.
  bool keep_filling(MonotonicTime filling_since, MonotonicTime now) const {
    return busy_drains_ > 0 && now - filling_since < (sustained() ? kSustainedFill : kFill);
  }

 private:
  static constexpr std::size_t kBusyBytes = 2048;
  static constexpr auto kCloseTogether = std::chrono::microseconds(500);
  static constexpr auto kPause = std::chrono::microseconds(200);
  static constexpr auto kFill = std::chrono::milliseconds(2);
  static constexpr auto kSustainedFill = std::chrono::milliseconds(5);
  // Ten milliseconds or more without a quiet moment: throughput is what counts now.
  static constexpr std::uint32_t kSustainedDrains = 50;

  bool sustained() const { return busy_drains_ >= kSustainedDrains; }

  std::chrono::microseconds sustained_pause_;
  MonotonicTime next_read_{};
  MonotonicTime last_bytes_{};
  std::uint32_t busy_drains_ = 0;
};

}  // namespace rowtide::postgres
