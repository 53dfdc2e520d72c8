#pragma once

#include <atomic>
#include <cstddef>

namespace rowtide {

// Counts the bytes of the batches that are alive. It does not block by itself: the reader asks
// full() before it reads more. Thread safe; outlives every batch that was charged to it.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  void charge(std::size_t size_bytes) noexcept { used_bytes_.fetch_add(size_bytes); }
  void release(std::size_t size_bytes) noexcept { used_bytes_.fetch_sub(size_bytes); }

  bool full() const noexcept { return used_bytes_.load() >= limit_bytes_; }
  std::size_t used_bytes() const noexcept { return used_bytes_.load(); }
  std::size_t limit_bytes() const noexcept { return limit_bytes_; }

 private:
  const std::size_t limit_bytes_;
  std::atomic<std::size_t> used_bytes_{0};
};

}  // namespace rowtide
