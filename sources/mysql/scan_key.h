#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "engine/model/value.h"
#include "sources/mysql/column_decoder.h"

namespace rowtide::mysql {

// The text of a key's cell in a ScanKey: the same for the same value, wherever it comes from.
// Precondition: the cell is known.
std::string key_text(const Value& cell);

// A column of the primary key, in the order of its index.
struct ScanKeyColumn {
  std::string name;
  ColumnDecoder decoder;
  // Of text.
  std::string charset;
  std::string collation;
};

// What the column is compared by: t.`name`, or its number where the server orders by that.
std::string key_expression(const ScanKeyColumn& column);
// The value of key_text() in SQL, such that comparing it finds its way through the index.
// Code::kSchema when the text is no value of the column, as after the column's type has changed.
Result<std::string> key_literal(const ScanKeyColumn& column, std::string_view text);

// Rows behind `key` ("<" and ">" follow the whole key, the last column `last_operation`), in the
// form that both servers find by a range of the index: they compare rows of columns one by one.
enum class KeySide : std::uint8_t { kBehind, kFrom, kUpTo };
Result<std::string> key_condition(std::span<const ScanKeyColumn> columns, KeySide side,
                                  const ScanKey& key);

struct ScanQuery {
  // `database`.`table`
  std::string table;
  // Output expressions; a column is t.`name`.
  std::vector<std::string> outputs;
  // All of them hold.
  std::vector<std::string> conditions;
  // Ordered by them and found by the primary key; empty = as the rows lie.
  std::vector<std::string> order;
  std::optional<std::uint64_t> limit_rows;
};
// The statement begins with kScanMark, by which sessions that read chunks are known.
inline constexpr std::string_view kScanMark = "SELECT /* rowtide */ ";
std::string scan_sql(const ScanQuery& query);

// Gives the indexes of `keys` in the index's order, one row each.
Result<std::string> order_sql(std::span<const ScanKeyColumn> columns,
                              std::span<const ScanKey> keys);

}  // namespace rowtide::mysql
