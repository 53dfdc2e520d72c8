#pragma once

#include <string>

#include "engine/api/sink.h"
#include "engine/base/error.h"
#include "sinks/jsonl/marker.h"

namespace rowtide::jsonl {

// Brings the directory back to its marker: the marked file is cut to the marked bytes and later
// files are removed, so what is left is every event up to the marker, once and in order. A fresh
// directory gets its first marker. On return the marker on disk carries the context's epoch.
//
// Errors: kFenced (a newer epoch was here), kConflict (the directory belongs to another sink or to
// somebody else), kCorrupt (data files lack what the marker says).
// Precondition: the caller holds the directory's lock.
Result<Marker> recover_directory(const std::string& directory, const LaneContext& context);

}  // namespace rowtide::jsonl
