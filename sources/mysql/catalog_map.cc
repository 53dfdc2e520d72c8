#include "sources/mysql/catalog_map.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "sources/mysql/charset.h"
#include "sources/mysql/column_type_text.h"

namespace rowtide::mysql {
namespace {

// The numbers in the first parentheses: "decimal(12,2)" has 12 and 2. What is not there stays.
void read_arguments(std::string_view type, std::uint32_t& first, std::uint32_t& second) {
  const auto open = type.find('(');
  if (open == std::string_view::npos) {
    return;
  }
  const char* const end = type.data() + type.size();
  const auto [at, error] = std::from_chars(type.data() + open + 1, end, first);
  if (error == std::errc{} && at != end && *at == ',') {
    std::from_chars(at + 1, end, second);
  }
}

struct WordRule {
  std::string_view word;
  ColumnType type;
  // As MapColumn::size_bytes, where it follows from the word.
  std::uint16_t size_bytes = 0;
};

constexpr WordRule kByWord[] = {
    {"tinyint", ColumnType::kTiny},
    {"smallint", ColumnType::kShort},
    {"mediumint", ColumnType::kInt24},
    {"int", ColumnType::kLong},
    {"bigint", ColumnType::kLongLong},
    {"float", ColumnType::kFloat},
    {"double", ColumnType::kDouble},
    {"decimal", ColumnType::kNewDecimal},
    {"year", ColumnType::kYear},
    {"date", ColumnType::kDate},
    {"time", ColumnType::kTime2},
    {"datetime", ColumnType::kDatetime2},
    {"timestamp", ColumnType::kTimestamp2},
    {"bit", ColumnType::kBit},
    {"char", ColumnType::kString},
    {"binary", ColumnType::kString},
    {"varchar", ColumnType::kVarchar},
    {"varbinary", ColumnType::kVarchar},
    {"tinytext", ColumnType::kBlob, 1},
    {"text", ColumnType::kBlob, 2},
    {"mediumtext", ColumnType::kBlob, 3},
    {"longtext", ColumnType::kBlob, 4},
    {"tinyblob", ColumnType::kBlob, 1},
    {"blob", ColumnType::kBlob, 2},
    {"mediumblob", ColumnType::kBlob, 3},
    {"longblob", ColumnType::kBlob, 4},
    {"enum", ColumnType::kEnum, 2},
    {"set", ColumnType::kSet, 8},
    {"json", ColumnType::kJson, 4},
    {"vector", ColumnType::kVector, 4},
    // MariaDB's types that the log shows as bytes.
    {"uuid", ColumnType::kString, 16},
    {"inet6", ColumnType::kString, 16},
    {"inet4", ColumnType::kString, 4},
};

Error unknown_type(const CatalogColumn& column) {
  return operator_error(
      Code::kUnsupported,
      fmt::format("column {} has type {}, which is not known", column.name, column.column_type),
      "Leave the table out, or ask for a version that knows it");
}

// Bytes that a value takes at most, of characters or bytes.
Result<std::uint16_t> most_bytes(const CatalogColumn& column, std::uint32_t length) {
  std::uint32_t per_character = 1;
  if (!column.charset.empty()) {
    const Charset* charset = charset_by_name(column.charset);
    if (charset == nullptr) {
      return fail(unknown_type(column));
    }
    per_character = charset->max_bytes;
  }
  return static_cast<std::uint16_t>(length * per_character);
}

Result<MapColumn> column_of(const CatalogColumn& from) {
  MapColumn column;
  column.name = from.name;
  column.nullable = from.nullable;
  column.is_unsigned = from.is_unsigned;
  column.invisible = from.invisible;
  if (is_geometry_type(comparable_type(from.data_type))) {
    column.type = ColumnType::kGeometry;
    column.size_bytes = 4;
    return column;
  }
  const auto rule = std::ranges::find(kByWord, from.data_type, &WordRule::word);
  if (rule == std::end(kByWord)) {
    return fail(unknown_type(from));
  }
  column.type = rule->type;
  column.size_bytes = rule->size_bytes;
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  read_arguments(from.column_type, first, second);
  switch (column.type) {
    case ColumnType::kNewDecimal:
      column.precision = static_cast<std::uint8_t>(first);
      column.scale = static_cast<std::uint8_t>(second);
      break;
    case ColumnType::kTime2:
    case ColumnType::kDatetime2:
    case ColumnType::kTimestamp2:
      column.fraction_digits = static_cast<std::uint8_t>(first);
      break;
    case ColumnType::kBit:
      column.bits = static_cast<std::uint8_t>(std::max(first, 1U));
      column.size_bytes = static_cast<std::uint16_t>((column.bits + 7) / 8);
      break;
    case ColumnType::kVector:
      column.vector_dimension = first;
      break;
    case ColumnType::kString:
    case ColumnType::kVarchar:
      if (column.size_bytes == 0) {
        ROWTIDE_TRY_ASSIGN(column.size_bytes, most_bytes(from, first));
      }
      break;
    default:
      break;
  }
  return column;
}

}  // namespace

Result<TableMap> map_of_catalog(const TableColumns& catalog) {
  TableMap map;
  map.database = catalog.database;
  map.table = catalog.table;
  for (const CatalogColumn& column : catalog.columns) {
    ROWTIDE_TRY_ASSIGN(auto made, column_of(column));
    map.columns.push_back(std::move(made));
  }
  return map;
}

}  // namespace rowtide::mysql
