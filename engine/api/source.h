#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/runtime.h"
#include "engine/batch/batch.h"
#include "engine/model/position.h"
#include "engine/model/table_filter.h"

namespace rowtide {

enum class PollOutcome : std::uint8_t {
  kMore,  // more bytes are at hand: poll again before cutting, unless the builder is full
  kCut,   // nothing more at hand: what the builder holds should go on its way now
  kIdle,  // nothing came until the deadline
  kEnd,   // the source has ended for good (a bounded source); nothing will follow
};

// A source's own view of itself, for status and metrics.
struct SourceStatus {
  bool connected = false;
  std::string server;         // e.g. "PostgreSQL 15.20"
  std::string position_text;  // in the source's own notation, e.g. "0/1A2B3C4"
  std::optional<std::uint64_t> lag_bytes;
  std::optional<double> lag_seconds;
  // Bytes of log that the server keeps for us.
  std::optional<std::uint64_t> retained_bytes;
  // Bytes of transactions in progress that are kept in the spill store.
  std::uint64_t spilled_bytes = 0;
  // The server's latest notices and warnings, newest last, at most 16.
  std::vector<std::string> notices;
};

// Where a stream starts.
struct StreamStart {
  // Behind this point; nullopt = where the configuration says (a source never read before).
  std::optional<ResumePoint> from;
  // The furthest that any lane was delivered; at or above `from`. What lies between is known to the
  // source's history, which is what tells a fork of it.
  std::optional<ResumePoint> highest;
  // The lowest point behind which every row is still owed to some lane. A source that no longer has
  // them all fails with Code::kPositionLost. nullopt when that cannot be told: nothing was read
  // before, or the store was lost and a marker may lag behind what a quiet source had confirmed.
  std::optional<ResumePoint> owed_from;
  // The least that any lane was delivered; `from` is that too, unless some lane has no position
  // yet. A source whose server keeps no place for it must not begin further on: what lies behind is
  // owed to the lanes that have one.
  std::optional<ResumePoint> lowest = {};
  // Called with captured tables of which the stream brings changes only from this opening on,
  // before it does: nothing else brings what they hold already. Its error ends open(). May be null,
  // and a source whose log holds every table from its first row on has nothing to say.
  std::function<Result<void>(std::span<const TableName>)> joining = {};
};

// One stream of changes from one database.
//
// Thread: open, poll, acknowledge and close are called from the pipeline's reader thread only;
// status from any thread. Lifecycle: open -> (poll | acknowledge)* -> close, and again from open.
// Order: transactions come in commit order, rows in the order of their transaction; the same
// transaction is numbered the same way each time that it is sent.
// Errors: an Error from poll means the connection is gone; the caller closes and, if the
// disposition says so, opens again from the last position that it took over.
class Source {
 public:
  virtual ~Source() = default;

  // Connects and starts the stream. May deliver again what lies at or below `start.from`: the lanes
  // filter it. The caller resets its builder, in which the former stream may have left a part of a
  // transaction.
  virtual Result<void> open(const StreamStart& start) = 0;

  // Adds changes to `out` until the builder is full, nothing more is at hand, or `until` has
  // passed. Returns with a builder that can be cut or is empty, except after an error.
  virtual Result<PollOutcome> poll(BatchBuilder& out, Deadline until) = 0;

  // Says that everything up to `durable` is durable everywhere and keeps the connection alive; the
  // only place that moves the server's position. Called regularly, also while poll is not (back
  // pressure). Monotone; never beyond what poll handed out, which is asserted.
  virtual Result<void> acknowledge(const std::optional<ResumePoint>& durable) = 0;

  // Reads tables beside the stream, on a connection of its own; nullptr where the source cannot.
  // Any thread, and so may what is returned be used; it goes before the source does.
  virtual std::unique_ptr<ChunkReader> chunk_reader() = 0;

  virtual SourceStatus status() const = 0;

  // Ends the connection at once, without waiting for the server.
  virtual void close() noexcept = 0;
};

}  // namespace rowtide
