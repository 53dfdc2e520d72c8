#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/clock.h"

namespace rowtide::postgres {

// What lies between the walsender and us.
enum class Transport : std::uint8_t { kUnixSocket, kLoopback, kNetwork };

// Decides how long to leave the socket alone between two drains. A walsender sends one segment per
// message to a reader that takes each at once, and spends its CPU there; left alone for a few
// hundred microseconds it fills the socket and sends two to three times the rows. An idle stream
// must not pay for that with latency: what comes alone is read and handed on at once.
class ReadPacer {
 public:
  explicit ReadPacer(Transport transport = Transport::kNetwork) : transport_(transport) {}

  // A drain brought `bytes`.
  void drained(std::size_t bytes, MonotonicTime now) {
    const auto since_last = std::max<MonotonicTime::duration>(now - last_bytes_, kShortestGap);
    const bool close_together = bytes > 0 && since_last < kCloseTogether;
    busy_drains_ = bytes >= kBusyBytes || close_together ? busy_drains_ + 1 : 0;
    if (bytes > 0) {
      const std::chrono::duration<double, std::milli> gap_ms = since_last;
      bytes_per_ms_ += (static_cast<double>(bytes) / gap_ms.count() - bytes_per_ms_) / kSmoothing;
      last_bytes_ = now;
    }
    next_read_ = now + pause();
  }
  // When to read next.
  MonotonicTime next_read() const { return next_read_; }
  // True while a batch that began at `filling_since` gains more by waiting for the next drain than
  // its first row loses.
  bool keep_filling(MonotonicTime filling_since, MonotonicTime now) const {
    return busy_drains_ > 0 && now - filling_since < fill();
  }

 private:
  static constexpr std::size_t kBusyBytes = 2048;
  static constexpr auto kShortestGap = std::chrono::microseconds(1);
  static constexpr auto kCloseTogether = std::chrono::microseconds(500);
  static constexpr auto kPause = std::chrono::microseconds(200);
  static constexpr auto kFill = std::chrono::milliseconds(2);
  // Ten milliseconds or more without a quiet moment: throughput is what counts now.
  static constexpr std::uint32_t kSustainedDrains = 50;
  static constexpr auto kSustainedPause = std::chrono::microseconds(400);
  static constexpr auto kSustainedFill = std::chrono::milliseconds(5);
  // Over loopback a closed window (see ReplicationConnection) makes the walsender's kernel join
  // messages at no cost. So a stream that catches up is left alone until several windows are
  // waiting, of which only the first came message by message; not so long that the walsender's own
  // buffer fills and it waits for us.
  static constexpr double kCatchUpBytesPerMs = 8000;
  static constexpr double kCatchUpDrainBytes = 300'000;
  static constexpr double kShortestCatchUpPauseMs = 5;
  static constexpr double kLongestCatchUpPauseMs = 20;
  static constexpr auto kCatchUpFill = std::chrono::milliseconds(25);
  static constexpr double kSmoothing = 16;

  bool sustained() const { return busy_drains_ >= kSustainedDrains; }
  bool catching_up() const {
    return sustained() && transport_ == Transport::kLoopback && bytes_per_ms_ >= kCatchUpBytesPerMs;
  }
  MonotonicTime::duration pause() const {
    if (busy_drains_ == 0) {
      return MonotonicTime::duration::zero();
    }
    if (catching_up()) {
      const std::chrono::duration<double, std::milli> pause_ms(std::clamp(
          kCatchUpDrainBytes / bytes_per_ms_, kShortestCatchUpPauseMs, kLongestCatchUpPauseMs));
      return std::chrono::duration_cast<MonotonicTime::duration>(pause_ms);
    }
    // A Unix socket's buffer is charged by the message and full after a few hundred small ones, so
    // a longer pause would make its sender wait; TCP joins them.
    return sustained() && transport_ != Transport::kUnixSocket ? kSustainedPause : kPause;
  }
  MonotonicTime::duration fill() const {
    if (catching_up()) {
      return kCatchUpFill;
    }
    return sustained() ? kSustainedFill : kFill;
  }

  Transport transport_;
  MonotonicTime next_read_{};
  MonotonicTime last_bytes_{};
  std::uint32_t busy_drains_ = 0;
  double bytes_per_ms_ = 0;
};

}  // namespace rowtide::postgres
