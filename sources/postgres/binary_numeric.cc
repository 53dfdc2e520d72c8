#include <algorithm>
#include <cstdint>

#include "engine/model/digits.h"
#include "sources/postgres/binary_forms.h"

namespace rowtide::postgres {
namespace {

constexpr std::uint16_t kPositive = 0x0000;
constexpr std::uint16_t kNegative = 0x4000;
constexpr std::uint16_t kNan = 0xC000;
constexpr std::uint16_t kPlusInfinity = 0xD000;
constexpr std::uint16_t kMinusInfinity = 0xF000;
constexpr std::uint16_t kMostScale = 0x3FFF;

// Group number `index` of the value, counted from its first stored one; zero outside of them.
std::uint16_t group_at(std::string_view groups, std::int64_t index) {
  if (index < 0 || index * 2 >= static_cast<std::int64_t>(groups.size())) {
    return 0;
  }
  const auto at = static_cast<std::size_t>(index * 2);
  return static_cast<std::uint16_t>(static_cast<unsigned char>(groups[at]) << 8 |
                                    static_cast<unsigned char>(groups[at + 1]));
}

char* write_group(char* to, std::uint16_t group) {
  return put_two_digits(put_two_digits(to, group / 100U), group % 100U);
}

}  // namespace

bool append_numeric_form(Cursor& in, std::string& out) {
  const std::uint16_t group_count = in.u16_be();
  const std::int16_t weight = in.i16_be();
  const std::uint16_t sign = in.u16_be();
  const std::uint16_t scale = in.u16_be();
  const std::string_view groups = in.take(std::size_t{group_count} * 2);
  if (!in.ok()) {
    return false;
  }
  if (sign == kNan || sign == kPlusInfinity || sign == kMinusInfinity) {
    out += sign == kNan ? "NaN" : sign == kPlusInfinity ? "Infinity" : "-Infinity";
    return true;
  }
  if ((sign != kPositive && sign != kNegative) || scale > kMostScale) {
    return false;
  }
  for (std::int64_t i = 0; i < group_count; ++i) {
    if (group_at(groups, i) > 9999) {
      return false;
    }
  }
  // Whole groups are written and what the scale does not show is cut off.
  const std::size_t whole_groups = weight < 0 ? 0 : static_cast<std::size_t>(weight) + 1;
  const std::size_t fraction_groups = (std::size_t{scale} + 3) / 4;
  const std::size_t start = out.size();
  out.resize(start + 2 + (whole_groups + fraction_groups) * 4 + 1);
  char* to = out.data() + start;
  if (sign == kNegative) {
    *to++ = '-';
  }
  char* const whole = to;
  for (std::size_t i = 0; i < whole_groups; ++i) {
    to = write_group(to, group_at(groups, static_cast<std::int64_t>(i)));
  }
  char* const significant = std::find_if(whole, to, [](char c) { return c != '0'; });
  to = std::move(significant, to, whole);
  if (to == whole) {
    *to++ = '0';
  }
  if (scale > 0) {
    *to++ = '.';
    char* const fraction = to;
    for (std::size_t i = 0; i < fraction_groups; ++i) {
      to = write_group(to, group_at(groups, weight + 1 + static_cast<std::int64_t>(i)));
    }
    to = fraction + scale;
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
  return true;
}

}  // namespace rowtide::postgres
