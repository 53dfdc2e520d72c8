// No chunk is older than what the stream has delivered.

#include <algorithm>
#include <thread>

#include "tests/unit/pg_backfill_fixture.h"

namespace rowtide::postgres {
namespace {

using namespace std::chrono_literals;

class BackfillBarrier : public BackfillTest {
 protected:
  void SetUp() override {
    BackfillTest::SetUp();
    run("CREATE TABLE orders (id int PRIMARY KEY, note text);"
        "INSERT INTO orders VALUES (1, 'old'); CREATE PUBLICATION shop FOR TABLE orders");
    request_.table = table("public.orders");
  }
  void TearDown() override {
    if (stuck_.joinable()) {
      release();
    }
    BackfillTest::TearDown();
  }

  // Commits an update whose commit waits for a standby that never comes.
  void get_stuck(const std::string& setting_up = "UPDATE orders SET note = 'new'") {
    run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    run("SELECT pg_reload_conf()");
    stuck_ = std::thread([this, setting_up] {
      const auto connection = session();
      run(connection.get(), setting_up);
    });
    wait_until("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1");
  }
  void release() {
    run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    stuck_.join();
    run("ALTER SYSTEM RESET synchronous_standby_names");
    run("SELECT pg_reload_conf()");
  }
  void wait_until(const std::string& sql, const std::string& result) {
    const auto connection = session();
    const auto deadline = soon();
    while (run(connection.get(), sql) != result) {
      ASSERT_LT(clock_.now(), deadline) << sql;
      std::this_thread::sleep_for(1ms);
    }
  }

  void expect_timeout() {
    const auto opened = reader_->open_chunk(request_, clock_.now() + 100ms);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kTimeout);
    EXPECT_EQ(opened.error().disposition, Disposition::kRetry);
  }

  ChunkRequest request_;
  std::thread stuck_;
};

TEST_F(BackfillBarrier, WaitsForACommitThatWasDeliveredBeforeItIsVisible) {
  open_stream();
  // The first barrier of a process looks at everyone who commits; this is about those after it.
  EXPECT_EQ(read_chunk(request_).rows, Lines{"1|old"});
  get_stuck();
  // The stream has it while no reader of the table sees it.
  poll_until([this] {
    return std::ranges::any_of(batches_,
                               [](const BatchPtr& batch) { return !batch->events().empty(); });
  });
  EXPECT_EQ(run("SELECT note FROM orders"), "old");
  expect_timeout();
  release();
  EXPECT_EQ(read_chunk(request_).rows, Lines{"1|new"});
}

TEST_F(BackfillBarrier, WaitsForACommitThatAnEarlierProcessMayHaveDelivered) {
  get_stuck();
  expect_timeout();
  release();
  EXPECT_EQ(read_chunk(request_).rows, Lines{"1|new"});
}

TEST_F(BackfillBarrier, WaitsForAPreparedTransactionThatIsBeingCommitted) {
  run("BEGIN; UPDATE orders SET note = 'new'; PREPARE TRANSACTION 'p'");
  get_stuck("COMMIT PREPARED 'p'");
  expect_timeout();
  release();
  EXPECT_EQ(read_chunk(request_).rows, Lines{"1|new"});
}

TEST_F(BackfillBarrier, DoesNotWaitForTransactionsThatAreNotCommitting) {
  const auto idle = session();
  run(idle.get(), "BEGIN; UPDATE orders SET note = 'idle'");
  const auto other = session();
  run(other.get(), "BEGIN; INSERT INTO orders VALUES (2, 'prepared'); PREPARE TRANSACTION 'p'");
  EXPECT_EQ(read_chunk(request_).rows, Lines{"1|old"});
  run("ROLLBACK PREPARED 'p'");
}

TEST_F(BackfillBarrier, IsOverOnceTheStreamHasReachedThePosition) {
  open_stream();
  run("UPDATE orders SET note = 'new'");
  const Chunk chunk = read_chunk(request_);
  EXPECT_EQ(chunk.rows, Lines{"1|new"});
  EXPECT_EQ(chunk.position.timeline, 1U);
  poll_until(
      [&] { return !batches_.empty() && batches_.back()->last_position() >= chunk.position; });
  std::size_t updates = 0;
  for (const BatchPtr& batch : batches_) {
    for (const Event& event : batch->events()) {
      EXPECT_NE(event.op, Op::kMessage) << "the mark of a chunk is nobody's message";
      updates += event.op == Op::kUpdate ? 1 : 0;
      EXPECT_LE(batch->position_of(event), chunk.position);
    }
  }
  EXPECT_EQ(updates, 1U);
}

TEST_F(BackfillBarrier, IsOverWithoutTheRightToWrite) {
  open_stream();
  run("DO $$ BEGIN EXECUTE (SELECT string_agg(format('REVOKE EXECUTE ON FUNCTION %s FROM public',"
      " oid::regprocedure), ';') FROM pg_proc WHERE proname = 'pg_logical_emit_message'); END $$;"
      "DROP ROLE IF EXISTS looker; CREATE ROLE looker LOGIN; GRANT SELECT ON orders TO looker");
  PostgresSourceConfig config = config_;
  config.url = server_->url(database_, "looker");
  delivered_->stream_started(1);
  PostgresChunkReader reader(config, "shop", delivered_, runtime_);
  run("UPDATE orders SET note = 'new'");
  ASSERT_TRUE(reader.open_chunk(request_, soon()));
  const auto slice = reader.read();
  ASSERT_TRUE(slice && slice->rows);
  const auto position = reader.finish_chunk();
  ASSERT_TRUE(position) << position.error().to_text();
  poll_until([&] { return !batches_.empty() && batches_.back()->last_position() >= *position; });
  run("DROP OWNED BY looker; DROP ROLE looker");
}

TEST_F(BackfillBarrier, IsNotPassedBeforeThereIsAStream) {
  const auto none = std::make_shared<DeliveredTransactions>();
  PostgresChunkReader reader(config_, "shop", none, runtime_);
  const auto opened = reader.open_chunk(request_, soon());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().disposition, Disposition::kRetry);
}

}  // namespace
}  // namespace rowtide::postgres
