#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace rowtide::mysql {

// Reads the server's little-endian wire bytes front to back and can never leave them. Like
// rowtide::Cursor: a read past the end makes the reader fail, that read and all later ones return
// zero or empty, and whoever reads checks ok() once, at the end. The bytes must outlive the reader
// and every view that it returned.
class WireReader {
 public:
  WireReader() = default;
  explicit WireReader(std::string_view bytes)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  bool ok() const noexcept { return !failed_; }
  bool at_end() const noexcept { return at_ == end_; }
  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  std::size_t offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  // What is left, without consuming it.
  std::string_view rest() const noexcept { return {at_, remaining()}; }

  std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(little_endian<1>()); }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(little_endian<2>()); }
  std::uint32_t u24() noexcept { return static_cast<std::uint32_t>(little_endian<3>()); }
  std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(little_endian<4>()); }
  std::uint64_t u48() noexcept { return little_endian<6>(); }
  std::uint64_t u64() noexcept { return little_endian<8>(); }
  // size_bytes <= 8.
  std::uint64_t unsigned_le(std::size_t size_bytes) noexcept {
    const std::string_view bytes = take(size_bytes);
    std::uint64_t value = 0;
    if (!bytes.empty()) {
      std::memcpy(&value, bytes.data(), bytes.size());
    }
    return value;
  }
  // size_bytes <= 8.
  std::uint64_t unsigned_be(std::size_t size_bytes) noexcept {
    std::uint64_t value = 0;
    for (const char c : take(size_bytes)) {
      value = (value << 8) | static_cast<unsigned char>(c);
    }
    return value;
  }

  // A length-encoded integer of 1, 3, 4 or 9 bytes. 0xfb (NULL) and 0xff are no integers.
  std::uint64_t length_encoded() noexcept {
    const std::uint8_t first = u8();
    if (first < 0xfb) {
      return first;
    }
    switch (first) {
      case 0xfc:
        return u16();
      case 0xfd:
        return u24();
      case 0xfe:
        return u64();
      default:
        set_failed();
        return 0;
    }
  }
  std::string_view length_encoded_string() noexcept {
    const std::uint64_t size_bytes = length_encoded();
    return size_bytes > remaining() ? (set_failed(), std::string_view())
                                    : take(static_cast<std::size_t>(size_bytes));
  }

  std::string_view take(std::size_t size_bytes) noexcept {
    if (size_bytes > remaining()) [[unlikely]] {
      set_failed();
      return {};
    }
    const char* start = at_;
    at_ += size_bytes;
    return {start, size_bytes};
  }

  void set_failed() noexcept {
    failed_ = true;
    at_ = end_;
  }

 private:
  template <std::size_t kBytes>
  std::uint64_t little_endian() noexcept {
    if (kBytes > remaining()) [[unlikely]] {
      set_failed();
      return 0;
    }
    std::uint64_t value = 0;
    std::memcpy(&value, at_, kBytes);
    at_ += kBytes;
    return value;
  }

  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  bool failed_ = false;
};

}  // namespace rowtide::mysql
