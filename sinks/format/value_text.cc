#include "sinks/format/value_text.h"

#include "engine/base/assert.h"
#include "engine/model/text_forms.h"
#include "sinks/format/civil_text.h"

namespace rowtide {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

bool put_infinity(TextWriter& out, std::int64_t value) {
  static_assert(kDateInfinity == kTimestampInfinity &&
                kDateMinusInfinity == kTimestampMinusInfinity);
  if (value == kTimestampInfinity) [[unlikely]] {
    out.put("infinity");
    return true;
  }
  if (value == kTimestampMinusInfinity) [[unlikely]] {
    out.put("-infinity");
    return true;
  }
  return false;
}

}  // namespace

void put_float64_text(TextWriter& out, double value) {
  std::string text;
  append_float8_text(text, value);
  out.put(text);
}

void put_float32_text(TextWriter& out, float value) {
  std::string text;
  append_float4_text(text, value);
  out.put(text);
}

void put_hex(TextWriter& out, std::string_view bytes) {
  out.reserve(2 * bytes.size());
  char* to = out.cursor();
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *to++ = kHexDigits[byte >> 4U];
    *to++ = kHexDigits[byte & 0xFU];
  }
  out.advance_to(to);
}

void put_uuid_text(TextWriter& out, std::string_view bytes) {
  if (bytes.size() != 16) [[unlikely]] {
    return put_hex(out, bytes);
  }
  put_hex(out, bytes.substr(0, 4));
  for (std::size_t start = 4; start < 10; start += 2) {
    out.put('-');
    put_hex(out, bytes.substr(start, 2));
  }
  out.put('-');
  put_hex(out, bytes.substr(10));
}

void put_value_text(TextWriter& out, const Value& value) {
  switch (value.kind()) {
    case ValueKind::kAbsent:
    case ValueKind::kUnchanged:
    case ValueKind::kNull:
      ROWTIDE_ASSERT(value.is_known() && !value.is_null());
      return;
    case ValueKind::kBoolean:
      return out.put(value.integer() != 0 ? 't' : 'f');
    case ValueKind::kInteger:
      return out.put_integer(value.integer());
    case ValueKind::kUnsigned:
      return out.put_integer(value.unsigned_integer());
    case ValueKind::kFloat32:
      return put_float32_text(out, static_cast<float>(value.real()));
    case ValueKind::kFloat64:
      return put_float64_text(out, value.real());
    case ValueKind::kDate:
      return put_infinity(out, value.integer()) ? void() : put_date(out, value.integer());
    case ValueKind::kTime:
      return put_time(out, value.integer());
    case ValueKind::kTimestamp:
      return put_infinity(out, value.integer())
                 ? void()
                 : put_timestamp(out, value.integer(), {.separator = ' ', .zone = ""});
    case ValueKind::kTimestampTz:
      return put_infinity(out, value.integer())
                 ? void()
                 : put_timestamp(out, value.integer(), {.separator = ' ', .zone = "+00"});
    case ValueKind::kUuid:
      return put_uuid_text(out, value.bytes());
    case ValueKind::kBytes:
      out.put("\\x");
      return put_hex(out, value.bytes());
    case ValueKind::kDecimal:
    case ValueKind::kText:
    case ValueKind::kJson:
    case ValueKind::kLiteral:
      return out.put(value.bytes());
  }
}

void append_value_text(std::string& out, const Value& value) {
  TextWriter writer(out);
  put_value_text(writer, value);
}

std::string value_text(const Value& value) {
  std::string text;
  append_value_text(text, value);
  return text;
}

}  // namespace rowtide
