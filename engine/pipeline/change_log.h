#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/base/clock.h"
#include "engine/batch/batch.h"

namespace rowtide {

// The window of one pipeline's stream between its reader and its lanes: batches in order, one
// cursor per lane. A batch stays while a lane that is attached has not taken it, and after that
// while it is not durable everywhere and room is left, so that a lane can usually start over
// without asking the source again.
//
// Thread safe. The reader appends; each lane takes with its own index. The byte budget belongs to
// the pipeline and counts every batch that is alive, wherever it is held.
class ChangeLog {
 public:
  static constexpr std::size_t kFreshBytes = std::size_t{12} << 20;

  ChangeLog(std::size_t lanes, ByteBudget& budget);

  // Reader: waits until the budget has room and no more than kFreshBytes, or what lanes hold
  // already, lies before the furthest lane: a reader that is faster than every lane gains nothing
  // by filling the budget. False when `until` came first or the log was closed.
  bool wait_for_room(Deadline until);
  void append(BatchPtr batch);
  // Reader: empties the log; the stream starts (again) behind `start`, nullopt = at the source's
  // own start, and every lane takes from there. One that attached below `start` meanwhile is left
  // behind.
  void restart(const std::optional<Position>& start);
  // Reader: whether any lane takes batches at all.
  bool any_attached();
  // What next() returns no more of: the reader is gone and will append nothing.
  void finish();

  enum class Taken : std::uint8_t { kBatch, kNothing, kFinished, kLeftBehind };
  // Lane: the next batch. kNothing when `until` came first, kFinished when the log is finished and
  // this lane took all of it, kLeftBehind when what comes next does not follow on what is durable
  // in this lane: it has to attach again.
  Taken next(std::size_t lane, Deadline until, BatchPtr& out);
  // Lane: is done with everything up to `durable`; lets batches go.
  void set_durable(std::size_t lane, const Position& durable);
  // Lane: stops holding batches back (it failed, or waits to try again).
  void detach(std::size_t lane);
  // Lane: starts taking again behind `after` (nullopt: from the start of the source). False when
  // the log does not reach back that far: the source has to start over.
  bool attach(std::size_t lane, const std::optional<Position>& after);
  // Bytes of the batches that some attached lane has not taken.
  std::size_t untaken_bytes();
  // Where the lane stands by what it took since it attached; nullopt = it has not taken anything.
  std::optional<ResumePoint> taken_to(std::size_t lane);
  // Lane or reader: wakes everybody up, e.g. to look at a stop flag.
  void wake();

 private:
  struct Cursor {
    std::uint64_t next = 0;  // ordinal of the batch to take next
    bool attached = false;
    bool left_behind = false;
    std::optional<Position> durable;
    std::optional<ResumePoint> taken_to;
  };

  bool has_room() const;
  void trim(bool under_pressure);
  bool taken_by_all(std::uint64_t ordinal) const;
  bool durable_for_all(const Position& position) const;

  ByteBudget& budget_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<BatchPtr> batches_;
  std::uint64_t first_ordinal_ = 0;
  // From here on no lane has taken anything yet, and how much that is.
  std::uint64_t fresh_ordinal_ = 0;
  std::size_t fresh_bytes_ = 0;
  // The window holds everything above this; nullopt = everything from the source's start.
  std::optional<Position> floor_;
  bool finished_ = false;
  std::vector<Cursor> cursors_;
};

}  // namespace rowtide
