#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/backfill.h"
#include "engine/api/control.h"
#include "engine/api/reload.h"
#include "engine/base/runtime.h"
#include "engine/config/daemon_config.h"
#include "engine/control/admin_server.h"
#include "engine/pipeline/committer.h"
#include "engine/pipeline/pipeline.h"
#include "offsets/rocks_store.h"
#include "tools/connectors/connectors.h"

namespace rowtide {

// How long a pipeline may deliver what it has read when it stops.
inline constexpr std::chrono::seconds kDrainTimeout(20);

// Everything that runs in one daemon: the state store, the committer, the pipelines and the admin
// API. Lifecycle: start -> stop, from main's thread; in between ControlPlane, BackfillControl and
// ConfigControl from any.
class Daemon final : public ControlPlane, public BackfillControl, public ConfigControl {
 public:
  using LoadConfig = std::function<Result<config::DaemonConfig>()>;

  // `load` reads the configuration again, for a reload.
  Daemon(config::DaemonConfig config, LoadConfig load, Runtime runtime);
  ~Daemon() override;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Opens the state directory and the admin listener and starts the pipelines. A pipeline that
  // cannot start is no error here: it shows in the status and does not hold up the others.
  Result<void> start();
  // Lets every pipeline deliver what it has read, then closes everything.
  void stop();

  std::vector<PipelineStatus> status() const override;
  Result<void> act(std::string_view pipeline, ControlPlane::Action action) override;
  Result<std::vector<Offset>> offsets(std::string_view pipeline) const override;
  Result<void> set_offset(std::string_view pipeline, std::string_view sink,
                          const ResumePoint& point) override;
  Result<void> query(std::string_view pipeline, std::string_view sink, std::string_view sql,
                     QueryOutput& out) override;
  Result<void> tail(std::string_view pipeline, const TapOutput& out) override;

  Result<std::string> start_backfill(std::string_view pipeline, const BackfillSpec& spec) override;
  Result<void> act_on_backfill(std::string_view id, BackfillControl::Action action) override;
  std::vector<BackfillStatus> backfills() const override;

  Result<ReloadReport> reload() override;
  // The same for a signal, which nobody sends again: waits for a reload that is under way. The log
  // says what came of it.
  void reload_for_signal();

 private:
  // A pipeline and what it was built from.
  struct Member {
    std::shared_ptr<const config::PipelineConfig> config;
    std::shared_ptr<Pipeline> pipeline;
  };
  // What a reload does with one pipeline; `old` or `next` is null for one that comes or goes.
  struct ReloadStep {
    ReloadedPipeline report;
    Member old;
    std::shared_ptr<const config::PipelineConfig> next;
    bool paused = false;
  };

  Result<void> check(const config::DaemonConfig& config) const;
  Member make_member(std::shared_ptr<const config::PipelineConfig> config, std::size_t count);
  PipelineSettings settings_of(const std::shared_ptr<const config::PipelineConfig>& pipeline,
                               std::size_t count);
  Result<PipelineParts> build(const config::PipelineConfig& pipeline, const PipelineState& state);
  std::vector<Member> members() const;
  Result<std::shared_ptr<Pipeline>> find(std::string_view name) const;

  // With reload_mutex_ held, as the others of a reload.
  Result<ReloadReport> reload_now();
  Result<std::vector<ReloadStep>> plan_reload(config::DaemonConfig wanted) const;
  Result<void> look_at_tables(const config::PipelineConfig& before,
                              const config::PipelineConfig& after, ReloadedPipeline& report) const;
  void stop_changed(std::vector<ReloadStep>& steps);
  void start_changed(std::vector<ReloadStep>& steps);
  void log_report(const ReloadReport& report) const;

  // Fixed once it has started, and without the pipelines then: these are in members_.
  config::DaemonConfig config_;
  const LoadConfig load_;
  const Runtime runtime_;
  const std::vector<SourceEntry> sources_;
  const std::vector<SinkEntry> sinks_;
  std::unique_ptr<RocksStore> store_;
  std::unique_ptr<Committer> committer_;
  std::mutex reload_mutex_;  // one reload at a time, and none while everything stops
  mutable std::mutex members_mutex_;
  std::vector<Member> members_;  // guarded by members_mutex_; in the configuration's order
  std::unique_ptr<AdminServer> admin_;
  std::atomic<bool> stopping_{false};
};

}  // namespace rowtide
