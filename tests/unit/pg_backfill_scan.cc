#include <gtest/gtest.h>

#include "sources/postgres/scan_key.h"
#include "sources/postgres/table_scan.h"

namespace rowtide::postgres {
namespace {

TableShape shape(std::optional<double> correlation) {
  TableShape made;
  made.has_key = true;
  made.changes_are_whole = true;
  made.blocks = 50'000;
  made.correlation = correlation;
  return made;
}

ScanMethod method(const TableShape& of) {
  const ScanChoice choice = choose_scan(of);
  EXPECT_FALSE(choice.reason.empty());
  return choice.method;
}

TEST(ScanChoices, ReadByKeyWhereTheKeyFollowsTheRows) {
  EXPECT_EQ(method(shape(1.0)), ScanMethod::kKeyRange);
  EXPECT_EQ(method(shape(-0.5)), ScanMethod::kKeyRange);
  EXPECT_EQ(method(shape(std::nullopt)), ScanMethod::kKeyRange);
  EXPECT_EQ(choose_scan(shape(1.0)).reason, "the key follows the rows (correlation 1.00)");
}

TEST(ScanChoices, ReadByLocationOnlyWhereChangesAreWhole) {
  EXPECT_EQ(method(shape(0.1)), ScanMethod::kLocation);
  EXPECT_EQ(method(shape(-0.49)), ScanMethod::kLocation);
  auto toastable = shape(0.1);
  toastable.changes_are_whole = false;
  EXPECT_EQ(method(toastable), ScanMethod::kKeyRange);
  auto small = shape(0.1);
  small.blocks = 9'999;
  EXPECT_EQ(method(small), ScanMethod::kKeyRange);
  auto partitioned = shape(0.1);
  partitioned.partitioned = true;
  EXPECT_EQ(method(partitioned), ScanMethod::kKeyRange);
  auto old = shape(0.1);
  old.finds_locations = false;
  EXPECT_EQ(method(old), ScanMethod::kKeyRange);
}

TEST(ScanChoices, ReadATableWithoutAKeyAsAWhole) {
  auto keyless = shape(0.1);
  keyless.has_key = false;
  EXPECT_EQ(method(keyless), ScanMethod::kWhole);
}

const std::vector<ScanKeyColumn> kColumns = {
    {.name = "shop", .type = "integer", .collation = {}},
    {.name = "na\"me",
     .type = "character varying(20)",
     .collation = "pg_catalog.\"C\"",
     .collation_differs = true},
};

TEST(ScanStatements, CompareTheWholeKeyOrItsBeginning) {
  EXPECT_EQ(key_condition(kColumns, ">", {"7"}), "t.\"shop\" > '7'::integer");
  EXPECT_EQ(key_condition(kColumns, "<=", {"7", "it's \\"}),
            "(t.\"shop\", (t.\"na\"\"me\" COLLATE pg_catalog.\"C\")) <= "
            "('7'::integer,  E'it''s \\\\'::character varying(20))");
  EXPECT_EQ(location_condition(">", {7, 65535}), "t.ctid > '(7,65535)'::pg_catalog.tid");
}

TEST(ScanStatements, PutEveryConditionInParenthesesOfItsOwn) {
  ScanQuery query;
  query.schema = "public";
  query.table = "Orders";
  query.outputs = {"t.\"id\"", "t.\"note\""};
  EXPECT_EQ(copy_sql(query),
            "COPY (SELECT t.\"id\", t.\"note\" FROM ONLY \"public\".\"Orders\" AS t) TO STDOUT "
            "(FORMAT binary)");
  query.partitioned = true;
  query.conditions = {"a OR b", "c -- why"};
  query.order = kColumns;
  query.limit_rows = 5;
  EXPECT_EQ(copy_sql(query),
            "COPY (SELECT t.\"id\", t.\"note\" FROM \"public\".\"Orders\" AS t WHERE (a OR b\n) "
            "AND (c -- why\n) ORDER BY t.\"shop\", (t.\"na\"\"me\" COLLATE pg_catalog.\"C\") "
            "LIMIT 5) TO STDOUT (FORMAT binary)");
}

TEST(ScanStatements, SpreadCutsEvenly) {
  const std::vector<std::string> bounds = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  EXPECT_EQ(spread(bounds, 4), (std::vector<std::string>{"2", "5", "7"}));
  EXPECT_EQ(spread(bounds, 1), std::vector<std::string>{});
  EXPECT_EQ(spread({}, 4), std::vector<std::string>{});
  EXPECT_EQ(spread({"a", "b"}, 5), std::vector<std::string>{"b"});
}

TEST(LogEnds, LeaveOutThePageHeaderThatNobodyIsSent) {
  constexpr std::uint64_t kBlock = 8192;
  constexpr std::uint64_t kSegment = std::uint64_t{16} << 20;
  EXPECT_EQ(end_of_records(0x9A000028, kBlock, kSegment), 0x9A000000U);
  EXPECT_EQ(end_of_records(0x9A002018, kBlock, kSegment), 0x9A002000U);
  EXPECT_EQ(end_of_records(0x9A002020, kBlock, kSegment), 0x9A002020U);
  EXPECT_EQ(end_of_records(0x9A002028, kBlock, kSegment), 0x9A002028U);
  EXPECT_EQ(end_of_records(0x9A123450, kBlock, kSegment), 0x9A123450U);
}

TEST(KeyTexts, ReadBackAsTheSameValue) {
  const std::string uuid("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
  const std::vector<std::pair<Value, std::string>> cases = {
      {Value::boolean(true), "t"},
      {Value::boolean(false), "f"},
      {Value::integer(INT64_MIN), "-9223372036854775808"},
      {Value::unsigned_integer(UINT64_MAX), "18446744073709551615"},
      {Value::float32(0.1F), "0.1"},
      {Value::float64(1e300), "1e+300"},
      {Value::bytes_of(ValueKind::kDecimal, "NaN"), "NaN"},
      {Value::integer_of(ValueKind::kDate, kDateInfinity), "infinity"},
      {Value::integer_of(ValueKind::kDate, -735'600), "0046-12-31 BC"},
      {Value::integer_of(ValueKind::kTime, 86'400'000'000), "24:00:00"},
      {Value::integer_of(ValueKind::kTimestamp, kTimestampMinusInfinity), "-infinity"},
      {Value::integer_of(ValueKind::kTimestampTz, 1'500'000), "1970-01-01 00:00:01.5+00"},
      {Value::bytes_of(ValueKind::kUuid, uuid), "00112233-4455-6677-8899-aabbccddeeff"},
      {Value::bytes_of(ValueKind::kBytes, std::string_view("\0\xff", 2)), "\\x00ff"},
      {Value::bytes_of(ValueKind::kText, "it's"), "it's"},
      {Value::bytes_of(ValueKind::kLiteral, "{1,2}"), "{1,2}"},
  };
  for (const auto& [value, text] : cases) {
    EXPECT_EQ(key_text(value), text);
  }
}

TEST(RowLocations, AreReadBackOrRefused) {
  const auto read = parse_location(location_text({7, 65535}));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (RowLocation{7, 65535}));
  for (const auto* text : {"", "(", "(1)", "(1,", "(1,2", "1,2", "(1,2)x", "(a,2)", "(1,2,3)"}) {
    EXPECT_FALSE(parse_location(text)) << text;
  }
}

}  // namespace
}  // namespace rowtide::postgres
