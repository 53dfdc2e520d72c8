#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "sources/postgres/type_catalog.h"

namespace rowtide::postgres {
namespace {

// Words that the server quotes when they are names: every key word that is not unreserved. Sorted.
constexpr auto kQuotedWords = std::to_array<std::string_view>({
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
});
static_assert(std::ranges::is_sorted(kQuotedWords));

bool needs_quotes(std::string_view name) {
  const auto plain_first = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto plain = [&](char c) { return plain_first(c) || (c >= '0' && c <= '9'); };
  return name.empty() || !plain_first(name.front()) || !std::ranges::all_of(name, plain) ||
         std::ranges::binary_search(kQuotedWords, name);
}

std::string quoted(std::string_view name) {
  if (!needs_quotes(name)) {
    return std::string(name);
  }
  std::string out = "\"";
  for (const char c : name) {
    out.append(c == '"' ? 2 : 1, c);
  }
  return out + '"';
}

// Types that the SQL standard knows under another name than pg_type does.
std::string_view standard_name(std::uint32_t type_oid) {
  switch (type_oid) {
    case oid::kBool:
      return "boolean";
    case oid::kChar:
      return "\"char\"";
    case oid::kInt2:
      return "smallint";
    case oid::kInt4:
      return "integer";
    case oid::kInt8:
      return "bigint";
    case oid::kFloat4:
      return "real";
    case oid::kFloat8:
      return "double precision";
    case oid::kVarchar:
      return "character varying";
    case oid::kVarbit:
      return "bit varying";
    default:
      return {};
  }
}

// The server's INTERVAL_MASK bits, in the upper half of an interval's modifier.
std::string interval_name(std::int32_t typmod) {
  if (typmod < 0) {
    return "interval";
  }
  struct Field {
    int bit;
    std::string_view name;
  };
  constexpr std::array<Field, 6> kFields{
      {{2, "year"}, {1, "month"}, {3, "day"}, {10, "hour"}, {11, "minute"}, {12, "second"}}};
  constexpr int kAllFields = 0x7fff;
  constexpr int kAnyPrecision = 0xffff;
  const int fields = (typmod >> 16) & kAllFields;
  std::string out = "interval";
  if (fields != kAllFields) {
    std::string_view first;
    std::string_view last;
    for (const Field& field : kFields) {
      if ((fields & (1 << field.bit)) != 0) {
        first = first.empty() ? field.name : first;
        last = field.name;
      }
    }
    out += ' ';
    out += first;
    if (first != last) {
      out += " to ";
      out += last;
    }
  }
  const int precision = typmod & kAnyPrecision;
  return precision == kAnyPrecision ? out : fmt::format("{}({})", out, precision);
}

std::string with_precision(std::string_view name, std::int32_t typmod, std::string_view suffix) {
  return typmod < 0 ? fmt::format("{}{}", name, suffix)
                    : fmt::format("{}({}){}", name, typmod, suffix);
}

std::string numeric_name(const TypeCatalog& catalog, std::int32_t typmod) {
  const DecimalLimits limits = decimal_limits(catalog, oid::kNumeric, typmod);
  return limits.precision == 0 ? "numeric"
                               : fmt::format("numeric({},{})", limits.precision, limits.scale);
}

std::string base_name(const TypeCatalog& catalog, const TypeInfo& type, std::int32_t typmod) {
  // Length-limited character types keep the length plus a varlena header.
  const std::int32_t characters = typmod < 4 ? -1 : typmod - 4;
  switch (type.oid) {
    case oid::kNumeric:
      return numeric_name(catalog, typmod);
    case oid::kInterval:
      return interval_name(typmod);
    case oid::kTime:
      return with_precision("time", typmod, " without time zone");
    case oid::kTimetz:
      return with_precision("time", typmod, " with time zone");
    case oid::kTimestamp:
      return with_precision("timestamp", typmod, " without time zone");
    case oid::kTimestamptz:
      return with_precision("timestamp", typmod, " with time zone");
    case oid::kVarchar:
      return with_precision("character varying", characters, {});
    case oid::kBpchar:
      // "character" alone would mean character(1).
      return characters < 0 ? "bpchar" : with_precision("character", characters, {});
    case oid::kBit:
      // "bit" alone would mean bit(1).
      return typmod < 0 ? "\"bit\"" : with_precision("bit", typmod, {});
    case oid::kVarbit:
      return with_precision("bit varying", typmod, {});
    default:
      break;
  }
  if (const std::string_view name = standard_name(type.oid); !name.empty()) {
    return std::string(name);
  }
  // Names of the catalog's schema are found without it, on every search path.
  return type.schema == "pg_catalog" ? quoted(type.name)
                                     : quoted(type.schema) + "." + quoted(type.name);
}

}  // namespace

std::string format_type(const TypeCatalog& catalog, std::uint32_t type_oid, std::int32_t typmod) {
  const TypeInfo* type = catalog.find(type_oid);
  if (type == nullptr) {
    return "???";
  }
  if (type->kind == TypeKind::kArray) {
    const TypeInfo* element = catalog.find(type->element);
    return element == nullptr ? "???[]" : base_name(catalog, *element, typmod) + "[]";
  }
  return base_name(catalog, *type, typmod);
}

}  // namespace rowtide::postgres
