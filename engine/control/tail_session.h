#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "engine/api/control.h"
#include "engine/base/clock.h"

namespace rowtide {

// One reader of a pipeline's live events. A thread of its own feeds a bounded buffer, so a reader
// that is too slow loses lines and never holds up the pipeline.
//
// What was lost and how the tail ended are lines of their own, told from events by their first
// member: {"rowtide":"dropped","lines":N} and {"rowtide":"ended","error":{..}}.
//
// Thread: open and take from one thread, stop from any. Lifecycle: open once, take until false.
class TailSession {
 public:
  TailSession(ControlPlane& control, std::string pipeline);
  // Stops and waits for the feeding thread: until the next (possibly empty) line that it is fed.
  ~TailSession();
  TailSession(const TailSession&) = delete;
  TailSession& operator=(const TailSession&) = delete;

  // Returns once the tap stands or has failed, and with success at `until` at the latest.
  Result<void> open(Deadline until);

  // Moves the lines that came into `out`, each with its line end; waits up to `longest` for one and
  // then adds an empty line. False = the tail has ended and nothing follows.
  bool take(std::string& out, std::chrono::milliseconds longest);

  // Ends the tail: take returns false from now on.
  void stop();

 private:
  void feed();
  bool on_line(std::string_view line);

  ControlPlane& control_;
  const std::string pipeline_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string lines_;
  std::uint64_t dropped_ = 0;
  bool standing_ = false;
  bool stopped_ = false;
  std::optional<Result<void>> ended_;

  std::jthread feeder_;
};

}  // namespace rowtide
