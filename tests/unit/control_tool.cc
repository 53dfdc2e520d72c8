#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "control_tool_fixture.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "tools/rowtide/commands.h"

namespace rowtide::testing {
namespace {

using nlohmann::json;

TEST_F(ToolTest, ShowsTheStatusOfADaemon) {
  const auto people = run_here({"status"});
  EXPECT_EQ(people.code, kExitOk) << people.err;
  EXPECT_NE(people.out.find("remedy: Check that the broker runs"), std::string::npos);
  EXPECT_EQ(people.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(people.err, "");
  const auto machine = run_here({"status", "--json"});
  EXPECT_EQ(machine.code, kExitOk);
  EXPECT_EQ(json::parse(machine.out).at("pipelines").at(0).at("name"), "shop");
}

TEST_F(ToolTest, WatchingGoesOnUntilTheDaemonIsGone) {
  std::jthread stopper([this] { server_->stop(); });
  const auto outcome = run_here({"status", "--watch", "--interval", "0.1"});
  EXPECT_EQ(outcome.code, kExitUnreachable);
}

TEST_F(ToolTest, SteersPipelines) {
  for (const char* action : {"pause", "resume", "restart"}) {
    const auto outcome = run_here({action, "shop"});
    EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
    EXPECT_EQ(outcome.out, std::string("shop: ") + action + " requested\n");
  }
  using enum ControlPlane::Action;
  EXPECT_EQ(plane_.acts(), (std::vector{kPause, kResume, kRestart}));
}

TEST_F(ToolTest, WhatTheDaemonRefusesIsOneLineAndCodeOne) {
  const auto outcome = run_here({"pause", "a/b ?"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "rowtide: there is no pipeline 'a/b ?'. Known pipelines: shop\n");
}

TEST_F(ToolTest, ADaemonThatIsNotThereIsCode69WithAWayOut) {
  server_->stop();
  const auto outcome = run_here({"status"});
  EXPECT_EQ(outcome.code, kExitUnreachable);
  EXPECT_NE(outcome.err.find("rowtide: no daemon answers at " + server_->address()),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("rowtided --config FILE"), std::string::npos);
  EXPECT_EQ(run({"status", "--admin", "unix:/nonexistent-folder/x.sock"}).code, kExitUnreachable);
}

TEST_F(ToolTest, WrongUsageIsCodeTwoAndHelpIsZero) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"fly"},
                                             {"pause"},
                                             {"offsets"},
                                             {"offsets", "set", "shop"},
                                             {"status", "--no-such-option"},
                                             {"completion", "tcsh"}}) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, kExitUsage);
    EXPECT_TRUE(outcome.err.starts_with("rowtide: ")) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  const auto help = run({"--help"});
  EXPECT_EQ(help.code, kExitOk);
  EXPECT_NE(help.out.find("offsets"), std::string::npos);
  EXPECT_EQ(run({"offsets", "set", "--help"}).code, kExitOk);
}

TEST_F(ToolTest, ABadAddressOrConfigurationIsCode78) {
  EXPECT_EQ(run({"status", "--admin", "nowhere"}).code, kExitConfig);
  EXPECT_EQ(run({"status", "--config", "bad.yaml"}).code, kExitConfig);
  EXPECT_EQ(run({"status", "--token-file", "/nonexistent-folder/token"}).code, kExitConfig);
}

TEST_F(ToolTest, FindsDaemonAndTokenByTheConfiguration) {
  const TemporaryFolder folder;
  config_address_ = "unix:" + folder.path("admin.sock");
  const auto guarded = serve(plane_, config_address_, "s3cret");
  ASSERT_NE(guarded, nullptr);
  EXPECT_EQ(run({"--config", "good.yaml", "status"}).code, kExitOk);
  const auto refused = run({"status", "--admin", config_address_});
  EXPECT_EQ(refused.code, kExitRefused);
  EXPECT_NE(refused.err.find("--token-file"), std::string::npos);

  std::ofstream(folder.path("token")) << "s3cret\n";
  EXPECT_EQ(run({"status", "--admin", config_address_, "--token-file", folder.path("token")}).code,
            kExitOk);
}

TEST_F(ToolTest, ShowsAndSetsOffsets) {
  const auto shown = run_here({"offsets", "show", "shop"});
  EXPECT_EQ(shown.code, kExitOk);
  EXPECT_NE(shown.out.find("warehouse  00000001-0000000001A2B3C4-FFFFFFFFFF  7/1/0/1A2B3C8"),
            std::string::npos)
      << shown.out;
  const std::vector<std::string> set{
      "offsets", "set", "shop",  "00000002-00000000000000AA-FFFFFFFFFF", "--sink", "warehouse",
      "--token", "t",   "--json"};
  EXPECT_EQ(run_here(set).code, kExitRefused);
  plane_.set_state(RunState::kPaused);
  const auto outcome = run_here(set);
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out).at("offsets").at(0).at("token"), "t");
  EXPECT_EQ(run_here({"offsets", "set", "shop", "0/1A"}).code, kExitRefused);
}

