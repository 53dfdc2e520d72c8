#include "sources/mysql/table_map_metadata.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rowtide::mysql {
namespace {

// Kinds of optional metadata.
enum class MetadataField : std::uint8_t {
  kSignedness = 1,
  kDefaultCharset = 2,
  kColumnCharset = 3,
  kColumnName = 4,
  kSetLabels = 5,
  kEnumLabels = 6,
  kGeometryType = 7,
  kPrimaryKey = 8,
  kPrimaryKeyWithPrefix = 9,
  kLabelsDefaultCharset = 10,
  kLabelsColumnCharset = 11,
  kVisibility = 12,
  kVectorDimension = 13,
};

// Columns with a sign bit, but for YEAR.
bool is_numeric(ColumnType type) {
  switch (type) {
    case ColumnType::kTiny:
    case ColumnType::kShort:
    case ColumnType::kInt24:
    case ColumnType::kLong:
    case ColumnType::kLongLong:
    case ColumnType::kFloat:
    case ColumnType::kDouble:
    case ColumnType::kNewDecimal:
      return true;
    default:
      return false;
  }
}

// Whether so many columns can have these bits: no byte too few or too many, and zeros behind the
// last column.
bool signs_fit(std::string_view bits, std::size_t columns) {
  if (bits.size() != (columns + 7) / 8) {
    return false;
  }
  const unsigned unused = 0xffU >> (columns % 8);
  return columns % 8 == 0 || (static_cast<unsigned char>(bits.back()) & unused) == 0;
}

// Vectors count among the columns with a character set, JSON and geometry do not.
bool has_charset(ColumnType type) {
  switch (type) {
    case ColumnType::kString:
    case ColumnType::kVarchar:
    case ColumnType::kVarcharCompressed:
    case ColumnType::kBlob:
    case ColumnType::kBlobCompressed:
    case ColumnType::kVector:
      return true;
    default:
      return false;
  }
}

bool has_labels(ColumnType type) {
  return type == ColumnType::kEnum || type == ColumnType::kSet;
}

// One bit per column of a kind, highest bit first.
template <class Filter, class Set>
void for_each_bit(TableMap& map, std::string_view bits, Filter filter, Set set) {
  std::size_t index = 0;
  for (MapColumn& column : map.columns) {
    if (!filter(column.type)) {
      continue;
    }
    if (index / 8 >= bits.size()) {
      return;
    }
    set(column, ((static_cast<unsigned char>(bits[index / 8]) >> (7 - index % 8)) & 1U) != 0);
    ++index;
  }
}

std::uint16_t collation(WireReader& in) {
  const std::uint64_t id = in.length_encoded();
  if (id > UINT16_MAX) {
    in.set_failed();
  }
  return static_cast<std::uint16_t>(id);
}

template <class Filter>
void read_default_collation(TableMap& map, WireReader& in, Filter filter) {
  std::vector<MapColumn*> columns;
  const std::uint16_t most = collation(in);
  for (MapColumn& column : map.columns) {
    if (filter(column.type)) {
      column.collation = most;
      columns.push_back(&column);
    }
  }
  while (!in.at_end()) {
    const std::uint64_t index = in.length_encoded();
    const std::uint16_t id = collation(in);
    if (index >= columns.size()) {
      return in.set_failed();
    }
    columns[index]->collation = id;
  }
}

template <class Filter, class Read>
void for_each_column(TableMap& map, Filter filter, Read read) {
  for (MapColumn& column : map.columns) {
    if (filter(column.type)) {
      read(column);
    }
  }
}

void read_labels(TableMap& map, WireReader& in, ColumnType type) {
  for (MapColumn& column : map.columns) {
    if (column.type != type) {
      continue;
    }
    const std::uint64_t count = in.length_encoded();
    // Each label has a length of its own, so that a count cannot ask for more than it brings.
    if (count > in.remaining()) {
      return in.set_failed();
    }
    column.labels.clear();
    column.labels.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      column.labels.push_back(in.length_encoded_string());
    }
  }
}

void read_key(TableMap& map, WireReader& in, bool with_prefix) {
  map.key_columns.clear();
  while (!in.at_end()) {
    const std::uint64_t index = in.length_encoded();
    if (with_prefix) {
      // Characters of the column that the key holds. Where prefixes are unique, whole values are.
      in.length_encoded();
    }
    const auto column = static_cast<std::uint32_t>(index);
    if (index >= map.columns.size() ||
        std::ranges::find(map.key_columns, column) != map.key_columns.end()) {
      return in.set_failed();
    }
    map.key_columns.push_back(column);
  }
}

