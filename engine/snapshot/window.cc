#include "engine/snapshot/window.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rowtide {
namespace {

// A chunk during which more keys than this were changed is read again in smaller pieces.
constexpr std::size_t kTouchedLimitBytes = std::size_t{16} << 20;
// What an entry of the map costs beside its key.
constexpr std::size_t kTouchBytes = 96;

void append_value(std::string& out, const Value& value) {
  out.push_back(static_cast<char>(value.kind()));
  if (value.has_bytes()) {
    const std::string_view bytes = value.bytes();
    const auto size = static_cast<std::uint32_t>(bytes.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof(size));
    out.append(bytes);
  } else if (!value.is_null()) {
    const std::uint64_t bits = value.unsigned_integer();
    out.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
  }
}

bool same_value(const Value& a, const Value& b) {
  std::string left;
  std::string right;
  append_value(left, a);
  append_value(right, b);
  return left == right;
}

Value kept(const Value& value, Arena& arena) {
  return value.has_bytes() ? Value::bytes_of(value.kind(), arena.copy(value.bytes())) : value;
}

bool all_known(std::span<const Value> cells) {
  return std::ranges::none_of(
      cells, [](const Value& cell) { return cell.kind() == ValueKind::kUnchanged; });
}

}  // namespace

bool brings_values_along(const Event& event) {
  if (event.op != Op::kUpdate || event.before.empty() || all_known(event.after)) {
    return false;
  }
  return std::ranges::any_of(event.schema->key_columns, [&](std::uint32_t column) {
    const Value& before = event.before[column];
    const Value& after = event.after[column];
    return before.is_known() && after.is_known() && !same_value(before, after);
  });
}

Window::Window(SchemaPtr schema) : schema_(std::move(schema)) {}

std::optional<std::string> Window::key_of(std::span<const Value> cells) const {
  std::string key;
  for (const auto column : schema_->key_columns) {
    if (column >= cells.size() || !cells[column].is_known()) {
      return std::nullopt;
    }
    append_value(key, cells[column]);
  }
  return key;
}

bool Window::same_shape(const Batch& batch, const Event& event) {
  if (event.schema == last_seen_.get() || event.schema == schema_.get()) {
    return true;
  }
  for (const SchemaPtr& schema : batch.schemas()) {
    if (schema.get() == event.schema && *schema == *schema_) {
      last_seen_ = schema;
      return true;
    }
  }
  return false;
}

void Window::observe(const Batch& batch) {
  const auto ours = [&](const SchemaPtr& schema) { return schema->table_id == schema_->table_id; };
  if (void_ || std::ranges::none_of(batch.schemas(), ours)) {
    return;
  }
  for (const Event& event : batch.events()) {
    if (event.schema == nullptr || event.schema->table_id != schema_->table_id) {
      continue;
    }
    if (event.op == Op::kTruncate || !same_shape(batch, event)) {
      void_ = true;
      touched_.clear();
      return;
    }
    if (event.op != Op::kSchema && !schema_->key_columns.empty()) {
      take(event);
    }
  }
  if (touched_bytes_ > kTouchedLimitBytes) {
    void_ = true;
    touched_.clear();
  }
}

void Window::take(const Event& event) {
  auto old_key = key_of(event.before);
  if (event.op == Op::kDelete) {
    if (old_key) {
      forget(*std::move(old_key));
    }
    return;
  }
  std::vector<Value> cells(event.after.begin(), event.after.end());
  for (const auto column : schema_->key_columns) {
    if (!cells[column].is_known() && event.before.empty()) {
      void_ = true;
      return;
    }
    cells[column] = key_cell(event, column);
  }
  auto key = key_of(cells);
  if (!key) {
    // Nothing tells which row it was.
    void_ = true;
    return;
  }
  const bool moved = old_key && *old_key != *key;
  if (moved) {
    forget(*std::move(old_key));
  }
  if (moved || all_known(cells)) {
    // The values that a moved row brought along are in no event; see brings_values_along().
    forget(*std::move(key));
  } else {
    overlay(*std::move(key), cells);
  }
}

void Window::forget(std::string key) {
  touched_bytes_ += kTouchBytes + key.size();
  touched_.insert_or_assign(std::move(key), Touch());
}

void Window::overlay(std::string key, std::span<const Value> cells) {
  touched_bytes_ += kTouchBytes + key.size();
  const auto [found, fresh] =
      touched_.try_emplace(std::move(key), cells.size(), Value::unchanged());
  Touch& touch = found->second;
  if (touch.empty()) {
    return;  // the stream already brought the whole row
  }
  const auto before = arena_.used_bytes();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].kind() != ValueKind::kUnchanged) {
      touch[i] = kept(cells[i], arena_);
    }
  }
  touched_bytes_ += arena_.used_bytes() - before + (fresh ? cells.size() * sizeof(Value) : 0);
}

std::optional<std::span<const Value>> Window::settle(const Event& row, Arena& arena) const {
  if (touched_.empty()) {
    return std::span<const Value>();
  }
  const auto key = key_of(row.after);
  const auto found = key ? touched_.find(*key) : touched_.end();
  if (found == touched_.end()) {
    return std::span<const Value>();
  }
  const Touch& touch = found->second;
  if (touch.empty()) {
    return std::nullopt;
  }
  auto* cells =
      reinterpret_cast<Value*>(arena.allocate(touch.size() * sizeof(Value), alignof(Value)));
  for (std::size_t i = 0; i < touch.size(); ++i) {
    const bool newer =
        touch[i].kind() != ValueKind::kUnchanged && row.after[i].kind() != ValueKind::kAbsent;
    new (&cells[i]) Value(newer ? kept(touch[i], arena) : row.after[i]);
  }
  return std::span<const Value>(cells, touch.size());
}

}  // namespace rowtide
