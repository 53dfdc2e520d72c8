// Chunks that are read on a physical standby while the stream comes from the primary.

#include <optional>

#include <fmt/format.h>

#include "sources/postgres/chunk_server_identity.h"
#include "sources/postgres/preflight.h"
#include "tests/unit/pg_backfill_fixture.h"

namespace rowtide::postgres {
namespace {

using namespace std::chrono_literals;

ServerIdentity server_of(std::uint32_t timeline, bool in_recovery, std::string started_at) {
  return ServerIdentity{"7001", timeline, in_recovery, std::move(started_at), "shop"};
}

TEST(ChunkServerJudgement, TakesAStandbyOrTheServerItself) {
  const ServerIdentity primary = server_of(3, false, "noon");
  EXPECT_TRUE(judge_chunk_server(server_of(3, true, "one"), primary));
  EXPECT_TRUE(judge_chunk_server(primary, primary));
  const auto code = [&](const ServerIdentity& reads) {
    const auto judged = judge_chunk_server(reads, primary);
    return judged ? std::string("taken") : std::string(to_string(judged.error().disposition));
  };
  ServerIdentity other = server_of(3, true, "one");
  other.system_id = "7002";
  EXPECT_EQ(code(other), to_string(Disposition::kOperator));
  other = server_of(3, true, "one");
  other.database = "store";
  EXPECT_EQ(code(other), to_string(Disposition::kOperator));
  // A failover may be under way, so these may pass.
  EXPECT_EQ(code(server_of(4, false, "one")), to_string(Disposition::kRetry)) << "promoted";
  EXPECT_EQ(code(server_of(2, true, "one")), to_string(Disposition::kRetry)) << "left behind";
  EXPECT_EQ(code(server_of(3, false, "one")), to_string(Disposition::kRetry)) << "a copy";
}

class BackfillStandby : public BackfillTest {
 protected:
  void SetUp() override {
    BackfillTest::SetUp();
    run("CREATE TABLE orders (id int PRIMARY KEY, note text);"
        "INSERT INTO orders VALUES (1, 'old')");
    testing::PostgresServer::Options options;
    options.primary = server_;
    options.settings["max_prepared_transactions"] = "10";
    auto started = testing::PostgresServer::start(options);
    ASSERT_TRUE(started) << started.error().to_text();
    standby_ = std::move(*started);
    config_.backfill_url = standby_->url(database_);
    open_stream();
  }
  void TearDown() override {
    reader_.reset();
    standby_.reset();
    BackfillTest::TearDown();
  }

  std::string on_standby(const std::string& sql) const {
    ConnectOptions options;
    options.url = standby_->url(database_);
    const auto connected = connect(options);
    EXPECT_TRUE(connected) << connected.error().to_text();
    return connected ? run(connected->get(), sql) : std::string();
  }
  void pause_replay() const {
    on_standby("SELECT pg_wal_replay_pause()");
    const auto deadline = soon();
    while (on_standby("SELECT pg_get_wal_replay_pause_state()") != "paused") {
      ASSERT_LT(clock_.now(), deadline);
    }
  }
  // Waits until the standby has replayed all that the primary has written until now.
  void catch_up() const {
    const std::string caught_up = fmt::format("SELECT pg_last_wal_replay_lsn() >= '{}'",
                                              run("SELECT pg_current_wal_insert_lsn()"));
    const auto deadline = soon();
    while (on_standby(caught_up) != "t") {
      ASSERT_LT(clock_.now(), deadline);
    }
  }
  // Polls the stream until it has delivered a row with this note.
  void deliver(const std::string& note) {
    run(fmt::format("UPDATE orders SET note = '{}'", note));
    poll_until([&] {
      for (const BatchPtr& batch : batches_) {
        for (const Event& event : batch->events()) {
          if (event.op == Op::kUpdate && event.after[1].bytes() == note) {
            return true;
          }
        }
      }
      return false;
    });
  }
  // A request for the only table, once the standby knows it.
  ChunkRequest request() {
    ChunkRequest request;
    request.table = table("public.orders");
    const auto deadline = soon();
    while (!reader_->plan(request.table, {}, 1)) {
      EXPECT_LT(clock_.now(), deadline);
      if (clock_.now() >= deadline) {
        break;
      }
    }
    return request;
  }
  Error refused(const ChunkRequest& request) {
    const auto opened = reader_->open_chunk(request, clock_.now() + 100ms);
    EXPECT_FALSE(opened);
    return opened ? Error() : opened.error();
  }

