#include "sources/mysql/temporal.h"

#include "engine/model/text_forms.h"

namespace rowtide::mysql {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
// What a fraction of so many bytes counts, in microseconds.
constexpr std::uint32_t kFractionUnitUs[] = {0, 10'000, 100, 1};
constexpr std::uint32_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::uint64_t kDatetimeZero = 0x8000000000;
constexpr std::int64_t kTimeZero = 0x800000;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) {
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

std::uint32_t bits(std::uint64_t value, unsigned from, unsigned count) {
  return static_cast<std::uint32_t>(value >> from & ((std::uint64_t{1} << count) - 1));
}

bool is_time_of_day(const DatetimeParts& parts) {
  return parts.hour < 24 && parts.minute < 60 && parts.second < 60 &&
         parts.fraction_us < kMicrosecondsPerSecond;
}

char* put_two(char* out, std::uint32_t value) {
  out[0] = static_cast<char>('0' + value / 10 % 10);
  out[1] = static_cast<char>('0' + value % 10);
  return out + 2;
}

char* put_date(char* out, const DatetimeParts& parts) {
  out = put_two(put_two(out, parts.year / 100), parts.year % 100);
  *out++ = '-';
  out = put_two(out, parts.month);
  *out++ = '-';
  return put_two(out, parts.day);
}

char* put_minutes(char* out, std::uint32_t minute, std::uint32_t second) {
  *out++ = ':';
  out = put_two(out, minute);
  *out++ = ':';
  return put_two(out, second);
}

char* put_fraction(char* out, std::uint32_t fraction_us, unsigned digits) {
  if (digits == 0) {
    return out;
  }
  *out++ = '.';
  std::uint32_t unit = kMicrosecondsPerSecond;
  for (unsigned i = 0; i < digits; ++i) {
    unit /= 10;
    *out++ = static_cast<char>('0' + fraction_us / unit % 10);
  }
  return out;
}

}  // namespace

bool read_date(std::string_view bytes, DatetimeParts& out) noexcept {
  const std::uint64_t packed = little_endian(bytes);
  out = {.year = bits(packed, 9, 15), .month = bits(packed, 5, 4), .day = bits(packed, 0, 5)};
  return out.month <= 12 && out.year <= 9999;
}

bool read_datetime(std::string_view bytes, unsigned fraction_digits, DatetimeParts& out) noexcept {
  const std::size_t fraction_bytes = fraction_size_bytes(fraction_digits);
  const std::uint64_t raw = big_endian(bytes.substr(0, 5));
  const std::uint64_t packed = raw - kDatetimeZero;
  const std::uint32_t months = bits(packed, 22, 17);
  out = {.year = months / 13,
         .month = months % 13,
         .day = bits(packed, 17, 5),
         .hour = bits(packed, 12, 5),
         .minute = bits(packed, 6, 6),
         .second = bits(packed, 0, 6)};
  if (fraction_bytes > 0) {
    out.fraction_us =
        static_cast<std::uint32_t>(big_endian(bytes.substr(5))) * kFractionUnitUs[fraction_bytes];
  }
  return raw >= kDatetimeZero && out.year <= 9999 && is_time_of_day(out);
}

bool read_old_datetime(std::string_view bytes, DatetimeParts& out) noexcept {
  const std::uint64_t decimal = little_endian(bytes);
  const auto date = static_cast<std::uint32_t>(decimal / 1'000'000 % 100'000'000);
  const auto time = static_cast<std::uint32_t>(decimal % 1'000'000);
  out = {.year = date / 10'000,
         .month = date / 100 % 100,
         .day = date % 100,
         .hour = time / 10'000,
         .minute = time / 100 % 100,
         .second = time % 100};
  return decimal < 100'000'000'000'000 && out.month <= 12 && out.day <= 31 && is_time_of_day(out);
}

// Whole and fraction are one number in two's complement, moved up to be positive.
bool read_time(std::string_view bytes, unsigned fraction_digits, TimeParts& out) noexcept {
  const std::size_t fraction_bytes = fraction_size_bytes(fraction_digits);
  const unsigned fraction_bits = static_cast<unsigned>(fraction_bytes) * 8;
  const std::int64_t packed =
      static_cast<std::int64_t>(big_endian(bytes)) - (kTimeZero << fraction_bits);
  const auto magnitude = static_cast<std::uint64_t>(packed < 0 ? -packed : packed);
  const std::uint64_t whole = magnitude >> fraction_bits;
  out = {.negative = packed < 0,
         .hour = bits(whole, 12, 11),
         .minute = bits(whole, 6, 6),
         .second = bits(whole, 0, 6)};
  if (fraction_bytes > 0) {
    out.fraction_us = bits(magnitude, 0, fraction_bits) * kFractionUnitUs[fraction_bytes];
  }
  return out.hour <= 838 && out.minute < 60 && out.second < 60 &&
         out.fraction_us < kMicrosecondsPerSecond;
}

bool read_old_time(std::string_view bytes, TimeParts& out) noexcept {
  auto decimal = static_cast<std::int32_t>(little_endian(bytes));
  if (decimal >= 0x800000) {
    decimal -= 0x1000000;
  }
  const auto magnitude = static_cast<std::uint32_t>(decimal < 0 ? -decimal : decimal);
  out = {.negative = decimal < 0,
         .hour = magnitude / 10'000,
         .minute = magnitude / 100 % 100,
         .second = magnitude % 100};
  return out.minute < 60 && out.second < 60;
}

bool read_timestamp(std::string_view bytes, unsigned fraction_digits, std::uint32_t& seconds,
                    std::uint32_t& fraction_us) noexcept {
  const std::size_t fraction_bytes = fraction_size_bytes(fraction_digits);
  seconds = static_cast<std::uint32_t>(big_endian(bytes.substr(0, 4)));
  fraction_us = 0;
  if (fraction_bytes > 0) {
    fraction_us =
        static_cast<std::uint32_t>(big_endian(bytes.substr(4))) * kFractionUnitUs[fraction_bytes];
  }
  return fraction_us < kMicrosecondsPerSecond;
}

void unpack_datetime(std::int64_t packed, DatetimeParts& out) noexcept {
  const auto magnitude =
      packed < 0 ? 0 - static_cast<std::uint64_t>(packed) : static_cast<std::uint64_t>(packed);
  const std::uint64_t whole = magnitude >> 24;
  const std::uint32_t months = bits(whole, 22, 17);
  out = {.year = months / 13,
         .month = months % 13,
         .day = bits(whole, 17, 5),
         .hour = bits(whole, 12, 5),
         .minute = bits(whole, 6, 6),
         .second = bits(whole, 0, 6),
         .fraction_us = bits(magnitude, 0, 24)};
}

void unpack_time(std::int64_t packed, TimeParts& out) noexcept {
  const auto magnitude =
      packed < 0 ? 0 - static_cast<std::uint64_t>(packed) : static_cast<std::uint64_t>(packed);
  const std::uint64_t whole = magnitude >> 24;
  out = {.negative = packed < 0,
         .hour = bits(whole, 12, 10),
         .minute = bits(whole, 6, 6),
         .second = bits(whole, 0, 6),
         .fraction_us = bits(magnitude, 0, 24)};
}

bool is_calendar_day(const DatetimeParts& parts) noexcept {
  constexpr std::uint8_t kDays[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (parts.year == 0 || parts.month == 0 || parts.month > 12 || parts.day == 0) {
    return false;
  }
  const bool leap_year = parts.year % 4 == 0 && (parts.year % 100 != 0 || parts.year % 400 == 0);
  return parts.day <= kDays[parts.month] + (parts.month == 2 && leap_year ? 1U : 0U);
}

std::int64_t days_since_1970(const DatetimeParts& parts) noexcept {
  return days_from_civil({parts.year, parts.month, parts.day});
}

std::int64_t microseconds_since_1970(const DatetimeParts& parts) noexcept {
  const std::int64_t seconds = (parts.hour * 60 + parts.minute) * 60 + parts.second;
  return days_since_1970(parts) * kDayUs + seconds * kMicrosecondsPerSecond + parts.fraction_us;
}

std::size_t write_date(const DatetimeParts& parts, char* out) noexcept {
  return static_cast<std::size_t>(put_date(out, parts) - out);
}

std::size_t write_datetime(const DatetimeParts& parts, unsigned fraction_digits,
                           char* out) noexcept {
  char* to = put_date(out, parts);
  *to++ = ' ';
  to = put_minutes(put_two(to, parts.hour), parts.minute, parts.second);
  return static_cast<std::size_t>(put_fraction(to, parts.fraction_us, fraction_digits) - out);
}

std::size_t write_time(const TimeParts& parts, unsigned fraction_digits, char* out) noexcept {
  char* to = out;
  if (parts.negative) {
    *to++ = '-';
  }
  if (parts.hour >= 100) {
    *to++ = static_cast<char>('0' + parts.hour / 100 % 10);
  }
  to = put_minutes(put_two(to, parts.hour % 100), parts.minute, parts.second);
  return static_cast<std::size_t>(put_fraction(to, parts.fraction_us, fraction_digits) - out);
}

}  // namespace rowtide::mysql
