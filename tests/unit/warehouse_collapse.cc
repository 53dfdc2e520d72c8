#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "sinks/warehouse/collapse.h"
#include "tests/unit/warehouse_random.h"

namespace rowtide::warehouse {
namespace {

using test::Cells;
using test::kAbsentCell;
using test::kUnchangedCell;
using test::RandomChanges;
using test::TestBatches;

std::string cell_text(const Value& value) {
  if (!value.is_known()) {
    return "-";
  }
  if (value.is_null()) {
    return "NULL";
  }
  return value.has_bytes() ? std::string(value.bytes()) : std::to_string(value.integer());
}

std::string cells_text(std::span<const Value> cells) {
  std::string out;
  for (const auto& cell : cells) {
    out += (out.empty() ? "" : ",") + cell_text(cell);
  }
  return out;
}

// "full 1,Ann,..." per row, sorted; for a moved row " from <cells of the source>" follows.
std::vector<std::string> merged_lines(const TableSchema& schema, const Collapse& collapse) {
  std::vector<std::string> lines;
  for (const auto& row : collapse.rows()) {
    switch (row.kind) {
      case MergedRow::Kind::kDelete: {
        std::string keys;
        for (const auto key : schema.key_columns) {
          keys += (keys.empty() ? "" : ",") + cell_text(row.cells[key]);
        }
        lines.push_back("delete " + keys);
        break;
      }
      case MergedRow::Kind::kFull:
        lines.push_back("full " + cells_text(row.cells));
        break;
      case MergedRow::Kind::kPartial:
        lines.push_back("partial " + cells_text(row.cells));
        break;
      case MergedRow::Kind::kMoved:
        lines.push_back("moved " + cells_text(row.cells) + " from " +
                        cell_text(row.source[schema.key_columns[0]]));
        break;
    }
  }
  std::ranges::sort(lines);
  return lines;
}

// A table with the key id and the columns a and b.
SchemaPtr pair_schema() {
  Column id;
  id.name = "id";
  id.type = LogicalType::kInt64;
  Column a;
  a.name = "a";
  Column b;
  b.name = "b";
  return test::make_schema(5, "public", "pairs", {id, a, b}, {0});
}

struct Case {
  std::string name;
  std::function<void(TestBatches&, const SchemaPtr&)> changes;
  std::vector<std::string> expected;
  bool truncated = false;
};

Cells key(int id) {
  return {id, kAbsentCell, kAbsentCell};
}

void rekey(TestBatches& out, const SchemaPtr& s, int from, int to) {
  out.update(s, {to, kUnchangedCell, kUnchangedCell}, key(from), BeforeImage::kKey);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"an insert is a full row",
       [](auto& b, auto& s) { b.insert(s, {1, "x", "y"}); },
       {"full 1,x,y"}},
      {"the last of several updates wins",
       [](auto& b, auto& s) { b.insert(s, {1, "x", "y"}).update(s, {1, "z", nullptr}); },
       {"full 1,z,NULL"}},
      {"an insert that is deleted leaves a delete",
       [](auto& b, auto& s) { b.insert(s, {1, "x", "y"}).remove(s, key(1)); },
       {"delete 1"}},
      {"a deleted key that comes back is a full row",
       [](auto& b, auto& s) { b.remove(s, key(1)).insert(s, {1, "p", "q"}); },
       {"full 1,p,q"}},
      {"an unchanged column takes the value of an earlier change",
       [](auto& b, auto& s) { b.insert(s, {1, "x", "y"}).update(s, {1, "z", kUnchangedCell}); },
       {"full 1,z,y"}},
      {"an unchanged column of a stored row stays open",
       [](auto& b, auto& s) { b.update(s, {1, "z", kUnchangedCell}); },
       {"partial 1,z,-"}},
      {"partial updates add up",
       [](auto& b, auto& s) {
         b.update(s, {1, "z", kUnchangedCell}).update(s, {1, kAbsentCell, "w"});
       },
       {"full 1,z,w"}},
      {"a full old row fills what the new one leaves out",
       [](auto& b, auto& s) {
         b.update(s, {1, "z", kUnchangedCell}, {1, "x", "y"}, BeforeImage::kFull);
       },
       {"full 1,z,y"}},
      {"a key that changes deletes the old row",
       [](auto& b, auto& s) { b.update(s, {2, "x", "y"}, key(1), BeforeImage::kKey); },
       {"delete 1", "full 2,x,y"}},
      {"a moved row brings its unchanged columns along",
       [](auto& b, auto& s) { rekey(b, s, 1, 2); },
       {"delete 1", "moved 2,-,- from 1"}},
      {"a chain of moves starts at the stored row",
       [](auto& b, auto& s) {
         rekey(b, s, 1, 2);
         rekey(b, s, 2, 3);
       },
       {"delete 1", "delete 2", "moved 3,-,- from 1"}},
      {"a row that moves back is updated in place",
       [](auto& b, auto& s) {
         rekey(b, s, 1, 2);
         rekey(b, s, 2, 1);
       },
       {"delete 2", "partial 1,-,-"}},
      {"swapped keys swap the stored rows",
       [](auto& b, auto& s) {
         rekey(b, s, 1, 9);
         rekey(b, s, 2, 1);
         rekey(b, s, 9, 2);
       },
       {"delete 9", "moved 1,-,- from 2", "moved 2,-,- from 1"}},
      {"shifted keys shift the stored rows",
       [](auto& b, auto& s) {
         rekey(b, s, 3, 4);
         rekey(b, s, 2, 3);
         rekey(b, s, 1, 2);
       },
       {"delete 1", "moved 2,-,- from 1", "moved 3,-,- from 2", "moved 4,-,- from 3"}},
      {"a new row may take the key of a moved one",
       [](auto& b, auto& s) {
         rekey(b, s, 1, 2);
         b.insert(s, {1, "n", "m"});
       },
       {"full 1,n,m", "moved 2,-,- from 1"}},
      {"a truncate forgets what came before",
       [](auto& b, auto& s) { b.insert(s, {1, "x", "y"}).truncate(s).insert(s, {2, "p", "q"}); },
       {"full 2,p,q"},
       true},
      {"a read is a full row", [](auto& b, auto& s) { b.read(s, {1, "x", "y"}); }, {"full 1,x,y"}},
  };
  return all;
}

