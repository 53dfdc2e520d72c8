#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "engine/base/error.h"

namespace rowtide {

// What a backfill reads. Fixed when it is made; kept in the state store until it has ended.
struct BackfillSpec {
  // Patterns of qualified names, as in the source's `tables`; empty = every captured table.
  std::vector<std::string> tables;
  ScanFilter filter;
  // Mirrors get a copy that is filled beside the table in use and takes its place at the end, so
  // that rows which only they hold are gone. Without a filter only.
  bool replace = false;
};

// The prefix of the messages by which the stream says what a backfill does.
inline constexpr std::string_view kBackfillEventPrefix = "rowtide.backfill";

// A backfill waits for its turn or for the stream, runs, was paused by an operator, and ends as
// finished, cancelled, or failed (which needs the operator; resume tries again).
enum class BackfillState : std::uint8_t {
  kWaiting,
  kRunning,
  kPaused,
  kFinished,
  kCancelled,
  kFailed,
};

std::string_view to_string(BackfillState state) noexcept;
// True for kFinished and kCancelled: nothing of it will run again.
bool has_ended(BackfillState state) noexcept;

// One table of a backfill.
struct BackfillTableStatus {
  std::string name;
  ScanMethod method = ScanMethod::kKeyRange;
  std::string reason;
  bool started = false;
  bool finished = false;
  double estimated_rows = 0;
  std::uint64_t rows_delivered = 0;
};

struct BackfillStatus {
  std::string id;
  std::string pipeline;
  BackfillSpec spec;
  BackfillState state = BackfillState::kWaiting;
  // Only the tables that were looked at so far.
  std::vector<BackfillTableStatus> tables;
  double estimated_rows = 0;
  // Handed to the stream; counts of this run of the daemon but for rows_delivered.
  std::uint64_t rows_delivered = 0;
  std::uint64_t rows_outdated = 0;  // left out because the stream had something newer
  std::uint64_t chunks_read = 0;
  std::uint64_t chunks_discarded = 0;
  double rows_per_second = 0;
  std::int64_t created_at_us = 0;
  std::int64_t ended_at_us = 0;  // 0 = has not
  // What it waits for, or why it failed.
  std::optional<Error> last_error;
};

// What operators can do with the backfills of a running daemon. Implemented by the daemon, used by
// the admin API. Thread safe. An unknown pipeline or id is Code::kNotFound with the known ones as
// remedy; an action that does not fit the state is Code::kConflict.
class BackfillControl {
 public:
  virtual ~BackfillControl() = default;

  // Starts one (behind those that are running) and returns its id, unique in the daemon's state.
  virtual Result<std::string> start_backfill(std::string_view pipeline,
                                             const BackfillSpec& spec) = 0;
  enum class Action : std::uint8_t { kPause, kResume, kCancel };
  virtual Result<void> act_on_backfill(std::string_view id, Action action) = 0;
  // Newest first; the latest that ended are kept for a while.
  virtual std::vector<BackfillStatus> backfills() const = 0;
};

}  // namespace rowtide
