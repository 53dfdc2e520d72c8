#include "sinks/duckdb/duckdb_dialect.h"

#include <algorithm>

#include <fmt/format.h>

namespace rowtide::duckdb {
namespace {

constexpr int kMaxDecimalDigits = 38;

bool fits_decimal(const Column& column) {
  return column.precision >= 1 && column.precision <= kMaxDecimalDigits && column.scale >= 0 &&
         column.scale <= column.precision;
}

}  // namespace

DuckdbDialect::DuckdbDialect(DuckdbConfig::Decimals decimals) : decimals_(decimals) {
  traits_.catalog_prefix = warehouse::quoted(kCatalog) + ".";
  traits_.temporary_prefix = "temp.main.";
  traits_.text_type = "VARCHAR";
  traits_.timestamptz_type = "TIMESTAMP WITH TIME ZONE";
  traits_.drops_stages = true;
  traits_.alters_before_writes_only = true;
  traits_.renames_into_place = true;
  // What a commit leaves in a row group that is not full is read and compressed again with the
  // next.
  traits_.good_commit_rows = 4 * kRowGroupRows;
}

std::string DuckdbDialect::column_type(const Column& column) const {
  switch (column.type) {
    case LogicalType::kBoolean:
      return "BOOLEAN";
    case LogicalType::kInt16:
      return "SMALLINT";
    case LogicalType::kInt32:
      return "INTEGER";
    case LogicalType::kInt64:
      return "BIGINT";
    case LogicalType::kUint64:
      return "UBIGINT";
    case LogicalType::kFloat32:
      return "FLOAT";
    case LogicalType::kFloat64:
      return "DOUBLE";
    case LogicalType::kDecimal:
      return decimals_ == DuckdbConfig::Decimals::kNative && fits_decimal(column)
                 ? fmt::format("DECIMAL({},{})", column.precision, column.scale)
                 : "VARCHAR";
    case LogicalType::kDate:
      return "DATE";
    case LogicalType::kTime:
      return "TIME";
    case LogicalType::kTimestamp:
      return "TIMESTAMP";
    case LogicalType::kTimestampTz:
      return "TIMESTAMP WITH TIME ZONE";
    case LogicalType::kUuid:
      return "UUID";
    case LogicalType::kBytes:
      return "BLOB";
    case LogicalType::kText:
    case LogicalType::kJson:
    case LogicalType::kLiteral:
      return "VARCHAR";
  }
  return "VARCHAR";
}

std::string DuckdbDialect::folded(std::string_view name) const {
  std::string out(name);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

Result<void> DuckdbDialect::check_name(std::string_view what, std::string_view name) const {
  if (!name.empty() && name.find('\0') == std::string_view::npos) {
    return {};
  }
  return fail(operator_error(Code::kSchema,
                             fmt::format("{}: DuckDB has no empty names and none with a NUL", what),
                             "Leave the table out with the sink's tables filter"));
}

warehouse::CatalogQueries DuckdbDialect::catalog_queries(std::string_view schema,
                                                         std::string_view table) const {
  using warehouse::literal;
  const std::string catalog = literal(kCatalog);
  warehouse::CatalogQueries queries;
  queries.schemas = fmt::format(
      "SELECT schema_name FROM duckdb_schemas() WHERE database_name = {} AND lower(schema_name) = "
      "lower({})",
      catalog, literal(schema));
  queries.columns = fmt::format(
      "SELECT column_name, data_type, schema_name, table_name FROM duckdb_columns() WHERE "
      "database_name = {} AND lower(schema_name) = lower({}) AND lower(table_name) = lower({}) "
      "ORDER BY column_index",
      catalog, literal(schema), literal(table));
  return queries;
}

}  // namespace rowtide::duckdb
