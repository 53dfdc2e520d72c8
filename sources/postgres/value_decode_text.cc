#include "sources/postgres/value_decode_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "engine/model/table_schema.h"
#include "engine/model/text_forms.h"

namespace rowtide::postgres {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kMinuteUs = 60 * kSecondUs;
constexpr std::int64_t kHourUs = 60 * kMinuteUs;
constexpr std::int64_t kDayUs = 24 * kHourUs;

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads the fixed punctuation of dates and times. Like Cursor it fails once and for all.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool ok() const { return !failed_; }
  bool done() const { return !failed_ && rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

  // Between `least` and `most` decimal digits; reports how many.
  std::int64_t digits(std::size_t least, std::size_t most, std::size_t* count = nullptr) {
    std::int64_t value = 0;
    std::size_t used = 0;
    while (used < most && used < rest_.size() && is_digit(rest_[used])) {
      value = value * 10 + (rest_[used] - '0');
      ++used;
    }
    failed_ = failed_ || used < least;
    rest_.remove_prefix(used);
    if (count != nullptr) {
      *count = used;
    }
    return value;
  }

  void expect(char c) {
    if (!skip_if(c)) {
      failed_ = true;
    }
  }
  bool skip_if(char c) {
    if (rest_.empty() || rest_.front() != c) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  bool skip_if(std::string_view text) {
    if (!rest_.starts_with(text)) {
      return false;
    }
    rest_.remove_prefix(text.size());
    return true;
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// A day as it is written; the era stands behind the time.
struct WrittenDay {
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
};

// The latest date that the server knows is in year 5874897.
constexpr std::size_t kMostYearDigits = 7;

WrittenDay scan_day(Scanner& in) {
  WrittenDay written;
  written.year = in.digits(4, kMostYearDigits);
  in.expect('-');
  written.month = in.digits(2, 2);
  in.expect('-');
  written.day = in.digits(2, 2);
  return written;
}

bool to_days(const WrittenDay& written, bool before_christ, std::int64_t& days) {
  constexpr std::array<std::int64_t, 13> kMonthDays = {0,  31, 29, 31, 30, 31, 30,
                                                       31, 31, 30, 31, 30, 31};
  if (written.year == 0 || written.month < 1 || written.month > 12 || written.day < 1 ||
      written.day > kMonthDays[static_cast<std::size_t>(written.month)]) {
    return false;
  }
  CivilDate date;
  date.year = before_christ ? 1 - written.year : written.year;
  date.month = static_cast<std::uint32_t>(written.month);
  date.day = static_cast<std::uint32_t>(written.day);
  days = days_from_civil(date);
  return true;
}

// HH:MM:SS with up to six digits of fraction; 24:00:00 is legal, and so is second 60 in old rows.
bool scan_time(Scanner& in, std::int64_t& time_us) {
  const std::int64_t hours = in.digits(2, 2);
  in.expect(':');
  const std::int64_t minutes = in.digits(2, 2);
  in.expect(':');
  const std::int64_t seconds = in.digits(2, 2);
  std::int64_t fraction_us = 0;
  if (in.skip_if('.')) {
    std::size_t count = 0;
    fraction_us = in.digits(1, 6, &count);
    for (; count < 6; ++count) {
      fraction_us *= 10;
    }
  }
  time_us = hours * kHourUs + minutes * kMinuteUs + seconds * kSecondUs + fraction_us;
  return in.ok() && minutes < 60 && seconds <= 60 && time_us <= kDayUs;
}

// +HH[:MM[:SS]], east of Greenwich positive.
std::int64_t scan_offset_us(Scanner& in) {
  const bool west = in.peek() == '-';
  if (!west) {
    in.expect('+');
  } else {
    in.expect('-');
  }
  std::int64_t offset_us = in.digits(2, 2) * kHourUs;
  if (in.skip_if(':')) {
    offset_us += in.digits(2, 2) * kMinuteUs;
    if (in.skip_if(':')) {
      offset_us += in.digits(2, 2) * kSecondUs;
    }
  }
  return west ? -offset_us : offset_us;
}

bool decode_infinity(std::string_view cell, ValueKind kind, Value& out) {
  if (cell == "infinity") {
    out = Value::integer_of(kind, kTimestampInfinity);
  } else if (cell == "-infinity") {
    out = Value::integer_of(kind, kTimestampMinusInfinity);
  } else {
    return false;
  }
  return true;
}

template <ValueKind kKind>
bool decode_own_bytes(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  out = Value::bytes_of(kKind, cell);
  return true;
}

bool decode_boolean(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  if (cell.size() != 1 || (cell[0] != 't' && cell[0] != 'f')) {
    return false;
  }
  out = Value::boolean(cell[0] == 't');
  return true;
}

template <class Integer>
bool decode_integer(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  Integer number = 0;
  if (!parse_number(cell, number)) {
    return false;
  }
  out = Value::integer(static_cast<std::int64_t>(number));
  return true;
}

bool decode_float4(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  float number = 0;
  if (!parse_number(cell, number)) {
    return false;
  }
  out = Value::float32(number);
  return true;
}

bool decode_float8(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  double number = 0;
  if (!parse_number(cell, number)) {
    return false;
  }
  out = Value::float64(number);
  return true;
}

bool decode_decimal(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  out = Value::bytes_of(ValueKind::kDecimal, cell);
  std::string_view digits = cell;
  if (digits.starts_with('-')) {
    digits.remove_prefix(1);
  }
  std::size_t points = 0;
  for (const char c : digits) {
    if (!is_digit(c)) {
      if (c != '.') {
        return cell == "NaN" || digits == "Infinity";
      }
      ++points;
    }
  }
  return points <= 1 && digits.size() > points && is_digit(digits.front()) &&
         is_digit(digits.back());
}

bool decode_date(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  if (decode_infinity(cell, ValueKind::kDate, out)) {
    return true;
  }
  Scanner in(cell);
  const WrittenDay written = scan_day(in);
  const bool before_christ = in.skip_if(" BC");
  std::int64_t days = 0;
  if (!in.done() || !to_days(written, before_christ, days)) {
    return false;
  }
  out = Value::integer_of(ValueKind::kDate, days);
  return true;
}

bool decode_time(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  Scanner in(cell);
  std::int64_t time_us = 0;
  if (!scan_time(in, time_us) || !in.done()) {
    return false;
  }
  out = Value::integer_of(ValueKind::kTime, time_us);
  return true;
}

template <ValueKind kKind>
bool decode_timestamp(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  if (decode_infinity(cell, kKind, out)) {
    return true;
  }
  Scanner in(cell);
  const WrittenDay written = scan_day(in);
  in.expect(' ');
  std::int64_t time_us = 0;
  if (!scan_time(in, time_us)) {
    return false;
  }
  if constexpr (kKind == ValueKind::kTimestampTz) {
    time_us -= scan_offset_us(in);
  }
  const bool before_christ = in.skip_if(" BC");
  std::int64_t days = 0;
  if (!in.done() || !to_days(written, before_christ, days)) {
    return false;
  }
  std::int64_t timestamp_us = 0;
  if (__builtin_mul_overflow(days, kDayUs, &timestamp_us) ||
      __builtin_add_overflow(timestamp_us, time_us, &timestamp_us) ||
      timestamp_us == kTimestampInfinity) {
    out = Value::bytes_of(ValueKind::kLiteral, cell);
  } else {
    out = Value::integer_of(kKind, timestamp_us);
  }
  return true;
}

// 0 to 15, or -1.
int hex_digit(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

// `hex` has an even length.
bool decode_hex(std::string_view hex, char* to) {
  int bad = 0;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_digit(hex[i]);
    const int low = hex_digit(hex[i + 1]);
    bad |= high | low;
    *to++ = static_cast<char>((high & 15) << 4 | (low & 15));
  }
  return bad >= 0;
}

bool decode_bytea(std::string_view cell, std::uint32_t, DecodeContext& context, Value& out) {
  if (!cell.starts_with("\\x") || cell.size() % 2 != 0) {
    return false;
  }
  const std::string_view hex = cell.substr(2);
  const std::size_t size_bytes = hex.size() / 2;
  if (size_bytes == 0) {
    out = Value::bytes_of(ValueKind::kBytes, {});
    return true;
  }
  char* to = context.arena->allocate(size_bytes);
  out = Value::bytes_of(ValueKind::kBytes, {to, size_bytes});
  return decode_hex(hex, to);
}

bool decode_uuid(std::string_view cell, std::uint32_t, DecodeContext& context, Value& out) {
  constexpr std::size_t kUuidBytes = 16;
  std::array<char, 2 * kUuidBytes> hex;
  std::size_t used = 0;
  if (cell.size() != 36) {
    return false;
  }
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (cell[i] != '-') {
        return false;
      }
    } else {
      hex[used++] = cell[i];
    }
  }
  char* to = context.arena->allocate(kUuidBytes);
  out = Value::bytes_of(ValueKind::kUuid, {to, kUuidBytes});
  return decode_hex({hex.data(), hex.size()}, to);
}

}  // namespace

CellDecoder text_decoder(const TypeCatalog& catalog, std::uint32_t type_oid) {
  switch (logical_type(catalog, type_oid)) {
    case LogicalType::kBoolean:
      return decode_boolean;
    case LogicalType::kInt16:
      return decode_integer<std::int16_t>;
    case LogicalType::kInt32:
      return decode_integer<std::int32_t>;
    case LogicalType::kInt64:
      return type_oid == oid::kInt8 ? decode_integer<std::int64_t> : decode_integer<std::uint32_t>;
    case LogicalType::kFloat32:
      return decode_float4;
    case LogicalType::kFloat64:
      return decode_float8;
    case LogicalType::kDecimal:
      return decode_decimal;
    case LogicalType::kDate:
      return decode_date;
    case LogicalType::kTime:
      return decode_time;
    case LogicalType::kTimestamp:
      return decode_timestamp<ValueKind::kTimestamp>;
    case LogicalType::kTimestampTz:
      return decode_timestamp<ValueKind::kTimestampTz>;
    case LogicalType::kUuid:
      return decode_uuid;
    case LogicalType::kBytes:
      return decode_bytea;
    case LogicalType::kText:
      return decode_own_bytes<ValueKind::kText>;
    case LogicalType::kJson:
      return decode_own_bytes<ValueKind::kJson>;
    case LogicalType::kUint64:
    case LogicalType::kLiteral:
      break;
  }
  return decode_own_bytes<ValueKind::kLiteral>;
}

}  // namespace rowtide::postgres
