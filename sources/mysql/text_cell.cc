#include "sources/mysql/text_cell.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sources/mysql/temporal.h"

namespace rowtide::mysql {
namespace {

constexpr std::size_t kUuidBytes = 16;

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && at == end;
}

CellError decode_integer(std::string_view text, Value& out) {
  std::int64_t number = 0;
  if (!read_number(text, number)) {
    return CellError::kDamaged;
  }
  out = Value::integer(number);
  return CellError::kNone;
}

CellError decode_real(Codec codec, std::string_view text, Value& out) {
  double number = 0;
  if (!read_number(text, number)) {
    return CellError::kDamaged;
  }
  out = codec == Codec::kFloat32 ? Value::float32(static_cast<float>(number))
                                 : Value::float64(number);
  return CellError::kNone;
}

// Without the zeros that ZEROFILL puts in front.
CellError decode_decimal(std::string_view text, DecodeContext& context, Value& out) {
  while (text.size() > 1 && text[0] == '0' && text[1] != '.') {
    text.remove_prefix(1);
  }
  out = Value::bytes_of(ValueKind::kDecimal, context.arena->copy(text));
  return CellError::kNone;
}

// Takes `digits` digits and the separator behind them, if one is wanted.
bool take_digits(std::string_view& text, std::size_t digits, char separator, std::uint32_t& out) {
  if (text.size() < digits || !read_number(text.substr(0, digits), out)) {
    return false;
  }
  text.remove_prefix(digits);
  if (separator != '\0') {
    if (text.empty() || text.front() != separator) {
      return false;
    }
    text.remove_prefix(1);
  }
  return true;
}

bool take_date(std::string_view& text, char behind, DatetimeParts& out) {
  return take_digits(text, 4, '-', out.year) && take_digits(text, 2, '-', out.month) &&
         take_digits(text, 2, behind, out.day);
}

bool take_time_of_day(std::string_view& text, DatetimeParts& out) {
  if (!take_digits(text, 2, ':', out.hour) || !take_digits(text, 2, ':', out.minute) ||
      !take_digits(text, 2, '\0', out.second)) {
    return false;
  }
  if (text.empty()) {
    return true;
  }
  const std::size_t digits = text.size() - 1;
  if (text.front() != '.' || digits == 0 || digits > 6) {
    return false;
  }
  text.remove_prefix(1);
  if (!take_digits(text, digits, '\0', out.fraction_us)) {
    return false;
  }
  for (std::size_t i = digits; i < 6; ++i) {
    out.fraction_us *= 10;
  }
  return true;
}

// One that no calendar has.
CellError put_zero_date(std::string_view text, DecodeContext& context, Value& out) {
  out = context.options.zero_dates_as_null
            ? Value::null()
            : Value::bytes_of(ValueKind::kLiteral, context.arena->copy(text));
  return CellError::kNone;
}

CellError decode_date(std::string_view text, DecodeContext& context, Value& out) {
  DatetimeParts parts;
  std::string_view rest = text;
  if (!take_date(rest, '\0', parts) || !rest.empty()) {
    return CellError::kDamaged;
  }
  if (!is_calendar_day(parts)) {
    return put_zero_date(text, context, out);
  }
  out = Value::integer_of(ValueKind::kDate, days_since_1970(parts));
  return CellError::kNone;
}

CellError decode_datetime(ValueKind kind, std::string_view text, DecodeContext& context,
                          Value& out) {
  DatetimeParts parts;
  std::string_view rest = text;
  if (!take_date(rest, ' ', parts) || !take_time_of_day(rest, parts)) {
    return CellError::kDamaged;
  }
  if (!is_calendar_day(parts)) {
    return put_zero_date(text, context, out);
  }
  out = Value::integer_of(kind, microseconds_since_1970(parts));
  return CellError::kNone;
}

// The number of a label, or one bit for each.
CellError decode_labels(const ColumnDecoder& column, std::string_view text, DecodeContext& context,
                        Value& out) {
  std::uint64_t number = 0;
  if (!read_number(text, number)) {
    return CellError::kDamaged;
  }
  std::array<char, sizeof(number)> bytes;
  std::memcpy(bytes.data(), &number, sizeof(number));
  return decode_cell(column, {bytes.data(), bytes.size()}, context, out);
}

CellError decode_uuid(std::string_view text, DecodeContext& context, Value& out) {
  char* const raw = context.arena->allocate(kUuidBytes);
  std::size_t taken = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '-') {
      continue;
    }
    std::uint8_t byte = 0;
    const auto digits = text.substr(at, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (taken == kUuidBytes || error != std::errc{} || end != digits.data() + 2) {
      return CellError::kDamaged;
    }
    raw[taken++] = static_cast<char>(byte);
    ++at;
  }
  out = Value::bytes_of(ValueKind::kUuid, {raw, kUuidBytes});
  return taken == kUuidBytes ? CellError::kNone : CellError::kDamaged;
}

