#include "sources/postgres/value_decode_binary.h"

#include <bit>
#include <cstdint>
#include <string_view>

#include "engine/base/cursor.h"
#include "engine/model/table_schema.h"
#include "sources/postgres/binary_forms.h"
#include "sources/postgres/binary_scalars.h"

namespace rowtide::postgres {
namespace {

bool decode_boolean(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  if (cell.size() != 1) {
    return false;
  }
  out = Value::boolean(cell[0] != 0);
  return true;
}

template <class Integer>
bool decode_integer(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  Integer number = 0;
  const bool valid = read_integer(cell, number);
  out = Value::integer(static_cast<std::int64_t>(number));
  return valid;
}

bool decode_float4(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  std::uint32_t bits = 0;
  const bool valid = read_integer(cell, bits);
  out = Value::float32(std::bit_cast<float>(bits));
  return valid;
}

bool decode_float8(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  std::uint64_t bits = 0;
  const bool valid = read_integer(cell, bits);
  out = Value::float64(std::bit_cast<double>(bits));
  return valid;
}

// Puts the scratch text into the arena as the value.
void take_scratch(DecodeContext& context, ValueKind kind, Value& out) {
  out = Value::bytes_of(kind, context.arena->copy(context.scratch));
}

bool decode_decimal(std::string_view cell, std::uint32_t, DecodeContext& context, Value& out) {
  context.scratch.clear();
  Cursor in(cell);
  if (!append_numeric_form(in, context.scratch) || in.remaining() != 0) {
    return false;
  }
  take_scratch(context, ValueKind::kDecimal, out);
  return true;
}

bool decode_date(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  std::int32_t days = 0;
  const bool valid = read_integer(cell, days);
  out = Value::integer_of(ValueKind::kDate, days_since_1970(days));
  return valid;
}

bool decode_time(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  std::int64_t time_us = 0;
  const bool valid = read_integer(cell, time_us);
  out = Value::integer_of(ValueKind::kTime, time_us);
  return valid && is_time_of_day(time_us);
}

template <ValueKind kKind>
bool decode_timestamp(std::string_view cell, std::uint32_t, DecodeContext& context, Value& out) {
  std::int64_t since_2000_us = 0;
  std::int64_t since_1970_us = 0;
  if (!read_integer(cell, since_2000_us)) {
    return false;
  }
  if (to_unix_us(since_2000_us, since_1970_us)) {
    out = Value::integer_of(kKind, since_1970_us);
    return true;
  }
  context.scratch.clear();
  append_timestamp_form(since_2000_us, kKind == ValueKind::kTimestampTz ? "+00" : "",
                        context.scratch);
  take_scratch(context, ValueKind::kLiteral, out);
  return true;
}

bool decode_uuid(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  out = Value::bytes_of(ValueKind::kUuid, cell);
  return cell.size() == 16;
}

template <ValueKind kKind>
bool decode_own_bytes(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  out = Value::bytes_of(kKind, cell);
  return true;
}

bool decode_char(std::string_view cell, std::uint32_t, DecodeContext& context, Value& out) {
  context.scratch.clear();
  const bool valid = append_char_form(cell, context.scratch);
  take_scratch(context, ValueKind::kText, out);
  return valid;
}

bool decode_jsonb(std::string_view cell, std::uint32_t, DecodeContext&, Value& out) {
  if (!cell.starts_with(kJsonbVersion)) {
    return false;
  }
  out = Value::bytes_of(ValueKind::kJson, cell.substr(1));
  return true;
}

bool decode_literal(std::string_view cell, std::uint32_t type_oid, DecodeContext& context,
                    Value& out) {
  context.scratch.clear();
  if (!append_text_form(*context.catalog, type_oid, cell, context.scratch)) {
    return false;
  }
  take_scratch(context, ValueKind::kLiteral, out);
  return true;
}

bool refuse(std::string_view, std::uint32_t, DecodeContext&, Value&) {
  return false;
}

}  // namespace

CellDecoder binary_decoder(const TypeCatalog& catalog, std::uint32_t type_oid) {
  if (!binary_supported(catalog, type_oid)) {
    return refuse;
  }
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
      return decode_own_bytes<ValueKind::kBytes>;
    case LogicalType::kText:
      return type_oid == oid::kChar ? decode_char : decode_own_bytes<ValueKind::kText>;
    case LogicalType::kJson:
      return type_oid == oid::kJsonb ? decode_jsonb : decode_own_bytes<ValueKind::kJson>;
    case LogicalType::kUint64:
    case LogicalType::kLiteral:
      break;
  }
  return decode_literal;
}

}  // namespace rowtide::postgres
