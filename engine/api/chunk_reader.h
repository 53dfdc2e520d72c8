#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/batch/batch.h"
#include "engine/model/position.h"

namespace rowtide {

// Which part of which table a backfill reads: the rows whose key lies in (after, up_to], a key
// being one text cell per key column, and all of it where a bound is absent.
struct ChunkRequest {
  std::uint64_t table_id = 0;
  std::optional<std::vector<std::string>> after;
  std::optional<std::vector<std::string>> up_to;
  // A condition in the source's own SQL, empty = none.
  std::string predicate;
  std::vector<std::string> columns;
};

// Reads one chunk beside the stream, on connections of its own, in the order of the watermark
// window: barrier, then rows from one snapshot opened after it, then the high watermark.
//
// A row that was delivered by the stream before `delivered` is visible to the snapshot once
// wait_visible() has returned, so no row older than the stream is ever read; everything visible in
// the snapshot was committed at or below the high watermark, so the stream's changes up to there
// tell which rows of the chunk are already outdated.
//
// Thread: one worker of the backfill. Lifecycle: wait_visible -> read* -> high_watermark -> close.
class ChunkReader {
 public:
  virtual ~ChunkReader() = default;
  // The visibility barrier. kTimeout when something keeps delivered transactions invisible (a stuck
  // synchronous standby): the backfill waits, the stream goes on.
  virtual Result<void> wait_visible(const Position& delivered, Deadline until) = 0;
  // Adds rows to `out` as Op::kRead until it is full; false at the end of the chunk.
  virtual Result<bool> read(BatchBuilder& out, Deadline until) = 0;
  virtual Result<ResumePoint> high_watermark(Deadline until) = 0;
  virtual void close() noexcept = 0;
};

}  // namespace rowtide
