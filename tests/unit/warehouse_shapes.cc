#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/warehouse_fixture.h"

namespace rowtide::test {
namespace {

using Lines = std::vector<std::string>;
using warehouse::Mode;

Column column(std::string name, LogicalType type, std::string source_type = {}, int precision = 0,
              int scale = 0) {
  Column made;
  made.name = std::move(name);
  made.type = type;
  made.source_type = std::move(source_type);
  made.builtin = !made.source_type.empty();
  made.precision = precision;
  made.scale = scale;
  return made;
}

SchemaPtr things(std::vector<Column> columns) {
  columns.insert(columns.begin(), column("id", LogicalType::kInt64, "bigint"));
  return make_schema(9, "public", "things", std::move(columns), {0});
}

class Shapes : public WarehouseTest {
 protected:
  // Delivers one row of a table of one column beside the id.
  Result<void> put(SinkHandle& sink, int id, const Column& shape, const Cell& cell) {
    batches_.begin().insert(things({shape}), {id, cell}).commit();
    return try_deliver(sink, {batches_.take()});
  }
  TestBatches batches_;
};

TEST_P(Shapes, ANewColumnIsAddedAndAVanishedOneKeepsTheValuesOfRowsThatStay) {
  auto sink = open();
  TestBatches b;
  const auto one_column = things({column("a", LogicalType::kText, "text")});
  const auto two_columns = things(
      {column("a", LogicalType::kText, "text"), column("b", LogicalType::kInt32, "integer")});
  const auto other_column = things({column("b", LogicalType::kInt32, "integer")});
  b.begin().insert(one_column, {1, "x"}).commit();
  b.begin().insert(two_columns, {2, "y", 5}).commit();
  b.begin().insert(other_column, {3, 6}).update(other_column, {1, 4}).commit();
  deliver(sink, {b.take()});
  b.begin().insert(other_column, {4, 7}).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(select(sink, "SELECT id, a, b FROM public.things ORDER BY id"),
            (Lines{is_duckdb() ? "1|NULL|4" : "1|x|4", "2|y|5", "3|NULL|6", "4|NULL|7"}));
}

TEST_P(Shapes, AnAnnouncedShapeMakesTheTable) {
  auto sink = open();
  TestBatches b;
  b.begin().announce(orders_schema()).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "0");
}

TEST_P(Shapes, TypesAreWidenedWithTheirRows) {
  auto sink = open();
  ASSERT_TRUE(put(sink, 1, column("a", LogicalType::kInt16, "smallint"), 7));
  ASSERT_TRUE(put(sink, 2, column("a", LogicalType::kInt32, "integer"), 70000));
  ASSERT_TRUE(put(sink, 3, column("a", LogicalType::kInt64, "bigint"), std::int64_t{7} << 40));
  ASSERT_TRUE(put(sink, 4, column("a", LogicalType::kDecimal, "numeric(30,2)", 30, 2), "1.25"));
  ASSERT_TRUE(put(sink, 5, column("a", LogicalType::kDecimal, "numeric(32,4)", 32, 4), "1.0625"));
  ASSERT_TRUE(put(sink, 6, column("a", LogicalType::kInt32, "integer"), 8));
  ASSERT_TRUE(put(sink, 7, column("a", LogicalType::kText, "text"), "word"));
  const auto rows = select(sink, "SELECT id, a FROM public.things ORDER BY id");
  EXPECT_EQ(rows, (Lines{"1|7.0000", "2|70000.0000", "3|7696581394432.0000", "4|1.2500", "5|1.0625",
                         "6|8.0000", "7|word"}));
}

TEST_P(Shapes, ShapesThatChangeInOneCommitAreFollowedBeforeTheRows) {
  auto sink = open();
  TestBatches b;
  const auto narrow = things({column("a", LogicalType::kInt32, "integer")});
  const auto wide = things({column("a", LogicalType::kText, "text")});
  b.begin().insert(narrow, {1, 5}).insert(narrow, {2, 6}).commit();
  b.begin().update(wide, {1, "five"}).insert(wide, {3, "seven"}).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(select(sink, "SELECT id, a FROM public.things ORDER BY id"),
            (Lines{"1|five", "2|6", "3|seven"}));
}

TEST_P(Shapes, AShapeMayChangeInsideATransactionThatIsAppliedInPieces) {
  auto small = settings();
  small.flush_bytes = 1;
  auto sink = open(small);
  TestBatches b;
  const auto before = things({column("a", LogicalType::kInt32, "integer")});
  const auto after = things(
      {column("a", LogicalType::kInt32, "integer"), column("b", LogicalType::kText, "text")});
  b.begin().insert(before, {1, 5}).insert(before, {2, 5}).commit();
  deliver(sink, {b.take()});
  b.begin().update(before, {1, 6});
  ASSERT_TRUE(sink.sink->submit(b.take(), soon()));
  b.update(after, {2, 7, "x"});
  ASSERT_TRUE(sink.sink->submit(b.take(), soon()));
  b.remove(after, {1, kAbsentCell, kAbsentCell}).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(one(sink, "SELECT id, a, b FROM public.things"), "2|7|x");
}

TEST_P(Shapes, ATypeChangeThatLosesValuesStopsWithARemedy) {
  auto sink = open();
  ASSERT_TRUE(put(sink, 1, column("a", LogicalType::kText, "text"), "seven"));
  const auto delivered = put(sink, 2, column("a", LogicalType::kInt32, "integer"), 7);
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().disposition, Disposition::kOperator);
  EXPECT_EQ(delivered.error().code, Code::kSchema);
  EXPECT_NE(delivered.error().message.find("column a"), std::string::npos);
  EXPECT_NE(delivered.error().remedy.find("ALTER TABLE"), std::string::npos);
}