void choose_signs(TableMap& map, const MapDialect& dialect) {
  std::size_t years = 0;
  std::size_t numbers = 0;
  for (const MapColumn& column : map.columns) {
    years += column.type == ColumnType::kYear ? 1U : 0U;
    numbers += is_numeric(column.type) ? 1U : 0U;
  }
  const bool with_fits = signs_fit(map.sign_bits, numbers + years);
  const bool without_fits = signs_fit(map.sign_bits, numbers);
  map.signs_are_certain = years == 0 || with_fits != without_fits;
  set_signs(map, with_fits == without_fits ? dialect.year_has_sign : with_fits);
}

// Leaves `in` failed when the value does not fit the columns.
void read_field(TableMap& map, MetadataField field, const MapDialect& dialect, WireReader& in) {
  const std::string_view value = in.rest();
  const auto any = [](ColumnType) { return true; };
  const auto of_characters = [&dialect](ColumnType type) {
    return has_charset(type) || (type == ColumnType::kGeometry && dialect.geometry_has_charset);
  };
  const auto only = [](ColumnType wanted) {
    return [wanted](ColumnType type) { return type == wanted; };
  };
  switch (field) {
    case MetadataField::kSignedness:
      map.has_signedness = true;
      map.sign_bits = value;
      return choose_signs(map, dialect);
    case MetadataField::kDefaultCharset:
      return read_default_collation(map, in, of_characters);
    case MetadataField::kColumnCharset:
      return for_each_column(map, of_characters,
                             [&](MapColumn& column) { column.collation = collation(in); });
    case MetadataField::kColumnName:
      map.has_names = true;
      return for_each_column(map, any,
                             [&](MapColumn& column) { column.name = in.length_encoded_string(); });
    case MetadataField::kSetLabels:
      return read_labels(map, in, ColumnType::kSet);
    case MetadataField::kEnumLabels:
      return read_labels(map, in, ColumnType::kEnum);
    case MetadataField::kGeometryType:
      return for_each_column(map, only(ColumnType::kGeometry), [&](MapColumn& column) {
        column.geometry_type = static_cast<std::uint8_t>(in.length_encoded());
      });
    case MetadataField::kPrimaryKey:
      return read_key(map, in, false);
    case MetadataField::kPrimaryKeyWithPrefix:
      return read_key(map, in, true);
    case MetadataField::kLabelsDefaultCharset:
      return read_default_collation(map, in, has_labels);
    case MetadataField::kLabelsColumnCharset:
      return for_each_column(map, has_labels,
                             [&](MapColumn& column) { column.collation = collation(in); });
    case MetadataField::kVisibility:
      return for_each_bit(map, value, any,
                          [](MapColumn& column, bool bit) { column.invisible = !bit; });
    case MetadataField::kVectorDimension:
      return for_each_column(map, only(ColumnType::kVector), [&](MapColumn& column) {
        column.vector_dimension = static_cast<std::uint32_t>(in.length_encoded());
      });
  }
}

}  // namespace

void set_signs(TableMap& map, bool year_has_sign) {
  const auto counts = [year_has_sign](ColumnType type) {
    return is_numeric(type) || (type == ColumnType::kYear && year_has_sign);
  };
  for_each_bit(map, map.sign_bits, counts,
               [](MapColumn& column, bool bit) { column.is_unsigned = bit; });
}

Result<void> read_optional_metadata(TableMap& map, const MapDialect& dialect, WireReader& in) {
  while (!in.at_end()) {
    const std::uint8_t field = in.u8();
    const std::string_view value = in.length_encoded_string();
    if (!in.ok()) {
      return fail(fatal_error(Code::kProtocol, "a TABLE_MAP event has damaged optional metadata"));
    }
    WireReader field_in(value);
    read_field(map, static_cast<MetadataField>(field), dialect, field_in);
    if (!field_in.ok()) {
      return fail(fatal_error(Code::kProtocol, "a TABLE_MAP event has damaged optional metadata"));
    }
  }
  return {};
}

}  // namespace rowtide::mysql
