#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/cursor.h"

namespace rowtide::postgres {

// What the two readers of binary cells share: the one that makes values and the one that makes
// text.

inline constexpr char kJsonbVersion = 1;

// The cell is exactly one big-endian number.
template <class Integer>
bool read_integer(std::string_view cell, Integer& number) {
  Cursor in(cell);
  if constexpr (sizeof(Integer) == 2) {
    number = static_cast<Integer>(in.u16_be());
  } else if constexpr (sizeof(Integer) == 4) {
    number = static_cast<Integer>(in.u32_be());
  } else {
    number = static_cast<Integer>(in.u64_be());
  }
  return cell.size() == sizeof(Integer);
}

// From the server's day count, which starts in 2000, to days since 1970 or a date infinity.
std::int64_t days_since_1970(std::int32_t days_since_2000);

// Within 00:00:00 and 24:00:00.
bool is_time_of_day(std::int64_t time_us);

// From the server's microseconds since 2000 to microseconds since 1970 or a timestamp infinity.
// False when that number does not fit: the value is later than it can count.
bool to_unix_us(std::int64_t since_2000_us, std::int64_t& since_1970_us);

// As the server prints it, with `zone` behind the time; any value of the type.
void append_timestamp_form(std::int64_t since_2000_us, std::string_view zone, std::string& out);

// The type "char": one byte, of which only ASCII stands for itself.
bool append_char_form(std::string_view cell, std::string& out);

}  // namespace rowtide::postgres
