#include <cmath>
#include <limits>

#include <duckdb.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sinks/duckdb/duckdb_sink.h"
#include "tests/unit/warehouse_fixture.h"

namespace rowtide::test {
namespace {

using Lines = std::vector<std::string>;

Column column(std::string name, LogicalType type, int precision = 0, int scale = 0) {
  Column made;
  made.name = std::move(name);
  made.type = type;
  made.precision = precision;
  made.scale = scale;
  return made;
}

SchemaPtr things(std::vector<Column> columns, std::string table = "things") {
  columns.insert(columns.begin(), column("id", LogicalType::kInt64));
  return make_schema(9, "public", std::move(table), std::move(columns), {0});
}

class Duckdb : public WarehouseTest {
 protected:
  SinkHandle open_with(const duckdb::DuckdbConfig& config) {
    auto sink = duckdb::make_duckdb_sink(config, runtime());
    EXPECT_TRUE(sink);
    const auto opened = sink->sink->open(context());
    EXPECT_TRUE(opened) << opened.error().to_text();
    return std::move(*sink);
  }
  duckdb::DuckdbConfig config() const {
    duckdb::DuckdbConfig made;
    made.path = path();
    made.settings = settings();
    return made;
  }
  // Whether another process could open the file now, read and write.
  bool another_process_can_open() const {
    const pid_t child = ::fork();
    if (child == 0) {
      duckdb_database database = nullptr;
      ::_exit(duckdb_open(path().c_str(), &database) == DuckDBSuccess ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  // A process that has the file open until end_holder().
  void start_holder() {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    ASSERT_EQ(::pipe(release_), 0);
    holder_ = ::fork();
    if (holder_ == 0) {
      duckdb_database database = nullptr;
      const bool opened = duckdb_open(path().c_str(), &database) == DuckDBSuccess;
      char byte = opened ? 'y' : 'n';
      static_cast<void>(!::write(ready[1], &byte, 1));
      ::close(release_[1]);
      static_cast<void>(!::read(release_[0], &byte, 1));
      ::_exit(0);
    }
    ::close(release_[0]);
    char byte = 'n';
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    ASSERT_EQ(byte, 'y');
  }
  void end_holder() {
    ::close(release_[1]);
    ::waitpid(holder_, nullptr, 0);
  }

  Result<void> put(SinkHandle& sink, const SchemaPtr& schema, const Cells& cells) {
    batches_.begin().insert(schema, cells).commit();
    return try_deliver(sink, {batches_.take()});
  }

  TestBatches batches_;
  int release_[2] = {-1, -1};
  pid_t holder_ = -1;
};

TEST_P(Duckdb, OthersCanOpenTheFileBetweenCommits) {
  auto sink = open();
  deliver(sink, {batches_.orders({1}).take()});
  EXPECT_TRUE(another_process_can_open());
  execute("CREATE TABLE mine AS SELECT * FROM public.orders");
  deliver(sink, {batches_.orders({2}).take()});
  EXPECT_EQ(one(sink, "SELECT count(*) FROM mine"), "1");
}

TEST_P(Duckdb, LockHoldKeepsTheFile) {
  auto held = config();
  held.lock = duckdb::DuckdbConfig::Lock::kHold;
  auto sink = open_with(held);
  deliver(sink, {batches_.orders({1}).take()});
  EXPECT_FALSE(another_process_can_open());
  EXPECT_EQ(one(sink, "SELECT count(*) FROM public.orders"), "1");
  sink.sink->close();
  EXPECT_TRUE(another_process_can_open());
}

TEST_P(Duckdb, DeliveryWaitsWhileAnotherProcessHasTheFile) {
  auto sink = open();
  deliver(sink, {batches_.orders({1}).take()});
  start_holder();
  ASSERT_TRUE(sink.sink->submit(batches_.orders({2}).take(), soon()));
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  ASSERT_TRUE(sink.sink->flush(until));
  EXPECT_EQ(report(sink).durable, TestBatches::resume_after(1));
  end_holder();
  ASSERT_TRUE(sink.sink->flush(soon()));
  EXPECT_EQ(report(sink).durable, TestBatches::resume_after(2));
}

TEST_P(Duckdb, OpeningAFileThatAnotherProcessHasIsARetry) {
  open().sink->close();
  start_holder();
  auto sink = make(settings());
  const auto opened = sink.sink->open(context());
  end_holder();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kLocked);
  EXPECT_EQ(opened.error().disposition, Disposition::kRetry);
  EXPECT_NE(opened.error().message.find(path()), std::string::npos);
}

TEST_P(Duckdb, TwoSinksOfOneProcessTakeTurns) {
  auto one_sink = open();
  auto other = make(settings());
  auto other_context = context();
  other_context.sink = "other";
  ASSERT_TRUE(other.sink->open(other_context));
  deliver(one_sink, {batches_.orders({1}).take()});
  TestBatches b;
  b.begin().insert(items_schema(), {1, 1, "a", 1}).commit();
  deliver(other, {b.take()});
  EXPECT_EQ(one(other, "SELECT count(*) FROM public.orders JOIN public.items ON id = order_id"),
            "1");
}

TEST_P(Duckdb, ADecimalThatIsNotANumberStopsOrIsTextAsConfigured) {
  const auto schema = things({column("price", LogicalType::kDecimal, 10, 2)});
  auto sink = open();
  const auto delivered = put(sink, schema, {1, "NaN"});
  ASSERT_FALSE(delivered);
  EXPECT_NE(delivered.error().message.find("table public.things column price"), std::string::npos);
  EXPECT_NE(delivered.error().remedy.find("decimals: text"), std::string::npos);
  sink.sink->close();
  auto as_text = config();
  as_text.decimals = duckdb::DuckdbConfig::Decimals::kText;
  auto other = open_with(as_text);
  ASSERT_TRUE(put(other, schema, {1, "NaN"}));
  ASSERT_TRUE(put(other, schema, {2, "1.50"}));
  EXPECT_EQ(select(other, "SELECT price FROM public.things ORDER BY id"), (Lines{"NaN", "1.50"}));
}

TEST_P(Duckdb, DecimalsOfEveryWidthAreExact) {
  auto sink = open();
  const auto schema = things(
      {column("a", LogicalType::kDecimal, 4, 2), column("b", LogicalType::kDecimal, 9, 0),
       column("c", LogicalType::kDecimal, 18, 18), column("d", LogicalType::kDecimal, 38, 10),
       column("e", LogicalType::kDecimal, 39, 0), column("f", LogicalType::kDecimal)});
  const std::string wide = "9999999999999999999999999999.0123456789";
  ASSERT_TRUE(put(sink, schema,
                  {1, "-99.99", "-999999999", "0.000000000000000001", wide,
                   "999999999999999999999999999999999999999", "1e5"}));
  ASSERT_TRUE(
      put(sink, schema, {2, "0.5", "7.000", "-0.999999999999999999", "-" + wide, "1", "Infinity"}));
  EXPECT_EQ(select(sink, "SELECT a, b, c, d, e, f FROM public.things ORDER BY id"),
            (Lines{"-99.99|-999999999|.000000000000000001|" + wide +
                       "|999999999999999999999999999999999999999|1e5",
                   "0.50|7|-.999999999999999999|-" + wide + "|1|Infinity"}));
  EXPECT_FALSE(put(sink, schema, {3, "100.00", "1", "0", "0", "0", "0"}));
}

TEST_P(Duckdb, DigitsThatDoNotFitAreRefused) {
  auto sink = open();
  EXPECT_FALSE(put(sink, things({column("a", LogicalType::kDecimal, 4, 2)}), {1, "0.005"}));
}

TEST_P(Duckdb, DatesAndTimesKeepTheirExtremes) {
  auto sink = open();
  const auto schema =
      things({column("d", LogicalType::kDate), column("t", LogicalType::kTime),
              column("ts", LogicalType::kTimestamp), column("tz", LogicalType::kTimestampTz)});
  ASSERT_TRUE(put(sink, schema,
                  {1, kDateInfinity, std::int64_t{86'400'000'000}, kTimestampInfinity,
                   kTimestampMinusInfinity}));
  ASSERT_TRUE(
      put(sink, schema,
          {2, kDateMinusInfinity, std::int64_t{0}, kTimestampMinusInfinity, kTimestampInfinity}));
  // The first day of PostgreSQL's dates, and one that is beyond the timestamps.
  ASSERT_TRUE(put(sink, schema,
                  {3, std::int64_t{-2440588}, std::int64_t{1}, std::int64_t{-210866803200000000},
                   std::int64_t{1}}));
  ASSERT_TRUE(put(sink, schema, {4, std::int64_t{2145031948}, nullptr, nullptr, nullptr}));
  EXPECT_EQ(
      select(sink,
             "SELECT d, t, ts, tz = 'infinity'::TIMESTAMPTZ, tz = "
             "'-infinity'::TIMESTAMPTZ FROM public.things ORDER BY id"),
      (Lines{"infinity|24:00:00|infinity|false|true", "-infinity|00:00:00|-infinity|true|false",
             "4714-11-24 (BC)|00:00:00.000001|4714-11-24 (BC) 00:00:00|false|false",
             "5874868-01-01|NULL|NULL|NULL|NULL"}));
  EXPECT_FALSE(put(sink, schema, {5, 0, std::int64_t{86'400'000'001}, 0, 0}));
}

TEST_P(Duckdb, EveryKindOfValueIsStoredExactly) {
  auto sink = open();
  const auto schema =
      things({column("b", LogicalType::kBoolean), column("i2", LogicalType::kInt16),
              column("u8", LogicalType::kUint64), column("f4", LogicalType::kFloat32),
              column("f8", LogicalType::kFloat64), column("u", LogicalType::kUuid),
              column("y", LogicalType::kBytes), column("x", LogicalType::kText),
              column("j", LogicalType::kJson), column("l", LogicalType::kLiteral)});
  ASSERT_TRUE(
      put(sink, schema,
          {1, true, -32768, std::uint64_t{18446744073709551615U}, 0.1, -0.0,
           std::string("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16),
           std::string("\x00\xff", 2), std::string("a\0b\n\"\\\xc3\xa4", 8), "{\"a\": 1.00}",
           "{1,NULL,3}"}));
  EXPECT_EQ(
      one(sink, "SELECT b, i2, u8, f4, f8, u, y, strlen(x), hex(x), j, l FROM public.things"),
      "true|-32768|18446744073709551615|0.1|-0.0|00112233-4455-6677-8899-aabbccddeeff|\\x00\\xFF|"
      "8|6100620A225CC3A4|{\"a\": 1.00}|{1,NULL,3}");
  ASSERT_TRUE(put(sink, schema,
                  {2, nullptr, nullptr, nullptr, std::numeric_limits<double>::quiet_NaN(),
                   -std::numeric_limits<double>::infinity(), nullptr, "", "", nullptr, nullptr}));
  EXPECT_EQ(one(sink, "SELECT b, f4, f8, y, x FROM public.things WHERE id = 2"), "NULL|nan|-inf||");
}

TEST_P(Duckdb, TextThatIsNotUtf8IsRefused) {
  auto sink = open();
  const auto delivered = put(sink, things({column("a", LogicalType::kText)}), {1, "\xff"});
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Code::kData);
}

TEST_P(Duckdb, NamesThatDifferInCaseOnlyAreRefused) {
  auto sink = open();
  ASSERT_TRUE(put(sink, things({}, "Things"), {1}));
  const auto tables = put(sink, things({}, "things"), {1});
  ASSERT_FALSE(tables);
  EXPECT_EQ(tables.error().code, Code::kSchema);
  EXPECT_NE(tables.error().message.find("Things"), std::string::npos);
  sink.sink->close();
  // The same after a restart, when the table is only found in the file.
  ASSERT_TRUE(sink.sink->open(context()));
  EXPECT_FALSE(put(sink, things({}, "things"), {1}));
  sink.sink->close();
  ASSERT_TRUE(sink.sink->open(context()));
  EXPECT_FALSE(
      put(sink, things({column("a", LogicalType::kText), column("A", LogicalType::kText)}, "both"),
          {1, "x", "y"}));
}

TEST_P(Duckdb, AFolderThatDoesNotExistIsAnOperatorsError) {
  auto elsewhere = config();
  elsewhere.path = dir() / "missing/file.duckdb";
  auto sink = duckdb::make_duckdb_sink(elsewhere, runtime());
  ASSERT_TRUE(sink);
  const auto opened = sink->sink->open(context());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().disposition, Disposition::kOperator);
}

TEST_P(Duckdb, AQueryReachesNoOtherFile) {
  auto sink = open();
  deliver(sink, {batches_.orders({1}).take()});
  class Ignore final : public QueryOutput {
    void columns(std::span<const std::string>) override {}
    void row(std::span<const std::optional<std::string>>) override {}
  } out;
  EXPECT_FALSE(sink.queryable->query("SELECT * FROM read_text('/etc/passwd')", out));
  EXPECT_FALSE(sink.queryable->query("ATTACH '/tmp/other.duckdb'", out));
}

INSTANTIATE_TEST_SUITE_P(Sink, Duckdb, ::testing::Values(Warehouse::kDuckdb), warehouse_name);

}  // namespace
}  // namespace rowtide::test
