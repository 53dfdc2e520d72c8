#include "control_tool_fixture.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/rowtide/commands.h"

namespace rowtide::testing {
namespace {

using nlohmann::json;

ReloadReport report() {
  ReloadReport made;
  made.pipelines = {{.name = "shop",
                     .action = ReloadAction::kRestarted,
                     .backfilled_tables = {"public.items", "public.orders"},
                     .note = "",
                     .error = std::nullopt},
                    {.name = "depot",
                     .action = ReloadAction::kUnchanged,
                     .backfilled_tables = {},
                     .note = "",
                     .error = std::nullopt},
                    {.name = "gone",
                     .action = ReloadAction::kStopped,
                     .backfilled_tables = {},
                     .note = "its positions stay",
                     .error = std::nullopt}};
  return made;
}

class Reload : public ToolTest {
 protected:
  void SetUp() override {
    server_ = serve(plane_, backfills_, config_);
    ASSERT_NE(server_, nullptr);
    config_.play(report());
  }

  FakeConfig config_;
};

TEST_F(Reload, AnswersWhatWasDoneWithEach) {
  const auto answer = ask(*server_, "POST /api/v1/reload");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer),
            R"({"pipelines":[{"name":"shop","action":"restarted","backfilled_tables":)"
            R"(["public.items","public.orders"],"note":null,"error":null},)"
            R"({"name":"depot","action":"unchanged","backfilled_tables":[],"note":null,)"
            R"("error":null},{"name":"gone","action":"stopped","backfilled_tables":[],)"
            R"("note":"its positions stay","error":null}]})"
            "\n");
  EXPECT_EQ(config_.reloads(), 1);
}

TEST_F(Reload, OnlyAPostReloads) {
  EXPECT_EQ(status_of(ask(*server_, "GET /api/v1/reload")), 405);
  EXPECT_EQ(status_of(ask(*server_, "POST /api/v1/reload/now")), 404);
  EXPECT_EQ(config_.reloads(), 0);
}

TEST_F(Reload, ABadFileIsBadRequestAndAnotherReloadAConflict) {
  config_.play(fail(operator_error(Code::kConfig, "shop.yaml:3:1: piplines: unknown key",
                                   "Did you mean \"pipelines\"?")));
  const auto answer = ask_with_body(*server_, "POST /api/v1/reload", "{}");
  EXPECT_EQ(status_of(answer), 400);
  const json problem = json::parse(body_of(answer));
  EXPECT_EQ(problem.at("detail"), "shop.yaml:3:1: piplines: unknown key");
  EXPECT_EQ(problem.at("remedy"), "Did you mean \"pipelines\"?");
  config_.play(fail(operator_error(Code::kConflict, "another reload is under way", "Wait")));
  EXPECT_EQ(status_of(ask(*server_, "POST /api/v1/reload")), 409);
}

TEST_F(Reload, TheToolPrintsALineForEach) {
  const auto outcome = run_here({"reload"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ("\n" + outcome.out, R"(
PIPELINE  RELOAD     BACKFILL
shop      restarted  public.items, public.orders
depot     unchanged
gone      stopped
  its positions stay
)");
  EXPECT_EQ(run_here({"reload", "--json"}).out, body_of(ask(*server_, "POST /api/v1/reload")));
}

TEST_F(Reload, TheToolEndsWith78ForABadFile) {
  config_.play(fail(operator_error(Code::kConfig, "shop.yaml:3:1: piplines: unknown key",
                                   "Did you mean \"pipelines\"?")));
  auto outcome = run_here({"reload"});
  EXPECT_EQ(outcome.code, kExitConfig);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "rowtide: shop.yaml:3:1: piplines: unknown key. Did you mean \"pipelines\"?\n");
  config_.play(fail(operator_error(Code::kConflict, "another reload is under way", "Wait")));
  outcome = run_here({"reload", "--json"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.out, "");
  server_->stop();
  EXPECT_EQ(run_here({"reload"}).code, kExitUnreachable);
}

TEST_F(Reload, APipelineThatCannotStartIsCodeOneWithItsReason) {
  ReloadReport broken = report();
  broken.pipelines[0].error = operator_error(Code::kLocked, "the file is locked", "Unlock it");
  config_.play(broken);
  const auto outcome = run_here({"reload"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_NE(outcome.out.find("  error: the file is locked\n  remedy: Unlock it\n"),
            std::string::npos)
      << outcome.out;
}

TEST_F(Reload, IsInHelpAndCompletion) {
  EXPECT_NE(run({"--help"}).out.find("reload"), std::string::npos);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_NE(run({"completion", shell}).out.find("/reload"), std::string::npos) << shell;
  }
  EXPECT_EQ(run({"reload", "surplus"}).code, kExitUsage);
}

}  // namespace
}  // namespace rowtide::testing
