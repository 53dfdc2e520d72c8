#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "engine/config/connector_config.h"
#include "sinks/format/format_config.h"

namespace rowtide {

struct JsonlConfig : config::ConnectorConfig {
  std::string path;
  std::uint64_t rotate_bytes = std::uint64_t{256} << 20;
  std::chrono::milliseconds flush_interval{200};
  std::uint64_t buffer_bytes = std::uint64_t{16} << 20;
  std::int64_t split_transaction_rows = 2'000'000;
  FormatConfig format;

  Result<void> validate() const override;
};

void describe(config::ObjectSpec& spec, JsonlConfig& config);

}  // namespace rowtide
