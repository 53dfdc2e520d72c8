#include "engine/model/text_forms.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "engine/model/value.h"

namespace rowtide {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
// Days of 400 Gregorian years, after which the calendar repeats.
constexpr std::int64_t kEraDays = 146'097;
// From 0000-03-01, where eras begin, to 1970-01-01.
constexpr std::int64_t kEpochFromEra = 719'468;

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

void append_two_digits(std::string& out, std::uint64_t value) {
  out.push_back(static_cast<char>('0' + value / 10));
  out.push_back(static_cast<char>('0' + value % 10));
}

void append_year(std::string& out, std::int64_t year) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), year).ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  if (length < 4) {
    out.append(4 - length, '0');
  }
  out.append(digits.data(), length);
}

// The day without its " BC"; returns whether one is due.
bool append_day(std::string& out, std::int64_t days) {
  const CivilDate date = civil_from_days(days);
  const bool before_christ = date.year <= 0;
  append_year(out, before_christ ? 1 - date.year : date.year);
  out.push_back('-');
  append_two_digits(out, date.month);
  out.push_back('-');
  append_two_digits(out, date.day);
  return before_christ;
}

bool append_infinity(std::string& out, std::int64_t value) {
  static_assert(kDateInfinity == kTimestampInfinity);
  static_assert(kDateMinusInfinity == kTimestampMinusInfinity);
  if (value == kTimestampInfinity) {
    out += "infinity";
  } else if (value == kTimestampMinusInfinity) {
    out += "-infinity";
  } else {
    return false;
  }
  return true;
}

void append_timestamp(std::string& out, std::int64_t timestamp_us, std::string_view zone) {
  if (append_infinity(out, timestamp_us)) {
    return;
  }
  const std::int64_t days = floor_div(timestamp_us, kDayUs);
  const bool before_christ = append_day(out, days);
  out.push_back(' ');
  // The remainder by itself: days * kDayUs could leave 64 bits for the earliest day.
  const std::int64_t remainder_us = timestamp_us % kDayUs;
  append_time_text(out, remainder_us < 0 ? remainder_us + kDayUs : remainder_us);
  out += zone;
  if (before_christ) {
    out += " BC";
  }
}

template <class Float>
bool has_even_mantissa(Float value) {
  using Bits = std::conditional_t<sizeof(Float) == 4, std::uint32_t, std::uint64_t>;
  return (std::bit_cast<Bits>(value) & 1) == 0;
}

// True when the digits lie exactly halfway between `value` and a neighbour, so that they read back
// as `value` only by the rule "ties to even". A nudge away from zero or towards it, far below any
// distance that short digits can have from such a midpoint without being on it, then reads back as
// the neighbour. `digits` is "d.ddde+NN".
template <class Float>
bool is_midpoint(std::string_view digits, Float value) {
  const std::size_t exponent_at = digits.find('e');
  const std::string_view exponent = digits.substr(exponent_at);
  std::string outward(digits.substr(0, exponent_at));
  if (outward.find('.') == std::string::npos) {
    outward.push_back('.');
  }
  std::string inward = outward;
  outward.append(40, '0').append("1").append(exponent);
  // The number just below: decrement the last digit that is not zero, then nines.
  std::size_t last = inward.find_last_not_of("0.");
  inward[last] = static_cast<char>(inward[last] - 1);
  for (std::size_t i = last + 1; i < inward.size(); ++i) {
    inward[i] = inward[i] == '.' ? '.' : '9';
  }
  inward.append(40, '9').append(exponent);
  for (const std::string& nudged : {outward, inward}) {
    Float read = 0;
    const auto [end, error] = std::from_chars(nudged.data(), nudged.data() + nudged.size(), read);
    if (error != std::errc() || read != value) {
      return true;
    }
  }
  return false;
}

// The shortest digits strictly inside the rounding interval of `value`, which is positive, finite
// and not zero, as "d.ddde+NN". The server never relies on ties, so 1e23
// prints 9.999999999999999e+22.
template <class Float>
std::string_view shortest_scientific(Float value, std::array<char, 64>& buffer) {
  constexpr bool kSingle = sizeof(Float) == 4;
  // Outside these borders no number of so few digits is halfway between two neighbours.
  constexpr Float kTieFrom = kSingle ? static_cast<Float>(1e6) : static_cast<Float>(1e15);
  constexpr Float kTieBelow = kSingle ? static_cast<Float>(1e20) : static_cast<Float>(1e38);
  char* const begin = buffer.data();
  char* const limit = begin + buffer.size();
  auto end = std::to_chars(begin, limit, value, std::chars_format::scientific).ptr;
  std::string_view digits(begin, static_cast<std::size_t>(end - begin));
  if (value < kTieFrom || value >= kTieBelow || !has_even_mantissa(value) ||
      !is_midpoint(digits, value)) {
    return digits;
  }
  for (int precision = 0; precision <= std::numeric_limits<Float>::max_digits10 - 1; ++precision) {
    end = std::to_chars(begin, limit, value, std::chars_format::scientific, precision).ptr;
    digits = {begin, static_cast<std::size_t>(end - begin)};
    Float read = 0;
    if (std::from_chars(begin, end, read).ec == std::errc() && read == value &&
        !is_midpoint(digits, value)) {
      break;
    }
  }
  return digits;
}

