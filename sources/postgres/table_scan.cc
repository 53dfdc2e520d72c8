#include "sources/postgres/table_scan.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "engine/client/postgres_client.h"

namespace rowtide::postgres {
namespace {

// Below this every page of the table is likely to be cached, and jumping costs little.
constexpr std::uint64_t kSmallTableBlocks = 10'000;
// A key that follows the rows less closely than this visits nearly a page for each row.
constexpr double kFollowsRows = 0.5;

std::string parenthesized(const std::vector<std::string>& parts) {
  return parts.size() == 1 ? parts.front() : fmt::format("({})", fmt::join(parts, ", "));
}

std::string key_literal(const ScanKeyColumn& column, const std::string& text) {
  return fmt::format("{}::{}", quote_literal(text), column.type);
}

}  // namespace

ScanChoice choose_scan(const TableShape& shape) {
  if (!shape.has_key) {
    return {ScanMethod::kWhole, "the table has no unique key among its published columns"};
  }
  if (shape.partitioned) {
    return {ScanMethod::kKeyRange, "the table is partitioned"};
  }
  if (shape.blocks < kSmallTableBlocks) {
    return {ScanMethod::kKeyRange, fmt::format("the table is small ({} pages)", shape.blocks)};
  }
  if (!shape.correlation) {
    return {ScanMethod::kKeyRange, "the table was never analyzed"};
  }
  const auto correlation = fmt::format("correlation {:.2f}", *shape.correlation);
  if (std::abs(*shape.correlation) >= kFollowsRows) {
    return {ScanMethod::kKeyRange, fmt::format("the key follows the rows ({})", correlation)};
  }
  if (!shape.changes_are_whole) {
    return {ScanMethod::kKeyRange,
            fmt::format("the key does not follow the rows ({}), but changes may leave out large "
                        "values",
                        correlation)};
  }
  if (!shape.finds_locations) {
    return {ScanMethod::kKeyRange,
            fmt::format("the key does not follow the rows ({}), but the server is older than 14",
                        correlation)};
  }
  return {ScanMethod::kLocation, fmt::format("the key does not follow the rows ({})", correlation)};
}

std::string key_expression(const ScanKeyColumn& column) {
  const std::string name = "t." + quote_identifier(column.name);
  return column.collation_differs ? fmt::format("({} COLLATE {})", name, column.collation) : name;
}

std::string key_condition(std::span<const ScanKeyColumn> columns, std::string_view operation,
                          const ScanKey& key) {
  ROWTIDE_ASSERT(!key.empty() && key.size() <= columns.size());
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < key.size(); ++i) {
    names.push_back(key_expression(columns[i]));
    values.push_back(key_literal(columns[i], key[i]));
  }
  return fmt::format("{} {} {}", parenthesized(names), operation, parenthesized(values));
}

std::string location_condition(std::string_view operation, RowLocation location) {
  return fmt::format("t.ctid {} '{}'::pg_catalog.tid", operation, location_text(location));
}

std::string copy_sql(const ScanQuery& query) {
  std::string sql = fmt::format("COPY (SELECT {} FROM {}{}.{} AS t", fmt::join(query.outputs, ", "),
                                query.partitioned ? "" : "ONLY ", quote_identifier(query.schema),
                                quote_identifier(query.table));
  std::string_view before = " WHERE (";
  for (const std::string& condition : query.conditions) {
    sql += before;
    sql += condition;
    // A condition of the operator's may end with a comment.
    sql += "\n)";
    before = " AND (";
  }
  before = " ORDER BY ";
  for (const ScanKeyColumn& column : query.order) {
    sql += before;
    sql += key_expression(column);
    before = ", ";
  }
  if (query.limit_rows) {
    sql += fmt::format(" LIMIT {}", *query.limit_rows);
  }
  return sql + ") TO STDOUT (FORMAT binary)";
}

std::string order_sql(std::span<const ScanKeyColumn> columns, std::span<const ScanKey> keys) {
  std::string sql = "SELECT v.i FROM (VALUES ";
  for (std::size_t i = 0; i < keys.size(); ++i) {
    sql += fmt::format("{}({}", i == 0 ? "" : ", ", i);
    for (std::size_t k = 0; k < columns.size(); ++k) {
      sql += ", ";
      sql += k < keys[i].size() ? key_literal(columns[k], keys[i][k]) : "NULL::" + columns[k].type;
    }
    sql += ")";
  }
  sql += ") AS v(i";
  for (std::size_t k = 0; k < columns.size(); ++k) {
    sql += fmt::format(", k{}", k);
  }
  sql += ") ORDER BY ";
  for (std::size_t k = 0; k < columns.size(); ++k) {
    // A place without the last cells stands behind all that begin with the others.
    sql += fmt::format("v.k{}{} NULLS LAST, ", k,
                       columns[k].collation.empty() ? "" : " COLLATE " + columns[k].collation);
  }
  return sql + "v.i";
}

std::vector<std::string> spread(const std::vector<std::string>& bounds, std::size_t parts) {
  std::vector<std::string> cuts;
  std::size_t last = bounds.size();
  for (std::size_t part = 1; part < parts; ++part) {
    const std::size_t at = bounds.size() * part / parts;
    // The first bound has next to nothing before it.
    if (at != 0 && at != last && at < bounds.size()) {
      cuts.push_back(bounds[at]);
      last = at;
    }
  }
  return cuts;
}

std::uint64_t end_of_records(std::uint64_t insert_lsn, std::uint64_t block_bytes,
                             std::uint64_t segment_bytes) {
  constexpr std::uint64_t kPageHeaderBytes = 24;
  constexpr std::uint64_t kSegmentHeaderBytes = 40;
  if (insert_lsn % segment_bytes == kSegmentHeaderBytes) {
    return insert_lsn - kSegmentHeaderBytes;
  }
  if (insert_lsn % block_bytes == kPageHeaderBytes &&
      insert_lsn % segment_bytes != kPageHeaderBytes) {
    return insert_lsn - kPageHeaderBytes;
  }
  return insert_lsn;
}

}  // namespace rowtide::postgres
