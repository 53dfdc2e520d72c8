#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

#include "engine/batch/batch.h"

namespace rowtide {

// A look at a pipeline's live batches for a person. Holds few of them and drops the newest when its
// reader is slow: watching never slows the stream. Thread safe.
class Tap {
 public:
  void offer(const BatchPtr& batch) {
    {
      const std::scoped_lock lock(mutex_);
      if (batches_.size() >= kBatchesMax) {
        ++dropped_;
        return;
      }
      batches_.push_back(batch);
    }
    changed_.notify_one();
  }

  // The next batch; null when `until` came first. `dropped` counts the batches left out so far.
  BatchPtr next(std::chrono::steady_clock::time_point until, std::uint64_t& dropped) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [&] { return !batches_.empty(); });
    dropped = dropped_;
    if (batches_.empty()) {
      return nullptr;
    }
    BatchPtr batch = std::move(batches_.front());
    batches_.pop_front();
    return batch;
  }

 private:
  static constexpr std::size_t kBatchesMax = 8;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<BatchPtr> batches_;
  std::uint64_t dropped_ = 0;
};

}  // namespace rowtide
