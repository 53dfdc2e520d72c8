// No chunk is read from a snapshot that lacks what the stream delivered, and none ends before the
// stream has brought what the snapshot saw.

#include <fmt/format.h>

#include "tests/unit/mysql_backfill_fixture.h"

namespace rowtide::mysql {
namespace {

class MysqlBackfillBarrier : public MysqlBackfillTest {
 protected:
  void SetUp() override {
    MysqlBackfillTest::SetUp();
    if (server_ == nullptr) {
      return;
    }
    run("CREATE TABLE t (id int PRIMARY KEY)");
    run("INSERT INTO t VALUES (1)");
    state_->stream_opened(server(), true, executed(), "");
    auto options = connect_options(config_);
    ASSERT_TRUE(options);
    connect_ = *std::move(options);
    auto captured = CapturedTables::parse(config_);
    ASSERT_TRUE(captured);
    reader_ = std::make_unique<MysqlChunkReader>(config_, connect_, *captured, state_, runtime_);
    request_.table = table("t");
  }
  StreamServer server() {
    StreamServer server;
    server.flavour = is_mariadb() ? Flavour::kMariaDb : Flavour::kMysql;
    server.server_id = static_cast<std::uint32_t>(std::stoul(value("SELECT @@server_id")));
    server.server_uuid = is_mariadb() ? "" : value("SELECT @@server_uuid");
    return server;
  }
  std::string executed() {
    return value(is_mariadb() ? "SELECT @@gtid_binlog_pos" : "SELECT @@gtid_executed");
  }
  // One transaction beyond all that there are.
  std::string beyond() {
    return is_mariadb() ? "0-1-1000000"
                        : executed() + "," + value("SELECT @@server_uuid") + ":1000000";
  }
  BinlogPosition end_of_log() {
    const auto status = session_->query(server_->log_end_statement());
    EXPECT_TRUE(status);
    return {*status->rows[0][0], std::stoull(*status->rows[0][1])};
  }
  Result<void> open() {
    return reader_->open_chunk(request_, clock_.now() + std::chrono::milliseconds(300));
  }

  std::shared_ptr<DeliveredState> state_ = std::make_shared<DeliveredState>();
  ConnectOptions connect_;
  ChunkRequest request_;
};
ROWTIDE_BOTH_FLAVOURS(MysqlBackfillBarrier);

TEST_P(MysqlBackfillBarrier, WaitsForWhatWasDelivered) {
  EXPECT_TRUE(open());
  // A transaction of which rows were handed out, and that nobody sees.
  StreamProgress progress;
  const std::string known = executed();
  const std::string uuid = is_mariadb() ? "" : value("SELECT @@server_uuid");
  progress.executed = known;
  progress.open_gtid = is_mariadb() ? "0-1-1000000" : uuid + ":1000000";
  progress.delivered = end_of_log();
  progress.delivered.offset += 1000;
  progress.position = {0, 2, kWholeTransaction};
  state_->publish(progress);
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kTimeout) << opened.error().to_text();
  EXPECT_EQ(opened.error().disposition, Disposition::kRetry);
  EXPECT_NE(opened.error().remedy.find("semi-sync"), std::string::npos);
  ASSERT_TRUE(failpoints_.arm("skip_visibility_barrier"));
  EXPECT_TRUE(open()) << "the failpoint takes the barrier away";
}

TEST_P(MysqlBackfillBarrier, WaitsForWhatFormerConnectionsDelivered) {
  const std::string known = executed();
  const std::string highest = beyond();
  state_->stream_opened(server(), true, known, highest);
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kTimeout) << opened.error().to_text();
}

TEST_P(MysqlBackfillBarrier, KeepsWhatWasDeliveredOverANewConnection) {
  const std::string more = beyond();
  StreamProgress progress;
  progress.executed = more;
  progress.position = {0, 2, kWholeTransaction};
  state_->publish(progress);
  state_->stream_opened(server(), true, "", "");
  EXPECT_EQ(open().error().code, Code::kTimeout);
}

TEST_P(MysqlBackfillBarrier, RefusesAnotherServerAndAServerWithoutGtids) {
  StreamServer other = server();
  other.server_id += 1;
  state_->stream_opened(other, true, executed(), "");
  EXPECT_EQ(open().error().code, Code::kConflict);
  state_->stream_opened(server(), false, "", "");
  EXPECT_EQ(open().error().code, Code::kUnsupported);
  state_->stream_closed();
  EXPECT_EQ(open().error().code, Code::kConnection);
}

TEST_P(MysqlBackfillBarrier, EndsWhereTheStreamHasPassedTheSnapshot) {
  ASSERT_TRUE(open());
  while (true) {
    const auto slice = reader_->read();
    ASSERT_TRUE(slice) << slice.error().to_text();
    if (slice->rows == nullptr) {
      break;
    }
  }
  // MariaDB's place would be found by its GTIDs, which are those of now.
  run("INSERT INTO t VALUES (2)");
  auto finishing = std::async(std::launch::async, [&] { return reader_->finish_chunk(); });
  EXPECT_EQ(finishing.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  const std::string known = executed();
  StreamProgress progress;
  progress.executed = known;
  progress.position = {0, 40, kWholeTransaction};
  progress.taken = end_of_log();
  --progress.taken->offset;
  state_->publish(progress);
  EXPECT_EQ(finishing.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  ++progress.taken->offset;
  progress.position.commit = 42;
  state_->publish(progress);
  const auto position = finishing.get();
  ASSERT_TRUE(position) << position.error().to_text();
  EXPECT_EQ(*position, (Position{0, 42, kWholeTransaction}));
}

TEST_P(MysqlBackfillBarrier, GivesUpOnAStreamThatWasOpenedAnew) {
  ASSERT_TRUE(open());
  state_->stream_opened(server(), true, executed(), "");
  const auto position = reader_->finish_chunk();
  ASSERT_FALSE(position);
  EXPECT_EQ(position.error().disposition, Disposition::kRetry);
}

}  // namespace
}  // namespace rowtide::mysql
