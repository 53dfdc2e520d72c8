// What a server is busy with, as a limit on the load of backfills sees it.

#include <thread>

#include "tests/unit/pg_backfill_fixture.h"

namespace rowtide::postgres {
namespace {

using BackfillLoad = BackfillTest;

TEST_F(BackfillLoad, CountsActiveSessionsOfOthersInEveryDatabase) {
  const auto load = [&] {
    const auto counted = reader_->load();
    EXPECT_TRUE(counted) << counted.error().to_text();
    return counted.value_or(99);
  };
  EXPECT_EQ(load(), 0U);
  const auto idle = session();
  run(idle.get(), "BEGIN; SELECT 1");
  const auto work = [&](const std::string& url, const std::string& name) {
    ConnectOptions options;
    options.url = url;
    options.application_name = name;
    auto connected = connect(options);
    EXPECT_TRUE(connected);
    EXPECT_EQ(PQsendQuery(connected->get(), "SELECT pg_sleep(60)"), 1);
    return *std::move(connected);
  };
  const PgConn here = work(config_.url, "shop");
  const PgConn there = work(server_->url("postgres"), "rowtides");
  const PgConn ours = work(config_.url, "rowtide");
  const PgConn ours_too = work(config_.url, "rowtide monitor");
  const auto watcher = session();
  const auto deadline = soon();
  while (run(watcher.get(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") !=
         "4") {
    ASSERT_LT(clock_.now(), deadline);
  }
  EXPECT_EQ(load(), 2U);
  run(watcher.get(),
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
}

TEST_F(BackfillLoad, SaysWhatARoleNeedsToSeeIt) {
  run("DROP ROLE IF EXISTS looker; CREATE ROLE looker LOGIN");
  PostgresSourceConfig config = config_;
  config.url = server_->url(database_, "looker");
  PostgresChunkReader reader(config, "shop", delivered_, runtime_);
  const auto refused = reader.load();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermission);
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
  run("GRANT pg_read_all_stats TO looker");
  EXPECT_TRUE(reader.load());
  run("DROP ROLE looker");
}

}  // namespace
}  // namespace rowtide::postgres
