#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/batch/batch.h"
#include "engine/model/event.h"
#include "engine/model/table_schema.h"

namespace rowtide::test {

struct AbsentCell {};
struct UnchangedCell {};
inline constexpr AbsentCell kAbsentCell{};
inline constexpr UnchangedCell kUnchangedCell{};

// One cell as a test writes it: nullptr, true, 42, 1.5, "text", kAbsentCell, kUnchangedCell. The
// column's type decides the kind of value that it becomes: 0 in a date column is 1970-01-01, and
// "12.50" in a decimal column is that decimal, and
// a text in a date column is the source's own text of a day that no calendar has. A uuid is its 16
// raw bytes.
class Cell {
 public:
  Cell(AbsentCell c) : content_(c) {}                // NOLINT
  Cell(UnchangedCell c) : content_(c) {}             // NOLINT
  Cell(std::nullptr_t) : content_(nullptr) {}        // NOLINT
  Cell(bool v) : content_(v) {}                      // NOLINT
  Cell(int v) : content_(std::int64_t{v}) {}         // NOLINT
  Cell(std::int64_t v) : content_(v) {}              // NOLINT
  Cell(std::uint64_t v) : content_(v) {}             // NOLINT
  Cell(double v) : content_(v) {}                    // NOLINT
  Cell(const char* v) : content_(std::string(v)) {}  // NOLINT
  Cell(std::string v) : content_(std::move(v)) {}    // NOLINT

  // The value of this cell in a column of `type`; its bytes are copied into `arena`.
  Value to_value(LogicalType type, Arena& arena) const;

 private:
  std::variant<AbsentCell, UnchangedCell, std::nullptr_t, bool, std::int64_t, std::uint64_t, double,
               std::string>
      content_;
};

using Cells = std::vector<Cell>;

// public.orders: id int64 (key), customer text, amount decimal(12,2), paid boolean, note text.
SchemaPtr orders_schema();
// public.items, with the key (order_id int64, line int32) and sku text, quantity int32.
SchemaPtr items_schema();
// public.orders as it is after `ALTER TABLE orders ADD COLUMN channel text`.
SchemaPtr orders_with_channel_schema();
// public.visits without a key: page text, seen_at timestamptz.
SchemaPtr keyless_schema();
// public.everything: id int64 (key) and one column per logical type, named after it.
SchemaPtr everything_schema();
SchemaPtr make_schema(std::uint64_t table_id, std::string schema, std::string table,
                      std::vector<Column> columns, std::vector<std::uint32_t> key_columns);

// Builds batches from a terse description, the way a source does. Transactions are numbered 1, 2, 3
// ...: transaction n has the id "n", the commit position 100 * n, the resume token "token-n" and
// the commit time first_commit_us() + n seconds; timeline 1.
class TestBatches {
 public:
  TestBatches() : TestBatches(BatchBuilder::Limits{}) {}
  explicit TestBatches(BatchBuilder::Limits limits) : builder_(limits, nullptr) {}

  TestBatches& begin();
  TestBatches& insert(const SchemaPtr& schema, const Cells& after);
  TestBatches& read(const SchemaPtr& schema, const Cells& after);
  TestBatches& update(const SchemaPtr& schema, const Cells& after, const Cells& before = {},
                      BeforeImage image = BeforeImage::kNone);
  // `before` holds the key cells, the others are kAbsentCell, unless the image is kFull.
  TestBatches& remove(const SchemaPtr& schema, const Cells& before,
                      BeforeImage image = BeforeImage::kKey);
  TestBatches& truncate(const SchemaPtr& schema);
  TestBatches& message(std::string_view prefix, std::string_view content);
  TestBatches& announce(const SchemaPtr& schema);
  TestBatches& commit();
  // An idle stream's step: takes a transaction number, delivers nothing.
  TestBatches& advance();

  // begin(), one insert of {id, "customer-<id>", "<id>.50", true, null} per id, commit().
  TestBatches& orders(std::initializer_list<int> ids);
  // The insert alone, inside a transaction.
  TestBatches& orders_row(int id);

  // Cuts the batch here, also inside a transaction.
  BatchPtr take() { return builder_.take(); }
  BatchBuilder& builder() { return builder_; }

  // The next transaction gets the number n: how a source goes on after a restart.
  void continue_at(std::uint64_t n) { next_ = n; }
  static Position end_of(std::uint64_t n) { return {1, 100 * n, kWholeTransaction}; }
  static std::string token_of(std::uint64_t n) { return "token-" + std::to_string(n); }
  static ResumePoint resume_after(std::uint64_t n) { return {end_of(n), token_of(n)}; }
  static constexpr std::int64_t first_commit_us() { return 1'795'000'000'123'456; }

 private:
  std::span<Value> cells_of(const TableSchema& schema, const Cells& cells);

  BatchBuilder builder_;
  std::uint64_t next_ = 1;
};

}  // namespace rowtide::test
