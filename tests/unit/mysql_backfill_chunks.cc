// What a chunk is made of, and what ends it.

#include <thread>

#include <fmt/format.h>

#include "tests/unit/mysql_backfill_fixture.h"

namespace rowtide::mysql {
namespace {

class MysqlBackfillChunks : public MysqlBackfillTest {
 protected:
  void fill(int rows, int bytes = 10) {
    run("CREATE TABLE t (id int PRIMARY KEY, v longtext)");
    for (int from = 0; from < rows; from += 1000) {
      std::string sql;
      for (int id = from; id < std::min(rows, from + 1000); ++id) {
        sql += (sql.empty() ? "INSERT INTO t VALUES " : ", ") +
               fmt::format("({}, repeat('x', {}))", id, bytes);
      }
      run(sql);
    }
  }
};
ROWTIDE_BOTH_FLAVOURS(MysqlBackfillChunks);

TEST_P(MysqlBackfillChunks, ReadTheRowsAndColumnsThatAreAskedFor) {
  open_stream();
  run("CREATE TABLE t (note text, id int PRIMARY KEY, total int)");
  run("INSERT INTO t VALUES ('a', 1, 2), ('b', 2, 4), ('c', 3, 6)");
  ChunkRequest request;
  request.table = table("t");
  request.filter = {.where = "total > 2 -- the large ones", .columns = {"note"}};
  const Chunk chunk = read_chunk(request);
  ASSERT_EQ(chunk.rows.size(), 2U);
  EXPECT_EQ(chunk.rows[0][1], text_of(Value::integer(2)));
  EXPECT_EQ(chunk.rows[0][2], text_of(Value::absent()));
  EXPECT_TRUE(reader_->plan(request.table, request.filter, 4));
  EXPECT_FALSE(reader_->plan(request.table, {.where = "nonsense > 1", .columns = {}}, 4));
  EXPECT_FALSE(reader_->plan(request.table, {.where = {}, .columns = {"missing"}}, 4));
  EXPECT_EQ(read_all(request.table, 2).size(), 3U) << "an error ends the chunk, not the reader";
  const std::vector<std::string> unknown = {database_ + ".nothing"};
  const auto none = reader_->tables(unknown);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
  run("DROP TABLE t");
  EXPECT_EQ(read_chunk(request).error->code, Code::kNotFound);
}

TEST_P(MysqlBackfillChunks, AKilledStatementIsAnErrorAndNoEnd) {
  open_stream();
  fill(3000, 20'000);
  ChunkRequest request;
  request.table = table("t");
  ASSERT_TRUE(reader_->open_chunk(request, soon()));
  const auto first = reader_->read();
  ASSERT_TRUE(first) << first.error().to_text();
  const std::string id = value(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT /* rowtide */%'");
  ASSERT_NE(id, "");
  run("KILL QUERY " + id);
  std::size_t rows = first->rows->events().size();
  while (true) {
    const auto slice = reader_->read();
    if (!slice) {
      EXPECT_EQ(slice.error().disposition, Disposition::kRetry) << slice.error().to_text();
      break;
    }
    ASSERT_NE(slice->rows, nullptr) << "it ended after " << rows << " rows";
    rows += slice->rows->events().size();
  }
  EXPECT_EQ(read_all(request.table, 50'000).size(), 3000U);
}

TEST_P(MysqlBackfillChunks, KeepTheShapeOfTheTableUntilTheirEnd) {
  open_stream();
  fill(3000, 10'000);
  ChunkRequest request;
  request.table = table("t");
  ASSERT_TRUE(reader_->open_chunk(request, soon()));
  auto altered = std::async(std::launch::async, [&] {
    return server_->execute(fmt::format("ALTER TABLE {}.t ADD extra int", database_));
  });
  std::size_t rows = 0;
  while (true) {
    const auto slice = reader_->read();
    ASSERT_TRUE(slice) << slice.error().to_text();
    if (slice->rows == nullptr) {
      break;
    }
    rows += slice->rows->events().size();
    EXPECT_EQ(slice->rows->schemas().front()->columns.size(), 2U);
  }
  EXPECT_EQ(rows, 3000U);
  auto finishing = std::async(std::launch::async, [&] { return reader_->finish_chunk(); });
  poll_until(
      [&] { return finishing.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  EXPECT_TRUE(finishing.get());
  const auto done = altered.get();
  EXPECT_TRUE(done) << done.error().to_text();
  EXPECT_EQ(read_chunk(request).schema->columns.size(), 3U);
}

TEST_P(MysqlBackfillChunks, ATruncateOfWhatOnlyABackfillBroughtIsTold) {
  run("CREATE TABLE t (id int PRIMARY KEY)");
  run("INSERT INTO t VALUES (1)");
  open_stream();
  EXPECT_EQ(read_all(table("t"), 10).size(), 1U);
  run("TRUNCATE TABLE t");
  const auto truncated = [&] {
    for (const BatchPtr& batch : batches_) {
      for (const Event& event : batch->events()) {
        if (event.op == Op::kTruncate) {
          return true;
        }
      }
    }
    return false;
  };
  poll_until(truncated);
}

}  // namespace
}  // namespace rowtide::mysql
