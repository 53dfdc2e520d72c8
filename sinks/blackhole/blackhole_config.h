#pragma once

#include "engine/config/connector_config.h"
#include "sinks/format/format_config.h"

namespace rowtide {

struct BlackholeConfig : config::ConnectorConfig {
  // Encodes every event before throwing it away, unless the format is kNone.
  FormatConfig format{.format = FormatKind::kNone, .values = {}};
};

void describe(config::ObjectSpec& spec, BlackholeConfig& config);

}  // namespace rowtide
