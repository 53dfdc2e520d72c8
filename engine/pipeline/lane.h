#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/api/control.h"
#include "engine/api/sink.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "engine/pipeline/change_log.h"
#include "engine/pipeline/retry_policy.h"

namespace rowtide {

struct LaneSettings {
  std::string name;
  std::string type;
  // A lane that is not required holds back what the source may forget only while it works, or has
  // failed for less than kOptionalLaneGrace. One that comes back too late stops with
  // Code::kPositionLost instead of going on over a hole.
  bool required = true;
  // The events that this lane wants; null = all.
  std::function<bool(const Event&)> wants;
};

constexpr auto kOptionalLaneGrace = std::chrono::seconds(10);

// Where the stream has to start for a lane.
struct LaneStart {
  std::optional<ResumePoint> from;  // nullopt = from the source's start
  // True when every row behind `from` is still to come. False for a marker that no store vouches
  // for: it may lag behind what a quiet source was allowed to forget.
  bool owed = false;
};

// What a lane tells its pipeline. Called on the lane's thread.
class LaneListener {
 public:
  virtual ~LaneListener() = default;
  // The lane's durable state moved, or was found out when its sink opened.
  virtual void lane_moved(std::size_t lane) = 0;
  // The change log does not reach back to what this lane needs next: the stream has to start over
  // where the lane says. The lane waits until that was done.
  virtual void lane_needs_rewind(std::size_t lane) = 0;
};

// One sink of a pipeline: its own thread, cursor, retries and state.
//
// Lifecycle: construct -> start -> (request_stop | abandon) -> join; once. Owned by the pipeline;
// the referred objects outlive it. The sink is opened, used and closed on the lane's thread only.
class Lane {
 public:
  Lane(std::size_t index, LaneSettings settings, SinkHandle sink, LaneContext context,
       std::optional<LaneState> stored, RetryLimits retry, ChangeLog& log, LaneListener& listener,
       Runtime runtime);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void start();
  // Ends after the change log was finished and drained, or at once when `abandon`.
  void request_stop(bool abandon);
  void join();
  // The pipeline restarted the stream: the lane may attach again.
  void rewound();
  // The source no longer has what this lane needs: it stops with `error`.
  void lose_position(Error error);

  // Thread safe.
  LaneStatus status() const;
  // What is durable and may be stored: not a bare marker (LaneStart::owed), which the store would
  // vouch for from then on.
  std::optional<LaneState> durable_state() const;
  // What durable_state() said up to `position` has been stored.
  void stored(const Position& position);
  LaneStart needed_from() const;
  // True once the lane has found out where it stands, or has failed to at least once.
  bool settled() const noexcept { return settled_.load(); }
  // True while the lane takes batches from the change log.
  bool taking() const noexcept { return taking_.load(); }
  // True once the lane's thread has nothing more to do.
  bool finished() const noexcept { return finished_.load(); }
  std::size_t index() const noexcept { return index_; }
  bool required() const noexcept { return settings_.required; }
  // True while the source must keep what this lane has not stored yet.
  bool holds_source() const;
  const std::string& name() const noexcept { return settings_.name; }
  Queryable* queryable() const noexcept { return sink_.queryable; }

 private:
  void run();
  // One life of the sink: open, deliver until told to stop (true) or an error.
  Result<void> session();
  Result<void> recover();
  // Compares the destination's marker (nullopt = it has none) with the store.
  Result<LaneStart> where_to_start(const std::optional<ResumePoint>& marker) const;
  // False when told to stop before the stream could start over for this lane.
  Result<bool> attach();
  Result<void> deliver_all();
  Result<void> deliver(const BatchPtr& batch);
  // The stream was seen up to `sent`: when that is at or below what is durable here, all that
  // follows is still to come.
  void vouch(const Position& sent);
  Result<void> drain();
  Result<void> collect(Deadline until);
  void adopt(const ResumePoint& durable, bool from_sink);
  void note_durable(const std::optional<ResumePoint>& reported);
  bool wait_before_retry(std::chrono::milliseconds pause);
  void set_state(RunState state, std::optional<Error> error);

  const std::size_t index_;
  const LaneSettings settings_;
  SinkHandle sink_;
  const LaneContext context_;
  ChangeLog& log_;
  LaneListener& listener_;
  const Runtime runtime_;
  RetryPolicy retry_;

  // Lane thread only.
  std::optional<Position> taken_;           // delivered or skipped up to here since open
  std::optional<Position> data_submitted_;  // the last data given to the sink since open
  std::optional<ResumePoint> tail_;         // where durability stands once that data is durable
  std::uint64_t rows_before_session_ = 0;
  std::uint64_t bytes_before_session_ = 0;
  std::uint64_t split_before_session_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  LaneStatus status_;                 // guarded by mutex_
  std::optional<LaneState> durable_;  // guarded by mutex_
  bool owed_ = false;                 // guarded by mutex_; see LaneStart
  bool rewind_pending_ = false;       // guarded by mutex_
  std::optional<Error> lost_;         // guarded by mutex_
  MonotonicTime failing_since_{};     // guarded by mutex_; meaningful while retrying
  // Commit time of the oldest change given to the sink and not durable; 0 = none.
  std::int64_t oldest_pending_us_ = 0;  // guarded by mutex_

  std::atomic<bool> settled_{false};
  std::atomic<bool> taking_{false};
  std::atomic<bool> finished_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> abandoned_{false};
  std::thread thread_;
};

}  // namespace rowtide