CellError put_text_as_it_is(ValueKind kind, std::string_view text, DecodeContext& context,
                            Value& out) {
  out = Value::bytes_of(kind, context.arena->copy(text));
  return CellError::kNone;
}

// The server has already uncompressed it.
CellError decode_uncompressed(const ColumnDecoder& column, Codec codec, std::string_view text,
                              DecodeContext& context, Value& out) {
  ColumnDecoder plain = column;
  plain.codec = codec;
  return decode_cell(plain, text, context, out);
}

}  // namespace

std::string cell_expression(const ColumnDecoder& column, const std::string& name) {
  switch (column.codec) {
    case Codec::kFloat32:
    case Codec::kFloat64:
      // All digits, whatever the column's type says of them; a sum would lose the sign of zero.
      return name + " * 1e0";
    case Codec::kEnum:
    case Codec::kSet:
      return "CAST(" + name + " AS UNSIGNED)";
    default:
      return name;
  }
}

CellError decode_text_cell(const ColumnDecoder& column, std::string_view text,
                           DecodeContext& context, Value& out) {
  switch (column.codec) {
    case Codec::kInt8:
    case Codec::kUint8:
    case Codec::kInt16:
    case Codec::kUint16:
    case Codec::kInt24:
    case Codec::kUint24:
    case Codec::kInt32:
    case Codec::kUint32:
    case Codec::kInt64:
    case Codec::kYear:
      return decode_integer(text, out);
    case Codec::kUint64: {
      std::uint64_t number = 0;
      if (!read_number(text, number)) {
        return CellError::kDamaged;
      }
      out = Value::unsigned_integer(number);
      return CellError::kNone;
    }
    case Codec::kFloat32:
    case Codec::kFloat64:
      return decode_real(column.codec, text, out);
    case Codec::kDecimal:
      return decode_decimal(text, context, out);
    case Codec::kDate:
      return decode_date(text, context, out);
    case Codec::kOldDatetime:
    case Codec::kDatetime:
      return decode_datetime(ValueKind::kTimestamp, text, context, out);
    case Codec::kOldTimestamp:
    case Codec::kTimestamp:
      return decode_datetime(ValueKind::kTimestampTz, text, context, out);
    case Codec::kOldTime:
    case Codec::kTime:
    case Codec::kInet4:
    case Codec::kInet6:
      return put_text_as_it_is(ValueKind::kLiteral, text, context, out);
    case Codec::kBit:
      return text.size() == column.size_bytes ? decode_cell(column, text, context, out)
                                              : CellError::kDamaged;
    case Codec::kEnum:
    case Codec::kSet:
      return decode_labels(column, text, context, out);
    case Codec::kUuid:
      return decode_uuid(text, context, out);
    case Codec::kJson:
      // No document has an empty text. Of one whose text has more than max_allowed_packet the
      // server sends none, and only a warning (1301) beside it.
      return text.empty() ? CellError::kLeftOut
                          : put_text_as_it_is(ValueKind::kJson, text, context, out);
    case Codec::kCompressedText:
      return decode_uncompressed(column, Codec::kText, text, context, out);
    case Codec::kCompressedBytes:
      return decode_uncompressed(column, Codec::kBytes, text, context, out);
    case Codec::kText:
    case Codec::kBytes:
    case Codec::kFixedBytes:
    case Codec::kJsonText:
    case Codec::kVector:
      return decode_cell(column, text, context, out);
  }
  return CellError::kDamaged;
}

}  // namespace rowtide::mysql
