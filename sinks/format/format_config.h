#pragma once

#include <memory>
#include <string>

#include "engine/api/format.h"
#include "engine/config/object_spec.h"
#include "sinks/format/value_json.h"

namespace rowtide {

enum class FormatKind { kNone, kFlatJson };

// How a sink writes events: the keys that every sink with a format takes among its own.
struct FormatConfig {
  FormatKind format = FormatKind::kFlatJson;
  ValueJsonOptions values;
};

// Adds `format`, `decimals` and `timestamps`. With `optional`, "none" is a format as well (the sink
// then encodes nothing).
void describe(config::ObjectSpec& spec, FormatConfig& config, bool optional = false);

// nullptr for kNone.
std::unique_ptr<Encoder> make_encoder(const std::string& pipeline, const FormatConfig& config);

}  // namespace rowtide
