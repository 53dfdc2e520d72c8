#include "sources/mysql/column_shape.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sources/mysql/charset.h"
#include "sources/mysql/column_type_text.h"
#include "sources/mysql/decimal.h"
#include "sources/mysql/temporal.h"

namespace rowtide::mysql {
namespace {

constexpr std::uint16_t kOneByteLengthBelow = 256;

// The codec and the size of a cell of a fixed size.
void fixed(ColumnDecoder& decoder, Codec codec, std::size_t size_bytes) {
  decoder.codec = codec;
  decoder.size_bytes = static_cast<std::uint16_t>(size_bytes);
}

void prefixed(ColumnDecoder& decoder, Codec codec, std::size_t length_bytes) {
  decoder.codec = codec;
  decoder.length_bytes = static_cast<std::uint8_t>(length_bytes);
}

// Of a length that is as wide as the most that the column holds.
std::size_t length_bytes_for(std::uint16_t max_bytes) {
  return max_bytes < kOneByteLengthBelow ? 1 : 2;
}

void number(ColumnDecoder& decoder, const MapColumn& column, Codec is_signed, Codec is_unsigned,
            std::size_t size_bytes) {
  fixed(decoder, column.is_unsigned ? is_unsigned : is_signed, size_bytes);
}

LogicalType logical_type(Codec codec) {
  switch (codec) {
    case Codec::kInt8:
    case Codec::kUint8:
    case Codec::kInt16:
    case Codec::kYear:
      return LogicalType::kInt16;
    case Codec::kUint16:
    case Codec::kInt24:
    case Codec::kUint24:
    case Codec::kInt32:
      return LogicalType::kInt32;
    case Codec::kUint32:
    case Codec::kInt64:
      return LogicalType::kInt64;
    case Codec::kUint64:
      return LogicalType::kUint64;
    case Codec::kFloat32:
      return LogicalType::kFloat32;
    case Codec::kFloat64:
      return LogicalType::kFloat64;
    case Codec::kDecimal:
      return LogicalType::kDecimal;
    case Codec::kDate:
      return LogicalType::kDate;
    case Codec::kDatetime:
    case Codec::kOldDatetime:
      return LogicalType::kTimestamp;
    case Codec::kTimestamp:
    case Codec::kOldTimestamp:
      return LogicalType::kTimestampTz;
    case Codec::kEnum:
    case Codec::kSet:
    case Codec::kText:
    case Codec::kCompressedText:
      return LogicalType::kText;
    case Codec::kBytes:
    case Codec::kFixedBytes:
    case Codec::kCompressedBytes:
      return LogicalType::kBytes;
    case Codec::kUuid:
      return LogicalType::kUuid;
    case Codec::kJson:
    case Codec::kJsonText:
      return LogicalType::kJson;
    case Codec::kTime:
    case Codec::kOldTime:
    case Codec::kBit:
    case Codec::kInet4:
    case Codec::kInet6:
    case Codec::kVector:
      return LogicalType::kLiteral;
  }
  return LogicalType::kLiteral;
}

// MariaDB's types that the log shows as another one. The codec of `type` when its values lie on the
// wire as `on_wire` says.
std::optional<Codec> disguised_codec(std::string_view type, std::string_view on_wire) {
  if (type == "uuid" && on_wire == "binary(16)") {
    return Codec::kUuid;
  }
  if (type == "inet6" && on_wire == "binary(16)") {
    return Codec::kInet6;
  }
  if (type == "inet4" && on_wire == "binary(4)") {
    return Codec::kInet4;
  }
  if (type == "json" && on_wire == "longtext") {
    return Codec::kJsonText;
  }
  if (type.starts_with("vector(") && on_wire.starts_with("varbinary(")) {
    return Codec::kVector;
  }
  return std::nullopt;
}

// What the log leaves out with MINIMAL metadata, from the catalog.
MapColumn completed(const ColumnSources& sources) {
  MapColumn column = *sources.map;
  if (sources.has_names || sources.catalog == nullptr) {
    return column;
  }
  column.name = sources.catalog->name;
  column.invisible = sources.catalog->invisible;
  if (!sources.has_signedness) {
    column.is_unsigned = sources.catalog->is_unsigned;
  }
  return column;
}

bool needs_charset(ColumnType type) {
  switch (type) {
    case ColumnType::kString:
    case ColumnType::kVarchar:
    case ColumnType::kVarcharCompressed:
    case ColumnType::kBlob:
    case ColumnType::kBlobCompressed:
    case ColumnType::kEnum:
    case ColumnType::kSet:
      return true;
    default:
      return false;
  }
}

Result<const Charset*> find_charset(const ColumnSources& sources) {
  const MapColumn& column = *sources.map;
  if (!needs_charset(column.type)) {
    return nullptr;
  }
  const Charset* charset = nullptr;
  std::string what = fmt::format("collation {}", column.collation);
  if (column.collation != 0) {
    charset = charset_of_collation(column.collation);
  } else if (sources.catalog != nullptr) {
    // The catalog names none for bytes.
    const std::string& name = sources.catalog->charset;
    what = "character set " + name;
    charset = charset_by_name(name.empty() ? std::string_view("binary") : std::string_view(name));
  }
  if (charset == nullptr) {
    return fail(operator_error(Code::kUnsupported, what + " is not known",
                               "Leave the table out, or ask for a version that knows it"));
  }
  return charset;
}

// In UTF-8.
Result<std::vector<std::string>> find_labels(const ColumnSources& sources, const Charset* charset) {
  std::vector<std::string> labels;
  const MapColumn& column = *sources.map;
  if (column.type != ColumnType::kEnum && column.type != ColumnType::kSet) {
    return labels;
  }
  if (!sources.has_names) {
    auto from_catalog = labels_of_type(sources.catalog->column_type);
    return from_catalog ? *std::move(from_catalog) : labels;
  }
  for (const std::string_view label : column.labels) {
    // Always replaces, and so never fails: a label without meaning in its own character set is told
    // as far as it has one.
    append_utf8(*charset, label, true, labels.emplace_back());
  }
  return labels;
}

Error does_not_fit(std::string_view on_wire, std::string_view in_catalog) {
  return operator_error(
      Code::kSchema,
      fmt::format("the log has no column names, its type is {} there and {} in the table now",
                  on_wire, in_catalog),
      "SET GLOBAL binlog_row_metadata = 'FULL' on the source, so that the log describes each table "
      "as it was; rows logged before that need the table as it was then");
}

// How the column's type is called, and its codec where that differs from what the wire says.
struct Naming {
  std::string source_type;
  std::optional<Codec> codec;
};

std::optional<Naming> accept_type(std::string_view type, bool is_json, std::string_view on_wire,
                                  const ColumnSources& sources) {
  const bool is_mariadb = sources.is_mariadb;
  if (is_json && is_mariadb) {
    type = "json";
  }
  if (is_mariadb) {
    if (const auto codec = disguised_codec(type, on_wire)) {
      return Naming{std::string(type), codec};
    }
  }
  const std::string comparable = comparable_type(type);
  // Without metadata the log does not tell kinds of geometry and sizes of vectors apart.
  const bool vague =
      !sources.has_names && ((on_wire == "geometry" && is_geometry_type(comparable)) ||
                             (on_wire == "vector" && comparable.starts_with("vector(")));
  if (comparable == on_wire || vague) {
    return Naming{std::string(type), std::nullopt};
  }
  return std::nullopt;
}

Result<Naming> name_type(const ColumnSources& sources, std::string_view on_wire) {
  if (sources.known != nullptr) {
    if (auto naming = accept_type(sources.known->source_type, false, on_wire, sources)) {
      return *std::move(naming);
    }
  }
  if (sources.catalog != nullptr) {
    if (auto naming =
            accept_type(sources.catalog->column_type, sources.catalog->json, on_wire, sources)) {
      return *std::move(naming);
    }
    if (!sources.has_names) {
      return fail(does_not_fit(on_wire, sources.catalog->column_type));
    }
  }
  return Naming{std::string(on_wire), std::nullopt};
}

}  // namespace

ColumnDecoder wire_layout(const MapColumn& column) {
  ColumnDecoder decoder;
  decoder.fraction_digits = column.fraction_digits;
  decoder.precision = column.precision;
  decoder.scale = column.scale;
  decoder.bits = column.bits;
  const std::size_t fraction_bytes = fraction_size_bytes(column.fraction_digits);
  switch (column.type) {
    case ColumnType::kTiny:
      number(decoder, column, Codec::kInt8, Codec::kUint8, 1);
      break;
    case ColumnType::kShort:
      number(decoder, column, Codec::kInt16, Codec::kUint16, 2);
      break;
    case ColumnType::kInt24:
      number(decoder, column, Codec::kInt24, Codec::kUint24, 3);
      break;
    case ColumnType::kLong:
      number(decoder, column, Codec::kInt32, Codec::kUint32, 4);
      break;
    case ColumnType::kLongLong:
      number(decoder, column, Codec::kInt64, Codec::kUint64, 8);
      break;
    case ColumnType::kFloat:
      fixed(decoder, Codec::kFloat32, 4);
      break;
    case ColumnType::kDouble:
      fixed(decoder, Codec::kFloat64, 8);
      break;
    case ColumnType::kNewDecimal:
      fixed(decoder, Codec::kDecimal, decimal_size_bytes(column.precision, column.scale));
      break;
    case ColumnType::kYear:
      fixed(decoder, Codec::kYear, 1);
      break;
    case ColumnType::kDate:
    case ColumnType::kNewDate:
      fixed(decoder, Codec::kDate, 3);
      break;
    case ColumnType::kTime:
      fixed(decoder, Codec::kOldTime, 3);
      break;
    case ColumnType::kDatetime:
      fixed(decoder, Codec::kOldDatetime, 8);
      break;
    case ColumnType::kTimestamp:
      fixed(decoder, Codec::kOldTimestamp, 4);
      break;
    case ColumnType::kTime2:
      fixed(decoder, Codec::kTime, 3 + fraction_bytes);
      break;
    case ColumnType::kDatetime2:
      fixed(decoder, Codec::kDatetime, 5 + fraction_bytes);
      break;
    case ColumnType::kTimestamp2:
      fixed(decoder, Codec::kTimestamp, 4 + fraction_bytes);
      break;
    case ColumnType::kBit:
      fixed(decoder, Codec::kBit, column.size_bytes);
      break;
    case ColumnType::kEnum:
      fixed(decoder, Codec::kEnum, column.size_bytes);
      break;
    case ColumnType::kSet:
      fixed(decoder, Codec::kSet, column.size_bytes);
      break;
    case ColumnType::kString:
      prefixed(decoder, Codec::kFixedBytes, length_bytes_for(column.size_bytes));
      decoder.value_bytes = column.size_bytes;
      break;
    case ColumnType::kVarchar:
      prefixed(decoder, Codec::kBytes, length_bytes_for(column.size_bytes));
      break;
    case ColumnType::kVarcharCompressed:
      prefixed(decoder, Codec::kCompressedBytes, length_bytes_for(column.size_bytes));
      break;
    case ColumnType::kBlob:
    case ColumnType::kGeometry:
      prefixed(decoder, Codec::kBytes, column.size_bytes);
      break;
    case ColumnType::kBlobCompressed:
      prefixed(decoder, Codec::kCompressedBytes, column.size_bytes);
      break;
    case ColumnType::kJson:
      prefixed(decoder, Codec::kJson, column.size_bytes);
      break;
    case ColumnType::kVector:
      prefixed(decoder, Codec::kVector, column.size_bytes);
      break;
  }
  return decoder;
}

Result<ColumnShape> shape_column(const ColumnSources& sources) {
  const MapColumn column = completed(sources);
  ROWTIDE_TRY_ASSIGN(const Charset* charset, find_charset(sources));
  ROWTIDE_TRY_ASSIGN(auto labels, find_labels(sources, charset));
  ROWTIDE_TRY_ASSIGN(Naming naming, name_type(sources, column_type_text(column, charset, labels)));
  ColumnShape shape;
  ColumnDecoder& decoder = shape.decoder;
  decoder = wire_layout(column);
  if (charset != nullptr && charset->kind != CharsetKind::kBinary) {
    decoder.charset = charset;
    switch (decoder.codec) {
      case Codec::kFixedBytes:
      case Codec::kBytes:
        decoder.codec = Codec::kText;
        break;
      case Codec::kCompressedBytes:
        decoder.codec = Codec::kCompressedText;
        break;
      default:
        break;
    }
  }
  decoder.codec = naming.codec.value_or(decoder.codec);
  decoder.labels = std::make_shared<const std::vector<std::string>>(std::move(labels));
  shape.column.name = column.name;
  shape.column.type = logical_type(decoder.codec);
  shape.column.source_type = std::move(naming.source_type);
  shape.column.precision = column.precision;
  shape.column.scale = column.scale;
  return shape;
}

}  // namespace rowtide::mysql
