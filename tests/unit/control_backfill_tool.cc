#include "control_tool_fixture.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/rowtide/commands.h"

namespace rowtide::testing {
namespace {

using nlohmann::json;

class BackfillTool : public ToolTest {
 protected:
  static BackfillStatus in_state(BackfillState state, std::uint64_t rows) {
    BackfillStatus backfill = orders_backfill();
    backfill.state = state;
    backfill.rows_outdated = 0;
    backfill.rows_delivered = rows;
    return backfill;
  }

  // What the daemon tells while somebody waits: `last` comes after two looks at a running one.
  void play_until(const BackfillStatus& last) {
    const auto running = in_state(BackfillState::kRunning, 4000);
    backfills_.play({{in_state(BackfillState::kWaiting, 0)}, {running}, {running}, {last}});
  }

  Outcome start_and_wait(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"backfill",      "start",  "shop",       "--table",
                                       "public.orders", "--wait", "--interval", "0.1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_here(std::move(arguments));
  }
};

TEST_F(BackfillTool, StartsWhatItWasAskedFor) {
  const auto outcome = run_here({"backfill", "start", "--table", "public.orders", "shop", "--table",
                                 "public.items", "--where", "id > 10", "--columns", "id, a b"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out, "backfill 7 started\n");
  EXPECT_EQ(run_here({"backfill", "start", "shop", "--table", "*.*", "--json"}).out,
            "{\"id\":\"7\"}\n");
  const auto started = backfills_.started();
  ASSERT_EQ(started.size(), 2U);
  EXPECT_EQ(started[0].tables, (std::vector<std::string>{"public.orders", "public.items"}));
  EXPECT_EQ(started[0].filter.where, "id > 10");
  EXPECT_EQ(started[0].filter.columns, (std::vector<std::string>{"id", "a b"}));
  EXPECT_EQ(started[1].filter.where, "");
  EXPECT_TRUE(started[1].filter.columns.empty());
}

TEST_F(BackfillTool, ReplacesMirrorsWhenItIsToldTo) {
  EXPECT_EQ(run_here({"backfill", "start", "shop", "--table", "*.*"}).code, kExitOk);
  const auto outcome =
      run_here({"backfill", "start", "shop", "--table", "public.orders", "--replace"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  const auto started = backfills_.started();
  ASSERT_EQ(started.size(), 2U);
  EXPECT_FALSE(started[0].replace);
  EXPECT_TRUE(started[1].replace);
}

TEST_F(BackfillTool, AReplacementOfSomeRowsOrColumnsIsRefused) {
  for (const std::vector<std::string>& narrow :
       {std::vector<std::string>{"--where", "id > 10"}, {"--columns", "id"}}) {
    std::vector<std::string> arguments{"backfill", "start", "shop", "--table", "*.*", "--replace"};
    arguments.insert(arguments.end(), narrow.begin(), narrow.end());
    const auto outcome = run_here(arguments);
    EXPECT_NE(outcome.code, kExitOk) << outcome.out;
    EXPECT_NE(outcome.err.find("replace"), std::string::npos) << outcome.err;
  }
  EXPECT_TRUE(backfills_.started().empty());
}

TEST_F(BackfillTool, ShowsThatOneReplaces) {
  BackfillStatus replacing = orders_backfill();
  replacing.spec.replace = true;
  backfills_.play({{replacing}});
  EXPECT_NE(run_here({"backfill", "show", "7"}).out.find("\nreplace "), std::string::npos);
  const auto shown = json::parse(run_here({"backfill", "show", "7", "--json"}).out);
  EXPECT_EQ(shown.at("spec").at("replace"), true);
}

TEST_F(BackfillTool, WrongUsageIsCodeTwoAndAsksTheDaemonNothing) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"fly"},
           {"start"},
           {"start", "shop"},
           {"start", "--table", "public.t"},
           {"start", "shop", "--table"},
           {"start", "shop", "--table", ""},
           {"start", "shop", "--table", "public.t", "surplus"},
           {"start", "shop", "--table", "public.t", "--where", ""},
           {"start", "shop", "--table", "public.t", "--columns", ""},
           {"start", "shop", "--table", "public.t", "--columns", "a,,b"},
           {"start", "shop", "--table", "public.t", "--columns", "a, "},
           {"start", "shop", "--table", "public.t", "--interval", "0"},
           {"list", "--pipeline", ""},
           {"show"},
           {"show", ""},
           {"pause"},
           {"cancel", "7", "8"}}) {
    std::vector<std::string> whole{"backfill"};
    whole.insert(whole.end(), arguments.begin(), arguments.end());
    const auto outcome = run_here(whole);
    EXPECT_EQ(outcome.code, kExitUsage) << json(arguments).dump() << outcome.out;
    EXPECT_TRUE(outcome.err.starts_with("rowtide: ")) << json(arguments).dump() << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_TRUE(backfills_.started().empty());
  EXPECT_TRUE(backfills_.acts().empty());
  EXPECT_NE(run({"backfill", "start", "--help"}).out.find("--where"), std::string::npos);
}

TEST_F(BackfillTool, WhatTheDaemonRefusesIsOneLineAndCodeOne) {
  auto outcome = run_here({"backfill", "start", "shep", "--table", "public.t", "--wait"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "rowtide: there is no pipeline 'shep'. Known pipelines: shop\n");
  outcome = run_here({"backfill", "start", "shop", "--table", "orders"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_NE(outcome.err.find("orders"), std::string::npos) << outcome.err;
  outcome = run_here({"backfill", "list", "--pipeline", "she p"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.err, "rowtide: there is no pipeline 'she p'. Known pipelines: shop\n");
  outcome = run_here({"backfill", "show", "6/6"});
  EXPECT_EQ(outcome.code, kExitRefused);
  outcome = run_here({"backfill", "show", "66"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.err, "rowtide: there is no backfill '66'. The daemon knows no backfills\n");
  outcome = run_here({"backfill", "cancel", "6"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.err, "rowtide: backfill 6 has finished. Start another one\n");
}

TEST_F(BackfillTool, ADaemonThatIsNotThereIsCode69) {
  server_->stop();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"backfill", "list"},
        {"backfill", "show", "7"},
        {"backfill", "pause", "7"},
        {"backfill", "start", "shop", "--table", "a.b"}}) {
    EXPECT_EQ(run_here(arguments).code, kExitUnreachable);
  }
}

TEST_F(BackfillTool, ListsAndShowsThem) {
  backfills_.play({{orders_backfill()}});
  const auto list = run_here({"backfill", "list"});
  EXPECT_EQ(list.code, kExitOk) << list.err;
  EXPECT_NE(list.out.find("7   shop      running"), std::string::npos) << list.out;
  EXPECT_EQ(json::parse(run_here({"backfill", "list", "--pipeline", "shop", "--json"}).out)
                .at("backfills")
                .size(),
            1U);
  const auto show = run_here({"backfill", "show", "7"});
  EXPECT_EQ(show.code, kExitOk) << show.err;
  EXPECT_NE(show.out.find("the key follows the rows (correlation 1.00)\n"), std::string::npos);
  EXPECT_EQ(json::parse(run_here({"backfill", "show", "7", "--json"}).out).at("id"), "7");
}

TEST_F(BackfillTool, WatchingOneEndsWithIt) {
  play_until(in_state(BackfillState::kFinished, 9990));
  const auto outcome = run_here({"backfill", "show", "7", "--watch", "--interval", "0.1"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_NE(outcome.out.find("state     waiting\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("state     finished\nprogress  100%, 9,990 rows\n"), std::string::npos)
      << outcome.out;
}

TEST_F(BackfillTool, SteersThem) {
  for (const char* action : {"pause", "resume", "cancel"}) {
    const auto outcome = run_here({"backfill", action, "7"});
    EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
    EXPECT_EQ(outcome.out, std::string("backfill 7: ") + action + " requested\n");
  }
  EXPECT_EQ(run_here({"backfill", "pause", "7", "--json"}).out,
            "{\"id\":\"7\",\"action\":\"pause\"}\n");
  using enum BackfillControl::Action;
  using Act = std::pair<std::string, BackfillControl::Action>;
  EXPECT_EQ(backfills_.acts(),
            (std::vector<Act>{{"7", kPause}, {"7", kResume}, {"7", kCancel}, {"7", kPause}}));
}

TEST_F(BackfillTool, WaitingEndsWithZeroOnceItHasFinished) {
  play_until(in_state(BackfillState::kFinished, 9990));
  const auto outcome = start_and_wait();
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  // The second look at the running one tells nothing new.
  EXPECT_EQ("\n" + outcome.out, R"(
backfill 7 started
backfill 7: waiting, 0%, 0 of about 10,000 rows
backfill 7: running, 40%, 4,000 of about 10,000 rows, 58 rows/s, ETA 1 min 43 s
backfill 7: finished, 100%, 9,990 rows
)");
}

TEST_F(BackfillTool, WaitingOnATerminalWritesOneLineOverAndOver) {
  terminal_ = true;
  play_until(in_state(BackfillState::kFinished, 9990));
  const auto outcome = start_and_wait();
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("backfill 7 started\n\r\x1b[?7l[------")) << outcome.out;
  EXPECT_NE(outcome.out.find("\r\x1b[?7l[########------------] running, 40%, "), std::string::npos)
      << outcome.out;
  EXPECT_TRUE(outcome.out.ends_with(
      "\r\x1b[?7l[####################] finished, 100%, 9,990 rows\x1b[K\x1b[?7h\n"))
      << outcome.out;
}

TEST_F(BackfillTool, WaitingWithJsonPrintsTheEndAlone) {
  play_until(in_state(BackfillState::kFinished, 9990));
  const auto outcome = start_and_wait({"--json"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out).at("state"), "finished");
}

TEST_F(BackfillTool, WaitingTellsWhyItDidNotFinish) {
  auto failed = in_state(BackfillState::kFailed, 4000);
  // The code of a database that is gone is not to be taken for that of a daemon that is.
  failed.last_error = operator_error(Code::kConnection, "the database is gone", "Start it");
  play_until(failed);
  auto outcome = start_and_wait();
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.err, "rowtide: backfill 7 failed: the database is gone. Start it\n");

  play_until(in_state(BackfillState::kCancelled, 4000));
  outcome = start_and_wait({"--json"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.err, "rowtide: backfill 7 was cancelled\n");
  EXPECT_EQ(json::parse(outcome.out).at("state"), "cancelled");
}

TEST_F(BackfillTool, WaitingForOneThatIsGoneNamesIt) {
  backfills_.play({{in_state(BackfillState::kRunning, 4000)}, {}});
  const auto outcome = start_and_wait();
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.err,
            "rowtide: backfill 7 is no longer watched: there is no backfill '7'. The daemon knows "
            "no backfills\n");
}

}  // namespace
}  // namespace rowtide::testing
