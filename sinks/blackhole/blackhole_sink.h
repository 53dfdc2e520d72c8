#pragma once

#include "engine/api/sink.h"
#include "sinks/blackhole/blackhole_config.h"

namespace rowtide {

// A sink that drops everything: to measure a source and the engine alone. With a format it encodes
// every event first. It keeps no marker, so a pipeline goes on from the state store's position.
Result<SinkHandle> make_blackhole_sink(const BlackholeConfig& config, const Runtime& runtime);

}  // namespace rowtide
