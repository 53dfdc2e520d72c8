#include "sinks/warehouse/collapse.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <new>

#include <fmt/format.h>

#include "engine/base/assert.h"

namespace rowtide::warehouse {
namespace {

std::uint64_t payload_bits(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kUnsigned:
      return value.unsigned_integer();
    case ValueKind::kFloat32:
    case ValueKind::kFloat64:
      return std::bit_cast<std::uint64_t>(value.real());
    case ValueKind::kNull:
    case ValueKind::kAbsent:
    case ValueKind::kUnchanged:
      return 0;
    default:
      return static_cast<std::uint64_t>(value.integer());
  }
}

std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  return x ^ (x >> 32);
}

std::uint64_t hash_value(const Value& value) {
  if (value.has_bytes()) {
    return std::hash<std::string_view>{}(value.bytes());
  }
  return mix(payload_bits(value) + static_cast<std::uint64_t>(value.kind()));
}

bool same_value(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) {
    return false;
  }
  return a.has_bytes() ? a.bytes() == b.bytes() : payload_bits(a) == payload_bits(b);
}

bool all_known(std::span<const Value> cells) {
  return std::ranges::all_of(cells, [](const Value& cell) { return cell.is_known(); });
}

std::span<Value> copy_cells(Arena& arena, std::span<const Value> cells) {
  auto* copy =
      reinterpret_cast<Value*>(arena.allocate(cells.size() * sizeof(Value), alignof(Value)));
  std::uninitialized_copy(cells.begin(), cells.end(), copy);
  return {copy, cells.size()};
}

}  // namespace

Collapse::Collapse(const TableSchema& schema) : schema_(schema), slots_(64) {
  ROWTIDE_ASSERT(!schema.key_columns.empty());
}

Result<void> Collapse::add(const Event& event) {
  const auto columns = schema_.columns.size();
  ROWTIDE_ASSERT(event.before.empty() || event.before.size() == columns);
  ROWTIDE_ASSERT(event.after.empty() || event.after.size() == columns);
  switch (event.op) {
    case Op::kRead:
      // A backfill of some columns brings these to the rows that are there.
      return all_known(event.after) ? insert(event) : update(event);
    case Op::kCreate:
      return insert(event);
    case Op::kUpdate:
      return update(event);
    case Op::kDelete:
      return remove(event);
    case Op::kTruncate:
      entries_.clear();
      std::ranges::fill(slots_, 0U);
      truncated_ = true;
      return {};
    case Op::kMessage:
    case Op::kSchema:
      return {};
  }
  return {};
}

Result<void> Collapse::insert(const Event& event) {
  if (event.after.empty() || !all_known(event.after)) {
    return fail(data_error("a new row came without a value for every column",
                           "Let the source log complete rows (MySQL: binlog_row_image=FULL)"));
  }
  put(event.after, {});
  return {};
}

Result<void> Collapse::update(const Event& event) {
  const Cells cells = event.after.empty() ? Cells() : new_cells(event);
  if (cells.empty() || !key_known(cells)) {
    return fail(data_error("an update came without the key of its row",
                           "Give the table a primary key or another replica identity"));
  }
  const Cells old_key = !event.before.empty() && key_known(event.before) ? event.before : cells;
  const bool moves = !same_key(old_key, cells);
  Entry row;
  if (all_known(cells)) {
    row.cells = cells;
  } else {
    ROWTIDE_TRY_ASSIGN(row, overlay(old_key, cells));
  }
  if (moves) {
    mark_deleted(old_key);
  }
  put(row.cells, row.base);
  return {};
}

Result<void> Collapse::remove(const Event& event) {
  if (event.before.empty() || !key_known(event.before)) {
    return fail(data_error("a delete came without the key of its row",
                           "Give the table a primary key or another replica identity"));
  }
  mark_deleted(event.before);
  return {};
}

Collapse::Cells Collapse::new_cells(const Event& event) {
  if (event.before.empty() || all_known(event.after)) {
    return event.after;
  }
  const auto filled = copy_cells(arena_, event.after);
  for (std::size_t i = 0; i < filled.size(); ++i) {
    if (!filled[i].is_known() && event.before[i].is_known()) {
      filled[i] = event.before[i];
    }
  }
  return filled;
}

