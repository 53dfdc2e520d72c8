#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/api/control.h"
#include "engine/api/sink.h"
#include "engine/api/source.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "engine/pipeline/change_log.h"
#include "engine/pipeline/committer.h"
#include "engine/pipeline/lane.h"
#include "engine/pipeline/reader.h"
#include "engine/pipeline/tap.h"
#include "engine/snapshot/backfill_runner.h"

namespace rowtide {

struct LaneParts {
  LaneSettings settings;
  SinkHandle sink;
};

// The connectors of one run of a pipeline, built anew for each run.
struct PipelineParts {
  std::unique_ptr<Source> source;
  std::vector<LaneParts> lanes;
};

struct PipelineSettings {
  std::string name;
  std::string source_type;
  // Bytes of batches that may be alive at once.
  std::size_t buffer_bytes = std::size_t{64} << 20;
  BatchBuilder::Limits batch;
  RetryLimits retry;
  BackfillSettings backfill;
  // Sinks that hold nothing yet get every table first.
  bool initial_snapshot = false;
  // The stream ends when they have them.
  bool ends_after_snapshot = false;
  // Builds source and sinks; gets what the store holds of the pipeline.
  std::function<Result<PipelineParts>(const PipelineState&)> build;
};

// One source, its change log, and its lanes: started, recovered, paused, stopped as one.
//
// Lifecycle: construct -> start -> stop, and start again; all from one controlling thread at a time
// (guarded). status, offsets and taps from any thread. A failure inside never leaves the pipeline:
// it shows in status().
class Pipeline final : private LaneListener, private ReaderHost, private CommitParticipant {
 public:
  Pipeline(PipelineSettings settings, StateStore& store, Committer& committer, Runtime runtime);
  ~Pipeline() override;
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Loads the state, steps the epoch, builds the connectors and starts the threads. An error leaves
  // the pipeline stopped with that error in its status. `paused`: reads nothing until resumed.
  Result<void> start(bool paused = false);
  // Stops reading and lets the lanes deliver what was read, at most for `drain_for`; then commits,
  // acknowledges and closes everything.
  void stop(std::chrono::milliseconds drain_for);
  // Stops for good: another pipeline of this name, or none, takes its place. True when it was
  // paused, which the one that follows goes on with.
  bool retire(std::chrono::milliseconds drain_for);
  bool retired() const noexcept { return retired_.load(); }
  Result<void> act(ControlPlane::Action action);

  const std::string& name() const noexcept { return settings_.name; }
  PipelineStatus status() const;
  Result<std::vector<ControlPlane::Offset>> offsets() const;
  Result<void> set_offset(std::string_view sink, const ResumePoint& point);
  Result<void> query(std::string_view sink, std::string_view sql, QueryOutput& out);
  Result<std::string> start_backfill(const BackfillSpec& spec);
  // Code::kNotFound when it is not one of this pipeline's.
  Result<void> act_on_backfill(std::string_view id, BackfillControl::Action action);
  // Feeds `tap` from the next batch on until it is closed or destroyed.
  void add_tap(const std::shared_ptr<Tap>& tap);

 private:
  // Everything that lives from start to stop.
  struct Run {
    Run(std::size_t buffer_bytes, std::size_t lane_count)
        : budget(buffer_bytes), log(lane_count, budget) {}
    ByteBudget budget;
    ChangeLog log;
    std::unique_ptr<Source> source;
    std::vector<std::unique_ptr<Lane>> lanes;
    std::unique_ptr<BackfillRunner> backfills;
    std::unique_ptr<Reader> reader;
  };

  Error not_running() const;
  // Whether something may still be done with it that lasts.
  Result<void> check_in_place() const;
  Result<void> start_locked(bool paused = false);
  void stop_locked(std::chrono::milliseconds drain_for);
  // Null while stopped. Whoever holds it may use the run after the pipeline let it go.
  std::shared_ptr<Run> current_run() const;
  bool drained(const Run& run) const;
  // With mutex_ held: what the lanes that hold the source have stored.
  void refresh_acknowledgeable(const Run& run);
  // With mutex_ held: whether the lane takes the stream, or waits for it to start over.
  bool wants_stream(const Lane& lane) const;

  // LaneListener
  void lane_moved(std::size_t lane) override;
  void lane_needs_rewind(std::size_t lane) override;
  // ReaderHost
  std::optional<StreamStart> wait_for_start() override;
  void stream_restarted() override;
  std::vector<std::optional<std::string>> lane_tokens() override;
  std::optional<ResumePoint> acknowledgeable() override;
  bool position_lost(const Error& error) override;
  void batch_appended(const BatchPtr& batch) override;
  // CommitParticipant
  std::optional<Commit> collect() override;
  void committed(const Commit& commit) override;
  void commit_failed(const Error& error) override;

  const PipelineSettings settings_;
  StateStore& store_;
  Committer& committer_;
  const Runtime runtime_;

  // Serialises start, stop and act.
  mutable std::mutex control_mutex_;
  // Guards which run there is; held shortly.
  mutable std::mutex run_mutex_;
  std::shared_ptr<Run> run_;

  mutable std::mutex mutex_;
  std::condition_variable lanes_changed_;
  // Until then a pipeline without a run is about to have one; guarded by mutex_.
  bool start_tried_ = false;
  std::optional<Error> start_error_;            // guarded by mutex_
  std::optional<Error> store_error_;            // guarded by mutex_
  std::vector<LaneStatus> stopped_lanes_;       // guarded by mutex_; status while no run is alive
  bool stopping_ = false;                       // guarded by mutex_
  std::vector<std::size_t> rewinding_;          // guarded by mutex_
  std::optional<ResumePoint> acknowledgeable_;  // guarded by mutex_
  std::map<std::string, LaneState> stored_;     // guarded by mutex_
  std::set<const TableSchema*> noted_schemas_;  // guarded by mutex_
  std::deque<std::pair<Position, SchemaPtr>> unstored_schemas_;  // guarded by mutex_
  std::vector<std::weak_ptr<Tap>> taps_;                         // guarded by mutex_
  std::atomic<bool> has_taps_{false};
  std::atomic<bool> retired_{false};
};

}  // namespace rowtide
