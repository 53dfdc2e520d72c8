#include "tests/golden/canonical_text.h"

#include <iterator>
#include <span>

#include <fmt/format.h>

#include "engine/model/text_forms.h"

namespace rowtide {
namespace {

std::string_view kind_name(ValueKind kind) {
  switch (kind) {
    case ValueKind::kAbsent:
      return "absent";
    case ValueKind::kUnchanged:
      return "unchanged";
    case ValueKind::kNull:
      return "null";
    case ValueKind::kBoolean:
      return "boolean:";
    case ValueKind::kInteger:
      return "integer:";
    case ValueKind::kUnsigned:
      return "unsigned:";
    case ValueKind::kFloat32:
      return "float32:";
    case ValueKind::kFloat64:
      return "float64:";
    case ValueKind::kDecimal:
      return "decimal:";
    case ValueKind::kDate:
      return "date:";
    case ValueKind::kTime:
      return "time:";
    case ValueKind::kTimestamp:
      return "timestamp:";
    case ValueKind::kTimestampTz:
      return "timestamptz:";
    case ValueKind::kUuid:
      return "uuid:";
    case ValueKind::kBytes:
      return "bytes:";
    case ValueKind::kText:
      return "text:";
    case ValueKind::kJson:
      return "json:";
    case ValueKind::kLiteral:
      return "literal:";
  }
  return "?";
}

std::string_view op_name(Op op) {
  switch (op) {
    case Op::kCreate:
      return "create";
    case Op::kUpdate:
      return "update";
    case Op::kDelete:
      return "delete";
    case Op::kRead:
      return "read";
    case Op::kTruncate:
      return "truncate";
    case Op::kMessage:
      return "message";
    case Op::kSchema:
      return "schema";
  }
  return "?";
}

void append_image(std::string& out, std::string_view title, const Event& event,
                  std::span<const Value> cells) {
  if (cells.empty()) {
    return;
  }
  out += title;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out += ' ';
    out += event.schema->columns[i].name;
    out += '=';
    out += canonical_value(cells[i]);
  }
}

}  // namespace

std::string canonical_bytes(std::string_view bytes) {
  constexpr std::size_t kShownBytes = 96;
  std::string out = "\"";
  for (const char c : bytes.substr(0, kShownBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (byte >= 0x20 && byte < 0x7f) {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    }
  }
  out.push_back('"');
  if (bytes.size() > kShownBytes) {
    fmt::format_to(std::back_inserter(out), "..({} bytes)", bytes.size());
  }
  return out;
}

std::string canonical_value(const Value& value) {
  std::string out(kind_name(value.kind()));
  switch (value.kind()) {
    case ValueKind::kAbsent:
    case ValueKind::kUnchanged:
    case ValueKind::kNull:
      break;
    case ValueKind::kBoolean:
      out += value.integer() != 0 ? "true" : "false";
      break;
    case ValueKind::kInteger:
      out += std::to_string(value.integer());
      break;
    case ValueKind::kUnsigned:
      out += std::to_string(value.unsigned_integer());
      break;
    case ValueKind::kFloat32:
      append_float4_text(out, static_cast<float>(value.real()));
      break;
    case ValueKind::kFloat64:
      append_float8_text(out, value.real());
      break;
    case ValueKind::kDecimal:
      out += value.bytes();
      break;
    case ValueKind::kDate:
      append_date_text(out, value.integer());
      break;
    case ValueKind::kTime:
      append_time_text(out, value.integer());
      break;
    case ValueKind::kTimestamp:
      append_timestamp_text(out, value.integer());
      break;
    case ValueKind::kTimestampTz:
      append_timestamptz_text(out, value.integer());
      break;
    case ValueKind::kUuid:
      append_uuid_text(out, value.bytes());
      break;
    case ValueKind::kBytes:
    case ValueKind::kText:
    case ValueKind::kJson:
    case ValueKind::kLiteral:
      out += canonical_bytes(value.bytes());
      break;
  }
  return out;
}

std::string canonical_row(const Event& event) {
  std::string out(op_name(event.op));
  out += ' ';
  out += event.schema->qualified_name();
  append_image(out, event.before_image == BeforeImage::kFull ? " before" : " before(key)", event,
               event.before);
  append_image(out, " after", event, event.after);
  return out;
}

std::string canonical_time(std::int64_t unix_us) {
  std::string out;
  append_timestamp_text(out, unix_us);
  return out;
}

std::string canonical_lsn(std::uint64_t lsn) {
  return fmt::format("{:X}/{:X}", lsn >> 32, lsn & 0xffffffff);
}

}  // namespace rowtide
