#include <bit>
#include <cstdint>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "engine/base/cursor.h"
#include "engine/model/table_schema.h"
#include "engine/model/text_forms.h"
#include "sources/postgres/binary_containers.h"
#include "sources/postgres/binary_forms.h"
#include "sources/postgres/binary_scalars.h"
#include "sources/postgres/value_decode_binary.h"

namespace rowtide::postgres {
namespace {

// Deeper types are asked for as text. Every level of quoting can double a value's size, so a limit
// is also what keeps a hostile sender from making gigabytes out of one cell.
constexpr int kMostDepth = 12;

// Types whose text form is one of binary_forms.h, or null.
using FormWriter = bool (*)(Cursor&, std::string&);
FormWriter form_writer(std::uint32_t type_oid) {
  switch (type_oid) {
    case oid::kNumeric:
      return append_numeric_form;
    case oid::kInterval:
      return append_interval_form;
    case oid::kTimetz:
      return append_timetz_form;
    case oid::kBit:
    case oid::kVarbit:
      return append_bits_form;
    case oid::kInet:
    case oid::kCidr:
      return append_network_form;
    case oid::kMacaddr:
    case oid::kMacaddr8:
      return append_mac_form;
    case oid::kTid:
      return append_tid_form;
    case oid::kPgLsn:
      return append_lsn_form;
    case oid::kPoint:
      return append_point_form;
    case oid::kLseg:
      return append_lseg_form;
    case oid::kBox:
      return append_box_form;
    case oid::kPath:
      return append_path_form;
    case oid::kPolygon:
      return append_polygon_form;
    case oid::kLine:
      return append_line_form;
    case oid::kCircle:
      return append_circle_form;
    default:
      return nullptr;
  }
}

template <class Integer>
bool append_integer_form(std::string_view cell, std::string& out) {
  Integer number = 0;
  const bool valid = read_integer(cell, number);
  fmt::format_to(std::back_inserter(out), "{}", number);
  return valid;
}

// Integers and oids, or null.
using IntegerWriter = bool (*)(std::string_view, std::string&);
IntegerWriter integer_writer(std::uint32_t type_oid) {
  switch (type_oid) {
    case oid::kInt2:
      return append_integer_form<std::int16_t>;
    case oid::kInt4:
      return append_integer_form<std::int32_t>;
    case oid::kInt8:
      return append_integer_form<std::int64_t>;
    case oid::kXid8:
      return append_integer_form<std::uint64_t>;
    case oid::kOid:
    case oid::kXid:
    case oid::kCid:
      return append_integer_form<std::uint32_t>;
    default:
      return nullptr;
  }
}

// Types with a ValueKind of their own: decoded, then printed.
bool append_value_form(std::string_view cell, LogicalType type, std::string& out) {
  std::uint32_t bits4 = 0;
  std::uint64_t bits8 = 0;
  switch (type) {
    case LogicalType::kBoolean:
      out.push_back(!cell.empty() && cell[0] != 0 ? 't' : 'f');
      return cell.size() == 1;
    case LogicalType::kFloat32:
      if (!read_integer(cell, bits4)) {
        return false;
      }
      append_float4_text(out, std::bit_cast<float>(bits4));
      return true;
    case LogicalType::kFloat64:
      if (!read_integer(cell, bits8)) {
        return false;
      }
      append_float8_text(out, std::bit_cast<double>(bits8));
      return true;
    case LogicalType::kDate:
      if (!read_integer(cell, bits4)) {
        return false;
      }
      append_date_text(out, days_since_1970(static_cast<std::int32_t>(bits4)));
      return true;
    case LogicalType::kTime:
      if (!read_integer(cell, bits8) || !is_time_of_day(static_cast<std::int64_t>(bits8))) {
        return false;
      }
      append_time_text(out, static_cast<std::int64_t>(bits8));
      return true;
    case LogicalType::kTimestamp:
    case LogicalType::kTimestampTz:
      if (!read_integer(cell, bits8)) {
        return false;
      }
      append_timestamp_form(static_cast<std::int64_t>(bits8),
                            type == LogicalType::kTimestampTz ? "+00" : "", out);
      return true;
    case LogicalType::kUuid:
      if (cell.size() != 16) {
        return false;
      }
      append_uuid_text(out, cell);
      return true;
    case LogicalType::kBytes:
      append_bytea_text(out, cell);
      return true;
    case LogicalType::kText:
      out += cell;
      return true;
    default:
      return false;
  }
}

bool append_base_form(const TypeCatalog& catalog, const TypeInfo& type, std::string_view cell,
                      std::string& out) {
  switch (type.oid) {
    case oid::kChar:
      return append_char_form(cell, out);
    case oid::kJsonb:
      out += cell.substr(cell.empty() ? 0 : 1);
      return cell.starts_with(kJsonbVersion);
    case oid::kJson:
    case oid::kRefcursor:
      out += cell;
      return true;
    default:
      break;
  }
  if (const FormWriter writer = form_writer(type.oid)) {
    Cursor in(cell);
    return writer(in, out) && in.ok() && in.remaining() == 0;
  }
  if (const IntegerWriter writer = integer_writer(type.oid)) {
    return writer(cell, out);
  }
  return append_value_form(cell, logical_type(catalog, type.oid), out);
}

bool supported(const TypeCatalog& catalog, std::uint32_t type_oid, int depth) {
  const TypeInfo* type = catalog.find(type_oid);
  if (type == nullptr || depth > kMostDepth) {
    return false;
  }
  switch (type->kind) {
    case TypeKind::kBase:
      return form_writer(type_oid) != nullptr || integer_writer(type_oid) != nullptr ||
             type_oid == oid::kRefcursor ||
             logical_type(catalog, type_oid) != LogicalType::kLiteral;
    case TypeKind::kEnum:
      return true;
    case TypeKind::kDomain:
    case TypeKind::kArray:
    case TypeKind::kRange:
    case TypeKind::kMultirange:
      return supported(catalog, type->element, depth + 1);
    case TypeKind::kComposite:
      for (const auto& [name, attribute_oid] : type->attributes) {
        if (!supported(catalog, attribute_oid, depth + 1)) {
          return false;
        }
      }
      return true;
    case TypeKind::kPseudo:
      break;
  }
  return false;
}

}  // namespace

bool append_nested_form(const TypeCatalog& catalog, std::uint32_t type_oid, int depth,
                        std::string_view cell, std::string& out) {
  const TypeInfo* type = catalog.find(catalog.base_of(type_oid));
  if (type == nullptr || depth > kMostDepth) {
    return false;
  }
  Cursor in(cell);
  bool valid = false;
  switch (type->kind) {
    case TypeKind::kBase:
      return append_base_form(catalog, *type, cell, out);
    case TypeKind::kEnum:
      out += cell;
      return true;
    case TypeKind::kArray:
      valid = append_array_form(catalog, *type, depth, in, out);
      break;
    case TypeKind::kComposite:
      valid = append_composite_form(catalog, *type, depth, in, out);
      break;
    case TypeKind::kRange:
      valid = append_range_form(catalog, *type, depth, in, out);
      break;
    case TypeKind::kMultirange:
      valid = append_multirange_form(catalog, *type, depth, in, out);
      break;
    case TypeKind::kDomain:
    case TypeKind::kPseudo:
      return false;
  }
  return valid && in.ok() && in.remaining() == 0;
}

bool append_text_form(const TypeCatalog& catalog, std::uint32_t type_oid, std::string_view cell,
                      std::string& out) {
  return append_nested_form(catalog, type_oid, 0, cell, out);
}

bool binary_supported(const TypeCatalog& catalog, std::uint32_t type_oid) {
  return supported(catalog, type_oid, 0);
}

}  // namespace rowtide::postgres
