#include <gtest/gtest.h>

#include "engine/client/postgres_client.h"
#include "sinks/postgres/postgres_dialect.h"
#include "sinks/postgres/postgres_sink.h"
#include "tests/support/postgres_server.h"
#include "tests/unit/warehouse_fixture.h"

namespace rowtide::test {
namespace {

using Lines = std::vector<std::string>;

Column column(std::string name, LogicalType type, std::string source_type = {}) {
  Column made;
  made.name = std::move(name);
  made.type = type;
  made.source_type = std::move(source_type);
  made.builtin = !made.source_type.empty();
  return made;
}

SchemaPtr things(std::vector<Column> columns, std::string table = "things") {
  columns.insert(columns.begin(), column("id", LogicalType::kInt64, "bigint"));
  return make_schema(9, "public", std::move(table), std::move(columns), {0});
}

class Postgres : public WarehouseTest {
 protected:
  Result<void> put(SinkHandle& sink, const SchemaPtr& schema, const Cells& cells) {
    batches_.begin().insert(schema, cells).commit();
    return try_deliver(sink, {batches_.take()});
  }
  TestBatches batches_;
};

TEST(PostgresDialect, KeepsBuiltInTypesOfAPostgresSourceAndNoOthers) {
  const postgres::PostgresDialect dialect;
  const auto type_of = [&](LogicalType type, const char* source_type, bool builtin) {
    Column made = column("a", type, source_type);
    made.builtin = builtin;
    return dialect.column_type(made);
  };
  EXPECT_EQ(type_of(LogicalType::kText, "character varying(20)", true), "character varying(20)");
  EXPECT_EQ(type_of(LogicalType::kLiteral, "integer[]", true), "integer[]");
  EXPECT_EQ(type_of(LogicalType::kLiteral, "mood", false), "text");
  EXPECT_EQ(type_of(LogicalType::kLiteral, "money", true), "text");
  EXPECT_EQ(type_of(LogicalType::kJson, "jsonb", true), "jsonb");
  EXPECT_EQ(type_of(LogicalType::kTimestamp, "timestamp(3) without time zone", true),
            "timestamp(3) without time zone");
  // A MySQL timestamp is a moment, and its word means something else here.
  EXPECT_EQ(type_of(LogicalType::kTimestampTz, "timestamp", true), "timestamp with time zone");
  EXPECT_EQ(type_of(LogicalType::kUint64, "bigint unsigned", true), "numeric(20,0)");
}

TEST_P(Postgres, ValuesKeepTheTypesAndTextsOfTheSource) {
  auto sink = open();
  const auto schema = things(
      {column("v", LogicalType::kText, "character varying(20)"),
       column("j", LogicalType::kJson, "jsonb"), column("a", LogicalType::kLiteral, "integer[]"),
       column("n", LogicalType::kDecimal, "numeric"),
       column("i", LogicalType::kLiteral, "interval"), column("y", LogicalType::kBytes, "bytea"),
       column("f", LogicalType::kFloat64, "double precision"),
       column("d", LogicalType::kDate, "date"),
       column("tz", LogicalType::kTimestampTz, "timestamp with time zone"),
       column("e", LogicalType::kLiteral)});
  ASSERT_TRUE(
      put(sink, schema,
          {1, "tab\there\\N", "{\"a\": [1]}", "{1,NULL,3}", "NaN", "1 mon -2 days +00:00:03",
           std::string("\\\x00\xff", 3), -0.0, kDateInfinity, kTimestampMinusInfinity, "happy"}));
  EXPECT_EQ(
      one(sink,
          "SELECT v, j, a, n, i, y, f, d, tz, e, pg_typeof(v), pg_typeof(j), pg_typeof(a), "
          "pg_typeof(e) FROM public.things"),
      "tab\there\\N|{\"a\": [1]}|{1,NULL,3}|NaN|1 mon -2 days +00:00:03|\\x5c00ff|-0|infinity|"
      "-infinity|happy|character varying|jsonb|integer[]|text");
}

TEST_P(Postgres, ANameThatIsTooLongIsRefused) {
  auto sink = open();
  const auto delivered =
      put(sink, things({column(std::string(64, 'n'), LogicalType::kText)}), {1, "x"});
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Code::kSchema);
  ASSERT_TRUE(sink.sink->open(context()));
  EXPECT_TRUE(put(sink, things({column(std::string(63, 'n'), LogicalType::kText)}), {1, "x"}));
}

TEST_P(Postgres, ATableMadeByHandNeedsAUniqueIndexOnTheKey) {
  execute("CREATE TABLE public.things (id bigint, mine text DEFAULT 'kept')");
  auto sink = open();
  const auto delivered = put(sink, things({}), {1});
  ASSERT_FALSE(delivered);
  EXPECT_NE(delivered.error().remedy.find("ADD PRIMARY KEY (\"id\")"), std::string::npos);
  execute("ALTER TABLE public.things ADD PRIMARY KEY (id)");
  ASSERT_TRUE(sink.sink->open(context()));
  ASSERT_TRUE(put(sink, things({}), {1}));
  EXPECT_EQ(one(sink, "SELECT id, mine FROM public.things"), "1|kept");
}

TEST_P(Postgres, AValueThatTheServerRefusesIsNamedButNotQuoted) {
  auto sink = open();
  const auto delivered =
      put(sink, things({column("a", LogicalType::kLiteral, "inet")}), {1, "secret-value"});
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Code::kData);
  EXPECT_NE(delivered.error().message.find("table public.things column a"), std::string::npos)
      << delivered.error().message;
  EXPECT_EQ(delivered.error().message.find("secret-value"), std::string::npos);
}

