#include "tests/unit/mysql_backfill_fixture.h"

#include <utility>

#include <fmt/format.h>

namespace rowtide::mysql {

std::map<testing::MysqlFlavour, std::unique_ptr<testing::MysqlServer>> MysqlBackfillTest::servers_;

std::string flavour_name(const ::testing::TestParamInfo<testing::MysqlFlavour>& info) {
  return info.param == testing::MysqlFlavour::kMariaDb ? "MariaDb" : "MySql";
}

void MysqlBackfillTest::TearDownTestSuite() {
  servers_.clear();
}

void MysqlBackfillTest::SetUp() {
  if (!testing::MysqlServer::installed(GetParam())) {
    GTEST_SKIP() << "not installed";
  }
  auto& server = servers_[GetParam()];
  if (server == nullptr) {
    testing::MysqlServer::Options options;
    options.flavour = GetParam();
    auto started = testing::MysqlServer::start(options);
    ASSERT_TRUE(started) << started.error().to_text();
    server = std::move(*started);
  }
  server_ = server.get();
  static int count = 0;
  database_ = "shop" + std::to_string(++count);
  config_.url = server_->url();
  config_.tables = {database_ + ".*"};
  config_.heartbeat = std::chrono::milliseconds(500);
  auto options = connect_options(config_);
  ASSERT_TRUE(options);
  auto session = SqlSession::connect(*options);
  ASSERT_TRUE(session) << session.error().to_text();
  session_ = std::move(*session);
  run("CREATE DATABASE " + database_ + " CHARACTER SET utf8mb4");
  run("USE " + database_);
  run("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'");
}

void MysqlBackfillTest::run(const std::string& sql) {
  const auto done = session_->query(sql);
  ASSERT_TRUE(done) << sql.substr(0, 300) << ": " << done.error().to_text();
}

std::string MysqlBackfillTest::value(const std::string& sql) {
  const auto found = session_->query_value(sql);
  EXPECT_TRUE(found) << sql << ": " << found.error().to_text();
  return found ? found->value_or("") : "";
}

void MysqlBackfillTest::open_stream() {
  auto made = MysqlSource::create(config_, "shop", store_, {}, runtime_);
  ASSERT_TRUE(made) << made.error().to_text();
  source_ = std::move(*made);
  const auto opened = source_->open({});
  ASSERT_TRUE(opened) << opened.error().to_text();
  reader_ = source_->chunk_reader();
  ASSERT_NE(reader_, nullptr);
}

void MysqlBackfillTest::poll_until(const std::function<bool()>& done) {
  const auto deadline = soon();
  while (!done()) {
    ASSERT_LT(clock_.now(), deadline) << "it did not come";
    const auto polled = source_->poll(builder_, clock_.now() + std::chrono::milliseconds(10));
    ASSERT_TRUE(polled) << polled.error().to_text();
    if (builder_.can_cut()) {
      batches_.push_back(builder_.take());
    }
  }
}

std::string MysqlBackfillTest::text_of(const Value& cell) {
  const int kind = static_cast<int>(cell.kind());
  switch (cell.kind()) {
    case ValueKind::kAbsent:
    case ValueKind::kUnchanged:
    case ValueKind::kNull:
      return fmt::format("{}:", kind);
    case ValueKind::kFloat32:
    case ValueKind::kFloat64:
      return fmt::format("{}:{:a}", kind, cell.real());
    case ValueKind::kUnsigned:
      return fmt::format("{}:{}", kind, cell.unsigned_integer());
    default:
      break;
  }
  return cell.has_bytes() ? fmt::format("{}:{}", kind, cell.bytes())
                          : fmt::format("{}:{}", kind, cell.integer());
}

MysqlBackfillTest::Lines MysqlBackfillTest::texts_of(std::span<const Value> cells) {
  Lines texts;
  for (const Value& cell : cells) {
    texts.push_back(text_of(cell));
  }
  return texts;
}

std::map<std::string, MysqlBackfillTest::Lines> MysqlBackfillTest::streamed(
    const std::string& table) const {
  std::map<std::string, Lines> rows;
  for (const BatchPtr& batch : batches_) {
    for (const Event& event : batch->events()) {
      if (event.schema != nullptr && event.schema->table == table && !event.after.empty()) {
        Lines texts = texts_of(event.after);
        rows[texts.front()] = std::move(texts);
      }
    }
  }
  return rows;
}

SchemaPtr MysqlBackfillTest::streamed_schema(const std::string& table) const {
  SchemaPtr found;
  for (const BatchPtr& batch : batches_) {
    for (const SchemaPtr& schema : batch->schemas()) {
      found = schema->table == table ? schema : found;
    }
  }
  return found;
}

ScanTable MysqlBackfillTest::table(const std::string& name) {
  const std::vector<std::string> patterns = {fmt::format("{}.\"{}\"", database_, name)};
  auto tables = reader_->tables(patterns);
  EXPECT_TRUE(tables) << tables.error().to_text();
  EXPECT_TRUE(tables && tables->size() == 1) << name;
  return tables && !tables->empty() ? tables->front() : ScanTable();
}

MysqlBackfillTest::Chunk MysqlBackfillTest::read_chunk(const ChunkRequest& request) {
  Chunk chunk;
  if (const auto opened = reader_->open_chunk(request, soon()); !opened) {
    chunk.error = opened.error();
    return chunk;
  }
  while (true) {
    auto slice = reader_->read();
    if (!slice) {
      chunk.error = slice.error();
      return chunk;
    }
    chunk.next = slice->next;
    if (slice->rows == nullptr) {
      break;
    }
    for (const Event& event : slice->rows->events()) {
      EXPECT_EQ(event.op, Op::kRead);
      chunk.rows.push_back(texts_of(event.after));
    }
    chunk.schema = slice->rows->schemas().front();
  }
  auto finishing = std::async(std::launch::async, [&] { return reader_->finish_chunk(); });
  poll_until(
      [&] { return finishing.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  const auto position = finishing.get();
  if (position) {
    chunk.position = *position;
  } else {
    chunk.error = position.error();
  }
  return chunk;
}

std::vector<MysqlBackfillTest::Lines> MysqlBackfillTest::read_all(const ScanTable& of,
                                                                  std::uint64_t limit_rows) {
  std::vector<Lines> rows;
  ChunkRequest request;
  request.table = of;
  request.limit_rows = limit_rows;
  for (int chunks = 0; chunks < 1'000; ++chunks) {
    Chunk chunk = read_chunk(request);
    if (chunk.error) {
      ADD_FAILURE() << chunk.error->to_text();
      return rows;
    }
    rows.insert(rows.end(), chunk.rows.begin(), chunk.rows.end());
    if (!chunk.next) {
      return rows;
    }
    request.after = std::move(chunk.next);
  }
  ADD_FAILURE() << "the table does not end";
  return rows;
}

}  // namespace rowtide::mysql
