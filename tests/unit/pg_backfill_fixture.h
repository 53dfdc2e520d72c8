#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/runtime.h"
#include "offsets/memory_store.h"
#include "sources/postgres/chunk_reader.h"
#include "sources/postgres/postgres_source.h"
#include "tests/support/postgres_server.h"

namespace rowtide::postgres {

// One server for all tests, a database for each, and a reader of tables over it. The publication
// "shop" is made by the test, or by the stream.
class BackfillTest : public ::testing::Test {
 protected:
  using Lines = std::vector<std::string>;

  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  PgConn session() const;
  // Runs statements; the first cell of the last one's result.
  std::string run(const std::string& sql) const;
  static std::string run(PGconn* connection, const std::string& sql);

  static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

  // The only table that `pattern` names.
  ScanTable table(const std::string& pattern);
  SchemaPtr schema(const ScanTable& of);

  struct Chunk {
    // The columns of each row as text, joined by "|"; "~" = absent, "NULL" = null.
    Lines rows;
    std::optional<ScanKey> next;
    // Behind each slice that held rows.
    std::vector<std::optional<ScanKey>> places;
    std::vector<std::size_t> slice_rows;
    Position position;
    bool failed = false;
  };
  Chunk read_chunk(const ChunkRequest& request);
  // All rows from `from` on, in chunks.
  Lines read_all(const ScanTable& of, std::uint64_t limit_rows, const ScanFilter& filter = {},
                 std::optional<ScanKey> from = std::nullopt);
  // The first column of a query's result.
  Lines column(const std::string& sql) const;

  // Opens a stream over the publication and slot "shop".
  void open_stream();
  // Polls until the condition holds.
  void poll_until(const std::function<bool()>& done);

  static testing::PostgresServer* server_;
  std::string database_;
  SystemClock clock_;
  Failpoints failpoints_;
  Runtime runtime_{clock_, failpoints_, Log::silent()};
  PostgresSourceConfig config_;
  std::shared_ptr<DeliveredTransactions> delivered_ = std::make_shared<DeliveredTransactions>();
  std::unique_ptr<ChunkReader> reader_;

  MemoryStore store_;
  std::unique_ptr<Source> source_;
  BatchBuilder builder_{{}, nullptr};
  std::vector<BatchPtr> batches_;
};

}  // namespace rowtide::postgres
