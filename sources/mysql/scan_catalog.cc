#include "sources/mysql/scan_catalog.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/model/table_filter.h"
#include "sources/mysql/catalog.h"
#include "sources/mysql/catalog_map.h"
#include "sources/mysql/shape_options.h"

namespace rowtide::mysql {
namespace {

// A table with fewer rows is read in one part.
constexpr double kWorthCutting = 200'000;

struct KeyPart {
  std::string data_type;
  bool prefix_only = false;
};
using KeyParts = std::map<std::pair<std::string, std::string>, std::vector<KeyPart>>;

std::string cell(const SqlRow& row, std::size_t column) {
  return row[column].value_or(std::string());
}

// Of every table. The two views are joined here: servers do it by opening each table twice.
Result<KeyParts> load_key_parts(SqlSession& session) {
  ROWTIDE_TRY_ASSIGN(const auto columns,
                     session.query("SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE\n"
                                   "FROM information_schema.COLUMNS WHERE COLUMN_KEY = 'PRI'"));
  std::map<std::vector<std::string>, std::string> types;
  for (const SqlRow& row : columns.rows) {
    types[{cell(row, 0), cell(row, 1), cell(row, 2)}] = cell(row, 3);
  }
  ROWTIDE_TRY_ASSIGN(
      const auto indexes,
      session.query("SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, SUB_PART\n"
                    "FROM information_schema.STATISTICS WHERE INDEX_NAME = 'PRIMARY'\n"
                    "ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX"));
  KeyParts parts;
  for (const SqlRow& row : indexes.rows) {
    parts[{cell(row, 0), cell(row, 1)}].push_back(
        KeyPart{types[{cell(row, 0), cell(row, 1), cell(row, 2)}], row[3].has_value()});
  }
  return parts;
}

struct Choice {
  ScanMethod method = ScanMethod::kWhole;
  std::string reason;
};

Choice choose(const std::vector<KeyPart>& key, ZeroDates zero_dates) {
  if (key.empty()) {
    return {ScanMethod::kWhole, "the table has no primary key"};
  }
  const auto is_any = [](const KeyPart& part, std::initializer_list<std::string_view> types) {
    return std::ranges::find(types, part.data_type) != types.end();
  };
  if (std::ranges::any_of(key, &KeyPart::prefix_only)) {
    return {ScanMethod::kWhole, "the primary key holds the beginning of a column only"};
  }
  // Their order in the index is that of numbers, which no range of values finds.
  if (is_any(key.front(), {"enum", "set"})) {
    return {ScanMethod::kWhole, "the primary key begins with an enum or set"};
  }
  const bool dated = std::ranges::any_of(
      key, [&](const KeyPart& part) { return is_any(part, {"date", "datetime", "timestamp"}); });
  if (dated && zero_dates == ZeroDates::kNull) {
    return {ScanMethod::kWhole, "the primary key holds a date, and zero dates become NULL"};
  }
  return {ScanMethod::kKeyRange, "by its primary key, which is the order of the rows"};
}

Result<void> check_patterns(std::span<const std::string> patterns,
                            const std::vector<TableInfo>& tables) {
  for (const std::string& pattern : patterns) {
    if (pattern.starts_with('!')) {
      continue;
    }
    ROWTIDE_TRY_ASSIGN(const auto alone, TableFilter::parse(std::span(&pattern, 1)));
    const bool named = std::ranges::any_of(
        tables, [&](const TableInfo& table) { return alone.matches(table.database, table.table); });
    if (!named) {
      return fail(operator_error(Code::kNotFound,
                                 fmt::format("\"{}\" names no captured table", pattern),
                                 "See source.tables and the tables of the server; names are "
                                 "written as DATABASE.TABLE"));
    }
  }
  return {};
}

// The shape with the names that the stream last gave the types, where they mean the same: a server
// that was upgraded may call them otherwise now.
bool same_but_for_names(const TableShape& a, const TableShape& b) {
  return std::ranges::equal(a.columns, b.columns, {}, &ColumnDecoder::codec,
                            &ColumnDecoder::codec) &&
         std::ranges::equal(a.schema->columns, b.schema->columns, {}, &Column::type, &Column::type);
}

Result<std::unique_ptr<const TableShape>> shape_of(const TableColumns& columns,
                                                   const TableSchema* announced,
                                                   const ShapeCache::Options& options) {
  ROWTIDE_TRY_ASSIGN(TableMap map, map_of_catalog(columns));
  ROWTIDE_TRY_ASSIGN(auto shape, make_table_shape(map, columns, nullptr, options));
  if (announced == nullptr || *announced == *shape->schema) {
    return shape;
  }
  auto named = make_table_shape(map, columns, announced, options);
  return named && same_but_for_names(*shape, **named) ? std::move(*named) : std::move(shape);
}

Result<std::optional<std::int64_t>> bound(SqlSession& session, const ScanRelation& relation,
                                          std::string_view function) {
  ROWTIDE_TRY_ASSIGN(const auto value,
                     session.query_value(fmt::format("{}{}(t.{}) FROM {} AS t", kScanMark, function,
                                                     quote_identifier(relation.key.front().name),
                                                     relation.sql_name)));
  std::int64_t number = 0;
  if (!value) {
    return std::nullopt;
  }
  const auto [at, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  return error == std::errc{} ? std::optional(number) : std::nullopt;
}

bool is_integer(Codec codec) {
  return codec <= Codec::kInt64;
}

}  // namespace

Result<std::vector<ScanTable>> load_scan_tables(SqlSession& session,
                                                const MysqlSourceConfig& config,
                                                const CapturedTables& captured,
                                                std::span<const std::string> patterns) {
  ROWTIDE_TRY_ASSIGN(const auto asked, TableFilter::parse(patterns));
  ROWTIDE_TRY_ASSIGN(const auto tables, load_tables(session, captured));
  ROWTIDE_TRY(check_patterns(patterns, tables));
  ROWTIDE_TRY_ASSIGN(auto keys, load_key_parts(session));
  std::vector<ScanTable> scans;
  for (const TableInfo& table : tables) {
    if (!asked.matches(table.database, table.table)) {
      continue;
    }
    Choice choice = choose(keys[{table.database, table.table}], config.zero_dates);
    ScanTable& scan = scans.emplace_back();
    scan.table_id = stable_table_id(table.database, table.table);
    scan.schema = table.database;
    scan.table = table.table;
    scan.method = choice.method;
    scan.reason = std::move(choice.reason);
    scan.estimated_rows = static_cast<double>(table.estimated_rows.value_or(0));
  }
  return scans;
}

Result<ScanRelation> load_scan_relation(SqlSession& session, const MysqlSourceConfig& config,
                                        const ScanTable& table, const TableSchema* announced) {
  const ShapeCache::Options options = shape_options(config, session.server());
  ROWTIDE_TRY_ASSIGN(const TableColumns columns,
                     SqlCatalog(session).columns(table.schema, table.table));
  if (columns.system_versioned) {
    return fail(operator_error(
        Code::kUnsupported,
        fmt::format("table {} is system-versioned: its history cannot be read beside the stream",
                    table.qualified_name()),
        "Leave it out of the backfill, or of source.tables"));
  }
  ScanRelation relation;
  relation.sql_name = quote_identifier(table.schema) + "." + quote_identifier(table.table);
  auto shape = shape_of(columns, announced, options);
  if (!shape) {
    return fail(std::move(shape).error().with_context("table " + table.qualified_name()));
  }
  relation.shape = *std::move(shape);
  relation.key_columns = columns.primary_key;
  for (const std::uint32_t index : columns.primary_key) {
    const CatalogColumn& column = columns.columns[index];
    relation.key.push_back(ScanKeyColumn{column.name, relation.shape->columns[index],
                                         column.charset, column.collation});
  }
  return relation;
}

Result<std::vector<ScanKey>> load_key_cuts(SqlSession& session, const ScanRelation& relation,
                                           double estimated_rows, std::size_t parts) {
  std::vector<ScanKey> cuts;
  // Of other keys only a walk along the index could tell.
  if (parts < 2 || estimated_rows < kWorthCutting ||
      !is_integer(relation.key.front().decoder.codec)) {
    return cuts;
  }
  ROWTIDE_TRY_ASSIGN(const auto least, bound(session, relation, "MIN"));
  ROWTIDE_TRY_ASSIGN(const auto most, bound(session, relation, "MAX"));
  if (!least || !most) {
    return cuts;
  }
  const auto width = static_cast<std::uint64_t>(*most) - static_cast<std::uint64_t>(*least);
  for (std::size_t part = 1; part < parts; ++part) {
    const std::uint64_t offset = width / parts * part;
    if (offset != 0) {
      cuts.push_back(
          {std::to_string(static_cast<std::int64_t>(static_cast<std::uint64_t>(*least) + offset))});
    }
  }
  return cuts;
}

}  // namespace rowtide::mysql
