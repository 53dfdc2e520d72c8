#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "control_fake_plane.h"
#include <gtest/gtest.h>

#include "tools/rowtide/hooks.h"

namespace rowtide::testing {

// What a run of the tool gave back.
struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

// The tool on a running server whose daemon is a FakePlane and a FakeBackfills.
class ToolTest : public ::testing::Test {
 protected:
  ToolTest() {
    hooks_.load_config = [this](const std::string& path) -> Result<config::DaemonConfig> {
      if (path != "good.yaml") {
        return fail(
            operator_error(Code::kConfig, path + ":1:1: pipelines: is missing", "Add a pipeline"));
      }
      config::DaemonConfig config;
      config.admin.listen = config_address_;
      config.admin.token = Secret("s3cret");
      return config;
    };
    hooks_.check = [this](const config::DaemonConfig&, bool connect) {
      return connect ? findings_ : Findings{};
    };
    hooks_.starter_config = [](const std::string& url) -> Result<std::string> {
      if (url != "postgresql://db/shop") {
        return fail(retry_error(Code::kConnection, "the database does not answer", "Start it"));
      }
      return std::string("pipelines: []\n");
    };
    hooks_.json_schema = [] { return std::string(R"({"type":"object"})"); };
  }

  void SetUp() override {
    server_ = serve(plane_, backfills_);
    ASSERT_NE(server_, nullptr);
  }

  // The tool with exactly these arguments.
  Outcome run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "rowtide");
    std::vector<const char*> argv;
    for (const auto& argument : arguments) {
      argv.push_back(argument.c_str());
    }
    std::ostringstream out;
    std::ostringstream err;
    Outcome outcome;
    outcome.code = run_tool(static_cast<int>(argv.size()), argv.data(), hooks_,
                            ToolStreams{out, err, terminal_});
    outcome.out = out.str();
    outcome.err = err.str();
    return outcome;
  }

  // The tool on the running server.
  Outcome run_here(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--admin", server_->address()});
    return run(std::move(arguments));
  }

  FakePlane plane_;
  FakeBackfills backfills_;
  std::unique_ptr<AdminServer> server_;
  bool terminal_ = false;
  std::string config_address_;
  Findings findings_;
  ToolHooks hooks_;
};

}  // namespace rowtide::testing
