#pragma once

#include <cstdint>

#include "sinks/format/text_writer.h"

namespace rowtide {

// Dates and times in ISO form the way PostgreSQL prints them: years of at least four digits, a
// fraction without trailing zeros (none where it is zero), " BC" at the very end. Infinities are
// the caller's.

// What stands between date and time and behind the time.
struct TimestampStyle {
  char separator = ' ';
  std::string_view zone = "";
};

void put_date(TextWriter& out, std::int64_t days);
// Microseconds since midnight, 24:00:00 included.
void put_time(TextWriter& out, std::int64_t time_us);
void put_timestamp(TextWriter& out, std::int64_t microseconds, TimestampStyle style);

}  // namespace rowtide
