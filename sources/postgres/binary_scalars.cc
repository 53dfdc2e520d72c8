#include "sources/postgres/binary_scalars.h"

#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "engine/model/text_forms.h"
#include "engine/model/value.h"

namespace rowtide::postgres {
namespace {

// From 1970-01-01, where values count from, to 2000-01-01, where the server does.
constexpr std::int64_t kEpochDays = 10'957;
constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr std::int64_t kEpochUs = kEpochDays * kDayUs;

}  // namespace

std::int64_t days_since_1970(std::int32_t days_since_2000) {
  switch (days_since_2000) {
    case std::numeric_limits<std::int32_t>::max():
      return kDateInfinity;
    case std::numeric_limits<std::int32_t>::min():
      return kDateMinusInfinity;
    default:
      return days_since_2000 + kEpochDays;
  }
}

bool is_time_of_day(std::int64_t time_us) {
  return time_us >= 0 && time_us <= kDayUs;
}

bool to_unix_us(std::int64_t since_2000_us, std::int64_t& since_1970_us) {
  if (since_2000_us == kTimestampInfinity || since_2000_us == kTimestampMinusInfinity) {
    since_1970_us = since_2000_us;
    return true;
  }
  return !__builtin_add_overflow(since_2000_us, kEpochUs, &since_1970_us) &&
         since_1970_us != kTimestampInfinity;
}

void append_timestamp_form(std::int64_t since_2000_us, std::string_view zone, std::string& out) {
  std::int64_t since_1970_us = 0;
  if (to_unix_us(since_2000_us, since_1970_us)) {
    if (zone.empty()) {
      append_timestamp_text(out, since_1970_us);
    } else {
      append_timestamptz_text(out, since_1970_us);
    }
    return;
  }
  append_date_text(out, since_2000_us / kDayUs + kEpochDays);
  out.push_back(' ');
  append_time_text(out, since_2000_us % kDayUs);
  out += zone;
}

bool append_char_form(std::string_view cell, std::string& out) {
  if (cell.size() != 1) {
    return false;
  }
  const auto byte = static_cast<unsigned char>(cell[0]);
  if (byte >= 0x80) {
    fmt::format_to(std::back_inserter(out), "\\{:03o}", byte);
  } else if (byte != 0) {
    out.push_back(cell[0]);
  }
  return true;
}

}  // namespace rowtide::postgres
