#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/backfill.h"
#include "engine/api/sink.h"
#include "engine/api/source.h"
#include "engine/base/error.h"
#include "engine/model/position.h"

namespace rowtide {

// A pipeline or a lane: starting (connecting, recovering), running, retrying (waits to try again),
// paused (by an operator), stopped (an error that needs an operator), finished.
enum class RunState : std::uint8_t { kStarting, kRunning, kRetrying, kPaused, kStopped, kFinished };

std::string_view to_string(RunState state) noexcept;

struct LaneStatus {
  std::string name;
  std::string type;
  Guarantee guarantee = Guarantee::kAtLeastOnce;
  RunState state = RunState::kStarting;
  std::optional<Position> position;  // durable
  std::uint64_t rows_delivered = 0;
  std::uint64_t bytes_delivered = 0;
  std::uint64_t transactions_split = 0;
  std::uint64_t retries = 0;
  // Age of the oldest change that this lane was given and has not made durable; 0 = none.
  double lag_seconds = 0;
  std::optional<Error> last_error;
};

struct PipelineStatus {
  std::string name;
  RunState state = RunState::kStarting;
  std::optional<Error> last_error;
  std::string source_type;
  SourceStatus source;
  std::uint64_t events_read = 0;
  std::uint64_t transactions_read = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t retries = 0;
  std::uint64_t buffered_bytes = 0;
  std::uint64_t buffer_limit_bytes = 0;
  std::vector<LaneStatus> lanes;
  std::vector<BackfillStatus> backfills;
};

// Receives the live events of a pipeline, as lines of flat JSON. Called on the lane thread of a
// tap; returning false ends the tap. An empty line is no event: it is sent as soon as the tap
// stands and then at least once a second while nothing else comes, so that a reader who left is
// noticed.
using TapOutput = std::function<bool(std::string_view line)>;

// What operators can do with a running daemon. Implemented by the daemon, used by the admin API.
// Thread safe. An unknown pipeline is Code::kNotFound with the known names as remedy.
class ControlPlane {
 public:
  virtual ~ControlPlane() = default;

  virtual std::vector<PipelineStatus> status() const = 0;

  enum class Action : std::uint8_t { kPause, kResume, kRestart };
  virtual Result<void> act(std::string_view pipeline, Action action) = 0;

  struct Offset {
    std::string sink;
    ResumePoint durable;
  };
  virtual Result<std::vector<Offset>> offsets(std::string_view pipeline) const = 0;
  // Only while the pipeline is paused or stopped. An empty sink name = every sink.
  virtual Result<void> set_offset(std::string_view pipeline, std::string_view sink,
                                  const ResumePoint& point) = 0;

  // Runs one read-only statement on the pipeline's first sink that can answer (or on `sink`).
  virtual Result<void> query(std::string_view pipeline, std::string_view sink, std::string_view sql,
                             QueryOutput& out) = 0;
  // Blocks and feeds `out` from now on until it returns false or the daemon ends.
  virtual Result<void> tail(std::string_view pipeline, const TapOutput& out) = 0;
};

}  // namespace rowtide
