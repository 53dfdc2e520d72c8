#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/secret.h"
#include "engine/config/connector_config.h"

// Connectors as the configuration sees them, with the keys of the real ones, so that the tests of
// the configuration need no connector.
namespace rowtide::config::fake {

struct PostgresSource final : ConnectorConfig {
  std::string url;
  Secret password;
  std::string slot;
  std::string publication;
  std::vector<std::string> tables;
  std::string start = "latest";
  Result<void> validate() const override;
};

struct DuckdbSink final : ConnectorConfig {
  enum class Mode { kMirror, kHistory };
  enum class Lock { kFlush, kHold };
  std::string path;
  Mode mode = Mode::kMirror;
  Lock lock = Lock::kFlush;
  std::uint64_t memory_limit_bytes = std::uint64_t{256} << 20;
  std::chrono::milliseconds flush_interval{1000};
};

struct PostgresSink final : ConnectorConfig {
  enum class Mode { kMirror, kHistory };
  std::string url;
  Secret password;
  Mode mode = Mode::kMirror;
};

struct JsonlSink final : ConnectorConfig {
  std::string path;
  std::uint64_t rotate_bytes = std::uint64_t{64} << 20;
};

struct StdoutSink final : ConnectorConfig {
  bool pretty = false;
  std::int64_t limit = 0;
};

struct BlackholeSink final : ConnectorConfig {
  std::string format = "json";
};

std::vector<ConnectorSchema> sources();
std::vector<ConnectorSchema> sinks();

}  // namespace rowtide::config::fake
