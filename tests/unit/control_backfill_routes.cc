#include "control_fake_plane.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/control/status_json.h"

namespace rowtide::testing {
namespace {

using nlohmann::json;

class BackfillRoutes : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = serve(plane_, backfills_);
    ASSERT_NE(server_, nullptr);
    BackfillStatus other = orders_backfill();
    other.id = "6";
    other.pipeline = "depot";
    other.state = BackfillState::kFinished;
    backfills_.play({{orders_backfill(), other}});
  }

  json problem(std::string_view answer, int status) {
    EXPECT_EQ(status_of(answer), status) << answer;
    const json parsed = json::parse(body_of(answer), nullptr, false);
    EXPECT_EQ(parsed.value("status", 0), status) << answer;
    return parsed;
  }

  std::string start(std::string_view body) {
    return ask_with_body(*server_, "POST /api/v1/pipelines/shop/backfills", body);
  }

  FakePlane plane_;
  FakeBackfills backfills_;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(BackfillRoutes, ListsThemAllOrThoseOfOnePipeline) {
  const json all = json::parse(body_of(ask(*server_, "GET /api/v1/backfills")));
  ASSERT_EQ(all.at("backfills").size(), 2U);
  EXPECT_EQ(all.at("backfills").at(0), json::parse(backfill_json(orders_backfill()).dump()));
  const json one = json::parse(body_of(ask(*server_, "GET /api/v1/backfills?pipeline=sh%6Fp")));
  ASSERT_EQ(one.at("backfills").size(), 1U);
  EXPECT_EQ(one.at("backfills").at(0).at("id"), "7");
  backfills_.play({});
  EXPECT_EQ(body_of(ask(*server_, "GET /api/v1/backfills")), "{\"backfills\":[]}\n");
}

TEST_F(BackfillRoutes, RefusesAQueryThatItDoesNotKnow) {
  EXPECT_EQ(problem(ask(*server_, "GET /api/v1/backfills?pipeline=shep"), 404).at("remedy"),
            "Known pipelines: shop");
  EXPECT_EQ(problem(ask(*server_, "GET /api/v1/backfills?pipline=shop"), 400).at("remedy"),
            "Did you mean \"pipeline\"?");
  problem(ask(*server_, "GET /api/v1/backfills?pipeline=shop&pipeline=depot"), 400);
}

TEST_F(BackfillRoutes, ShowsOne) {
  const auto answer = ask(*server_, "GET /api/v1/backfills/6");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(json::parse(body_of(answer)).at("pipeline"), "depot");
  const json unknown = problem(ask(*server_, "GET /api/v1/backfills/66"), 404);
  EXPECT_EQ(unknown.at("detail"), "there is no backfill '66'");
  EXPECT_EQ(unknown.at("remedy"), "The latest ones are: 7, 6");
}

TEST_F(BackfillRoutes, StartsWhatTheBodyAsksFor) {
  const auto answer =
      start(R"({"tables":["public.orders","public.i*"],"where":"id > 10","columns":["id","a b"]})");
  EXPECT_EQ(status_of(answer), 201);
  EXPECT_EQ(body_of(answer), "{\"id\":\"7\"}\n");
  EXPECT_EQ(status_of(start(R"({"tables":["*.*"],"replace":true})")), 201);
  const auto started = backfills_.started();
  ASSERT_EQ(started.size(), 2U);
  EXPECT_EQ(started[0].tables, (std::vector<std::string>{"public.orders", "public.i*"}));
  EXPECT_EQ(started[0].filter.where, "id > 10");
  EXPECT_FALSE(started[0].replace);
  EXPECT_TRUE(started[1].replace);
  EXPECT_EQ(started[0].filter.columns, (std::vector<std::string>{"id", "a b"}));
  EXPECT_EQ(started[1].tables, std::vector<std::string>{"*.*"});
  EXPECT_EQ(started[1].filter.where, "");
  EXPECT_TRUE(started[1].filter.columns.empty());
}

TEST_F(BackfillRoutes, StartsNothingForABodyThatIsNotQuiteRight) {
  for (const char* body : {"",
                           "{",
                           "[]",
                           "{}",
                           R"({"tables":"public.orders"})",
                           R"({"tables":[]})",
                           R"({"tables":[7]})",
                           R"({"tables":[""]})",
                           R"({"tables":["orders"]})",
                           R"({"tables":["public.t","public.t"]})",
                           R"({"tables":["public.t"],"where":""})",
                           R"({"tables":["public.t"],"where":" \n"})",
                           R"({"tables":["public.t"],"where":7})",
                           R"({"tables":["public.t"],"where":null})",
                           R"({"tables":["public.t"],"columns":[]})",
                           R"({"tables":["public.t"],"replace":1})",
                           R"({"tables":["public.t"],"replace":true,"where":"id > 10"})",
                           R"({"tables":["public.t"],"replace":true,"columns":["id"]})",
                           R"({"tables":["public.t"],"columns":"id"})",
                           R"({"tables":["public.t"],"columns":["id",""]})",
                           R"({"tables":["public.t"],"columns":["id","id"]})"}) {
    EXPECT_NE(problem(start(body), 400).at("remedy"), "") << body;
  }
  EXPECT_TRUE(backfills_.started().empty());
}

TEST_F(BackfillRoutes, AnUnknownMemberIsAnsweredWithTheOneThatWasMeant) {
  const json near = problem(start(R"({"tables":["public.t"],"wher":"id > 1"})"), 400);
  EXPECT_EQ(near.at("detail"), "member 'wher' is not known");
  EXPECT_EQ(near.at("remedy"), "Did you mean \"where\"?");
  EXPECT_EQ(problem(start(R"({"tables":["public.t"],"limit":7})"), 400).at("remedy"),
            "Use one of: tables, where, columns, replace");
  EXPECT_TRUE(backfills_.started().empty());
}

TEST_F(BackfillRoutes, PassesOnWhyNothingWasStarted) {
  const auto elsewhere = ask_with_body(*server_, "POST /api/v1/pipelines/shep/backfills",
                                       R"({"tables":["public.t"]})");
  EXPECT_EQ(problem(elsewhere, 404).at("remedy"), "Known pipelines: shop");
  backfills_.refuse_starts(operator_error(Code::kUnsupported, "the source has no tables", "Wait"));
  const json refused = problem(start(R"({"tables":["public.t"]})"), 501);
  EXPECT_EQ(refused.at("title"), "Not supported");
  EXPECT_EQ(refused.at("detail"), "the source has no tables");
}

TEST_F(BackfillRoutes, PassesActionsOnWithAndWithoutABody) {
  const auto answer = ask(*server_, "POST /api/v1/backfills/7/pause");
  EXPECT_EQ(status_of(answer), 202);
  EXPECT_EQ(body_of(answer), "{\"id\":\"7\",\"action\":\"pause\"}\n");
  EXPECT_EQ(status_of(ask_with_body(*server_, "POST /api/v1/backfills/7/resume", "{}")), 202);
  EXPECT_EQ(status_of(ask(*server_, "POST /api/v1/backfills/7/cancel")), 202);
  using enum BackfillControl::Action;
  using Act = std::pair<std::string, BackfillControl::Action>;
  EXPECT_EQ(backfills_.acts(), (std::vector<Act>{{"7", kPause}, {"7", kResume}, {"7", kCancel}}));
  EXPECT_EQ(problem(ask(*server_, "POST /api/v1/backfills/66/cancel"), 404).at("remedy"),
            "Known backfills: 7, 6");
  problem(ask(*server_, "POST /api/v1/backfills/6/cancel"), 409);
}

TEST_F(BackfillRoutes, WhatIsNotThereIs404AndAWrongMethod405) {
  problem(ask(*server_, "GET /api/v1/backfills/"), 404);
  problem(ask(*server_, "GET /api/v1/backfillsx"), 404);
  problem(ask(*server_, "POST /api/v1/backfills//pause"), 404);
  problem(ask(*server_, "POST /api/v1/backfills/7/explode"), 404);
  problem(ask(*server_, "POST /api/v1/backfills/7/pause/now"), 404);
  problem(ask_with_body(*server_, "POST /api/v1/backfills", "{}"), 405);
  problem(ask_with_body(*server_, "POST /api/v1/backfills/7", "{}"), 405);
  problem(ask(*server_, "GET /api/v1/backfills/7/pause"), 405);
  problem(ask(*server_, "GET /api/v1/pipelines/shop/backfills"), 405);
  EXPECT_TRUE(backfills_.acts().empty());
}

}  // namespace
}  // namespace rowtide::testing
