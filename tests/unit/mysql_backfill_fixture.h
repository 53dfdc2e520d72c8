#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/runtime.h"
#include "offsets/memory_store.h"
#include "sources/mysql/chunk_reader.h"
#include "sources/mysql/mysql_source.h"
#include "tests/support/mysql_server.h"

namespace rowtide::mysql {

// One server of each flavour for all tests, a database for each, a stream of it and a reader of
// tables beside it.
class MysqlBackfillTest : public ::testing::TestWithParam<testing::MysqlFlavour> {
 protected:
  using Lines = std::vector<std::string>;

  static void TearDownTestSuite();
  void SetUp() override;

  bool is_mariadb() const { return GetParam() == testing::MysqlFlavour::kMariaDb; }
  // In the test's database.
  void run(const std::string& sql);
  std::string value(const std::string& sql);
  static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

  // The stream from now on.
  void open_stream();
  void poll_until(const std::function<bool()>& done);
  // Every row that the stream brought of a table so far, by the text of its first column.
  std::map<std::string, Lines> streamed(const std::string& table) const;
  SchemaPtr streamed_schema(const std::string& table) const;

  ScanTable table(const std::string& name);
  struct Chunk {
    // Of each row its cells as text.
    std::vector<Lines> rows;
    std::optional<ScanKey> next;
    SchemaPtr schema;
    Position position;
    std::optional<Error> error;
  };
  // Polls the stream while the chunk waits for it.
  Chunk read_chunk(const ChunkRequest& request);
  std::vector<Lines> read_all(const ScanTable& of, std::uint64_t limit_rows);

  // Kind and content, so that no two values look alike.
  static std::string text_of(const Value& cell);
  static Lines texts_of(std::span<const Value> cells);

  static std::map<testing::MysqlFlavour, std::unique_ptr<testing::MysqlServer>> servers_;
  testing::MysqlServer* server_ = nullptr;
  std::unique_ptr<SqlSession> session_;
  std::string database_;
  SystemClock clock_;
  Failpoints failpoints_;
  Runtime runtime_{clock_, failpoints_, Log::silent()};
  MysqlSourceConfig config_;
  MemoryStore store_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<ChunkReader> reader_;
  BatchBuilder builder_{{}, nullptr};
  std::vector<BatchPtr> batches_;
};

std::string flavour_name(const ::testing::TestParamInfo<testing::MysqlFlavour>& info);
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define ROWTIDE_BOTH_FLAVOURS(suite)                                                     \
  INSTANTIATE_TEST_SUITE_P(                                                              \
      Of, suite,                                                                         \
      ::testing::Values(testing::MysqlFlavour::kMariaDb, testing::MysqlFlavour::kMysql), \
      flavour_name)

}  // namespace rowtide::mysql
