#pragma once

#include "engine/config/connector_config.h"
#include "sinks/format/format_config.h"

namespace rowtide {

struct StdoutConfig : config::ConnectorConfig {
  FormatConfig format;
  // Where the lines go: standard output, or a descriptor that a test owns. Not a key of the file.
  int descriptor = 1;
};

void describe(config::ObjectSpec& spec, StdoutConfig& config);

}  // namespace rowtide
