#include <thread>

#include "control_fake_plane.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/control/admin_server.h"

namespace rowtide::testing {
namespace {

using nlohmann::json;

class ServerOnLoopback : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = serve(plane_);
    ASSERT_NE(server_, nullptr);
  }

  json problem(std::string_view answer, int status) {
    EXPECT_EQ(status_of(answer), status) << answer;
    EXPECT_NE(answer.find("Content-Type: application/problem+json"), std::string_view::npos)
        << answer;
    const json parsed = json::parse(body_of(answer), nullptr, false);
    EXPECT_TRUE(parsed.is_object()) << answer;
    for (const char* key : {"title", "status", "detail", "code", "remedy"}) {
      EXPECT_TRUE(parsed.contains(key)) << key;
    }
    EXPECT_EQ(parsed.value("status", 0), status);
    return parsed;
  }

  FakePlane plane_;
  std::unique_ptr<AdminServer> server_;
};

using AdminServerTest = ServerOnLoopback;

TEST_F(AdminServerTest, IsAlive) {
  const auto answer = ask(*server_, "GET /livez");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), "ok\n");
}

TEST_F(AdminServerTest, IsReadyExactlyWhenEveryPipelineIs) {
  for (const auto state : {RunState::kRunning, RunState::kPaused, RunState::kFinished}) {
    plane_.set_state(state);
    EXPECT_EQ(status_of(ask(*server_, "GET /readyz")), 200) << to_string(state);
  }
  for (const auto state : {RunState::kStarting, RunState::kRetrying, RunState::kStopped}) {
    plane_.set_state(state);
    const auto answer = ask(*server_, "GET /readyz");
    EXPECT_EQ(status_of(answer), 503) << to_string(state);
    EXPECT_EQ(body_of(answer), "shop: " + std::string(to_string(state)) + "\n");
  }
}

TEST_F(AdminServerTest, GivesMetricsAndStatus) {
  const auto metrics = ask(*server_, "GET /metrics");
  EXPECT_NE(metrics.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(metrics.find("\nrowtide_source_connected{pipeline=\"shop\"} 1\n"), std::string::npos);
  const json status = json::parse(body_of(ask(*server_, "GET /api/v1/status")));
  EXPECT_EQ(status.at("pipelines").at(0).at("name"), "shop");
  const json one = json::parse(body_of(ask(*server_, "GET /api/v1/pipelines/shop/status")));
  EXPECT_EQ(one, status.at("pipelines").at(0));
}

TEST_F(AdminServerTest, AHeadRequestHasNoBody) {
  const auto answer = ask(*server_, "HEAD /api/v1/status");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), "");
}

TEST_F(AdminServerTest, PassesActionsOnWithAndWithoutABody) {
  EXPECT_EQ(status_of(ask(*server_, "POST /api/v1/pipelines/shop/pause")), 202);
  EXPECT_EQ(status_of(ask_with_body(*server_, "POST /api/v1/pipelines/shop/resume", "{}")), 202);
  EXPECT_EQ(status_of(ask_with_body(*server_, "POST /api/v1/pipelines/shop/restart", "")), 202);
  using enum ControlPlane::Action;
  EXPECT_EQ(plane_.acts(), (std::vector{kPause, kResume, kRestart}));
}

TEST_F(AdminServerTest, AnUnknownPipelineIs404WithTheKnownOnes) {
  for (const char* request :
       {"GET /api/v1/pipelines/shep/status", "POST /api/v1/pipelines/shep/pause",
        "GET /api/v1/pipelines/shep/offsets", "GET /api/v1/pipelines/shep/tail"}) {
    const json answer = problem(ask(*server_, request), 404);
    EXPECT_EQ(answer.at("code"), "not_found") << request;
    EXPECT_EQ(answer.at("remedy"), "Known pipelines: shop") << request;
  }
}

TEST_F(AdminServerTest, WhatIsNotThereIs404AndAWrongMethod405) {
  problem(ask(*server_, "GET /nothing"), 404);
  problem(ask(*server_, "GET /api/v1/pipelines/shop"), 404);
  problem(ask(*server_, "GET /api/v1/pipelines//status"), 404);
  problem(ask(*server_, "GET /api/v1/pipelines/shop/explode"), 404);
  problem(ask(*server_, "GET /api/v1/pipelines/shop/pause"), 405);
  problem(ask_with_body(*server_, "DELETE /api/v1/pipelines/shop/offsets", ""), 405);
  problem(ask_with_body(*server_, "POST /api/v1/status", "{}"), 405);
  EXPECT_TRUE(plane_.acts().empty());
}

TEST_F(AdminServerTest, ShowsAndSetsOffsets) {
  const std::string_view path = "/api/v1/pipelines/shop/offsets";
  const std::string get = "GET " + std::string(path);
  const std::string put = "PUT " + std::string(path);
  json offsets = json::parse(body_of(ask(*server_, get)));
  EXPECT_EQ(offsets.at("offsets").at(0).at("sink"), "warehouse");
  EXPECT_EQ(offsets.at("offsets").at(0).at("token"), "7/1/0/1A2B3C8");

  const std::string body =
      R"({"position":"00000002-00000000000000AA-FFFFFFFFFF","sink":"warehouse","token":"t"})";
  EXPECT_EQ(problem(ask_with_body(*server_, put, body), 409).at("remedy"),
            "Pause the pipeline first");
  plane_.set_state(RunState::kPaused);
  const auto answer = ask_with_body(*server_, put, body);
  ASSERT_EQ(status_of(answer), 200) << answer;
  offsets = json::parse(body_of(answer));
  EXPECT_EQ(offsets.at("offsets").at(0).at("position"), "00000002-00000000000000AA-FFFFFFFFFF");
  EXPECT_EQ(offsets.at("offsets").at(0).at("token"), "t");
}