template <class Float>
void append_float_text(std::string& out, Float value, int fixed_below_exponent) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::signbit(value)) {
    out.push_back('-');
    value = -value;
  }
  if (std::isinf(value)) {
    out += "Infinity";
    return;
  }
  if (value == 0) {
    out.push_back('0');
    return;
  }
  std::array<char, 64> buffer;
  const std::string_view text = shortest_scientific(value, buffer);
  const std::size_t exponent_at = text.find('e');
  int exponent = 0;
  // from_chars takes no plus sign.
  const char* exponent_begin =
      text.data() + exponent_at + 1 + (text[exponent_at + 1] == '+' ? 1 : 0);
  std::from_chars(exponent_begin, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= fixed_below_exponent) {
    out += text;
    return;
  }
  std::array<char, 32> digits;
  std::size_t count = 0;
  for (const char c : text.substr(0, exponent_at)) {
    if (c != '.') {
      digits[count++] = c;
    }
  }
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent - 1), '0');
    out.append(digits.data(), count);
    return;
  }
  const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  if (count <= whole) {
    out.append(digits.data(), count);
    out.append(whole - count, '0');
  } else {
    out.append(digits.data(), whole);
    out.push_back('.');
    out.append(digits.data() + whole, count - whole);
  }
}

void append_hex(std::string& out, std::string_view raw) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t start = out.size();
  out.resize(start + raw.size() * 2);
  char* to = out.data() + start;
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    *to++ = kDigits[byte >> 4];
    *to++ = kDigits[byte & 15];
  }
}

}  // namespace

std::int64_t days_from_civil(const CivilDate& date) noexcept {
  // Years that start in March put the leap day last, which makes month lengths a linear formula.
  const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = floor_div(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month_from_march = (static_cast<std::int64_t>(date.month) + 9) % 12;
  const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kEraDays + day_of_era - kEpochFromEra;
}

CivilDate civil_from_days(std::int64_t days) noexcept {
  const std::int64_t shifted = days + kEpochFromEra;
  const std::int64_t era = floor_div(shifted, kEraDays);
  // Within an era 32 bits are enough, and divide at half the price.
  const auto day_of_era = static_cast<std::uint32_t>(shifted - era * kEraDays);
  const std::uint32_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 -
                                     day_of_era / static_cast<std::uint32_t>(kEraDays - 1)) /
                                    365;
  const std::uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  CivilDate date;
  date.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  date.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  date.year = std::int64_t{year_of_era} + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

void append_float4_text(std::string& out, float value) {
  append_float_text(out, value, 6);
}

void append_float8_text(std::string& out, double value) {
  append_float_text(out, value, 15);
}

void append_date_text(std::string& out, std::int64_t days) {
  if (!append_infinity(out, days) && append_day(out, days)) {
    out += " BC";
  }
}

void append_time_text(std::string& out, std::int64_t time_us) {
  const auto us = static_cast<std::uint64_t>(time_us);
  append_two_digits(out, us / 3'600'000'000);
  out.push_back(':');
  append_two_digits(out, us / 60'000'000 % 60);
  out.push_back(':');
  append_two_digits(out, us / 1'000'000 % 60);
  std::uint64_t fraction = us % 1'000'000;
  if (fraction == 0) {
    return;
  }
  std::array<char, 6> digits;
  std::size_t used = 0;
  for (std::size_t i = 6; i-- > 0; fraction /= 10) {
    digits[i] = static_cast<char>('0' + fraction % 10);
    if (used == 0 && digits[i] != '0') {
      used = i + 1;
    }
  }
  out.push_back('.');
  out.append(digits.data(), used);
}

void append_timestamp_text(std::string& out, std::int64_t timestamp_us) {
  append_timestamp(out, timestamp_us, {});
}

void append_timestamptz_text(std::string& out, std::int64_t timestamp_us) {
  append_timestamp(out, timestamp_us, "+00");
}

void append_uuid_text(std::string& out, std::string_view raw) {
  std::size_t from = 0;
  for (const std::size_t group : {4u, 2u, 2u, 2u, 6u}) {
    if (from != 0) {
      out.push_back('-');
    }
    append_hex(out, raw.substr(from, group));
    from += group;
  }
}

void append_bytea_text(std::string& out, std::string_view raw) {
  out += "\\x";
  append_hex(out, raw);
}

}  // namespace rowtide
