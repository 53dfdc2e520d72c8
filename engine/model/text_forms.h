#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rowtide {

// The text forms that PostgreSQL prints with DateStyle ISO, TimeZone UTC, bytea_output hex and
// extra_float_digits 1 or more. Sources use them to print values that arrived in binary, formats to
// print cells. Every function appends to `out` and nothing else; all are safe to call from any
// thread.

// A day of the proleptic Gregorian calendar. Year 0 is 1 BC.
struct CivilDate {
  std::int64_t year = 1970;
  std::uint32_t month = 1;
  std::uint32_t day = 1;
};

// Days since 1970-01-01 and back. Exact for every day count of magnitude up to 2^40.
std::int64_t days_from_civil(const CivilDate& date) noexcept;
CivilDate civil_from_days(std::int64_t days) noexcept;

// The shortest digits that read back as the same value: "0.1", "1e+20", "-0", "NaN", "-Infinity".
void append_float4_text(std::string& out, float value);
void append_float8_text(std::string& out, double value);

// `days` since 1970-01-01 or kDateInfinity / kDateMinusInfinity: "2024-02-29", "0044-03-15 BC".
void append_date_text(std::string& out, std::int64_t days);
// Microseconds since midnight: "23:59:59.5", "24:00:00". The fraction has no trailing zeros.
void append_time_text(std::string& out, std::int64_t time_us);
// Microseconds since 1970-01-01 or the timestamp infinities: "2024-02-29 12:34:56.789".
void append_timestamp_text(std::string& out, std::int64_t timestamp_us);
// The same with "+00" before a " BC": "2024-02-29 12:34:56+00".
void append_timestamptz_text(std::string& out, std::int64_t timestamp_us);

// `raw` is 16 bytes: "00112233-4455-6677-8899-aabbccddeeff".
void append_uuid_text(std::string& out, std::string_view raw);
// "\x00ff10".
void append_bytea_text(std::string& out, std::string_view raw);

}  // namespace rowtide
