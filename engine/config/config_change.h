#pragma once

#include "engine/config/daemon_config.h"

namespace rowtide::config {

// Code::kConfig, with the key and its place, when `wanted` differs from `running` in something that
// is fixed for as long as the process lives: everything but the pipelines.
Result<void> check_fixed_settings(const DaemonConfig& running, const DaemonConfig& wanted);

}  // namespace rowtide::config
