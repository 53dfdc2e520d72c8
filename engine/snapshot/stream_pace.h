#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "engine/base/clock.h"

namespace rowtide {

// How much of its time a worker of a backfill may read, so that the stream does not wait for it.
//
// What tells is how long changes take from their commit until they are received, against the
// quickest of late: it grows when the server, its disk, the network or our own cores have more to
// do than they can, and it takes the difference of two clocks out. While it grows the share falls
// quickly; it rises slowly, and at once to the whole when the stream has nothing to say.
//
// Thread: received from the reader's; share from any.
class StreamPace {
 public:
  // A transaction was received `delay_us` after its commit, by two clocks that need not agree.
  void received(std::int64_t delay_us, MonotonicTime now);
  // Of a worker's time: 0.05 to 1.
  double share(MonotonicTime now) const;

 private:
  void settle(MonotonicTime now);

  // Reader thread only.
  std::optional<std::int64_t> quickest_us_;
  std::int64_t quickest_lately_us_ = 0;
  MonotonicTime quickest_until_{};
  std::int64_t worst_us_ = 0;
  MonotonicTime window_until_{};

  std::atomic<double> share_{1};
  std::atomic<MonotonicTime> received_at_{MonotonicTime{}};
};

}  // namespace rowtide
