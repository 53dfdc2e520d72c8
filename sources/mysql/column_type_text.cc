#include "sources/mysql/column_type_text.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

namespace rowtide::mysql {
namespace {

constexpr std::string_view kGeometryTypes[] = {"geometry",     "point",         "linestring",
                                               "polygon",      "multipoint",    "multilinestring",
                                               "multipolygon", "geomcollection"};
constexpr std::string_view kBlobSizes[] = {"tiny", "", "medium", "long"};

bool is_binary(const Charset* charset) {
  return charset != nullptr && charset->kind == CharsetKind::kBinary;
}

std::string quoted_labels(std::string_view word, std::span<const std::string> labels) {
  std::string out(word);
  char separator = '(';
  for (const std::string& label : labels) {
    out.push_back(separator);
    separator = ',';
    out.push_back('\'');
    for (const char c : label) {
      if (c == '\'') {
        out += "''";
      } else if (c == '\\') {
        out += "\\\\";
      } else if (c == '\n') {
        out += "\\n";
      } else if (c == '\r') {
        out += "\\r";
      } else if (c == '\0') {
        out += "\\0";
      } else {
        out.push_back(c);
      }
    }
    out.push_back('\'');
  }
  out += separator == '(' ? "()" : ")";
  return out;
}

std::string with_fraction(std::string_view word, unsigned digits) {
  return digits == 0 ? std::string(word) : fmt::format("{}({})", word, digits);
}

std::string characters(std::string_view text_word, std::string_view binary_word,
                       const MapColumn& column, const Charset* charset) {
  if (is_binary(charset)) {
    return fmt::format("{}({})", binary_word, column.size_bytes);
  }
  const unsigned max_bytes = charset == nullptr ? 1 : charset->max_bytes;
  return fmt::format("{}({})", text_word, column.size_bytes / max_bytes);
}

std::string number(std::string_view word, const MapColumn& column) {
  return fmt::format("{}{}", word, column.is_unsigned ? " unsigned" : "");
}

// "int(10)" without "(10)".
void drop_arguments(std::string& type) {
  const auto open = type.find('(');
  const auto close = type.find(')', open == std::string::npos ? 0 : open);
  if (open != std::string::npos && close != std::string::npos) {
    type.erase(open, close - open + 1);
  }
}

void drop_word(std::string& type, std::string_view word) {
  const auto at = type.find(word);
  if (at != std::string::npos) {
    type.erase(at, word.size());
  }
}

bool takes_arguments(std::string_view word) {
  constexpr std::string_view kWithout[] = {"tinyint", "smallint", "mediumint", "int",  "bigint",
                                           "year",    "float",    "double",    "real", "integer"};
  return std::ranges::find(kWithout, word) == std::end(kWithout);
}

}  // namespace

std::string column_type_text(const MapColumn& column, const Charset* charset,
                             std::span<const std::string> labels) {
  switch (column.type) {
    case ColumnType::kTiny:
      return number("tinyint", column);
    case ColumnType::kShort:
      return number("smallint", column);
    case ColumnType::kInt24:
      return number("mediumint", column);
    case ColumnType::kLong:
      return number("int", column);
    case ColumnType::kLongLong:
      return number("bigint", column);
    case ColumnType::kFloat:
      return number("float", column);
    case ColumnType::kDouble:
      return number("double", column);
    case ColumnType::kNewDecimal:
      return number(fmt::format("decimal({},{})", column.precision, column.scale), column);
    case ColumnType::kYear:
      return "year";
    case ColumnType::kDate:
    case ColumnType::kNewDate:
      return "date";
    case ColumnType::kTime:
    case ColumnType::kTime2:
      return with_fraction("time", column.fraction_digits);
    case ColumnType::kDatetime:
    case ColumnType::kDatetime2:
      return with_fraction("datetime", column.fraction_digits);
    case ColumnType::kTimestamp:
    case ColumnType::kTimestamp2:
      return with_fraction("timestamp", column.fraction_digits);
    case ColumnType::kBit:
      return fmt::format("bit({})", column.bits);
    case ColumnType::kString:
      return characters("char", "binary", column, charset);
    case ColumnType::kVarchar:
      return characters("varchar", "varbinary", column, charset);
    case ColumnType::kVarcharCompressed: {
      // Room for the byte of method.
      MapColumn plain = column;
      plain.size_bytes = static_cast<std::uint16_t>(std::max(1, column.size_bytes + 0) - 1);
      return characters("varchar", "varbinary", plain, charset);
    }
    case ColumnType::kBlob:
    case ColumnType::kBlobCompressed:
      return fmt::format("{}{}", kBlobSizes[column.size_bytes - 1],
                         is_binary(charset) ? "blob" : "text");
    case ColumnType::kJson:
      return "json";
    case ColumnType::kGeometry:
      return std::string(kGeometryTypes[column.geometry_type & 7U]);
    case ColumnType::kVector:
      return column.vector_dimension == 0 ? std::string("vector")
                                          : fmt::format("vector({})", column.vector_dimension);
    case ColumnType::kEnum:
      return quoted_labels("enum", labels);
    case ColumnType::kSet:
      return quoted_labels("set", labels);
  }
  return {};
}

std::string comparable_type(std::string_view column_type) {
  std::string type(column_type);
  const std::string_view word = column_type.substr(0, column_type.find_first_of("( "));
  if (word == "enum" || word == "set") {
    return type;
  }
  if (const auto comment = type.find(" /*"); comment != std::string::npos) {
    type.erase(comment);
  }
  if (!takes_arguments(word)) {
    drop_arguments(type);
  }
  drop_word(type, " zerofill");
  if (type == "geometrycollection") {
    type = "geomcollection";
  }
  return type;
}

bool is_geometry_type(std::string_view comparable_type) {
  return std::ranges::find(kGeometryTypes, comparable_type) != std::end(kGeometryTypes);
}

std::optional<std::vector<std::string>> labels_of_type(std::string_view column_type) {
  const auto open = column_type.find('(');
  const std::string_view word = column_type.substr(0, open);
  if (open == std::string_view::npos || (word != "enum" && word != "set")) {
    return std::nullopt;
  }
  std::vector<std::string> labels;
  std::string label;
  bool inside = false;
  const std::string_view text = column_type.substr(open + 1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (!inside) {
      inside = c == '\'';
    } else if (c == '\'' && next == '\'') {
      label.push_back('\'');
      ++i;
    } else if (c == '\'') {
      labels.push_back(std::move(label));
      label.clear();
      inside = false;
    } else if (c == '\\' && i + 1 < text.size()) {
      label.push_back(next == 'n' ? '\n' : next == 'r' ? '\r' : next == '0' ? '\0' : next);
      ++i;
    } else {
      label.push_back(c);
    }
  }
  return labels;
}

}  // namespace rowtide::mysql
