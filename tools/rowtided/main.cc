#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tools/connectors/connectors.h"
#include "tools/rowtided/daemon.h"

namespace {

// Exit codes of sysexits.h that supervisors know: do not restart on 78.
constexpr int kExitUsage = 64;
constexpr int kExitUnavailable = 69;
constexpr int kExitConfig = 78;

constexpr std::string_view kUsage =
    "usage: rowtided --config FILE\n"
    "Replicates the changes of databases as FILE says. SIGTERM drains and ends it,\n"
    "SIGHUP reads FILE again and takes its pipelines up, as rowtide reload does.\n"
    "  --config FILE   configuration (YAML); rowtide init URL writes a first one\n"
    "  --version       print the version\n";

// Batches come and go in blocks of a quarter megabyte: kept on the heap they are reused, mapped one
// by one each of them costs page faults.
void tune_allocator() {
  ::mallopt(M_MMAP_THRESHOLD, 8 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 16 << 20);
  ::mallopt(M_ARENA_MAX, 4);
}

int run(const std::string& config_path) {
  using namespace rowtide;
  const auto load = [config_path, sources = schemas_of(all_sources()),
                     sinks = schemas_of(all_sinks())] {
    return config::load_config_file(config_path, sources, sinks);
  };
  auto config = load();
  if (!config) {
    std::fprintf(stderr, "rowtided: %s\n", config.error().to_text().c_str());
    return kExitConfig;
  }
  const SystemClock clock;
  Failpoints failpoints;
  const char* armed = std::getenv("ROWTIDE_FAILPOINT");
  if (armed != nullptr) {
    if (auto done = failpoints.arm(armed); !done) {
      std::fprintf(stderr, "rowtided: %s\n", done.error().to_text().c_str());
      return kExitConfig;
    }
  }
  const Runtime runtime{clock, failpoints, Log::to_stderr(config->log.format, config->log.level)};

  // Blocked before any thread starts, so that only this thread receives them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  Daemon daemon(std::move(*config), load, runtime);
  if (auto started = daemon.start(); !started) {
    std::fprintf(stderr, "rowtided: %s\n", started.error().to_text().c_str());
    return started.error().code == Code::kConfig ? kExitConfig : kExitUnavailable;
  }
  // On a thread of its own, so that SIGTERM is heard while pipelines stop and start.
  std::jthread reload;
  int received = 0;
  while (sigwait(&signals, &received) == 0 && received == SIGHUP) {
    runtime.log.info("SIGHUP: reading {} again", config_path);
    reload = std::jthread([&daemon] { daemon.reload_for_signal(); });
  }
  runtime.log.info("draining");
  daemon.stop();
  runtime.log.info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  tune_allocator();
  std::string config_path;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--config" && i + 1 < argc) {
      config_path = argv[++i];
    } else if (argument.starts_with("--config=")) {
      config_path = argument.substr(9);
    } else if (argument == "--version") {
      std::printf("rowtided %s\n", ROWTIDE_VERSION);
      return 0;
    } else {
      std::fputs(kUsage.data(), argument == "--help" ? stdout : stderr);
      return argument == "--help" ? 0 : kExitUsage;
    }
  }
  if (config_path.empty()) {
    std::fputs(kUsage.data(), stderr);
    return kExitUsage;
  }
  return run(config_path);
}
