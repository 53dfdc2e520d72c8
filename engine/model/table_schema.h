#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace rowtide {

// What a sink needs to know of a column's type to store it. kLiteral is any type that travels as
// the source's own text form (arrays, ranges, intervals, composites, network types, ...).
enum class LogicalType : std::uint8_t {
  kBoolean,
  kInt16,
  kInt32,
  kInt64,
  kUint64,
  kFloat32,
  kFloat64,
  kDecimal,
  kDate,
  kTime,
  kTimestamp,
  kTimestampTz,
  kUuid,
  kBytes,
  kText,
  kJson,
  kLiteral,
};

std::string_view to_string(LogicalType type) noexcept;

struct Column {
  std::string name;
  LogicalType type = LogicalType::kText;
  // The declared type in the source's words: "numeric(12,2)", "character varying(20)", "integer[]".
  std::string source_type;
  // True when source_type names a type that every server of the source's kind has (not an enum, a
  // composite, a domain or an extension's type). A sink of the same kind may then use it as it is.
  bool builtin = false;
  // Of a decimal with declared limits; 0 and 0 = unlimited.
  std::int32_t precision = 0;
  std::int32_t scale = 0;

  friend bool operator==(const Column&, const Column&) = default;
};

// The shape of a table at one point of the stream. Immutable once shared. Two schemas are the same
// version exactly when their content is equal.
struct TableSchema {
  // The source's own id of the table (PostgreSQL: relation oid). A table dropped and created again
  // under the same name has another id.
  std::uint64_t table_id = 0;
  std::string schema;
  std::string table;
  std::vector<Column> columns;
  // Indexes into columns of the row's identity, in the source's order: primary key, unique index,
  // or every column when the replica identity is FULL and there is no primary key; empty = no key.
  std::vector<std::uint32_t> key_columns;
  // True when key_columns identify at most one row (not merely "all columns").
  bool key_is_unique = false;

  std::string qualified_name() const { return schema + "." + table; }
  friend bool operator==(const TableSchema&, const TableSchema&) = default;
};

using SchemaPtr = std::shared_ptr<const TableSchema>;

// A hash of the content, stable across builds and machines; names a version in the state store.
std::uint64_t content_hash(const TableSchema& schema);
// The stored form (JSON) and back; decoding checks every index and enum.
std::string encode_schema(const TableSchema& schema);
Result<TableSchema> decode_schema(std::string_view text);

}  // namespace rowtide
