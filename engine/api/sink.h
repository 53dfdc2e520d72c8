#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/runtime.h"
#include "engine/base/strong_id.h"
#include "engine/batch/batch.h"

namespace rowtide {

enum class Guarantee : std::uint8_t { kTransactional, kIdempotent, kAtLeastOnce };

std::string_view to_string(Guarantee guarantee) noexcept;

// What a sink is told when its lane opens it.
struct LaneContext {
  std::string pipeline;
  std::string sink;
  // Grows with every opening of the pipeline. A sink refuses (Code::kFenced) to work for an epoch
  // older than the one that its marker holds.
  Epoch epoch;
  // Bytes of batches that the sink may hold without making them durable.
  std::size_t buffer_bytes = std::size_t{16} << 20;
};

// A row that the sink refused for good, for the dead letters.
struct RejectedRow {
  Position position;
  std::string table;
  Error reason;
};

struct DurableReport {
  // Everything up to here is durable with its marker; nullopt = nothing yet since open. Cumulative
  // and monotone. May lie inside a batch.
  std::optional<ResumePoint> durable;
  std::vector<RejectedRow> rejected;
  // Totals since open.
  std::uint64_t rows_delivered = 0;
  std::uint64_t bytes_delivered = 0;
  // Transactions that had to be split over several commits because of their size.
  std::uint64_t transactions_split = 0;
};

// A destination of one lane.
//
// Thread: every method is called from one lane thread. Lifecycle: open -> (submit | poll_durable |
// flush)* -> close, and again from open after an error. Batches come in order, without gaps and
// never empty; a batch holds whole transactions or parts of one (Transaction::continued and
// complete), all of which end behind the marker that the sink was opened at, and a transactional
// sink commits at transaction ends, with the marker (epoch, position, token) in the same commit.
// Errors: after any error the state of what was submitted and not reported durable is unknown; the
// lane closes, opens again, reads the marker and submits from there.
class Sink {
 public:
  virtual ~Sink() = default;

  virtual Guarantee guarantee() const noexcept = 0;

  // Connects, fences older epochs and returns the marker that the destination holds for this lane;
  // nullopt when it holds none (or keeps none).
  virtual Result<std::optional<ResumePoint>> open(const LaneContext& context) = 0;

  // Takes a batch over. Accepted is not durable. May apply or only keep it; never waits beyond
  // `until` except inside one call of the destination's client.
  virtual Result<void> submit(BatchPtr batch, Deadline until) = 0;

  // Makes progress (e.g. a flush that is due by age or size) and says how far everything is
  // durable. Returns at once when nothing is due, and waits for the destination at most until
  // `until` otherwise.
  virtual Result<DurableReport> poll_durable(Deadline until) = 0;

  // Makes durable all that can be: everything submitted up to the last commit (and, for a
  // transaction that is being split, up to its last row).
  virtual Result<void> flush(Deadline until) = 0;

  // Gives the destination's resources back; what is not durable is forgotten.
  virtual void close() noexcept = 0;
};

// Receives the rows of a query: first the column names, then each row as text, null = nullopt.
class QueryOutput {
 public:
  virtual ~QueryOutput() = default;
  virtual void columns(std::span<const std::string> names) = 0;
  virtual void row(std::span<const std::optional<std::string>> cells) = 0;
};

// What a sink that people can ask offers beside delivery. Thread safe against the lane.
class Queryable {
 public:
  virtual ~Queryable() = default;
  // Runs one read-only statement against what is durable.
  virtual Result<void> query(std::string_view sql, QueryOutput& out) = 0;
};

// A built sink. `queryable` points into `sink` or is null.
struct SinkHandle {
  std::unique_ptr<Sink> sink;
  Queryable* queryable = nullptr;
};

}  // namespace rowtide
