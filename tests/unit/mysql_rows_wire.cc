#include "tests/unit/mysql_rows_wire.h"

#include <utility>

namespace rowtide::mysql {

std::string little_endian(std::uint64_t value, std::size_t size_bytes) {
  std::string out;
  for (std::size_t i = 0; i < size_bytes; ++i, value >>= 8) {
    out.push_back(static_cast<char>(value & 0xff));
  }
  return out;
}

std::string counted(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}

std::string metadata_field(std::uint8_t kind, std::string_view value) {
  const std::string length = value.size() < 0xfb ? little_endian(value.size(), 1)
                                                 : '\xfc' + little_endian(value.size(), 2);
  return static_cast<char>(kind) + length + std::string(value);
}

std::string MapBytes::bytes() const {
  std::string types;
  std::string meta;
  std::string names;
  for (const ColumnBytes& column : columns) {
    types.push_back(static_cast<char>(column.type));
    meta += column.meta;
    names += counted(column.name);
  }
  const auto length = [](std::size_t size) {
    return size < 0xfb ? little_endian(size, 1) : '\xfc' + little_endian(size, 2);
  };
  return little_endian(table_id, 6) + little_endian(1, 2) + counted("shop") + '\0' +
         counted(table) + '\0' + length(columns.size()) + types + length(meta.size()) + meta +
         std::string((columns.size() + 7) / 8, '\xff') +
         (with_names ? metadata_field(4, names) : std::string()) + metadata;
}

MapBytes orders() {
  MapBytes map;
  map.columns = {{3, "", "id"}, {15, little_endian(80, 2), "v"}, {245, "\x04", "j"}, {3, "", "n"}};
  map.metadata = metadata_field(1, std::string(1, '\0')) + metadata_field(2, "\x2d") +
                 metadata_field(8, std::string(1, '\0'));
  return map;
}

std::string rows_bytes(std::uint64_t columns, std::string_view present, std::string_view rows) {
  return little_endian(7, 6) + little_endian(1, 2) + little_endian(2, 2) +
         little_endian(columns, 1) + std::string(present) + std::string(rows);
}

Result<BatchPtr> decode(std::string_view map, std::uint8_t type, std::string_view body,
                        const ShapeCache::Options& options, ColumnCatalog* catalog) {
  ShapeCache cache(options, catalog, {});
  ROWTIDE_TRY_ASSIGN(const TableShape* shape, cache.shape(map));
  ROWTIDE_TRY_ASSIGN(const RowsEvent rows, parse_rows_event(type, body));
  ROWTIDE_TRY_ASSIGN(RowReader reader, RowReader::create(*shape, rows));
  BatchBuilder builder({}, nullptr);
  builder.begin_transaction({});
  for (;;) {
    ROWTIDE_TRY_ASSIGN(const bool more, reader.next(builder, true));
    if (!more) {
      break;
    }
  }
  builder.end_transaction({});
  return builder.take();
}

std::string show(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kAbsent:
      return "absent";
    case ValueKind::kUnchanged:
      return "unchanged";
    case ValueKind::kNull:
      return "null";
    case ValueKind::kUnsigned:
      return std::to_string(value.unsigned_integer());
    case ValueKind::kFloat32:
    case ValueKind::kFloat64:
      return std::to_string(value.real());
    default:
      return value.has_bytes() ? "'" + std::string(value.bytes()) + "'"
                               : std::to_string(value.integer());
  }
}

std::string show(std::span<const Value> cells) {
  std::string out;
  for (const Value& cell : cells) {
    out += (out.empty() ? "" : " ") + show(cell);
  }
  return out;
}

}  // namespace rowtide::mysql