  std::unique_ptr<testing::PostgresServer> standby_;
};

TEST_F(BackfillStandby, ReadsThereAndMarksTheEndOnThePrimary) {
  const ChunkRequest asked = request();
  deliver("new");
  const std::string copies =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rowtide backfill' AND query"
      " LIKE 'COPY%orders%'";
  ASSERT_TRUE(reader_->open_chunk(asked, soon()));
  EXPECT_EQ(on_standby(copies), "1");
  EXPECT_EQ(run(copies), "0");
  while (reader_->read()->rows != nullptr) {
  }
  ASSERT_TRUE(reader_->finish_chunk());
  const Chunk chunk = read_chunk(asked);
  EXPECT_EQ(chunk.rows, Lines{"1|new"});
  poll_until(
      [&] { return !batches_.empty() && batches_.back()->last_position() >= chunk.position; });
}

TEST_F(BackfillStandby, WaitsUntilTheStandbyHasReplayedWhatWasDelivered) {
  const ChunkRequest asked = request();
  EXPECT_EQ(read_chunk(asked).rows, Lines{"1|old"});
  pause_replay();
  deliver("new");
  const Error error = refused(asked);
  EXPECT_EQ(error.code, Code::kTimeout);
  EXPECT_EQ(error.disposition, Disposition::kRetry);
  EXPECT_NE(error.message.find("bytes behind the stream"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("replay is paused"), std::string::npos) << error.message;
  on_standby("SELECT pg_wal_replay_resume()");
  EXPECT_EQ(read_chunk(asked).rows, Lines{"1|new"});
}

TEST_F(BackfillStandby, WaitsForWhatAnEarlierProcessDelivered) {
  const ChunkRequest asked = request();
  pause_replay();
  deliver("new");
  // The next process knows only where the stream stood.
  const ResumePoint stood = batches_.back()->resume_point();
  reader_.reset();
  source_.reset();
  auto made = PostgresSource::create(config_, "shop", store_, {}, runtime_);
  ASSERT_TRUE(made);
  source_ = std::move(*made);
  StreamStart start;
  start.from = stood;
  start.highest = stood;
  const auto opened = source_->open(start);
  ASSERT_TRUE(opened) << opened.error().to_text();
  reader_ = source_->chunk_reader();
  EXPECT_EQ(refused(asked).code, Code::kTimeout);
  on_standby("SELECT pg_wal_replay_resume()");
  EXPECT_EQ(read_chunk(asked).rows, Lines{"1|new"});
}

TEST_F(BackfillStandby, DoesNotTakeATableForGoneThatTheStandbyDoesNotKnowYet) {
  request();
  pause_replay();
  run("CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (7)");
  const ScanTable late = table("public.late");
  const auto plan = reader_->plan(late, {}, 1);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::kTimeout) << plan.error().to_text();
  ChunkRequest asked;
  asked.table = late;
  EXPECT_EQ(refused(asked).code, Code::kTimeout);
  on_standby("SELECT pg_wal_replay_resume()");
  EXPECT_EQ(read_chunk(asked).rows, Lines{"7"});
}

TEST_F(BackfillStandby, DiscardsAChunkDuringWhichTheStandbyWasPromoted) {
  const ChunkRequest asked = request();
  ASSERT_TRUE(reader_->open_chunk(asked, soon()));
  EXPECT_EQ(on_standby("SELECT pg_promote(true, 60)"), "t");
  auto slice = reader_->read();
  while (slice && slice->rows != nullptr) {
    slice = reader_->read();
  }
  ASSERT_TRUE(slice);
  const auto position = reader_->finish_chunk();
  ASSERT_FALSE(position);
  EXPECT_EQ(position.error().disposition, Disposition::kRetry);
  EXPECT_NE(position.error().message.find("timeline 2"), std::string::npos)
      << position.error().message;
  EXPECT_NE(refused(asked).message.find("timeline 2"), std::string::npos);
}

TEST_F(BackfillStandby, SaysThatAStandbyIsGoneAndWhatToDo) {
  const ChunkRequest asked = request();
  ASSERT_TRUE(standby_->stop(testing::PostgresServer::StopMode::kFast));
  refused(asked);  // the connection was cut
  const Error error = refused(asked);
  EXPECT_EQ(error.code, Code::kConnection);
  EXPECT_EQ(error.disposition, Disposition::kRetry);
  EXPECT_TRUE(error.message.starts_with("backfill_url: ")) << error.message;
  EXPECT_FALSE(error.remedy.empty());
  ASSERT_TRUE(standby_->start_again());
  EXPECT_EQ(read_chunk(asked).rows, Lines{"1|old"});
}

TEST_F(BackfillStandby, TakesThePrimaryItself) {
  config_.backfill_url = server_->url(database_);
  const ChunkRequest asked = request();
  deliver("new");
  EXPECT_EQ(read_chunk(asked).rows, Lines{"1|new"});
}

TEST_F(BackfillStandby, RefusesAnotherSystem) {
  const ChunkRequest asked = request();
  auto other = testing::PostgresServer::start();
  ASSERT_TRUE(other);
  config_.backfill_url = (*other)->url();
  reader_ = source_->chunk_reader();
  const Error error = refused(asked);
  EXPECT_EQ(error.code, Code::kConfig);
  EXPECT_EQ(error.disposition, Disposition::kOperator);

  const auto found = [&] {
    std::vector<Finding> about;
    for (const Finding& finding : preflight(session().get(), config_, {"shop", "shop"})) {
      if (finding.subject == "backfill_url") {
        about.push_back(finding);
      }
    }
    return about;
  };
  auto findings = found();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Finding::Severity::kError);
  EXPECT_NE(findings[0].message.find("cluster"), std::string::npos);
  config_.backfill_url = server_->url(database_);
  findings = found();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Finding::Severity::kOk);
  config_.backfill_url = standby_->url(database_);
  findings = found();
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].severity, Finding::Severity::kOk);
  EXPECT_EQ(findings[1].severity, Finding::Severity::kWarning) << "hot_standby_feedback";
}

