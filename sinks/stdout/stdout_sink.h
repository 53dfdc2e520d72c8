#pragma once

#include "engine/api/sink.h"
#include "sinks/stdout/stdout_config.h"

namespace rowtide {

// Writes one line per event to standard output. At least once: what a reader of the pipe did with a
// line is not known, and a restart repeats the lines behind the last stored position.
Result<SinkHandle> make_stdout_sink(const StdoutConfig& config, const Runtime& runtime);

}  // namespace rowtide
