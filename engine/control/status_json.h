#pragma once

#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/api/control.h"
#include "engine/api/reload.h"

namespace rowtide {

// Keeps the keys in the order in which they are written here, for people who read it.
using Json = nlohmann::ordered_json;

// {"code","disposition","message","remedy"}
Json error_json(const Error& error);

// One backfill, wherever it is shown. Of what is not in the status: `progress` is the share of the
// estimated rows that is done, 1 only once it has finished and null without an estimate;
// `remaining_seconds` is null while that cannot be told.
Json backfill_json(const BackfillStatus& backfill);

// One pipeline as `rowtide status --json` prints it. A figure that is not known is null.
Json pipeline_json(const PipelineStatus& status);

// {"pipelines":[..]}
Json status_json(std::span<const PipelineStatus> pipelines);

// {"pipelines":[{"name","action","backfilled_tables","note","error"}]}; no note is null.
Json reload_json(const ReloadReport& report);

// The text of `json` without line breaks. Bytes that are no UTF-8 become U+FFFD, so that a name
// from a foreign server can never make an answer fail.
std::string dump_json(const Json& json);

}  // namespace rowtide
