#pragma once

#include <cstdint>
#include <string>

#include "engine/config/connector_config.h"
#include "engine/config/object_spec.h"
#include "sinks/warehouse/settings.h"

namespace rowtide::duckdb {

struct DuckdbConfig final : config::ConnectorConfig {
  enum class Lock : std::uint8_t { kFlush, kHold };
  enum class Decimals : std::uint8_t { kNative, kText };

  std::string path;
  warehouse::Settings settings;
  Lock lock = Lock::kFlush;
  Decimals decimals = Decimals::kNative;
  std::uint64_t memory_limit_bytes = std::uint64_t{512} << 20;
  std::int64_t threads = 1;

  Result<void> validate() const override;
};

void describe(config::ObjectSpec& spec, DuckdbConfig& config);

}  // namespace rowtide::duckdb
