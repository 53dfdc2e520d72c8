#include "tests/unit/warehouse_fixture.h"

#include <cstdlib>

#include <duckdb.h>
#include <unistd.h>

#include "engine/client/postgres_client.h"
#include "sinks/duckdb/duckdb_sink.h"
#include "sinks/postgres/postgres_sink.h"
#include "tests/support/postgres_server.h"

namespace rowtide::test {
namespace {

std::string text_of(const Result<void>& result) {
  return result ? std::string() : result.error().to_text();
}

// Started by the first test that needs it, stopped at the end of the program.
class SharedServer : public ::testing::Environment {
 public:
  void TearDown() override { server_.reset(); }

  std::string url(const std::string& database) {
    if (const char* given = std::getenv("ROWTIDE_TEST_POSTGRES_URL"); given != nullptr) {
      return std::string(given) + " dbname=" + database;
    }
    if (server_ == nullptr) {
      auto started = testing::PostgresServer::start();
      if (!started) {
        return {};
      }
      server_ = std::move(*started);
    }
    return server_->url(database);
  }

 private:
  std::unique_ptr<testing::PostgresServer> server_;
};

SharedServer& shared_server() {
  static auto* const server =
      static_cast<SharedServer*>(::testing::AddGlobalTestEnvironment(new SharedServer));
  return *server;
}

void run_postgres(const std::string& url, const std::string& sql) {
  postgres::ConnectOptions options;
  options.url = url;
  auto connection = postgres::connect(options);
  ASSERT_TRUE(connection) << connection.error().to_text();
  const auto done = postgres::query(connection->get(), sql);
  ASSERT_TRUE(done) << done.error().to_text();
}

class Collect final : public QueryOutput {
 public:
  void columns(std::span<const std::string> names) override { width_ = names.size(); }
  void row(std::span<const std::optional<std::string>> cells) override {
    EXPECT_EQ(cells.size(), width_);
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      line += (i == 0 ? "" : "|") + cells[i].value_or("NULL");
    }
    lines.push_back(std::move(line));
  }
  std::vector<std::string> lines;

 private:
  std::size_t width_ = 0;
};

}  // namespace

void WarehouseTest::SetUp() {
  if (is_duckdb()) {
    return;
  }
  static int counter = 0;
  database_ = "warehouse_" + std::to_string(::getpid()) + "_" + std::to_string(++counter);
  const std::string admin = shared_server().url("postgres");
  ASSERT_FALSE(admin.empty()) << "no PostgreSQL server could be started";
  run_postgres(admin, "CREATE DATABASE " + database_);
  url_ = shared_server().url(database_);
}

void WarehouseTest::TearDown() {
  if (!is_duckdb() && !url_.empty()) {
    run_postgres(shared_server().url("postgres"), "DROP DATABASE " + database_ + " WITH (FORCE)");
  }
}

warehouse::Settings WarehouseTest::settings(warehouse::Mode mode) {
  warehouse::Settings made;
  made.mode = mode;
  made.flush_interval = std::chrono::milliseconds(1);
  return made;
}

SinkHandle WarehouseTest::make(const warehouse::Settings& settings) {
  Result<SinkHandle> sink;
  if (is_duckdb()) {
    duckdb::DuckdbConfig config;
    config.path = path();
    config.settings = settings;
    sink = duckdb::make_duckdb_sink(config, runtime_);
  } else {
    postgres::PostgresSinkConfig config;
    config.url = url_;
    config.settings = settings;
    sink = postgres::make_postgres_sink(config, runtime_);
  }
  EXPECT_TRUE(sink);
  return std::move(*sink);
}

LaneContext WarehouseTest::context(std::uint64_t epoch) {
  LaneContext made;
  made.pipeline = "shop";
  made.sink = "warehouse";
  made.epoch = Epoch(epoch);
  return made;
}

SinkHandle WarehouseTest::open(const warehouse::Settings& settings, std::uint64_t epoch) {
  auto sink = make(settings);
  const auto opened = sink.sink->open(context(epoch));
  EXPECT_TRUE(opened) << opened.error().to_text();
  return sink;
}

Result<void> WarehouseTest::try_deliver(SinkHandle& sink, const std::vector<BatchPtr>& batches) {
  for (const auto& batch : batches) {
    ROWTIDE_TRY(sink.sink->submit(batch, soon()));
  }
  return sink.sink->flush(soon());
}

void WarehouseTest::deliver(SinkHandle& sink, const std::vector<BatchPtr>& batches) {
  const auto delivered = try_deliver(sink, batches);
  ASSERT_TRUE(delivered) << text_of(delivered);
  if (batches.back()->ends_on_commit()) {
    EXPECT_EQ(report(sink).durable, batches.back()->resume_point());
  }
}

DurableReport WarehouseTest::report(SinkHandle& sink) {
  auto report = sink.sink->poll_durable(soon());
  EXPECT_TRUE(report) << report.error().to_text();
  return *report;
}

std::vector<std::string> WarehouseTest::select(SinkHandle& sink, const std::string& sql) {
  Collect out;
  const auto done = sink.queryable->query(sql, out);
  EXPECT_TRUE(done) << text_of(done);
  return out.lines;
}

std::string WarehouseTest::one(SinkHandle& sink, const std::string& sql) {
  const auto lines = select(sink, sql);
  return lines.size() == 1 ? lines.front() : std::to_string(lines.size()) + " rows";
}

void WarehouseTest::execute(const std::string& sql) {
  if (!is_duckdb()) {
    run_postgres(url_, sql);
    return;
  }
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  duckdb_result result;
  ASSERT_EQ(duckdb_open(path().c_str(), &database), DuckDBSuccess);
  ASSERT_EQ(duckdb_connect(database, &connection), DuckDBSuccess);
  const auto state = duckdb_query(connection, sql.c_str(), &result);
  EXPECT_EQ(state, DuckDBSuccess) << duckdb_result_error(&result);
  duckdb_destroy_result(&result);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
}

}  // namespace rowtide::test
