#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rowtide::mysql {

// The packed form of DECIMAL: groups of nine digits in four bytes, the digits left over at both
// ends in fewer, big-endian, all bits inverted when negative, and then the first one inverted.

// 1 <= precision <= 65, scale <= precision.
std::size_t decimal_size_bytes(unsigned precision, unsigned scale) noexcept;

// Room for any decimal's text: sign, a zero, point and 81 digits.
inline constexpr std::size_t kMaxDecimalText = 88;

// Writes the digits as the server prints them: "-0.05", "12", "1.50". `packed` has the size above.
// The characters written, at most kMaxDecimalText; 0 when the bytes are no decimal.
std::size_t write_decimal(std::string_view packed, unsigned precision, unsigned scale,
                          char* out) noexcept;

}  // namespace rowtide::mysql