Result<Collapse::Entry> Collapse::overlay(Cells key, Cells cells) {
  Entry row;
  row.cells = cells;
  row.base = key;
  if (const Entry* known = find(key); known != nullptr) {
    if (known->deleted) {
      return fail(data_error("an update came for a row that was deleted just before",
                             "Run a new snapshot of the table"));
    }
    const auto merged = copy_cells(arena_, cells);
    for (std::size_t i = 0; i < merged.size(); ++i) {
      if (!merged[i].is_known()) {
        merged[i] = known->cells[i];
      }
    }
    row.cells = merged;
    row.base = known->base;
  } else if (truncated_) {
    return fail(data_error("an update came for a row that was truncated just before",
                           "Run a new snapshot of the table"));
  }
  return row;
}

std::vector<MergedRow> Collapse::rows() const {
  std::vector<MergedRow> out;
  out.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    MergedRow& row = out.emplace_back();
    row.cells = entry.cells;
    if (entry.deleted) {
      row.kind = MergedRow::Kind::kDelete;
    } else if (entry.base.empty() || all_known(entry.cells)) {
      row.kind = MergedRow::Kind::kFull;
    } else if (same_key(entry.base, entry.cells)) {
      row.kind = MergedRow::Kind::kPartial;
    } else {
      row.kind = MergedRow::Kind::kMoved;
      row.source = entry.base;
    }
  }
  return out;
}

bool Collapse::key_known(Cells cells) const {
  return std::ranges::all_of(schema_.key_columns,
                             [&](std::uint32_t column) { return cells[column].is_known(); });
}

bool Collapse::same_key(Cells a, Cells b) const {
  return std::ranges::all_of(
      schema_.key_columns, [&](std::uint32_t column) { return same_value(a[column], b[column]); });
}

std::uint64_t Collapse::hash_key(Cells cells) const {
  std::uint64_t hash = 0;
  for (const auto column : schema_.key_columns) {
    hash = mix(hash * 31 + hash_value(cells[column]));
  }
  return hash;
}

Collapse::Entry* Collapse::find(Cells key) {
  const auto hash = hash_key(key);
  const auto mask = slots_.size() - 1;
  for (auto at = hash & mask; slots_[at] != 0; at = (at + 1) & mask) {
    Entry& entry = entries_[slots_[at] - 1];
    if (entry.hash == hash && same_key(entry.cells, key)) {
      return &entry;
    }
  }
  return nullptr;
}

Collapse::Entry& Collapse::find_or_add(Cells key) {
  if ((entries_.size() + 1) * 10 > slots_.size() * 7) {
    grow();
  }
  const auto hash = hash_key(key);
  const auto mask = slots_.size() - 1;
  auto at = hash & mask;
  for (; slots_[at] != 0; at = (at + 1) & mask) {
    Entry& entry = entries_[slots_[at] - 1];
    if (entry.hash == hash && same_key(entry.cells, key)) {
      return entry;
    }
  }
  Entry& added = entries_.emplace_back();
  added.hash = hash;
  slots_[at] = static_cast<std::uint32_t>(entries_.size());
  return added;
}

void Collapse::put(Cells cells, Cells base) {
  Entry& entry = find_or_add(cells);
  entry.cells = cells;
  entry.base = base;
  entry.deleted = false;
}

void Collapse::mark_deleted(Cells key) {
  Entry& entry = find_or_add(key);
  entry.cells = key;
  entry.base = {};
  entry.deleted = true;
}

void Collapse::grow() {
  slots_.assign(slots_.size() * 2, 0);
  const auto mask = slots_.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    auto at = entries_[i].hash & mask;
    while (slots_[at] != 0) {
      at = (at + 1) & mask;
    }
    slots_[at] = static_cast<std::uint32_t>(i + 1);
  }
}

Error Collapse::data_error(std::string_view what, std::string_view remedy) const {
  return operator_error(Code::kData, fmt::format("table {}: {}", schema_.qualified_name(), what),
                        std::string(remedy));
}

}  // namespace rowtide::warehouse
