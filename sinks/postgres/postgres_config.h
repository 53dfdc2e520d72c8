#pragma once

#include <string>

#include "engine/base/secret.h"
#include "engine/config/connector_config.h"
#include "engine/config/object_spec.h"
#include "sinks/warehouse/settings.h"

namespace rowtide::postgres {

struct PostgresSinkConfig final : config::ConnectorConfig {
  PostgresSinkConfig() {
    settings.flush_interval = std::chrono::milliseconds(200);
    settings.flush_bytes = std::uint64_t{16} << 20;
  }

  std::string url;
  Secret password;
  warehouse::Settings settings;

  Result<void> validate() const override;
};

void describe(config::ObjectSpec& spec, PostgresSinkConfig& config);

}  // namespace rowtide::postgres
