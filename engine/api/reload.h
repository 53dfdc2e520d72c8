#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace rowtide {

// What a reload does with a pipeline. One that is unchanged is not touched at all.
enum class ReloadAction : std::uint8_t { kUnchanged, kRestarted, kStarted, kStopped };

std::string_view to_string(ReloadAction action) noexcept;

struct ReloadedPipeline {
  std::string name;
  ReloadAction action = ReloadAction::kUnchanged;
  // Tables that are captured from now on and were not before, and whose rows are therefore read.
  std::vector<std::string> backfilled_tables;
  // What an operator should know besides; may be empty.
  std::string note;
  // Why it could not be started; its status has the same.
  std::optional<Error> error;
};

struct ReloadReport {
  // Those of the configuration in its order, then those that are gone.
  std::vector<ReloadedPipeline> pipelines;
};

// Takes the configuration file up as it is now. Implemented by the daemon. Thread safe.
class ConfigControl {
 public:
  virtual ~ConfigControl() = default;

  // An error leaves everything as it was: Code::kConfig with place, key and remedy for what the
  // file says, Code::kConflict while another reload is under way or the daemon ends. Returns when
  // the pipelines that had to stop have stopped and those that start were told to.
  virtual Result<ReloadReport> reload() = 0;
};

}  // namespace rowtide
