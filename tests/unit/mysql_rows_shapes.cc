#include <string>

#include <gtest/gtest.h>

#include "sources/mysql/table_map.h"
#include "tests/unit/mysql_rows_wire.h"

namespace rowtide::mysql {
namespace {

using namespace std::string_literals;

CatalogColumn in_catalog(std::string name, std::string type, std::string charset = {}) {
  CatalogColumn column;
  column.name = std::move(name);
  column.column_type = std::move(type);
  column.charset = std::move(charset);
  column.is_unsigned = column.column_type.find("unsigned") != std::string::npos;
  return column;
}

TableColumns orders_in_catalog() {
  TableColumns columns;
  columns.columns = {in_catalog("id", "int(11)"), in_catalog("v", "varchar(20)", "utf8mb4"),
                     in_catalog("j", "json"), in_catalog("n", "int(6)")};
  columns.primary_key = {0};
  return columns;
}

// A binary(16) as MariaDB logs a uuid.
MapBytes with_uuid() {
  MapBytes map;
  map.columns = {{254, "\xfe\x10", "u"}};
  map.metadata = metadata_field(2, "\x3f");
  return map;
}

Column first_column(ShapeCache& cache, const std::string& map) {
  const auto shape = cache.shape(map);
  EXPECT_TRUE(shape) << shape.error().to_text();
  return shape ? (*shape)->schema->columns.front() : Column{};
}

TEST(MysqlTableMaps, CutAnywhereAreAnErrorOrSayLess) {
  const std::string whole = orders().bytes();
  ASSERT_TRUE(parse_table_map(whole, {}));
  const std::size_t bare = whole.size() - orders().metadata.size() - 2 - 9;
  for (std::size_t size = 0; size < bare; ++size) {
    EXPECT_FALSE(parse_table_map(std::string_view(whole).substr(0, size), {})) << size;
  }
  const auto without = parse_table_map(std::string_view(whole).substr(0, bare), {});
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->has_names);
}

TEST(MysqlTableMaps, WithMetadataThatDoesNotFitAreRefused) {
  for (const std::string& field : {metadata_field(8, "\x04"), metadata_field(8, "\x01\x01"),
                                   metadata_field(9, "\x01"), metadata_field(2, "\x2d\x05\x08"),
                                   metadata_field(3, "\xfb"), metadata_field(4, "\x02id")}) {
    MapBytes map = orders();
    map.metadata = field;
    EXPECT_FALSE(parse_table_map(map.bytes(), {})) << static_cast<int>(field.front());
  }
  MapBytes map = orders();
  map.metadata += metadata_field(99, "of a server to come");
  EXPECT_TRUE(parse_table_map(map.bytes(), {}));
}

TEST(MysqlTableMaps, HoldUpTo4096Columns) {
  MapBytes map;
  map.columns.assign(4096, {3, "", "c"});
  const auto most = parse_table_map(map.bytes(), {});
  ASSERT_TRUE(most) << most.error().to_text();
  EXPECT_EQ(most->columns.size(), 4096u);
  map.columns.emplace_back();
  EXPECT_FALSE(parse_table_map(map.bytes(), {}));
}

TEST(MysqlTableMaps, WithATypeThatNoTableHasAreUnsupported) {
  MapBytes map;
  map.columns = {{243, "", "x"}};
  const auto parsed = parse_table_map(map.bytes(), {});
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::kUnsupported);
}

// int, year, int unsigned: with a sign bit for the year 0b001, without 0b01.
TEST(MysqlTableMaps, CountYearsAmongTheSignsAsTheCatalogSays) {
  MapBytes map;
  map.columns = {{3, "", "a"}, {13, "", "y"}, {3, "", "u"}};
  TableColumns columns;
  columns.columns = {in_catalog("a", "int"), in_catalog("y", "year"),
                     in_catalog("u", "int unsigned")};
  for (const char bits : {'\x20', '\x40'}) {
    map.metadata = metadata_field(1, std::string(1, bits));
    FakeCatalog catalog;
    catalog.answer = columns;
    ShapeCache cache({}, &catalog, {});
    const auto shape = cache.shape(map.bytes());
    ASSERT_TRUE(shape) << shape.error().to_text();
    EXPECT_EQ((*shape)->schema->columns[0].type, LogicalType::kInt32);
    EXPECT_EQ((*shape)->schema->columns[2].type, LogicalType::kInt64) << static_cast<int>(bits);
  }
  // A bit behind the last number proves that the year is counted.
  map.metadata = metadata_field(1, "\x20");
  const auto proven = parse_table_map(map.bytes(), {.year_has_sign = false});
  ASSERT_TRUE(proven);
  EXPECT_TRUE(proven->signs_are_certain);
  EXPECT_TRUE(proven->columns[2].is_unsigned);
}

TEST(MysqlShapes, AreMadeOncePerContentWhateverTheTableId) {
  FakeCatalog catalog;
  catalog.answer = orders_in_catalog();
  ShapeCache cache({}, &catalog, {});
  MapBytes map = orders();
  const auto first = cache.shape(map.bytes());
  map.table_id = 8;
  const auto second = cache.shape(map.bytes());
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(catalog.asked, 1);
  EXPECT_EQ((*first)->schema->table_id, stable_table_id("shop", "orders"));
  EXPECT_NE(stable_table_id("shop", "orders"), stable_table_id("shopo", "rders"));
  cache.forget("shop", "other");
  EXPECT_TRUE(cache.shape(map.bytes()));
  EXPECT_EQ(catalog.asked, 1);
  cache.forget("shop", "orders");
  EXPECT_TRUE(cache.shape(map.bytes()));
  EXPECT_EQ(catalog.asked, 2);
}

