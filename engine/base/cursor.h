#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/base/error.h"

namespace rowtide {

// Reads wire bytes front to back and can never leave them. A read past the end makes the cursor
// fail: that read and all later ones return zero or empty, and ok() is false. Decoders read a whole
// message and check ok() once, which keeps the checks out of the row loop without ever trusting a
// length. The bytes must outlive the cursor and every view that it returned.
class Cursor {
 public:
  Cursor(const char* data, std::size_t size_bytes)
      : begin_(data), at_(data), end_(data + size_bytes) {}
  explicit Cursor(std::string_view bytes) : Cursor(bytes.data(), bytes.size()) {}

  bool ok() const noexcept { return !failed_; }
  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  std::size_t offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  const char* position() const noexcept { return at_; }

  std::uint8_t u8() noexcept { return read_be<std::uint8_t>(); }
  std::uint16_t u16_be() noexcept { return read_be<std::uint16_t>(); }
  std::uint32_t u32_be() noexcept { return read_be<std::uint32_t>(); }
  std::uint64_t u64_be() noexcept { return read_be<std::uint64_t>(); }
  std::int16_t i16_be() noexcept { return static_cast<std::int16_t>(u16_be()); }
  std::int32_t i32_be() noexcept { return static_cast<std::int32_t>(u32_be()); }
  std::int64_t i64_be() noexcept { return static_cast<std::int64_t>(u64_be()); }

  std::string_view take(std::size_t size_bytes) noexcept {
    if (size_bytes > remaining()) {
      set_failed();
      return {};
    }
    const char* start = at_;
    at_ += size_bytes;
    return {start, size_bytes};
  }

  // Bytes up to the next NUL, which is consumed and not part of the view.
  std::string_view c_string() noexcept {
    const void* nul = remaining() == 0 ? nullptr : std::memchr(at_, 0, remaining());
    if (nul == nullptr) {
      set_failed();
      return {};
    }
    const auto length = static_cast<std::size_t>(static_cast<const char*>(nul) - at_);
    std::string_view text(at_, length);
    at_ += length + 1;
    return text;
  }

  void set_failed() noexcept {
    failed_ = true;
    at_ = end_;
  }

 private:
  template <class T>
  T read_be() noexcept {
    if (sizeof(T) > remaining()) {
      set_failed();
      return 0;
    }
    T value;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    if constexpr (sizeof(T) == 2) {
      return static_cast<T>(__builtin_bswap16(value));
    } else if constexpr (sizeof(T) == 4) {
      return static_cast<T>(__builtin_bswap32(value));
    } else if constexpr (sizeof(T) == 8) {
      return static_cast<T>(__builtin_bswap64(value));
    } else {
      return value;
    }
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  bool failed_ = false;
};

static_assert(std::endian::native == std::endian::little, "the cursor swaps bytes unconditionally");

}  // namespace rowtide
