#include "engine/api/control.h"
#include "engine/api/format.h"
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

}  // namespace rowtide
