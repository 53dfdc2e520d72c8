#include "sinks/warehouse/history.h"

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace rowtide::warehouse {
namespace {

Value text_value(Arena& arena, std::string_view text) {
  return Value::bytes_of(ValueKind::kText, arena.copy(text));
}

// The names of the columns that keep a value which this change does not carry, as a JSON array;
// NULL when there is none.
Value unchanged_names(const TableSchema& schema, const Event& event, std::span<const Value> cells,
                      Arena& arena) {
  if (event.op != Op::kUpdate) {
    return Value::null();
  }
  auto names = nlohmann::json::array();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].is_known()) {
      names.push_back(schema.columns[i].name);
    }
  }
  return names.empty() ? Value::null() : text_value(arena, names.dump());
}

void fill_cells(const Event& event, std::span<Value> cells) {
  if (event.op == Op::kTruncate) {
    return;
  }
  const auto& first = event.op == Op::kDelete ? event.before : event.after;
  if (!first.empty()) {
    std::copy(first.begin(), first.end(), cells.begin());
  }
  if (event.op == Op::kDelete || event.before.empty()) {
    return;
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].is_known() && event.before[i].is_known()) {
      cells[i] = event.before[i];
    }
  }
}

}  // namespace

std::vector<const Value*> history_rows(const TableSchema& schema, std::span<const EventRef> events,
                                       Arena& arena) {
  std::vector<const Value*> rows;
  rows.reserve(events.size());
  const auto columns = schema.columns.size();
  const Transaction* last = nullptr;
  Value transaction_id;
  for (const auto& [batch, event] : events) {
    const Transaction& transaction = batch->transactions()[event->transaction];
    if (&transaction != last) {
      last = &transaction;
      transaction_id = Value::bytes_of(ValueKind::kText, transaction.id);
    }
    auto* row = reinterpret_cast<Value*>(
        arena.allocate((columns + kHistoryColumns) * sizeof(Value), alignof(Value)));
    std::uninitialized_default_construct_n(row, columns + kHistoryColumns);
    const std::span<Value> cells(row, columns);
    fill_cells(*event, cells);
    Value* extra = row + columns;
    const char op = op_letter(event->op);
    *extra++ = text_value(arena, {&op, 1});
    *extra++ = text_value(arena, to_text(transaction.position_at(event->row)));
    *extra++ = transaction_id;
    *extra++ = Value::integer(static_cast<std::int64_t>(row_number(event->row)));
    *extra++ = Value::integer_of(ValueKind::kTimestampTz, transaction.committed_at_us);
    *extra++ = unchanged_names(schema, *event, cells, arena);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace rowtide::warehouse
