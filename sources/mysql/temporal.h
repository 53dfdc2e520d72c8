#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rowtide::mysql {

// A date and time as the server keeps it: a date may have a zero month or day, and days that its
// month does not have.
struct DatetimeParts {
  std::uint32_t year = 0;
  std::uint32_t month = 0;
  std::uint32_t day = 0;
  std::uint32_t hour = 0;
  std::uint32_t minute = 0;
  std::uint32_t second = 0;
  std::uint32_t fraction_us = 0;
};

struct TimeParts {
  bool negative = false;
  std::uint32_t hour = 0;
  std::uint32_t minute = 0;
  std::uint32_t second = 0;
  std::uint32_t fraction_us = 0;
};

// The bytes of a fraction of so many digits.
constexpr std::size_t fraction_size_bytes(unsigned fraction_digits) {
  return (fraction_digits + 1) / 2;
}

// From the wire, of the size that the type has: three bytes of a DATE; five, three or four bytes
// and those of the fraction of a DATETIME, TIME or TIMESTAMP; eight, three or four bytes of the
// old forms without a fraction. False when the bytes are no such value (an hour of 25).
bool read_date(std::string_view bytes, DatetimeParts& out) noexcept;
bool read_datetime(std::string_view bytes, unsigned fraction_digits, DatetimeParts& out) noexcept;
bool read_old_datetime(std::string_view bytes, DatetimeParts& out) noexcept;
bool read_time(std::string_view bytes, unsigned fraction_digits, TimeParts& out) noexcept;
bool read_old_time(std::string_view bytes, TimeParts& out) noexcept;
// Seconds and microseconds since 1970; both 0 is the zero timestamp.
bool read_timestamp(std::string_view bytes, unsigned fraction_digits, std::uint32_t& seconds,
                    std::uint32_t& fraction_us) noexcept;

// The form in which JSON holds dates and times: a signed number of 64 bits.
void unpack_datetime(std::int64_t packed, DatetimeParts& out) noexcept;
void unpack_time(std::int64_t packed, TimeParts& out) noexcept;

// Whether the parts are a day of the calendar from year 1 on.
bool is_calendar_day(const DatetimeParts& parts) noexcept;
std::int64_t days_since_1970(const DatetimeParts& parts) noexcept;
std::int64_t microseconds_since_1970(const DatetimeParts& parts) noexcept;

// The server's text: "2024-02-29", "2024-02-29 12:34:56.500", "-838:59:59.000000". The characters
// written, at most kMaxTemporalText.
inline constexpr std::size_t kMaxTemporalText = 40;
std::size_t write_date(const DatetimeParts& parts, char* out) noexcept;
std::size_t write_datetime(const DatetimeParts& parts, unsigned fraction_digits,
                           char* out) noexcept;
std::size_t write_time(const TimeParts& parts, unsigned fraction_digits, char* out) noexcept;

}  // namespace rowtide::mysql
