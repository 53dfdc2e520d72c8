#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rowtide {

// Two characters per number below `count`, for text that is written once per row.
template <std::size_t count>
constexpr std::array<char, 2 * count> make_digit_pairs(std::size_t base, const char* digits) {
  std::array<char, 2 * count> pairs{};
  for (std::size_t value = 0; value < count; ++value) {
    pairs[2 * value] = digits[value / base];
    pairs[2 * value + 1] = digits[value % base];
  }
  return pairs;
}

// `value` is below 100. Returns the place behind the two digits.
inline char* put_two_digits(char* to, std::uint32_t value) noexcept {
  static constexpr auto kPairs = make_digit_pairs<100>(10, "0123456789");
  std::memcpy(to, &kPairs[std::size_t{2} * value], 2);
  return to + 2;
}

// `count` digits of the number in hexadecimal, with leading zeros; `count` is even.
inline char* put_hex_digits(char* to, std::uint64_t value, std::size_t count) noexcept {
  static constexpr auto kPairs = make_digit_pairs<256>(16, "0123456789ABCDEF");
  for (std::size_t i = count; i > 0; value >>= 8U) {
    i -= 2;
    std::memcpy(to + i, &kPairs[2 * (value & 255U)], 2);
  }
  return to + count;
}

}  // namespace rowtide