TEST_F(AdminServerTest, RefusesBodiesThatSayNothing) {
  const std::string_view put = "PUT /api/v1/pipelines/shop/offsets";
  for (const char* body : {"", "{", "[]", "{}", R"({"position":7})", R"({"position":"0/1A"})"}) {
    EXPECT_EQ(problem(ask_with_body(*server_, put, body), 400).at("code"), "data") << body;
  }
  problem(ask_with_body(*server_, "POST /api/v1/pipelines/shop/query", "{}"), 400);
}

TEST_F(AdminServerTest, AnswersQueriesAsTextAndNull) {
  const auto answer = ask_with_body(*server_, "POST /api/v1/pipelines/shop/query",
                                    R"({"sql":"select id, note from t","sink":"warehouse"})");
  ASSERT_EQ(status_of(answer), 200) << answer;
  EXPECT_EQ(body_of(answer),
            "{\"columns\":[\"id\",\"note\"],\"rows\":[[\"1\",\"say "
            "\\\"hi\\\"\\n\"],[\"22\",null]],\"truncated\":false}\n");
  EXPECT_EQ(plane_.last_query(), "warehouse|select id, note from t");
  EXPECT_EQ(
      problem(ask_with_body(*server_, "POST /api/v1/pipelines/shop/query", R"({"sql":"broken"})"),
              400)
          .at("remedy"),
      "Mend it");
}

TEST_F(AdminServerTest, ABodyAboveTheLimitIsRefusedBeforeItIsRead) {
  const std::string big(3 << 20, 'x');
  problem(ask_with_body(*server_, "POST /api/v1/pipelines/shop/query", big), 413);
  problem(raw_exchange(*server_,
                       "POST /api/v1/pipelines/shop/query HTTP/1.1\r\nHost: localhost\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
          415);
  EXPECT_EQ(status_of(ask(*server_, "GET /livez")), 200);
}

TEST_F(AdminServerTest, EndlessHeadersAndGarbageDoNotStopIt) {
  std::string endless = "GET /livez HTTP/1.1\r\n";
  for (int i = 0; i < 40000; ++i) {
    endless.append("X-Filler: 0123456789012345678901234567890123456789\r\n");
  }
  EXPECT_NE(status_of(raw_exchange(*server_, endless)), 200);
  EXPECT_NE(status_of(raw_exchange(*server_, "\x16\x03\x01\x02\r\n\r\n")), 200);
  EXPECT_EQ(status_of(ask(*server_, "GET /livez")), 200);
}

TEST_F(AdminServerTest, RefusesWhatAWebPageCouldSend) {
  problem(ask(*server_, "POST /api/v1/pipelines/shop/pause", "Origin: http://evil.example\r\n"),
          403);
  problem(raw_exchange(*server_, "GET /api/v1/status HTTP/1.1\r\nHost: evil.example:7070\r\n\r\n"),
          403);
  problem(
      raw_exchange(*server_, "GET /api/v1/status HTTP/1.1\r\nHost: 127.evil.example:7070\r\n\r\n"),
      403);
  EXPECT_EQ(status_of(raw_exchange(*server_,
                                   "GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1:7070\r\n\r\n")),
            200);
  EXPECT_TRUE(plane_.acts().empty());
}

TEST_F(AdminServerTest, IdleConnectionsDoNotKeepItFromStopping) {
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 8; ++i) {
    idle.push_back(std::make_unique<RawClient>(*server_));
    idle.back()->send("GET /livez HT");
  }
  const auto before = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

TEST_F(AdminServerTest, StoppingTwiceIsFine) {
  server_->stop();
  server_->stop();
}

TEST(AdminServerWithToken, WantsItOnEverythingButLivez) {
  FakePlane plane;
  const auto server = serve(plane, "127.0.0.1:0", "s3cret");
  ASSERT_NE(server, nullptr);
  for (const char* request : {"GET /readyz", "GET /metrics", "GET /api/v1/status",
                              "POST /api/v1/pipelines/shop/pause", "GET /nothing"}) {
    EXPECT_EQ(status_of(ask(*server, request)), 401) << request;
    EXPECT_EQ(status_of(ask(*server, request, "Authorization: Bearer s3creT\r\n")), 401) << request;
    EXPECT_EQ(status_of(ask(*server, request, "Authorization: Bearer s3cret2\r\n")), 401);
    EXPECT_EQ(status_of(ask(*server, request, "Authorization: s3cret\r\n")), 401) << request;
  }
  EXPECT_TRUE(plane.acts().empty());
  EXPECT_EQ(status_of(ask(*server, "GET /livez")), 200);
  EXPECT_EQ(status_of(ask(*server, "GET /readyz", "Authorization: Bearer s3cret\r\n")), 200);
  EXPECT_EQ(ask(*server, "GET /readyz").find("s3cret"), std::string::npos);
}

TEST(AdminServerLoad, AnswersManyClientsAtOnce) {
  FakePlane plane;
  const auto server = serve(plane);
  ASSERT_NE(server, nullptr);
  std::atomic<int> good = 0;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 20; ++n) {
        good += status_of(ask(*server, "GET /api/v1/status")) == 200 ? 1 : 0;
      }
    });
  }
  clients.clear();
  EXPECT_EQ(good, 320);
}

}  // namespace
}  // namespace rowtide::testing