class CollapseCase : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CollapseCase, GivesTheExpectedRows) {
  const Case& wanted = cases()[GetParam()];
  SCOPED_TRACE(wanted.name);
  const auto schema = pair_schema();
  TestBatches batches;
  batches.begin();
  wanted.changes(batches, schema);
  batches.commit();
  const auto batch = batches.take();
  Collapse collapse(*schema);
  for (const auto& event : batch->events()) {
    ASSERT_TRUE(collapse.add(event));
  }
  EXPECT_EQ(merged_lines(*schema, collapse), wanted.expected);
  EXPECT_EQ(collapse.truncated(), wanted.truncated);
}

INSTANTIATE_TEST_SUITE_P(Table, CollapseCase, ::testing::Range(std::size_t{0}, cases().size()));

TEST(Collapse, RefusesAnUpdateOfARowThatIsGone) {
  const auto schema = pair_schema();
  TestBatches batches;
  batches.begin().remove(schema, key(1)).update(schema, {1, "x", kUnchangedCell}).commit();
  const auto batch = batches.take();
  Collapse collapse(*schema);
  ASSERT_TRUE(collapse.add(batch->events()[0]));
  const auto added = collapse.add(batch->events()[1]);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::kData);
  EXPECT_NE(added.error().message.find("public.pairs"), std::string::npos);
}

TEST(Collapse, RefusesANewRowWithAnOpenColumn) {
  const auto schema = pair_schema();
  TestBatches batches;
  batches.begin().insert(schema, {1, "x", kAbsentCell}).commit();
  const auto batch = batches.take();
  Collapse collapse(*schema);
  EXPECT_FALSE(collapse.add(batch->events()[0]));
}

// The rows as text; applies merged rows the way a destination does.
class NaiveTable {
 public:
  using Key = std::pair<std::int64_t, std::int64_t>;

  void apply(const Collapse& collapse) {
    if (collapse.truncated()) {
      rows_.clear();
    }
    const auto before = rows_;
    std::vector<std::pair<Key, std::vector<std::string>>> incoming;
    std::set<Key> gone;
    for (const auto& row : collapse.rows()) {
      const Key at = key_of(row.cells);
      std::vector<std::string> values;
      const auto* stored = row.kind == MergedRow::Kind::kMoved     ? &before.at(key_of(row.source))
                           : row.kind == MergedRow::Kind::kPartial ? &before.at(at)
                                                                   : nullptr;
      for (const std::size_t column : {0U, 2U, 4U}) {
        const Value& cell = row.cells[column];
        values.push_back(cell.is_known() || stored == nullptr ? cell_text(cell)
                                                              : (*stored)[column / 2]);
      }
      if (row.kind == MergedRow::Kind::kDelete) {
        gone.insert(at);
      } else {
        incoming.emplace_back(at, values);
      }
    }
    for (const Key& at : gone) {
      rows_.erase(at);
    }
    for (auto& [at, values] : incoming) {
      EXPECT_FALSE(gone.contains(at)) << "one key, two outcomes";
      rows_[at] = values;
    }
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& [at, values] : rows_) {
      out.push_back(std::to_string(at.first) + "|" + std::to_string(at.second) + "|" + values[0] +
                    "|" + values[1] + "|" + values[2]);
    }
    return out;
  }

 private:
  static Key key_of(std::span<const Value> cells) {
    return {cells[1].integer(), cells[3].integer()};
  }

  std::map<Key, std::vector<std::string>> rows_;
};

TEST(Collapse, RandomRunsEndInTheSameRowsAsOneChangeAfterTheOther) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomChanges changes(seed);
    NaiveTable table;
    for (int flush = 0; flush < 8; ++flush) {
      TestBatches batches;
      std::vector<BatchPtr> taken;
      for (int i = 0; i < 3; ++i) {
        changes.transaction(batches, 30, taken);
      }
      taken.push_back(batches.take());
      Collapse collapse(*RandomChanges::schema());
      for (const auto& batch : taken) {
        for (const auto& event : batch->events()) {
          const auto added = collapse.add(event);
          ASSERT_TRUE(added) << added.error().to_text();
        }
      }
      table.apply(collapse);
      ASSERT_EQ(table.lines(), RandomChanges::lines(changes.rows()));
    }
  }
}

}  // namespace
}  // namespace rowtide::warehouse
