#include "sources/mysql/table_map.h"

#include <cstddef>

#include <fmt/format.h>

#include "sources/mysql/table_map_metadata.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {
namespace {

constexpr std::uint8_t kMaxBits = 64;

Error damaged(std::string_view what) {
  return fatal_error(Code::kProtocol, fmt::format("a TABLE_MAP event has a damaged {}", what));
}

// The two bytes of a STRING hold its real type, and in bits that no type uses the upper bits of the
// length of a CHAR of more than 255 bytes.
bool read_string_meta(WireReader& in, MapColumn& column) {
  const unsigned first = in.u8();
  const unsigned second = in.u8();
  if ((first & 0x30U) != 0x30U) {
    column.type = static_cast<ColumnType>(first | 0x30U);
    column.size_bytes = static_cast<std::uint16_t>(second | (((first & 0x30U) ^ 0x30U) << 4));
  } else {
    column.type = static_cast<ColumnType>(first);
    column.size_bytes = static_cast<std::uint16_t>(second);
  }
  switch (column.type) {
    case ColumnType::kString:
      return true;
    case ColumnType::kEnum:
      return column.size_bytes == 1 || column.size_bytes == 2;
    case ColumnType::kSet:
      return column.size_bytes >= 1 && column.size_bytes <= 8;
    default:
      return false;
  }
}

bool read_meta(WireReader& in, MapColumn& column) {
  switch (column.type) {
    case ColumnType::kTiny:
    case ColumnType::kShort:
    case ColumnType::kInt24:
    case ColumnType::kLong:
    case ColumnType::kLongLong:
    case ColumnType::kYear:
    case ColumnType::kDate:
    case ColumnType::kNewDate:
    case ColumnType::kTime:
    case ColumnType::kDatetime:
    case ColumnType::kTimestamp:
      return true;
    case ColumnType::kFloat:
    case ColumnType::kDouble:
      in.u8();
      return true;
    case ColumnType::kVarchar:
    case ColumnType::kVarcharCompressed:
      column.size_bytes = in.u16();
      return true;
    case ColumnType::kBit: {
      const unsigned odd_bits = in.u8();
      const unsigned bits = in.u8() * 8U + odd_bits;
      column.bits = static_cast<std::uint8_t>(bits);
      column.size_bytes = static_cast<std::uint16_t>((bits + 7) / 8);
      return odd_bits < 8 && bits >= 1 && bits <= kMaxBits;
    }
    case ColumnType::kTime2:
    case ColumnType::kDatetime2:
    case ColumnType::kTimestamp2:
      column.fraction_digits = in.u8();
      return column.fraction_digits <= 6;
    case ColumnType::kBlob:
    case ColumnType::kBlobCompressed:
    case ColumnType::kJson:
    case ColumnType::kGeometry:
    case ColumnType::kVector:
      column.size_bytes = in.u8();
      return column.size_bytes >= 1 && column.size_bytes <= 4;
    case ColumnType::kNewDecimal:
      column.precision = in.u8();
      column.scale = in.u8();
      return column.precision >= 1 && column.precision <= 65 && column.scale <= column.precision;
    case ColumnType::kString:
      return read_string_meta(in, column);
    default:
      return false;
  }
}

std::string_view read_name(WireReader& in) {
  const std::string_view name = in.take(in.u8());
  if (in.u8() != 0) {
    in.set_failed();
  }
  return name;
}

Result<void> read_columns(TableMap& map, WireReader& in) {
  const std::uint64_t count = in.length_encoded();
  if (count > kMaxColumns) {
    return fail(damaged("column count"));
  }
  const std::string_view types = in.take(count);
  const std::string_view meta = in.length_encoded_string();
  const std::string_view nullable = in.take((count + 7) / 8);
  if (!in.ok()) {
    return fail(damaged("column list"));
  }
  WireReader meta_in(meta);
  map.columns.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    MapColumn& column = map.columns[i];
    const auto type = static_cast<std::uint8_t>(types[i]);
    column.type = static_cast<ColumnType>(type);
    column.nullable = ((static_cast<unsigned char>(nullable[i / 8]) >> (i % 8)) & 1U) != 0;
    if (!read_meta(meta_in, column)) {
      return fail(fatal_error(
          Code::kUnsupported,
          fmt::format("table {}.{}: column {} has type {} with metadata that is not understood",
                      map.database, map.table, i + 1, type)));
    }
  }
  if (!meta_in.ok() || !meta_in.at_end()) {
    return fail(damaged("metadata block"));
  }
  return {};
}

}  // namespace

Result<TableMapName> parse_table_map_name(std::string_view body) {
  WireReader in(body);
  TableMapName name;
  name.table_id = in.u48();
  in.u16();
  name.database = read_name(in);
  name.table = read_name(in);
  if (!in.ok()) {
    return fail(damaged("name"));
  }
  return name;
}

Result<TableMap> parse_table_map(std::string_view body, const MapDialect& dialect) {
  WireReader in(body);
  TableMap map;
  map.table_id = in.u48();
  map.flags = in.u16();
  map.database = read_name(in);
  map.table = read_name(in);
  if (!in.ok()) {
    return fail(damaged("name"));
  }
  ROWTIDE_TRY(read_columns(map, in));
  ROWTIDE_TRY(read_optional_metadata(map, dialect, in));
  return map;
}

}  // namespace rowtide::mysql
