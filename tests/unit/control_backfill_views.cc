#include <sstream>

#include "control_fake_plane.h"
#include <gtest/gtest.h>

#include "engine/control/status_json.h"
#include "tools/rowtide/backfill_view.h"
#include "tools/rowtide/status_view.h"

namespace rowtide::testing {
namespace {

BackfillStatus failed_backfill() {
  BackfillStatus failed = orders_backfill();
  failed.id = "8";
  failed.state = BackfillState::kFailed;
  failed.spec = {{"public.a", "public.b", "public.c", "public.d", "public.e"}, {}};
  failed.tables.clear();
  failed.estimated_rows = 0;
  failed.rows_delivered = 0;
  failed.last_error = operator_error(Code::kPermission, "may not read public.a", "GRANT SELECT");
  return failed;
}

TEST(BackfillView, ListsThemWithFiguresAndErrors) {
  BackfillStatus finished = orders_backfill();
  finished.id = "6";
  finished.state = BackfillState::kFinished;
  finished.ended_at_us = finished.created_at_us;
  std::ostringstream out;
  print_backfills(Json{{"backfills",
                        {backfill_json(failed_backfill()), backfill_json(orders_backfill()),
                         backfill_json(finished)}}},
                  out, false);
  EXPECT_EQ("\n" + out.str(), R"(
ID  PIPELINE  STATE     DONE   ROWS  ESTIMATED  ROWS/S         ETA  CREATED               TABLES
8   shop      failed              0                                 2026-11-21T16:53:56Z  public.a, public.b, public.c and 2 more
  error: may not read public.a
  remedy: GRANT SELECT
7   shop      running    42%  4,000     10,000      58  1 min 40 s  2026-11-21T16:53:56Z  public.items, public.orders
6   shop      finished  100%  4,000     10,000                      2026-11-21T16:53:56Z  public.items, public.orders
)");
}

TEST(BackfillView, ListsWhatARunningOneWaitsFor) {
  BackfillStatus waiting = orders_backfill();
  waiting.last_error =
      retry_error(Code::kTimeout, "waits: 12 active sessions, max_load is 8", "later");
  std::ostringstream out;
  print_backfills(Json{{"backfills", {backfill_json(waiting)}}}, out, false);
  EXPECT_NE(out.str().find("\n  waits: 12 active sessions, max_load is 8\n"), std::string::npos)
      << out.str();
  out.str("");
  print_backfill(backfill_json(waiting), out, false);
  EXPECT_NE(out.str().find("running (waits: 12 active sessions, max_load is 8)"), std::string::npos)
      << out.str();
}

TEST(BackfillView, SaysWhenThereAreNone) {
  std::ostringstream out;
  print_backfills(Json{{"backfills", Json::array()}}, out, false);
  EXPECT_EQ(out.str(), "There are no backfills.\n");
}

TEST(BackfillView, ShowsOneWithMethodAndReasonOfEachTable) {
  std::ostringstream out;
  print_backfill(backfill_json(orders_backfill()), out, false);
  EXPECT_EQ("\n" + out.str(), R"(
backfill  7
pipeline  shop
state     running
progress  42%, 4,000 of about 10,000 rows, 58 rows/s, ETA 1 min 40 s
tables    public.items, public.orders
where     id > 10
columns   id, note
left out  200 rows of which the stream had something newer
chunks    12 read, 1 of them discarded to be read again
created   2026-11-21T16:53:56Z

TABLE          STATE     METHOD         ROWS  ESTIMATED  REASON
public.items   finished  one snapshot    990      1,000  the table has no key
public.orders  running   key ranges    3,010      9,000  the key follows the rows (correlation 1.00)
)");
}

TEST(BackfillView, SaysWhetherMirrorsAreReplaced) {
  BackfillStatus replacing = orders_backfill();
  replacing.spec.filter = {};
  for (const bool replace : {false, true}) {
    replacing.spec.replace = replace;
    const Json json = backfill_json(replacing);
    EXPECT_EQ(json.at("spec").at("replace"), replace);
    std::ostringstream out;
    print_backfill(json, out, false);
    EXPECT_EQ(out.str().find("\nreplace   mirrors are made anew") != std::string::npos, replace)
        << out.str();
  }
}

TEST(BackfillView, ShowsAFailedOneWithItsRemedy) {
  std::ostringstream out;
  print_backfill(backfill_json(failed_backfill()), out, false);
  EXPECT_NE(out.str().find("where     every row\ncolumns   all\n"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("error: may not read public.a\nremedy: GRANT SELECT\n\n"
                           "No table was looked at yet.\n"),
            std::string::npos)
      << out.str();
}

TEST(BackfillView, ABarIsForTerminalsOnly) {
  std::ostringstream plain;
  std::ostringstream terminal;
  print_backfill(backfill_json(orders_backfill()), plain, false);
  print_backfill(backfill_json(orders_backfill()), terminal, true);
  EXPECT_EQ(plain.str().find('['), std::string::npos);
  EXPECT_EQ(plain.str().find('\x1b'), std::string::npos);
  EXPECT_NE(terminal.str().find("[########------------] 42%, "), std::string::npos);
  EXPECT_NE(terminal.str().find("\x1b[32mrunning\x1b[0m"), std::string::npos);
}

TEST(BackfillView, BarsAreFullOnlyAtTheEnd) {
  EXPECT_EQ(progress_bar(nullptr), "[--------------------]");
  EXPECT_EQ(progress_bar(-3), "[--------------------]");
  EXPECT_EQ(progress_bar(0.99), "[###################-]");
  EXPECT_EQ(progress_bar(1), "[####################]");
  EXPECT_EQ(progress_bar(1e300), "[--------------------]");
  EXPECT_EQ(progress_bar(7), "[####################]");
}

TEST(BackfillView, ProgressSaysWhatIsKnown) {
  BackfillStatus backfill = orders_backfill();
  backfill.estimated_rows = 0;
  EXPECT_EQ(progress_text(backfill_json(backfill)), "running, 4,000 rows, 58 rows/s");
  backfill.state = BackfillState::kWaiting;
  backfill.rows_delivered = 0;
  backfill.last_error = retry_error(Code::kConflict, "backfill 6 goes first");
  EXPECT_EQ(progress_text(backfill_json(backfill)), "waiting (backfill 6 goes first), 0 rows");
  backfill = orders_backfill();
  backfill.state = BackfillState::kFinished;
  EXPECT_EQ(progress_text(backfill_json(backfill)), "finished, 100%, 4,000 rows");
}

TEST(StatusView, TellsBackfillsThatHaveNotEndedBeneathTheirPipeline) {
  PipelineStatus shop = shop_status();
  shop.lanes.clear();
  shop.source.notices.clear();
  BackfillStatus finished = orders_backfill();
  finished.state = BackfillState::kFinished;
  BackfillStatus cancelled = orders_backfill();
  cancelled.state = BackfillState::kCancelled;
  shop.backfills = {failed_backfill(), orders_backfill(), finished, cancelled};
  const std::vector<PipelineStatus> pipelines{shop};
  std::ostringstream out;
  print_status(status_json(pipelines), out, false);
  EXPECT_EQ("\n" + out.str(), R"(
PIPELINE  STATE    TYPE      POSITION   LAG               ROWS    BYTES
shop      running  postgres  0/1A2B3C4  2.0 KiB, 0.5 s  12,345  4.0 KiB
  backfill 8 of public.a, public.b, public.c and 2 more: failed, 0 rows
    error: may not read public.a
    remedy: GRANT SELECT
  backfill 7 of public.items, public.orders: running, 42%, 4,000 of about 10,000 rows, 58 rows/s, ETA 1 min 40 s
)");
}

TEST(BackfillView, SurvivesAnswersOfAnotherVersion) {
  for (const char* text :
       {"{}", "[]", "null", "7", R"({"backfills":7})", R"({"backfills":[7,{},{"spec":[]}]})",
        R"({"id":7,"state":{},"spec":{"tables":"a","columns":[7]},"progress":"much",
            "tables":{"a":1}})",
        R"({"state":"running","progress":-1e300,"rows_per_second":1e300,"rows_delivered":-1,
            "remaining_seconds":1e300,"tables":[7,[],{"name":{}}]})"}) {
    const Json answer = Json::parse(text);
    std::ostringstream out;
    print_backfills(answer, out, false);
    print_backfill(answer, out, true);
    print_status(Json{{"pipelines", {Json{{"name", "shop"}, {"backfills", answer}}}}}, out, false);
    EXPECT_FALSE(is_over(answer)) << text;
  }
}

TEST(BackfillView, WhatComesFromTheDaemonCannotSteerTheTerminal) {
  BackfillStatus backfill = orders_backfill();
  backfill.spec.filter.where = "note = '\x1b[2J'";
  backfill.tables.front().name = "public.\x1b[2J";
  std::ostringstream out;
  print_backfill(backfill_json(backfill), out, false);
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace rowtide::testing