TEST_P(Postgres, ASinkWithoutTheRightToMakeSchemasWorksWhereTheyExist) {
  open().sink->close();
  execute(
      "CREATE ROLE "
      "writer_of_tests LOGIN");
  execute(
      "GRANT USAGE, CREATE ON SCHEMA public TO writer_of_tests; GRANT USAGE ON SCHEMA rowtide TO "
      "writer_of_tests; GRANT SELECT, INSERT, UPDATE ON rowtide.markers TO writer_of_tests");
  postgres::PostgresSinkConfig config;
  config.url = url() + " user=writer_of_tests";
  config.settings = settings();
  auto sink = postgres::make_postgres_sink(config, runtime());
  ASSERT_TRUE(sink);
  const auto opened = sink->sink->open(context());
  ASSERT_TRUE(opened) << opened.error().to_text();
  EXPECT_TRUE(put(*sink, things({}), {1}));
  sink->sink->close();
  execute("DROP OWNED BY writer_of_tests; DROP ROLE writer_of_tests");
}

INSTANTIATE_TEST_SUITE_P(Sink, Postgres, ::testing::Values(Warehouse::kPostgres), warehouse_name);

TEST(PostgresRestart, ALostServerIsARetryAndNothingIsLostOrDoubled) {
  auto started = testing::PostgresServer::start();
  ASSERT_TRUE(started) << started.error().to_text();
  auto& server = **started;
  SystemClock clock;
  Failpoints failpoints;
  const Runtime runtime{clock, failpoints, Log::silent()};
  postgres::PostgresSinkConfig config;
  config.url = server.url();
  auto sink = postgres::make_postgres_sink(config, runtime);
  ASSERT_TRUE(sink);
  LaneContext context;
  context.pipeline = "shop";
  context.sink = "warehouse";
  ASSERT_TRUE(sink->sink->open(context));
  const auto soon = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(10); };
  TestBatches b;
  ASSERT_TRUE(sink->sink->submit(b.orders({1}).take(), soon()));
  ASSERT_TRUE(sink->sink->flush(soon()));
  ASSERT_TRUE(server.stop(testing::PostgresServer::StopMode::kImmediate));
  const auto second = b.orders({2}).take();
  ASSERT_TRUE(sink->sink->submit(second, soon()));
  const auto flushed = sink->sink->flush(soon());
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().disposition, Disposition::kRetry);
  sink->sink->close();
  const auto refused = sink->sink->open(context);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().disposition, Disposition::kRetry);
  ASSERT_TRUE(server.start_again());
  const auto opened = sink->sink->open(context);
  ASSERT_TRUE(opened) << opened.error().to_text();
  EXPECT_EQ(*opened, TestBatches::resume_after(1));
  ASSERT_TRUE(sink->sink->submit(second, soon()));
  ASSERT_TRUE(sink->sink->flush(soon()));
  const auto report = sink->sink->poll_durable(soon());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->durable, TestBatches::resume_after(2));
}

}  // namespace
}  // namespace rowtide::test