TEST_P(Shapes, ADateThatIsNoDayStopsAndTheRemedyNamesTheOption) {
  struct NoDay {
    LogicalType type;
    const char* source_type;
    const char* text;
  };
  int id = 0;
  for (const NoDay& no_day :
       {NoDay{LogicalType::kDate, "date", "0000-00-00"},
        NoDay{LogicalType::kDate, "date", "2024-02-31"},
        NoDay{LogicalType::kTimestamp, "timestamp without time zone", "0000-00-00 00:00:00.000"},
        NoDay{LogicalType::kTimestampTz, "timestamp with time zone", "0000-00-00 00:00:00"}}) {
    auto sink = open();
    const auto shape = column(fmt::format("c{}", ++id), no_day.type, no_day.source_type);
    const auto delivered = put(sink, id, shape, no_day.text);
    ASSERT_FALSE(delivered) << no_day.text;
    EXPECT_EQ(delivered.error().code, Code::kData);
    EXPECT_NE(delivered.error().message.find("column " + shape.name), std::string::npos)
        << delivered.error().message;
    EXPECT_NE(delivered.error().remedy.find("zero_dates: null"), std::string::npos)
        << delivered.error().remedy;
    batches_ = TestBatches();
  }
}

TEST_P(Shapes, ATableWithoutAKeyStopsAMirrorButNotAHistory) {
  TestBatches b;
  b.begin().insert(keyless_schema(), {"/", std::int64_t{0}}).commit();
  const auto batch = b.take();
  auto sink = open();
  const auto delivered = try_deliver(sink, {batch});
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Code::kSchema);
  EXPECT_NE(delivered.error().remedy.find("PRIMARY KEY"), std::string::npos);
  sink.sink->close();
  auto history = open(settings(Mode::kHistory), 2);
  deliver(history, {batch});
}