TEST(MysqlShapes, ToSkipRowsDoNotAskTheCatalog) {
  FakeCatalog catalog;
  ShapeCache cache({}, &catalog, {});
  EXPECT_TRUE(cache.shape_to_skip(orders().bytes()));
  EXPECT_EQ(catalog.asked, 0);
}

TEST(MysqlShapes, TakeWhatTheLogLacksFromTheCatalog) {
  FakeCatalog catalog;
  catalog.answer = orders_in_catalog();
  ShapeCache cache({}, &catalog, {});
  MapBytes map = orders();
  map.with_names = false;
  map.metadata = "";
  const auto shape = cache.shape(map.bytes());
  ASSERT_TRUE(shape) << shape.error().to_text();
  EXPECT_EQ((*shape)->schema->columns[1].name, "v");
  EXPECT_EQ((*shape)->schema->columns[3].source_type, "int(6)");
  EXPECT_EQ((*shape)->schema->key_columns, std::vector<std::uint32_t>{0});
}

TEST(MysqlShapes, WithoutNamesStopWhenTheCatalogIsOfAnotherShape) {
  MapBytes map = orders();
  map.with_names = false;
  map.metadata = "";
  TableColumns more = orders_in_catalog();
  more.columns.push_back(in_catalog("new", "int"));
  TableColumns other = orders_in_catalog();
  other.columns[1].column_type = "varchar(30)";
  TableColumns none;
  for (const TableColumns& columns : {more, other, none}) {
    FakeCatalog catalog;
    catalog.answer = columns;
    ShapeCache cache({}, &catalog, {});
    const auto shape = cache.shape(map.bytes());
    ASSERT_FALSE(shape);
    EXPECT_EQ(shape.error().code, Code::kSchema);
    EXPECT_NE(shape.error().remedy.find("binlog_row_metadata"), std::string::npos);
  }
}

TEST(MysqlShapes, TellAUuidByTheCatalogAndByWhatWasAnnounced) {
  TableColumns uuid;
  uuid.columns = {in_catalog("u", "uuid")};
  TableColumns bytes;
  bytes.columns = {in_catalog("u", "binary(16)")};
  const std::string map = with_uuid().bytes();
  FakeCatalog catalog;
  catalog.answer = uuid;
  ShapeCache fresh({.is_mariadb = true}, &catalog, {});
  const Column announced = first_column(fresh, map);
  EXPECT_EQ(announced.type, LogicalType::kUuid);

  // The catalog has gone ahead: the column is a binary(16) there from a statement on that is still
  // to come.
  TableSchema schema;
  schema.columns = {announced};
  catalog.answer = bytes;
  ShapeCache after_restart({.is_mariadb = true}, &catalog,
                           {{stable_table_id("shop", "orders"), schema}});
  EXPECT_EQ(first_column(after_restart, map).type, LogicalType::kUuid);
  schema.schema = "shop";
  schema.table = "orders";
  ShapeCache at_the_statement({.is_mariadb = true}, &catalog,
                              {{stable_table_id("shop", "orders"), schema}});
  at_the_statement.forget("shop", "orders");
  EXPECT_EQ(first_column(at_the_statement, map).type, LogicalType::kBytes);

  // A type that the wire contradicts counts for nothing.
  catalog.answer->columns = {in_catalog("u", "varchar(4)")};
  ShapeCache contradicted({.is_mariadb = true}, &catalog, {});
  EXPECT_EQ(first_column(contradicted, map).source_type, "binary(16)");
}

TEST(MysqlShapes, KnowSequencesAlsoWhenTheyAreGone) {
  MapBytes map;
  for (const char* name : {"next_not_cached_value", "minimum_value", "maximum_value", "start_value",
                           "increment", "cache_size", "cycle_option", "cycle_count"}) {
    map.columns.push_back({8, "", name});
  }
  FakeCatalog catalog;
  catalog.answer = fail(fatal_error(Code::kNotFound, "no such table"));
  ShapeCache cache({.is_mariadb = true}, &catalog, {});
  ASSERT_TRUE(cache.shape(map.bytes()));
  EXPECT_TRUE((*cache.shape(map.bytes()))->is_sequence);
  ShapeCache mysql({}, &catalog, {});
  EXPECT_FALSE((*mysql.shape(map.bytes()))->is_sequence);
}

TEST(MysqlShapes, PassOnWhatTheCatalogFailsWith) {
  FakeCatalog catalog;
  catalog.answer = fail(retry_error(Code::kConnection, "gone"));
  ShapeCache cache({}, &catalog, {});
  const auto shape = cache.shape(orders().bytes());
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().disposition, Disposition::kRetry);
}

TEST(MysqlShapes, CallEveryColumnTheKeyOfATableWithoutOne) {
  MapBytes map = orders();
  map.metadata = metadata_field(2, "\x2d");
  ShapeCache cache({}, nullptr, {});
  const auto shape = cache.shape(map.bytes());
  ASSERT_TRUE(shape);
  EXPECT_EQ((*shape)->schema->key_columns.size(), 4u);
  EXPECT_FALSE((*shape)->schema->key_is_unique);
}

}  // namespace
}  // namespace rowtide::mysql
