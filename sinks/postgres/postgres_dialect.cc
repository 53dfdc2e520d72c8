#include "sinks/postgres/postgres_dialect.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace rowtide::postgres {
namespace {

constexpr std::size_t kMaxNameBytes = 63;
constexpr int kMaxNumericDigits = 1000;

// True when the source's own word for the type means the same here: another kind of database may
// use the same word for something else.
bool same_word(const Column& column) {
  if (!column.builtin || column.source_type.empty()) {
    return false;
  }
  const std::string_view type = column.source_type;
  const auto is = [&](auto... names) {
    return ((type == names || type.starts_with(std::string(names) + "(")) || ...);
  };
  switch (column.type) {
    case LogicalType::kText:
      return is("text", "character varying", "character", "bpchar");
    case LogicalType::kTime:
      return type.starts_with("time") && type.ends_with("without time zone");
    case LogicalType::kTimestamp:
      return type.starts_with("timestamp") && type.ends_with("without time zone");
    case LogicalType::kTimestampTz:
      return type.starts_with("timestamp") && type.ends_with("with time zone");
    case LogicalType::kJson:
      return is("json", "jsonb");
    case LogicalType::kLiteral:
      // The text of money depends on a setting of the server.
      return !type.starts_with("money");
    default:
      return false;
  }
}

std::string decimal_type(const Column& column) {
  const bool limited = column.precision >= 1 && column.precision <= kMaxNumericDigits &&
                       column.scale >= 0 && column.scale <= column.precision;
  return limited ? fmt::format("numeric({},{})", column.precision, column.scale) : "numeric";
}

}  // namespace

PostgresDialect::PostgresDialect() {
  traits_.temporary_prefix = "pg_temp.";
  traits_.temporary_suffix = " ON COMMIT DELETE ROWS";
  traits_.text_type = "text";
  traits_.timestamptz_type = "timestamp with time zone";
  traits_.upserts = true;
  // An arbitrary number that only this statement uses.
  traits_.setup_lock = "SELECT pg_advisory_xact_lock(8246310551204172337)";
}

std::string PostgresDialect::column_type(const Column& column) const {
  if (same_word(column)) {
    return column.source_type;
  }
  switch (column.type) {
    case LogicalType::kBoolean:
      return "boolean";
    case LogicalType::kInt16:
      return "smallint";
    case LogicalType::kInt32:
      return "integer";
    case LogicalType::kInt64:
      return "bigint";
    case LogicalType::kUint64:
      return "numeric(20,0)";
    case LogicalType::kFloat32:
      return "real";
    case LogicalType::kFloat64:
      return "double precision";
    case LogicalType::kDecimal:
      return decimal_type(column);
    case LogicalType::kDate:
      return "date";
    case LogicalType::kTime:
      return "time without time zone";
    case LogicalType::kTimestamp:
      return "timestamp without time zone";
    case LogicalType::kTimestampTz:
      return "timestamp with time zone";
    case LogicalType::kUuid:
      return "uuid";
    case LogicalType::kBytes:
      return "bytea";
    case LogicalType::kJson:
      return "json";
    case LogicalType::kText:
    case LogicalType::kLiteral:
      return "text";
  }
  return "text";
}

Result<void> PostgresDialect::check_name(std::string_view what, std::string_view name) const {
  constexpr std::array<std::string_view, 6> kSystemColumns = {"tableoid", "xmin", "cmin",
                                                              "xmax",     "cmax", "ctid"};
  if (name.empty() || name.size() > kMaxNameBytes || name.find('\0') != std::string_view::npos) {
    return fail(operator_error(
        Code::kSchema,
        fmt::format("{}: the name has {} bytes, PostgreSQL allows 1 to {}", what, name.size(),
                    kMaxNameBytes),
        "Rename it in the source, or leave the table out with the sink's tables filter"));
  }
  if (what.starts_with("column") &&
      std::ranges::find(kSystemColumns, name) != kSystemColumns.end()) {
    return fail(operator_error(
        Code::kSchema, fmt::format("{}: {} is a system column of PostgreSQL", what, name),
        "Rename it in the source, or leave the table out with the sink's tables filter"));
  }
  if (what.starts_with("schema") && name.starts_with("pg_")) {
    return fail(operator_error(
        Code::kSchema,
        fmt::format("{}: PostgreSQL keeps names that begin with pg_ for itself", what),
        "Rename it in the source, or leave the table out with the sink's tables filter"));
  }
  return {};
}

warehouse::CatalogQueries PostgresDialect::catalog_queries(std::string_view schema,
                                                           std::string_view table) const {
  using warehouse::literal;
  const std::string of_table = fmt::format(
      "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND "
      "n.nspname "
      "= {} AND c.relname = {}",
      literal(schema), literal(table));
  warehouse::CatalogQueries queries;
  queries.schemas =
      "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = " + literal(schema);
  queries.columns = fmt::format(
      "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), n.nspname, c.relname "
      "FROM "
      "{} JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT "
      "a.attisdropped ORDER BY a.attnum",
      of_table);
  queries.unique_keys = fmt::format(
      "SELECT (SELECT string_agg(a.attname, E'\\n' ORDER BY a.attname COLLATE \"C\") FROM "
      "pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY "
      "((i.indkey::int2[])[0:i.indnkeyatts - 1])) FROM {} JOIN pg_catalog.pg_index i ON i.indrelid "
      "= c.oid WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND "
      "i.indexprs IS NULL",
      of_table);
  return queries;
}

}  // namespace rowtide::postgres