TEST_P(Shapes, NamesOfAnySpellingAreKept) {
  const std::string schema_name = "se\"lect . ä 表";
  const std::string table_name = "from\"'; drop -- \\";
  const std::vector<std::string> names = {"order",       "a\"b",    "c.d",        " ",  "Grüße",
                                          "back\\slash", "'quote'", "with space", "$1", "c0",
                                          "s",           "t",       "k0"};
  std::vector<Column> columns;
  Cells cells;
  for (const auto& name : names) {
    columns.push_back(column(name, LogicalType::kText, "text"));
    cells.emplace_back("of " + name);
  }
  const auto schema = make_schema(3, schema_name, table_name, columns, {1, 4});
  for (const Mode mode : {Mode::kMirror, Mode::kHistory}) {
    auto made = context(mode == Mode::kMirror ? 1U : 2U);
    made.sink = mode == Mode::kMirror ? "it's a \"mirror\"" : "history";
    auto sink = make(settings(mode));
    ASSERT_TRUE(sink.sink->open(made));
    TestBatches b;
    b.begin().insert(schema, cells).commit();
    deliver(sink, {b.take()});
    Cells changed = cells;
    changed[0] = kUnchangedCell;
    changed[2] = "changed\ttab\nline\\N\r";
    Cells moved = changed;
    moved[4] = "other key";
    b.begin().update(schema, changed).update(schema, moved, cells, BeforeImage::kKey).commit();
    deliver(sink, {b.take()});
    const std::string table = "\"se\"\"lect . ä 表\".\"from\"\"'; drop -- \\\"";
    EXPECT_EQ(select(sink, "SELECT \"order\", \"c.d\", \"Grüße\" FROM " + table).back(),
              (mode == Mode::kMirror ? "of order" : "of order") +
                  std::string("|changed\ttab\nline\\N\r|other key"));
    sink.sink->close();
    execute("DROP TABLE " + table);
  }
}

TEST_P(Shapes, SixteenHundredColumnsAreMirrored) {
  // PostgreSQL's limit of columns; small values, so that its row fits a page.
  std::vector<Column> columns;
  Cells cells;
  for (int i = 0; i < 1599; ++i) {
    columns.push_back(column(fmt::format("column_{}", i), LogicalType::kInt32, "integer"));
    cells.emplace_back(i);
  }
  const auto schema = things(columns);
  cells.insert(cells.begin(), 1);
  auto sink = open();
  TestBatches b;
  b.begin().insert(schema, cells).commit();
  deliver(sink, {b.take()});
  cells[0] = 2;
  cells[1599] = kUnchangedCell;
  Cells old_key(1600, kAbsentCell);
  old_key[0] = 1;
  b.begin().update(schema, cells, old_key, BeforeImage::kKey).commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(one(sink, "SELECT id, column_0, column_1598 FROM public.things"), "2|0|1598");
}

TEST_P(Shapes, AHundredMegabyteValueArrives) {
  auto sink = open();
  const std::string big(std::size_t{100} << 20, 'x');
  ASSERT_TRUE(put(sink, 1, column("a", LogicalType::kText, "text"), big));
  EXPECT_EQ(one(sink, "SELECT length(a) FROM public.things"), std::to_string(big.size()));
}

TEST_P(Shapes, KeysOfSeveralColumnsAreCompletelyCompared) {
  auto sink = open();
  TestBatches b;
  b.begin().insert(items_schema(), {1, 1, "a", 1}).insert(items_schema(), {1, 2, "b", 2}).commit();
  deliver(sink, {b.take()});
  b.begin()
      .update(items_schema(), {1, 2, kUnchangedCell, 9})
      .remove(items_schema(), {1, 1, kAbsentCell, kAbsentCell})
      .commit();
  deliver(sink, {b.take()});
  EXPECT_EQ(one(sink, "SELECT order_id, line, sku, quantity FROM public.items"), "1|2|b|9");
}

TEST_P(Shapes, ASourceTableNamedLikeTheMarkersIsRefused) {
  auto sink = open();
  TestBatches b;
  b.begin()
      .insert(
          make_schema(4, "rowtide", "markers", {column("id", LogicalType::kInt64, "bigint")}, {0}),
          {1})
      .commit();
  EXPECT_FALSE(try_deliver(sink, {b.take()}));
}

INSTANTIATE_TEST_SUITE_P(Sinks, Shapes, ::testing::Values(Warehouse::kDuckdb, Warehouse::kPostgres),
                         warehouse_name);

}  // namespace
}  // namespace rowtide::test
