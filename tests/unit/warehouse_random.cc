#include "tests/unit/warehouse_random.h"

#include <algorithm>

namespace rowtide::test {
namespace {

Cell to_cell(std::size_t column, const std::optional<std::string>& text) {
  if (!text) {
    return nullptr;
  }
  return column == 2 ? Cell(std::int64_t{std::stoll(*text)}) : Cell(*text);
}

Column column(std::string name, LogicalType type, std::string source_type) {
  Column made;
  made.name = std::move(name);
  made.type = type;
  made.source_type = std::move(source_type);
  made.builtin = true;
  return made;
}

}  // namespace

RandomChanges::RandomChanges(std::uint64_t seed) : random_(seed) {}

SchemaPtr RandomChanges::schema() {
  static const SchemaPtr made = make_schema(
      77, "public", "parts",
      {column("name", LogicalType::kText, "text"), column("id", LogicalType::kInt64, "bigint"),
       column("note", LogicalType::kText, "text"), column("part", LogicalType::kInt32, "integer"),
       column("size", LogicalType::kInt64, "bigint")},
      {1, 3});
  return made;
}

void RandomChanges::transaction(TestBatches& out, int changes, std::vector<BatchPtr>& batches) {
  out.begin();
  const int count = 1 + below(changes);
  for (int i = 0; i < count; ++i) {
    step(out);
    if (out.builder().full()) {
      batches.push_back(out.take());
    }
  }
  out.commit();
}

void RandomChanges::step(TestBatches& out) {
  const int kind = below(100);
  if (kind < 35) {
    insert(out);
  } else if (kind < 65) {
    update(out);
  } else if (kind < 80) {
    if (const auto from = random_row()) {
      move(out, *from, random_key());
    }
  } else if (kind < 92) {
    remove(out);
  } else if (kind < 96) {
    swap(out);
  } else if (kind < 99) {
    shift(out);
  } else if (below(4) == 0) {
    out.truncate(schema());
    rows_.clear();
  }
}

void RandomChanges::insert(TestBatches& out) {
  const Key key = random_key();
  if (rows_.contains(key)) {
    return;
  }
  const Row row = random_values();
  out.insert(schema(),
             {to_cell(0, row[0]), key.first, to_cell(1, row[1]), key.second, to_cell(2, row[2])});
  rows_[key] = row;
}

void RandomChanges::update(TestBatches& out) {
  if (const auto key = random_row()) {
    const Cells cells = changed_cells(*key, rows_[*key]);
    out.update(schema(), cells);
  }
}

void RandomChanges::move(TestBatches& out, Key from, Key to) {
  if (rows_.contains(to)) {
    return;
  }
  Row row = rows_[from];
  const Cells cells = changed_cells(to, row);
  out.update(schema(), cells, key_cells(from), BeforeImage::kKey);
  rows_.erase(from);
  rows_[to] = row;
}

void RandomChanges::remove(TestBatches& out) {
  if (const auto key = random_row()) {
    out.remove(schema(), key_cells(*key));
    rows_.erase(*key);
  }
}

void RandomChanges::shift(TestBatches& out) {
  // id -> id + 1 for every row, the last first, so that no two rows ever share a key.
  std::vector<Key> keys;
  for (const auto& [key, row] : rows_) {
    keys.push_back(key);
  }
  std::ranges::reverse(keys);
  for (const Key& key : keys) {
    move(out, key, {key.first + 1, key.second});
  }
}

void RandomChanges::swap(TestBatches& out) {
  const auto one = random_row();
  const auto other = random_row();
  if (one && other && *one != *other) {
    const Key aside{-1, -1};
    move(out, *one, aside);
    move(out, *other, *one);
    move(out, aside, *other);
  }
}

RandomChanges::Key RandomChanges::random_key() {
  return {below(12), below(3)};
}

std::optional<RandomChanges::Key> RandomChanges::random_row() {
  if (rows_.empty()) {
    return std::nullopt;
  }
  return std::next(rows_.begin(), below(static_cast<int>(rows_.size())))->first;
}

RandomChanges::Row RandomChanges::random_values() {
  Row row(3);
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (below(5) != 0) {
      row[i] = (i == 2 ? "" : "v") + std::to_string(below(1000));
    }
  }
  return row;
}

Cells RandomChanges::changed_cells(Key key, Row& row) {
  const Row fresh = random_values();
  Cells cells{nullptr, nullptr, nullptr};
  const bool partial = below(2) == 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (partial && below(2) == 0) {
      cells[i] = below(2) == 0 ? Cell(kUnchangedCell) : Cell(kAbsentCell);
    } else {
      row[i] = fresh[i];
      cells[i] = to_cell(i, row[i]);
    }
  }
  return {cells[0], key.first, cells[1], key.second, cells[2]};
}

Cells RandomChanges::key_cells(Key key) {
  return {kAbsentCell, key.first, kAbsentCell, key.second, kAbsentCell};
}

std::vector<std::string> RandomChanges::lines(const Rows& rows) {
  std::vector<std::string> out;
  for (const auto& [key, row] : rows) {
    std::string line = std::to_string(key.first) + "|" + std::to_string(key.second);
    for (const auto& text : row) {
      line += "|" + text.value_or("NULL");
    }
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace rowtide::test
