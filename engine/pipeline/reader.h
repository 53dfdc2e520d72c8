#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/api/control.h"
#include "engine/api/source.h"
#include "engine/base/runtime.h"
#include "engine/pipeline/change_log.h"
#include "engine/pipeline/retry_policy.h"
#include "engine/snapshot/backfill_runner.h"

namespace rowtide {

// What the reader asks of its pipeline. Called on the reader's thread.
class ReaderHost {
 public:
  virtual ~ReaderHost() = default;
  // Blocks until the lanes know where the stream has to start; nullopt when told to stop meanwhile.
  virtual std::optional<StreamStart> wait_for_start() = 0;
  // The change log was emptied and starts at the point returned by wait_for_start.
  virtual void stream_restarted() = 0;
  // The token that each lane stands at, in the order of the lanes; nullopt = nowhere yet.
  virtual std::vector<std::optional<std::string>> lane_tokens() = 0;
  // Everything up to here is durable in every required sink and synced in the store.
  virtual std::optional<ResumePoint> acknowledgeable() = 0;
  // The source no longer has what some lane needs. True when the stream can go on without the lanes
  // that need it; wait_for_start then says from where.
  virtual bool position_lost(const Error& error) = 0;
  // A batch was appended to the change log.
  virtual void batch_appended(const BatchPtr& batch) = 0;
};

// Moves changes from the source to the change log: polls, cuts, waits for room, acknowledges, and
// opens the source again after errors. One thread, from start() to stop(); the only user of the
// source but for Source::status.
class Reader {
 public:
  struct Totals {
    std::atomic<std::uint64_t> events{0};
    std::atomic<std::uint64_t> transactions{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> retries{0};
  };

  Reader(Source& source, ChangeLog& log, ByteBudget& budget, BatchBuilder::Limits limits,
         RetryLimits retry, ReaderHost& host, BackfillRunner& backfills, Runtime runtime);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void start();
  // Ends reading; what is in the change log stays for the lanes. The connection stays open until
  // finish(), so that what is still made durable can be acknowledged.
  void stop_reading();
  // There is nothing more to read: the lanes deliver what was read, and all of it is done.
  void end_stream();
  // After stop_reading: acknowledges a last time and closes.
  void finish();
  // Before start, too.
  void set_paused(bool paused);
  bool paused() const noexcept { return paused_.load(); }
  // The stream must start over; wait_for_start says where.
  void request_restart();

  RunState state() const;
  std::optional<Error> last_error() const;
  const Totals& totals() const noexcept { return totals_; }

 private:
  void run();
  bool open_stream();
  Result<void> step();
  Result<void> poll_once();
  void cut();
  void append(BatchPtr batch);
  // Puts rows of backfills behind what was appended last.
  void append_backfills();
  Result<void> acknowledge();
  // False when the source is to be left alone for good.
  bool recover_from(const Error& error);
  bool wait(std::chrono::milliseconds pause);
  void set_state(RunState state, std::optional<Error> error);

  Source& source_;
  ChangeLog& log_;
  ByteBudget& budget_;
  ReaderHost& host_;
  BackfillRunner& backfills_;
  const Runtime runtime_;
  RetryPolicy retry_;
  BatchBuilder builder_;
  // Reader thread only: where the change log ends.
  std::optional<ResumePoint> appended_;
  // The furthest that the lanes had been delivered when the stream was (re)started.
  std::optional<ResumePoint> highest_;
  std::optional<ResumePoint> owed_from_;
  bool opened_ = false;
  MonotonicTime backfilled_at_{};
  // Rows of a backfill may be due and wait until the lanes have taken what came before.
  bool backfills_held_ = false;

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  RunState state_ = RunState::kStarting;  // guarded by mutex_
  std::optional<Error> last_error_;       // guarded by mutex_
  std::atomic<bool> stopping_{false};
  std::atomic<bool> finishing_{false};
  std::atomic<bool> paused_{false};
  std::atomic<bool> restart_requested_{true};
  Totals totals_;
  std::thread thread_;
};

}  // namespace rowtide
