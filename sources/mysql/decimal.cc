#include "sources/mysql/decimal.h"

namespace rowtide::mysql {
namespace {

constexpr unsigned kGroupDigits = 9;
constexpr std::size_t kGroupBytes = 4;
// The bytes that hold so many digits, and one more than what they hold.
constexpr std::uint8_t kBytesOfDigits[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr std::uint32_t kPowers[] = {1,       10,        100,        1'000,       10'000,
                                     100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

// Writes exactly `digits` digits, with zeros in front.
char* put_digits(char* out, std::uint32_t value, unsigned digits) {
  for (unsigned i = digits; i-- > 0; value /= 10) {
    out[i] = static_cast<char>('0' + value % 10);
  }
  return out + digits;
}

class Groups {
 public:
  Groups(std::string_view packed, bool negative)
      : at_(packed.data()), flip_(negative ? 0xffU : 0U), first_flip_(0x80U) {}

  // The number in the bytes of so many digits, and whether it has no more digits than that.
  bool next(unsigned digits, std::uint32_t& value) {
    value = 0;
    for (unsigned i = 0; i < kBytesOfDigits[digits]; ++i) {
      const unsigned byte = static_cast<unsigned char>(*at_++) ^ flip_ ^ first_flip_;
      first_flip_ = 0;
      value = value << 8 | (byte & 0xffU);
    }
    return value < kPowers[digits];
  }

 private:
  const char* at_;
  unsigned flip_;
  unsigned first_flip_;
};

}  // namespace

std::size_t decimal_size_bytes(unsigned precision, unsigned scale) noexcept {
  const unsigned whole = precision - scale;
  return whole / kGroupDigits * kGroupBytes + kBytesOfDigits[whole % kGroupDigits] +
         scale / kGroupDigits * kGroupBytes + kBytesOfDigits[scale % kGroupDigits];
}

std::size_t write_decimal(std::string_view packed, unsigned precision, unsigned scale,
                          char* out) noexcept {
  const bool negative = (static_cast<unsigned char>(packed.front()) & 0x80U) == 0;
  Groups groups(packed, negative);
  const unsigned whole = precision - scale;
  char* to = out + 1;
  bool valid = true;
  std::uint32_t value = 0;
  std::uint32_t any = 0;
  const auto put = [&](unsigned digits) {
    valid = groups.next(digits, value) && valid;
    any |= value;
    to = put_digits(to, value, digits);
  };
  put(whole % kGroupDigits);
  for (unsigned i = 0; i < whole / kGroupDigits; ++i) {
    put(kGroupDigits);
  }
  // The zeros in front, but for the last digit before the point.
  char* const point = to;
  char* from = out + 1;
  while (from + 1 < point && *from == '0') {
    ++from;
  }
  if (from == point) {
    *to++ = '0';
  }
  if (scale > 0) {
    *to++ = '.';
    for (unsigned i = 0; i < scale / kGroupDigits; ++i) {
      put(kGroupDigits);
    }
    put(scale % kGroupDigits);
  }
  if (!valid) {
    return 0;
  }
  if (negative && any != 0) {
    *--from = '-';
  }
  const auto length = static_cast<std::size_t>(to - from);
  for (std::size_t i = 0; from != out && i < length; ++i) {
    out[i] = from[i];
  }
  return length;
}

}  // namespace rowtide::mysql
