#include "sinks/format/value_json.h"

#include "engine/base/assert.h"
#include "sinks/format/civil_text.h"
#include "sinks/format/json_writer.h"
#include "sinks/format/value_text.h"

namespace rowtide {
namespace {

void put_timestamp_json(TextWriter& out, std::int64_t value, std::string_view zone,
                        const ValueJsonOptions& options) {
  if (value == kTimestampInfinity) [[unlikely]] {
    return out.put("\"infinity\"");
  }
  if (value == kTimestampMinusInfinity) [[unlikely]] {
    return out.put("\"-infinity\"");
  }
  if (options.timestamps == TimestampJson::kEpochUs) {
    return out.put_integer(value);
  }
  out.put('"');
  put_timestamp(out, value, {.separator = 'T', .zone = zone});
  out.put('"');
}

void put_quoted_text(TextWriter& out, const Value& value) {
  out.put('"');
  put_value_text(out, value);
  out.put('"');
}

}  // namespace

void put_value_json(TextWriter& out, const Value& value, const ValueJsonOptions& options) {
  switch (value.kind()) {
    case ValueKind::kAbsent:
    case ValueKind::kUnchanged:
      ROWTIDE_ASSERT(value.is_known());
      return;
    case ValueKind::kNull:
      return out.put("null");
    case ValueKind::kBoolean:
      return out.put(value.integer() != 0 ? "true" : "false");
    case ValueKind::kInteger:
      return out.put_integer(value.integer());
    case ValueKind::kUnsigned:
      return out.put_integer(value.unsigned_integer());
    case ValueKind::kFloat32:
      return put_json_float32(out, static_cast<float>(value.real()));
    case ValueKind::kFloat64:
      return put_json_float64(out, value.real());
    case ValueKind::kDecimal:
      return options.decimals == DecimalJson::kNumber
                 ? put_json_number_or_string(out, value.bytes())
                 : put_json_string(out, value.bytes());
    case ValueKind::kDate:
    case ValueKind::kTime:
    case ValueKind::kUuid:
      return put_quoted_text(out, value);
    case ValueKind::kTimestamp:
      return put_timestamp_json(out, value.integer(), "", options);
    case ValueKind::kTimestampTz:
      return put_timestamp_json(out, value.integer(), "Z", options);
    case ValueKind::kBytes:
      out.put('"');
      put_base64(out, value.bytes());
      return out.put('"');
    case ValueKind::kJson:
      return put_json_text(out, value.bytes());
    case ValueKind::kText:
    case ValueKind::kLiteral:
      return put_json_string(out, value.bytes());
  }
}

}  // namespace rowtide
