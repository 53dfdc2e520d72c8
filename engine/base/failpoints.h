#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace rowtide {

// Every named place of the road where the crash suite kills the daemon.
enum class Failpoint : std::uint8_t {
  kSourceAfterBegin,
  kSourceAfterRow,
  kSourceBeforeCommit,
  kSourceAfterCommit,
  kSourceSpillWrite,
  kSourceSpillRelease,
  kReaderBeforeAppend,
  kReaderAfterAppend,
  kLaneBeforeSubmit,
  kLaneAfterSubmit,
  kSinkMidWrite,
  kSinkBeforeCommit,
  kSinkAfterCommit,
  kCommitterBeforeStore,
  kCommitterAfterStore,
  kSourceBeforeAck,
  kSourceAfterAck,
  kSchemaWrite,
  kBackfillChunkRead,
  kBackfillBeforeSlice,
  kBackfillAfterSlice,
  // Not a place to die: leaves the visibility barrier out, so that a test sees what it is for.
  kSkipVisibilityBarrier,
  kCount,
};

std::string_view to_string(Failpoint point) noexcept;

// Kills the process with SIGKILL when an armed point has been reached its n-th time. Armed by
// ROWTIDE_FAILPOINT="name[:n][,name[:n]...]" (read once, in main) and by nothing else; unarmed, a
// hit costs one relaxed load. Thread safe.
class Failpoints {
 public:
  Failpoints() = default;
  Failpoints(const Failpoints&) = delete;
  Failpoints& operator=(const Failpoints&) = delete;

  // `spec` as above; an unknown name is an error that lists the known ones.
  Result<void> arm(std::string_view spec);

  bool armed(Failpoint point) const noexcept {
    return armed_.load(std::memory_order_relaxed) &&
           left_[static_cast<std::size_t>(point)].load() > 0;
  }

  void hit(Failpoint point) noexcept {
    if (armed_.load(std::memory_order_relaxed)) [[unlikely]] {
      hit_slow(point);
    }
  }

 private:
  void hit_slow(Failpoint point) noexcept;

  std::atomic<bool> armed_{false};
  // Hits left before the kill; 0 = this point is not armed.
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Failpoint::kCount)> left_{};
};

}  // namespace rowtide
