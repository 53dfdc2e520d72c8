#pragma once

#include "engine/api/sink.h"
#include "sinks/jsonl/jsonl_config.h"

namespace rowtide {

// Writes events as lines of JSON into path/NNNNNNNNNN.jsonl. After recovery the directory holds
// every event once, in order. One sink per directory: a second one is refused (Code::kLocked on
// this machine, Code::kFenced when it came from another).
Result<SinkHandle> make_jsonl_sink(const JsonlConfig& config, const Runtime& runtime);

}  // namespace rowtide