TEST_F(BackfillStandby, AReadThatIsCancelledByTheReplayIsTriedAgain) {
  run("INSERT INTO orders SELECT i, repeat('x', 1000) FROM generate_series(2, 20000) i");
  on_standby("ALTER SYSTEM SET max_standby_streaming_delay = 0");
  on_standby("SELECT pg_reload_conf()");
  ChunkRequest asked = request();
  asked.limit_rows = 100'000;
  ASSERT_TRUE(reader_->open_chunk(asked, soon()));
  // What the chunk's snapshot still sees is removed, and the standby does as the primary did.
  run("DELETE FROM orders WHERE id > 10");
  run("VACUUM orders");
  std::optional<Error> error;
  const auto deadline = soon();
  while (!error && clock_.now() < deadline) {
    const auto slice = reader_->read();
    if (!slice) {
      error = slice.error();
    } else if (slice->rows == nullptr) {
      const auto finished = reader_->finish_chunk();
      error = finished ? Error() : finished.error();
    }
  }
  ASSERT_TRUE(error);
  EXPECT_EQ(error->disposition, Disposition::kRetry) << error->to_text();
  EXPECT_NE(error->message.find("conflict with recovery"), std::string::npos) << error->to_text();
  EXPECT_NE(error->remedy.find("hot_standby_feedback"), std::string::npos);
  catch_up();  // What is left of the vacuum would cancel the next read as well.
  EXPECT_EQ(read_chunk(asked).rows.size(), 10U);
}

}  // namespace
}  // namespace rowtide::postgres
