#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/batch/batch.h"
#include "tests/support/test_batches.h"

namespace rowtide::test {

// Random changes of one table and what the table must hold after each transaction. The table has
// the key (id, part) and the columns name, note and size; updates may leave any of these unchanged,
// rows move from key to key, and keys are shifted and swapped inside a transaction.
class RandomChanges {
 public:
  using Key = std::pair<std::int64_t, std::int64_t>;
  using Row = std::vector<std::optional<std::string>>;  // name, note, size
  using Rows = std::map<Key, Row>;

  explicit RandomChanges(std::uint64_t seed);

  static SchemaPtr schema();
  // Adds one transaction of at most `changes` changes to `out`; batches that are full are taken.
  void transaction(TestBatches& out, int changes, std::vector<BatchPtr>& batches);
  const Rows& rows() const { return rows_; }
  // "id|part|name|note|size" per row, NULL as "NULL", in key order.
  static std::vector<std::string> lines(const Rows& rows);

 private:
  void step(TestBatches& out);
  void insert(TestBatches& out);
  void update(TestBatches& out);
  void move(TestBatches& out, Key from, Key to);
  void remove(TestBatches& out);
  void shift(TestBatches& out);
  void swap(TestBatches& out);
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  Key random_key();
  std::optional<Key> random_row();
  Row random_values();
  // The new row over `old`, and its cells, of which some may be unchanged.
  Cells changed_cells(Key key, Row& row);
  static Cells key_cells(Key key);

  std::mt19937_64 random_;
  Rows rows_;
};

}  // namespace rowtide::test
