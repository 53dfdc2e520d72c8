#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/api/sink.h"
#include "engine/base/clock.h"
#include "engine/base/failpoints.h"
#include "sinks/warehouse/settings.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_batches.h"

namespace rowtide::test {

enum class Warehouse { kDuckdb, kPostgres };

// One destination of a test: a DuckDB file, or a database of a PostgreSQL server that all tests of
// the program share. The server is the one at ROWTIDE_TEST_POSTGRES_URL, else one that is started.
class WarehouseTest : public ::testing::TestWithParam<Warehouse> {
 protected:
  void SetUp() override;
  void TearDown() override;

  bool is_duckdb() const { return GetParam() == Warehouse::kDuckdb; }
  const Runtime& runtime() const { return runtime_; }
  const TempDir& dir() const { return dir_; }
  // The DuckDB file.
  std::string path() const { return dir_ / "warehouse.duckdb"; }
  // The PostgreSQL database.
  const std::string& url() const { return url_; }
  // "commits at once" unless a test says otherwise.
  static warehouse::Settings settings(warehouse::Mode mode = warehouse::Mode::kMirror);

  SinkHandle make(const warehouse::Settings& settings);
  static LaneContext context(std::uint64_t epoch = 1);
  // An open sink.
  SinkHandle open(const warehouse::Settings& settings, std::uint64_t epoch = 1);
  SinkHandle open() { return open(settings()); }

  // Submits the batches and commits what can be.
  static void deliver(SinkHandle& sink, const std::vector<BatchPtr>& batches);
  static Result<void> try_deliver(SinkHandle& sink, const std::vector<BatchPtr>& batches);
  static DurableReport report(SinkHandle& sink);
  // "a|b|NULL" per row of what is durable, through the sink's own query.
  static std::vector<std::string> select(SinkHandle& sink, const std::string& sql);
  static std::string one(SinkHandle& sink, const std::string& sql);
  // Runs a statement beside the sink, which must not be open for DuckDB.
  void execute(const std::string& sql);
  static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(10); }

 private:
  SystemClock clock_;
  Failpoints failpoints_;
  Runtime runtime_{clock_, failpoints_, Log::silent()};
  TempDir dir_;
  std::string url_;
  std::string database_;
};

inline std::string warehouse_name(const ::testing::TestParamInfo<Warehouse>& tested) {
  return tested.param == Warehouse::kDuckdb ? "Duckdb" : "Postgres";
}

}  // namespace rowtide::test
