#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "sources/postgres/scan_key.h"

namespace rowtide::postgres {

// How a table is read beside the stream, as far as it needs no server: which method fits, and the
// statements.

// What the choice of a method depends on.
struct TableShape {
  bool partitioned = false;
  // Unique, and every column of it is published.
  bool has_key = false;
  // Every change in the stream carries every column.
  bool changes_are_whole = false;
  // The server finds rows by ranges of their location (from 14 on).
  bool finds_locations = true;
  std::uint64_t blocks = 0;
  // Of the key's first column with the order of the rows; nullopt = never analyzed.
  std::optional<double> correlation;
};

struct ScanChoice {
  ScanMethod method = ScanMethod::kKeyRange;
  std::string reason;
};

ScanChoice choose_scan(const TableShape& shape);

// A column of the key, in the order of its index.
struct ScanKeyColumn {
  std::string name;
  // As the server writes it in SQL, ready for a cast.
  std::string type;
  // Of the index, quoted; empty where the type has none.
  std::string collation;
  // The column's own collation is another one.
  bool collation_differs = false;
};

// `(k1, k2) > (...)` with as many columns as `key` has cells; `operation` is ">", "<=" or "=".
std::string key_condition(std::span<const ScanKeyColumn> columns, std::string_view operation,
                          const ScanKey& key);
// `ctid > '(1,2)'`.
std::string location_condition(std::string_view operation, RowLocation location);

struct ScanQuery {
  std::string schema;
  std::string table;
  bool partitioned = false;
  // Output expressions; a column is `t."name"`.
  std::vector<std::string> outputs;
  // All of them hold.
  std::vector<std::string> conditions;
  // Columns to order by; empty = as the rows lie.
  std::vector<ScanKeyColumn> order;
  std::optional<std::uint64_t> limit_rows;
};

// COPY ... TO STDOUT in binary form.
std::string copy_sql(const ScanQuery& query);

// `t."name"`, in the index's collation where that is not the column's own.
std::string key_expression(const ScanKeyColumn& column);

// Gives the indexes of `keys` in the index's order, one row each.
std::string order_sql(std::span<const ScanKeyColumn> columns, std::span<const ScanKey> keys);

// `parts` - 1 of the ascending `bounds` (at most all of them), evenly spread.
std::vector<std::string> spread(const std::vector<std::string>& bounds, std::size_t parts);

// Where the last record of a log ended that ends at `insert_lsn`. The server counts the header of a
// page as part of the log as soon as the page before it is full, which no stream ever reaches while
// nothing is written.
std::uint64_t end_of_records(std::uint64_t insert_lsn, std::uint64_t block_bytes,
                             std::uint64_t segment_bytes);

}  // namespace rowtide::postgres