TEST_F(ToolTest, AsksASink) {
  const auto outcome = run_here({"query", "shop", "select 1", "--sink", "warehouse"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, "id  note\n1   say \"hi\"\\n\n22  NULL\n2 rows\n");
  EXPECT_EQ(plane_.last_query(), "warehouse|select 1");
  EXPECT_EQ(json::parse(run_here({"query", "shop", "select 1", "--json"}).out).at("rows").size(),
            2U);
  EXPECT_EQ(run_here({"query", "shop", "broken"}).err,
            "rowtide: the statement has a syntax error. Mend it\n");
}

TEST_F(ToolTest, TailsUntilTheTapEnds) {
  std::jthread talker([this] {
    ASSERT_TRUE(plane_.wait_for_tails(1));
    plane_.say(R"({"op":"c","schema":"s","table":"t","after":{"id":1}})");
    plane_.end_tails({});
  });
  const auto outcome = run_here({"tail", "shop"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out, "INSERT   s.t id=1\n");
}

TEST_F(ToolTest, TailsRawLinesAndReportsWhyTheTapEnded) {
  std::jthread talker([this] {
    ASSERT_TRUE(plane_.wait_for_tails(1));
    plane_.say(R"({"op":"c","rowtide":"is a column here"})");
    plane_.end_tails(fail(operator_error(Code::kInternal, "the tap broke", "Look at the log")));
  });
  const auto outcome = run_here({"tail", "shop", "--json"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.out, "{\"op\":\"c\",\"rowtide\":\"is a column here\"}\n");
  EXPECT_EQ(outcome.err, "rowtide: the tap broke. Look at the log\n");
}

TEST_F(ToolTest, TailingAnUnknownPipelineIsCodeOne) {
  EXPECT_EQ(run_here({"tail", "shep"}).code, kExitRefused);
}

TEST_F(ToolTest, ChecksAConfiguration) {
  findings_ = {{Finding::Severity::kWarning, "table t", "has no key", "ALTER TABLE t;"}};
  const auto good = run({"check", "good.yaml"});
  EXPECT_EQ(good.code, kExitOk);
  EXPECT_NE(good.out.find("2 checks: 0 errors, 1 warning\n"), std::string::npos) << good.out;

  findings_ = {{Finding::Severity::kError, "wal_level", "is replica", "ALTER SYSTEM;"}};
  EXPECT_EQ(run({"check", "good.yaml"}).code, kExitRefused);
  const auto machine = run({"check", "good.yaml", "--json"});
  EXPECT_EQ(machine.code, kExitRefused);
  EXPECT_EQ(json::parse(machine.out).at(1).at("fix"), "ALTER SYSTEM;");
  EXPECT_EQ(run({"check", "good.yaml", "--no-connect"}).code, kExitOk);

  const auto bad = run({"check", "bad.yaml"});
  EXPECT_EQ(bad.code, kExitConfig);
  EXPECT_EQ(bad.err, "rowtide: bad.yaml:1:1: pipelines: is missing. Add a pipeline\n");
  EXPECT_EQ(json::parse(run({"check", "bad.yaml", "--json"}).out).at(0).at("severity"), "error");
}

TEST_F(ToolTest, WritesAStarterConfigurationAndNeverOverAFile) {
  EXPECT_EQ(run({"init", "postgresql://db/shop"}).out, "pipelines: []\n");
  EXPECT_EQ(run({"init", "postgresql://gone/shop"}).code, kExitRefused);
  const TemporaryFolder folder;
  const std::string path = folder.path("rowtide.yaml");
  EXPECT_EQ(run({"init", "postgresql://db/shop", "-o", path}).code, kExitOk);
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  EXPECT_EQ(content.str(), "pipelines: []\n");
  EXPECT_EQ(run({"init", "postgresql://db/shop", "-o", path}).code, kExitRefused);
}

TEST_F(ToolTest, PrintsSchemaAndVersion) {
  EXPECT_EQ(run({"schema"}).out, "{\"type\":\"object\"}\n");
  EXPECT_TRUE(run({"version"}).out.starts_with("rowtide "));
}

TEST_F(ToolTest, BashCompletesCommandsAndTheirOptions) {
  const TemporaryFolder folder;
  const std::string script = folder.path("completion.bash");
  std::ofstream(script) << run({"completion", "bash"}).out;
  const auto complete = [&](const std::string& words, int at) {
    const std::string command = "bash -c '. " + script + "; COMP_WORDS=(" + words +
                                "); COMP_CWORD=" + std::to_string(at) +
                                "; _rowtide; echo \"${COMPREPLY[*]}\"' 2>&1";
    std::string out;
    FILE* pipe = ::popen(command.c_str(), "r");
    std::array<char, 256> buffer{};
    while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
      out.append(buffer.data());
    }
    EXPECT_EQ(::pclose(pipe), 0) << out;
    return out;
  };
  EXPECT_EQ(complete("rowtide sta", 1), "status\n");
  EXPECT_EQ(complete("rowtide --admin a:1 offsets s", 4), "show set\n");
  EXPECT_EQ(complete("rowtide status --w", 2), "--watch\n");
  EXPECT_EQ(complete("rowtide offsets set shop --s", 4), "--sink\n");
  EXPECT_EQ(complete("rowtide backfill ", 2), "start list show pause resume cancel --help\n");
  EXPECT_EQ(complete("rowtide backfill start shop --w", 4), "--where --wait\n");
}

}  // namespace
}  // namespace rowtide::testing
