#include "tests/unit/pg_backfill_fixture.h"

#include <utility>

#include <fmt/format.h>

#include "sources/postgres/scan_key.h"

namespace rowtide::postgres {

testing::PostgresServer* BackfillTest::server_ = nullptr;

void BackfillTest::SetUpTestSuite() {
  testing::PostgresServer::Options options;
  options.settings["max_prepared_transactions"] = "10";
  auto started = testing::PostgresServer::start(options);
  ASSERT_TRUE(started) << started.error().to_text();
  server_ = std::move(*started).release();
}

void BackfillTest::TearDownTestSuite() {
  delete server_;
  server_ = nullptr;
}

void BackfillTest::SetUp() {
  ASSERT_NE(server_, nullptr);
  static int count = 0;
  database_ = "shop" + std::to_string(++count);
  ConnectOptions options;
  options.url = server_->url();
  auto admin = connect(options);
  ASSERT_TRUE(admin);
  run(admin->get(), "CREATE DATABASE " + database_);
  config_.url = server_->url(database_);
  config_.slot = database_;
  config_.publication = "shop";
  delivered_->stream_started(1);
  reader_ = std::make_unique<PostgresChunkReader>(config_, "shop", delivered_, runtime_);
}

void BackfillTest::TearDown() {
  reader_.reset();
  source_.reset();
  run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active");
}

PgConn BackfillTest::session() const {
  ConnectOptions options;
  options.url = config_.url;
  auto connected = connect(options);
  EXPECT_TRUE(connected) << connected.error().to_text();
  return connected ? std::move(*connected) : PgConn();
}

std::string BackfillTest::run(PGconn* connection, const std::string& sql) {
  const auto done = query(connection, sql);
  EXPECT_TRUE(done) << sql.substr(0, 300) << ": " << done.error().to_text();
  return done && done->rows() > 0 ? std::string(done->text(0, 0)) : std::string();
}

std::string BackfillTest::run(const std::string& sql) const {
  return run(session().get(), sql);
}

BackfillTest::Lines BackfillTest::column(const std::string& sql) const {
  const auto connection = session();
  const auto done = query(connection.get(), sql);
  EXPECT_TRUE(done) << sql << ": " << done.error().to_text();
  Lines lines;
  for (int row = 0; done && row < done->rows(); ++row) {
    lines.emplace_back(done->text(row, 0));
  }
  return lines;
}

ScanTable BackfillTest::table(const std::string& pattern) {
  const std::vector<std::string> patterns = {pattern};
  auto tables = reader_->tables(patterns);
  EXPECT_TRUE(tables) << tables.error().to_text();
  EXPECT_TRUE(tables && tables->size() == 1) << pattern;
  return tables && !tables->empty() ? tables->front() : ScanTable();
}

SchemaPtr BackfillTest::schema(const ScanTable& of) {
  auto plan = reader_->plan(of, {}, 1);
  EXPECT_TRUE(plan) << plan.error().to_text();
  return plan ? plan->schema : std::make_shared<const TableSchema>();
}

namespace {

std::string text_of(const Value& cell) {
  if (cell.kind() == ValueKind::kAbsent) {
    return "~";
  }
  return cell.is_null() ? "NULL" : key_text(cell);
}

void add_rows(const Batch& batch, std::vector<std::string>& rows) {
  ASSERT_EQ(batch.transactions().size(), 1U);
  EXPECT_TRUE(batch.transactions().front().complete);
  for (const Event& event : batch.events()) {
    ASSERT_EQ(event.op, Op::kRead);
    EXPECT_TRUE(event.before.empty());
    ASSERT_EQ(event.after.size(), event.schema->columns.size());
    std::string line;
    for (const Value& cell : event.after) {
      line += (line.empty() ? "" : "|") + text_of(cell);
    }
    rows.push_back(std::move(line));
  }
}

}  // namespace

BackfillTest::Chunk BackfillTest::read_chunk(const ChunkRequest& request) {
  Chunk chunk;
  const auto opened = reader_->open_chunk(request, soon());
  EXPECT_TRUE(opened) << opened.error().to_text();
  chunk.failed = !opened;
  while (opened) {
    auto slice = reader_->read();
    if (!slice) {
      ADD_FAILURE() << slice.error().to_text();
      chunk.failed = true;
      return chunk;
    }
    chunk.next = slice->next;
    if (slice->rows == nullptr) {
      break;
    }
    add_rows(*slice->rows, chunk.rows);
    chunk.places.push_back(slice->next);
    chunk.slice_rows.push_back(slice->rows->events().size());
  }
  if (opened) {
    const auto position = reader_->finish_chunk();
    EXPECT_TRUE(position) << position.error().to_text();
    chunk.position = position.value_or(Position());
    chunk.failed = !position;
  }
  return chunk;
}

BackfillTest::Lines BackfillTest::read_all(const ScanTable& of, std::uint64_t limit_rows,
                                           const ScanFilter& filter, std::optional<ScanKey> from) {
  Lines rows;
  ChunkRequest request;
  request.table = of;
  request.filter = filter;
  request.limit_rows = limit_rows;
  request.after = std::move(from);
  for (int chunks = 0; chunks < 10'000; ++chunks) {
    Chunk chunk = read_chunk(request);
    rows.insert(rows.end(), chunk.rows.begin(), chunk.rows.end());
    if (!chunk.next || chunk.failed) {
      return rows;
    }
    request.after = std::move(chunk.next);
  }
  ADD_FAILURE() << "the table does not end";
  return rows;
}

void BackfillTest::open_stream() {
  auto made = PostgresSource::create(config_, "shop", store_, {}, runtime_);
  ASSERT_TRUE(made) << made.error().to_text();
  source_ = std::move(*made);
  const auto opened = source_->open({});
  ASSERT_TRUE(opened) << opened.error().to_text();
  reader_ = source_->chunk_reader();
  ASSERT_NE(reader_, nullptr);
}

void BackfillTest::poll_until(const std::function<bool()>& done) {
  const auto deadline = soon();
  while (!done()) {
    ASSERT_LT(clock_.now(), deadline) << "it did not come";
    const auto polled = source_->poll(builder_, clock_.now() + std::chrono::milliseconds(20));
    ASSERT_TRUE(polled) << polled.error().to_text();
    if (builder_.can_cut()) {
      batches_.push_back(builder_.take());
      ASSERT_TRUE(source_->acknowledge(batches_.back()->resume_point()));
    } else {
      ASSERT_TRUE(source_->acknowledge(std::nullopt));
    }
  }
}

}  // namespace rowtide::postgres
