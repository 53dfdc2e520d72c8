#include "sources/postgres/scan_key.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "engine/model/text_forms.h"

namespace rowtide::postgres {

std::string key_text(const Value& cell) {
  std::string text;
  switch (cell.kind()) {
    case ValueKind::kBoolean:
      text = cell.integer() != 0 ? "t" : "f";
      break;
    case ValueKind::kInteger:
      text = std::to_string(cell.integer());
      break;
    case ValueKind::kUnsigned:
      text = std::to_string(cell.unsigned_integer());
      break;
    case ValueKind::kFloat32:
      append_float4_text(text, static_cast<float>(cell.real()));
      break;
    case ValueKind::kFloat64:
      append_float8_text(text, cell.real());
      break;
    case ValueKind::kDate:
      append_date_text(text, cell.integer());
      break;
    case ValueKind::kTime:
      append_time_text(text, cell.integer());
      break;
    case ValueKind::kTimestamp:
      append_timestamp_text(text, cell.integer());
      break;
    case ValueKind::kTimestampTz:
      append_timestamptz_text(text, cell.integer());
      break;
    case ValueKind::kUuid:
      append_uuid_text(text, cell.bytes());
      break;
    case ValueKind::kBytes:
      append_bytea_text(text, cell.bytes());
      break;
    case ValueKind::kDecimal:
    case ValueKind::kText:
    case ValueKind::kJson:
    case ValueKind::kLiteral:
      text = cell.bytes();
      break;
    case ValueKind::kAbsent:
    case ValueKind::kUnchanged:
    case ValueKind::kNull:
      ROWTIDE_ASSERT(false);
      break;
  }
  return text;
}

std::string location_text(RowLocation location) {
  return fmt::format("({},{})", location.block, location.item);
}

Result<RowLocation> parse_location(std::string_view text) {
  RowLocation location;
  const char* const end = text.data() + text.size();
  if (text.starts_with('(')) {
    const auto block = std::from_chars(text.data() + 1, end, location.block);
    if (block.ec == std::errc() && block.ptr != end && *block.ptr == ',') {
      const auto item = std::from_chars(block.ptr + 1, end, location.item);
      if (item.ec == std::errc() && item.ptr + 1 == end && *item.ptr == ')') {
        return location;
      }
    }
  }
  return fail(fatal_error(Code::kData, "a stored place of a table scan is no row location"));
}

}  // namespace rowtide::postgres
