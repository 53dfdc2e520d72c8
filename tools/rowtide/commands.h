#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/rowtide/admin_client.h"
#include "tools/rowtide/hooks.h"

namespace rowtide {

enum ExitCode : int {
  kExitOk = 0,
  // The daemon said no, a check found errors, or a backfill that was waited for did not finish.
  kExitRefused = 1,
  kExitUsage = 2,
  kExitUnreachable = 69,  // EX_UNAVAILABLE
  kExitConfig = 78,       // EX_CONFIG
};

// How the user said where the daemon is.
struct DaemonOptions {
  std::string admin;
  std::string config;
  std::string token_file;
};

// What the user typed behind a command; each command reads what it declares in tool.cc.
struct CommandOptions {
  bool json = false;
  bool watch = false;
  double interval_seconds = 2;
  std::string pipeline;
  std::string position;
  std::string sink;
  std::string token;
  std::string sql;
  std::string file;
  bool no_connect = false;
  std::string url;
  std::string output;
  std::string backfill;
  std::vector<std::string> tables;
  std::string where;
  bool replace = false;
  std::string columns;
  bool wait = false;
};

// "a, b" as its names without the spaces around them; what is empty stays, for whoever checks it.
std::vector<std::string> split_names(std::string_view list);

// One running of the tool. Every command prints its result or its one error line and returns the
// exit code.
class Commands {
 public:
  Commands(const ToolHooks& hooks, ToolStreams streams, const DaemonOptions& daemon,
           const CommandOptions& options)
      : hooks_(hooks), streams_(streams), daemon_(daemon), options_(options) {}

  int status();
  int show_offsets();
  int set_offsets();
  int act(const char* action);
  int reload();
  int tail();
  int query();
  int check();
  int init();
  int start_backfill();
  int list_backfills();
  int show_backfill();
  int act_on_backfill(const char* action);

 private:
  // The client for the daemon that the options name.
  Result<AdminClient> client() const;
  std::string pipeline_path(const char* resource) const;
  int print_status_once(const AdminClient& daemon, bool clear);
  int wait_for_backfill(const AdminClient& daemon, const std::string& id);
  void pause_between_showings() const;
  int report(const Error& error, ExitCode otherwise = kExitRefused);
  int done();

  const ToolHooks& hooks_;
  ToolStreams streams_;
  const DaemonOptions& daemon_;
  const CommandOptions& options_;
};

}  // namespace rowtide
