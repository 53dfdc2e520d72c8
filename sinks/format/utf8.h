#pragma once

#include <cstddef>
#include <string_view>

namespace rowtide {

// The length in bytes (2 to 4) of the well-formed UTF-8 sequence at the start of `bytes`, whose
// first byte is 0x80 or above; 0 where there is none. Overlong forms, surrogates and code points
// beyond U+10FFFF are not well formed (Unicode 15, table 3-7).
inline std::size_t utf8_sequence_bytes(std::string_view bytes) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto continues = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned char lead = at(0);
  if (lead < 0xC2U || lead > 0xF4U) {
    return 0;
  }
  const std::size_t length = lead < 0xE0U ? 2 : lead < 0xF0U ? 3 : 4;
  if (bytes.size() < length) {
    return 0;
  }
  const unsigned char second = at(1);
  const unsigned char low = lead == 0xE0U ? 0xA0U : lead == 0xF0U ? 0x90U : 0x80U;
  const unsigned char high = lead == 0xEDU ? 0x9FU : lead == 0xF4U ? 0x8FU : 0xBFU;
  if (second < low || second > high) {
    return 0;
  }
  for (std::size_t i = 2; i < length; ++i) {
    if (!continues(i)) {
      return 0;
    }
  }
  return length;
}

bool is_valid_utf8(std::string_view bytes) noexcept;

}  // namespace rowtide
