#include "sources/mysql/column_decoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "sources/mysql/compressed_column.h"
#include "sources/mysql/decimal.h"
#include "sources/mysql/internet_address.h"
#include "sources/mysql/json_text.h"
#include "sources/mysql/temporal.h"

namespace rowtide::mysql {
namespace {

constexpr unsigned kFirstYear = 1900;
constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::size_t kUuidBytes = 16;

template <class Number>
Number load(std::string_view cell) {
  Number value = 0;
  std::memcpy(&value, cell.data(), sizeof(value));
  return value;
}

std::uint64_t load_unsigned(std::string_view cell) {
  std::uint64_t value = 0;
  std::memcpy(&value, cell.data(), cell.size());
  return value;
}

std::int64_t load_int24(std::string_view cell) {
  const auto value = static_cast<std::int32_t>(load_unsigned(cell));
  return value >= 0x800000 ? value - 0x1000000 : value;
}

void put_bytes(DecodeContext& context, ValueKind kind, std::string_view bytes, Value& out) {
  out = Value::bytes_of(kind, context.arena->copy(bytes));
}

CellError decode_decimal(const ColumnDecoder& column, std::string_view cell, DecodeContext& context,
                         Value& out) {
  std::array<char, kMaxDecimalText> text;
  const std::size_t length = write_decimal(cell, column.precision, column.scale, text.data());
  put_bytes(context, ValueKind::kDecimal, {text.data(), length}, out);
  return length == 0 ? CellError::kDamaged : CellError::kNone;
}

// A date that no calendar has.
void put_zero_date(DecodeContext& context, std::string_view text, Value& out) {
  if (context.options.zero_dates_as_null) {
    out = Value::null();
  } else {
    put_bytes(context, ValueKind::kLiteral, text, out);
  }
}

CellError decode_date(std::string_view cell, DecodeContext& context, Value& out) {
  DatetimeParts parts;
  if (!read_date(cell, parts)) {
    return CellError::kDamaged;
  }
  if (is_calendar_day(parts)) [[likely]] {
    out = Value::integer_of(ValueKind::kDate, days_since_1970(parts));
    return CellError::kNone;
  }
  std::array<char, kMaxTemporalText> text;
  put_zero_date(context, {text.data(), write_date(parts, text.data())}, out);
  return CellError::kNone;
}

CellError put_datetime(const ColumnDecoder& column, const DatetimeParts& parts,
                       DecodeContext& context, Value& out) {
  if (is_calendar_day(parts)) [[likely]] {
    out = Value::integer_of(ValueKind::kTimestamp, microseconds_since_1970(parts));
    return CellError::kNone;
  }
  std::array<char, kMaxTemporalText> text;
  put_zero_date(context, {text.data(), write_datetime(parts, column.fraction_digits, text.data())},
                out);
  return CellError::kNone;
}

CellError put_timestamp(const ColumnDecoder& column, std::uint32_t seconds,
                        std::uint32_t fraction_us, DecodeContext& context, Value& out) {
  if (seconds != 0 || fraction_us != 0) [[likely]] {
    out = Value::integer_of(ValueKind::kTimestampTz, seconds * kSecondUs + fraction_us);
    return CellError::kNone;
  }
  std::array<char, kMaxTemporalText> text;
  put_zero_date(context, {text.data(), write_datetime({}, column.fraction_digits, text.data())},
                out);
  return CellError::kNone;
}

void put_time(const ColumnDecoder& column, const TimeParts& parts, DecodeContext& context,
              Value& out) {
  std::array<char, kMaxTemporalText> text;
  put_bytes(context, ValueKind::kLiteral,
            {text.data(), write_time(parts, column.fraction_digits, text.data())}, out);
}

// Digits, highest bit first, as many as the column has bits.
void put_bits(const ColumnDecoder& column, std::string_view cell, DecodeContext& context,
              Value& out) {
  std::array<char, 64> text;
  for (unsigned i = 0; i < column.bits; ++i) {
    const unsigned bit = column.bits - 1U - i;
    const auto byte = static_cast<unsigned char>(cell[cell.size() - 1 - bit / 8]);
    text[i] = ((byte >> (bit % 8)) & 1U) != 0 ? '1' : '0';
  }
  put_bytes(context, ValueKind::kLiteral, {text.data(), column.bits}, out);
}

// Label 0 is the empty text that stands for a value which was refused.
CellError decode_enum(const ColumnDecoder& column, std::string_view cell, DecodeContext& context,
                      Value& out) {
  const std::uint64_t index = load_unsigned(cell);
  if (index > column.labels->size()) {
    return CellError::kDamaged;
  }
  put_bytes(context, ValueKind::kText,
            index == 0 ? std::string_view() : std::string_view((*column.labels)[index - 1]), out);
  return CellError::kNone;
}

CellError decode_set(const ColumnDecoder& column, std::string_view cell, DecodeContext& context,
                     Value& out) {
  std::uint64_t members = load_unsigned(cell);
  context.scratch.clear();
  for (bool first = true; members != 0; first = false) {
    const auto index = static_cast<std::size_t>(std::countr_zero(members));
    members &= members - 1;
    if (index >= column.labels->size()) {
      return CellError::kDamaged;
    }
    if (!first) {
      context.scratch.push_back(',');
    }
    context.scratch += (*column.labels)[index];
  }
  put_bytes(context, ValueKind::kText, context.scratch, out);
  return CellError::kNone;
}

CellError put_text(const ColumnDecoder& column, ValueKind kind, std::string_view cell,
                   DecodeContext& context, Value& out) {
  if (is_utf8_as_it_is(*column.charset, cell)) [[likely]] {
    put_bytes(context, kind, cell, out);
    return CellError::kNone;
  }
  context.scratch.clear();
  const bool valid =
      append_utf8(*column.charset, cell, context.options.replace_bad_text, context.scratch);
  put_bytes(context, kind, context.scratch, out);
  return valid ? CellError::kNone : CellError::kText;
}

// The server cuts zero bytes off the end.
CellError put_padded(ValueKind kind, std::size_t size_bytes, std::string_view cell,
                     DecodeContext& context, Value& out) {
  if (cell.size() > size_bytes) {
    return CellError::kDamaged;
  }
  char* to = context.arena->allocate(size_bytes);
  std::ranges::copy(cell, to);
  std::memset(to + cell.size(), 0, size_bytes - cell.size());
  out = Value::bytes_of(kind, {to, size_bytes});
  return CellError::kNone;
}

CellError decode_address(std::size_t size_bytes, std::string_view cell, DecodeContext& context,
                         Value& out) {
  std::array<char, 16> address = {};
  if (cell.size() > size_bytes) {
    return CellError::kDamaged;
  }
  std::ranges::copy(cell, address.begin());
  context.scratch.clear();
  append_internet_address({address.data(), size_bytes}, context.scratch);
  put_bytes(context, ValueKind::kLiteral, context.scratch, out);
  return CellError::kNone;
}

CellError decode_compressed(const ColumnDecoder& column, std::string_view cell,
                            DecodeContext& context, Value& out) {
  std::string_view plain;
  if (!decompress_cell(cell, *context.arena, plain)) {
    return CellError::kDamaged;
  }
  if (column.codec == Codec::kCompressedText) {
    return put_text(column, ValueKind::kText, plain, context, out);
  }
  put_bytes(context, ValueKind::kBytes, plain, out);
  return CellError::kNone;
}

CellError decode_json(std::string_view cell, DecodeContext& context, Value& out) {
  context.scratch.clear();
  if (!append_json_text(cell, context.scratch)) {
    return CellError::kDamaged;
  }
  if (context.scratch.size() > kMaxValueBytes) {
    return CellError::kTooLong;
  }
  put_bytes(context, ValueKind::kJson, context.scratch, out);
  return CellError::kNone;
}

CellError decode_vector(std::string_view cell, DecodeContext& context, Value& out) {
  if (cell.size() % sizeof(float) != 0) {
    return CellError::kDamaged;
  }
  context.scratch = "[";
  for (std::size_t i = 0; i < cell.size(); i += sizeof(float)) {
    if (i > 0) {
      context.scratch.push_back(',');
    }
    append_shortest(load<float>(cell.substr(i)), context.scratch);
  }
  context.scratch.push_back(']');
  put_bytes(context, ValueKind::kLiteral, context.scratch, out);
  return CellError::kNone;
}

CellError decode_datetime(const ColumnDecoder& column, std::string_view cell,
                          DecodeContext& context, Value& out) {
  DatetimeParts parts;
  const bool valid = column.codec == Codec::kOldDatetime
                         ? read_old_datetime(cell, parts)
                         : read_datetime(cell, column.fraction_digits, parts);
  return valid ? put_datetime(column, parts, context, out) : CellError::kDamaged;
}

CellError decode_time(const ColumnDecoder& column, std::string_view cell, DecodeContext& context,
                      Value& out) {
  TimeParts parts;
  if (!(column.codec == Codec::kOldTime ? read_old_time(cell, parts)
                                        : read_time(cell, column.fraction_digits, parts))) {
    return CellError::kDamaged;
  }
  put_time(column, parts, context, out);
  return CellError::kNone;
}

CellError decode_timestamp(const ColumnDecoder& column, std::string_view cell,
                           DecodeContext& context, Value& out) {
  if (column.codec == Codec::kOldTimestamp) {
    return put_timestamp(column, load<std::uint32_t>(cell), 0, context, out);
  }
  std::uint32_t seconds = 0;
  std::uint32_t fraction_us = 0;
  if (!read_timestamp(cell, column.fraction_digits, seconds, fraction_us)) {
    return CellError::kDamaged;
  }
  return put_timestamp(column, seconds, fraction_us, context, out);
}

}  // namespace

CellError decode_cell(const ColumnDecoder& column, std::string_view cell, DecodeContext& context,
                      Value& out) {
  const auto integer = [&out](std::int64_t value) {
    out = Value::integer(value);
    return CellError::kNone;
  };
  switch (column.codec) {
    case Codec::kInt8:
      return integer(load<std::int8_t>(cell));
    case Codec::kInt16:
      return integer(load<std::int16_t>(cell));
    case Codec::kInt24:
      return integer(load_int24(cell));
    case Codec::kInt32:
      return integer(load<std::int32_t>(cell));
    case Codec::kInt64:
      return integer(load<std::int64_t>(cell));
    case Codec::kUint8:
      return integer(load<std::uint8_t>(cell));
    case Codec::kUint16:
      return integer(load<std::uint16_t>(cell));
    case Codec::kUint24:
      return integer(static_cast<std::int64_t>(load_unsigned(cell)));
    case Codec::kUint32:
      return integer(load<std::uint32_t>(cell));
    case Codec::kUint64:
      out = Value::unsigned_integer(load<std::uint64_t>(cell));
      return CellError::kNone;
    case Codec::kYear: {
      const unsigned year = load<std::uint8_t>(cell);
      return integer(year == 0 ? 0 : kFirstYear + year);
    }
    case Codec::kFloat32:
      out = Value::float32(load<float>(cell));
      return CellError::kNone;
    case Codec::kFloat64:
      out = Value::float64(load<double>(cell));
      return CellError::kNone;
    case Codec::kDecimal:
      return decode_decimal(column, cell, context, out);
    case Codec::kDate:
      return decode_date(cell, context, out);
    case Codec::kDatetime:
    case Codec::kOldDatetime:
      return decode_datetime(column, cell, context, out);
    case Codec::kTime:
    case Codec::kOldTime:
      return decode_time(column, cell, context, out);
    case Codec::kTimestamp:
    case Codec::kOldTimestamp:
      return decode_timestamp(column, cell, context, out);
    case Codec::kBit:
      put_bits(column, cell, context, out);
      return CellError::kNone;
    case Codec::kEnum:
      return decode_enum(column, cell, context, out);
    case Codec::kSet:
      return decode_set(column, cell, context, out);
    case Codec::kText:
      return put_text(column, ValueKind::kText, cell, context, out);
    case Codec::kJsonText:
      return put_text(column, ValueKind::kJson, cell, context, out);
    case Codec::kBytes:
      put_bytes(context, ValueKind::kBytes, cell, out);
      return CellError::kNone;
    case Codec::kFixedBytes:
      return put_padded(ValueKind::kBytes, column.value_bytes, cell, context, out);
    case Codec::kUuid:
      return put_padded(ValueKind::kUuid, kUuidBytes, cell, context, out);
    case Codec::kInet4:
      return decode_address(4, cell, context, out);
    case Codec::kInet6:
      return decode_address(16, cell, context, out);
    case Codec::kCompressedText:
    case Codec::kCompressedBytes:
      return decode_compressed(column, cell, context, out);
    case Codec::kJson:
      return decode_json(cell, context, out);
    case Codec::kVector:
      return decode_vector(cell, context, out);
  }
  return CellError::kDamaged;
}

}  // namespace rowtide::mysql
