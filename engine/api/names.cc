#include "engine/api/backfill.h"
#include "engine/api/control.h"
#include "engine/api/format.h"
#include "engine/api/reload.h"
#include "engine/api/sink.h"
#include "engine/api/source.h"
#include "engine/api/state_store.h"

namespace rowtide {

std::string_view to_string(Guarantee guarantee) noexcept {
  switch (guarantee) {
    case Guarantee::kTransactional:
      return "transactional";
    case Guarantee::kIdempotent:
      return "idempotent";
    case Guarantee::kAtLeastOnce:
      return "at_least_once";
  }
  return "at_least_once";
}

std::string_view to_string(RunState state) noexcept {
  switch (state) {
    case RunState::kStarting:
      return "starting";
    case RunState::kRunning:
      return "running";
    case RunState::kRetrying:
      return "retrying";
    case RunState::kPaused:
      return "paused";
    case RunState::kStopped:
      return "stopped";
    case RunState::kFinished:
      return "finished";
  }
  return "stopped";
}

std::string_view to_string(ScanMethod method) noexcept {
  switch (method) {
    case ScanMethod::kKeyRange:
      return "key ranges";
    case ScanMethod::kLocation:
      return "row locations";
    case ScanMethod::kWhole:
      return "one snapshot";
  }
  return "one snapshot";
}

std::string_view to_string(BackfillState state) noexcept {
  switch (state) {
    case BackfillState::kWaiting:
      return "waiting";
    case BackfillState::kRunning:
      return "running";
    case BackfillState::kPaused:
      return "paused";
    case BackfillState::kFinished:
      return "finished";
    case BackfillState::kCancelled:
      return "cancelled";
    case BackfillState::kFailed:
      return "failed";
  }
  return "failed";
}

std::string_view to_string(ReloadAction action) noexcept {
  switch (action) {
    case ReloadAction::kUnchanged:
      return "unchanged";
    case ReloadAction::kRestarted:
      return "restarted";
    case ReloadAction::kStarted:
      return "started";
    case ReloadAction::kStopped:
      return "stopped";
  }
  return "stopped";
}

bool has_ended(BackfillState state) noexcept {
  return state == BackfillState::kFinished || state == BackfillState::kCancelled;
}

}  // namespace rowtide
