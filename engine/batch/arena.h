#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace rowtide {

// Grows in blocks and frees all at once. Everything a batch refers to lives in its arena. One
// writer; readers only after the batch was published.
class Arena {
 public:
  explicit Arena(std::size_t block_bytes = kBlockBytes) : block_bytes_(block_bytes) {}
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  // Uninitialised bytes, aligned to `alignment` (a power of two, at most 16).
  char* allocate(std::size_t size_bytes, std::size_t alignment = 1) {
    std::size_t start = (used_ + alignment - 1) & ~(alignment - 1);
    if (start + size_bytes > capacity_) [[unlikely]] {
      add_block(size_bytes);
      start = 0;
    }
    used_ = start + size_bytes;
    return current_ + start;
  }

  std::string_view copy(std::string_view bytes) {
    if (bytes.empty()) {
      return {};
    }
    char* to = allocate(bytes.size());
    std::memcpy(to, bytes.data(), bytes.size());
    return {to, bytes.size()};
  }

  // Bytes held, whether handed out or not.
  std::size_t reserved_bytes() const noexcept { return reserved_bytes_; }
  // Bytes handed out, roughly: full blocks count whole.
  std::size_t used_bytes() const noexcept { return reserved_bytes_ - (capacity_ - used_); }

  static constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
  static constexpr std::size_t kFirstBlockBytes = std::size_t{8} << 10;

 private:
  void add_block(std::size_t at_least_bytes);

  std::size_t block_bytes_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* current_ = nullptr;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
  std::size_t reserved_bytes_ = 0;
};

}  // namespace rowtide
