#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "engine/api/finding.h"
#include "engine/base/error.h"
#include "engine/config/daemon_config.h"

namespace rowtide {

// What the tool cannot know without the connectors. Every function must be set.
struct ToolHooks {
  std::function<Result<config::DaemonConfig>(std::string path)> load_config;
  // Connects to everything in the configuration and looks at it.
  std::function<Findings(const config::DaemonConfig&, bool connect)> check;
  // A commented configuration for the database at `url`.
  std::function<Result<std::string>(std::string url)> starter_config;
  // The JSON Schema of the configuration.
  std::function<std::string()> json_schema;
};

// Where the tool prints. Colours and the clearing of the screen are used only when `terminal`.
struct ToolStreams {
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;
};

// Runs one command and returns the exit code.
int run_tool(int argc, const char* const* argv, const ToolHooks& hooks, ToolStreams streams);

// The same on standard output and error; `terminal` when standard output is one and NO_COLOR is
// unset.
int run_tool(int argc, char** argv, const ToolHooks& hooks);

}  // namespace rowtide
