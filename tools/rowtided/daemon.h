#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/backfill.h"
#include "engine/api/control.h"
#include "engine/base/runtime.h"
#include "engine/config/daemon_config.h"
#include "engine/control/admin_server.h"
#include "engine/pipeline/committer.h"
#include "engine/pipeline/pipeline.h"
#include "offsets/rocks_store.h"
#include "tools/connectors/connectors.h"

namespace rowtide {

// Everything that runs in one daemon: the state store, the committer, the pipelines and the admin
// API. Lifecycle: start -> stop, from main's thread; ControlPlane and BackfillControl from any.
class Daemon final : public ControlPlane, public BackfillControl {
 public:
  Daemon(config::DaemonConfig config, Runtime runtime);
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

 private:
  PipelineSettings settings_of(const config::PipelineConfig& pipeline);
  Result<PipelineParts> build(const config::PipelineConfig& pipeline, const PipelineState& state);
  Result<Pipeline*> find(std::string_view name) const;

  const config::DaemonConfig config_;
  const Runtime runtime_;
  const std::vector<SourceEntry> sources_;
  const std::vector<SinkEntry> sinks_;
  std::unique_ptr<RocksStore> store_;
  std::unique_ptr<Committer> committer_;
  std::vector<std::unique_ptr<Pipeline>> pipelines_;
  std::unique_ptr<AdminServer> admin_;
  std::atomic<bool> stopping_{false};
};

}  // namespace rowtide
