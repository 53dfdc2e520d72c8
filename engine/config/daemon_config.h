#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/secret.h"
#include "engine/config/connector_config.h"
#include "engine/config/listen_address.h"
#include "engine/model/table_filter.h"

namespace rowtide::config {

enum class SnapshotMode { kInitial, kNever, kOnly };
enum class Delivery { kExactlyOnce, kAtLeastOnce };

struct AdminConfig {
  std::string listen = "127.0.0.1:7070";
  ListenAddress address{.unix_path = {}, .host = "127.0.0.1", .port = 7070};  // `listen`, parsed
  Secret token;  // empty = none; never so when others than this machine can connect
};

struct LogConfig {
  LogFormat format = LogFormat::kText;
  std::string level = "info";  // as Log::to_stderr takes it
};

// Waiting between attempts doubles from `initial` to `max`.
struct RetryConfig {
  std::chrono::milliseconds initial{200};
  std::chrono::milliseconds max{30'000};
};

// How tables are read beside the stream.
struct BackfillConfig {
  std::int64_t workers = 2;
  std::int64_t chunk_rows = 50'000;
  std::uint64_t buffer_bytes = std::uint64_t{32} << 20;
  std::int64_t rows_per_second = 0;  // 0 = no limit
  std::int64_t max_load = 0;         // 0 = no limit
  bool events = true;
};

struct SinkConfig {
  std::string name;
  std::string type;
  TableFilter tables;                // of what the source captures
  std::optional<Delivery> delivery;  // empty = the best that the sink can do
  // The source is acknowledged only what every required sink holds; one that is not required holds
  // it back only while it works, or has failed for a short while.
  bool required = true;
  std::unique_ptr<ConnectorConfig> connector;  // never null; of the type that `type` names
  std::string where;                           // "FILE:LINE:COLUMN: PATH", for messages
};

struct PipelineConfig {
  std::string name;
  std::string source_type;
  std::unique_ptr<ConnectorConfig> source;  // never null
  SnapshotMode snapshot = SnapshotMode::kInitial;
  RetryConfig retry;
  BackfillConfig backfill;
  std::vector<SinkConfig> sinks;  // at least one, and at least one of them required
  std::string where;
  Secret content;  // Node::content(): the same in two files = the same pipeline
};

// A whole configuration file, checked as far as one file can be checked without connecting.
struct DaemonConfig {
  std::string state_dir;
  AdminConfig admin;
  std::uint64_t memory_limit_bytes = std::uint64_t{256} << 20;
  LogConfig log;
  std::vector<PipelineConfig> pipelines;  // at least one
  // "FILE:LINE:COLUMN: PATH" of each key at the top and one level below, such as "admin.listen".
  std::map<std::string, std::string, std::less<>> places;
};

// Reads `path`. The connectors that the file may name are given by the caller, which alone knows
// them all. The first fault is returned as Code::kConfig with "FILE:LINE:COLUMN: PATH: ..." and the
// remedy. Substitutes ${env:...} and ${file:...}: no other thread may change the environment.
Result<DaemonConfig> load_config_file(const std::string& path,
                                      std::span<const ConnectorSchema> sources,
                                      std::span<const ConnectorSchema> sinks);
// The same for a text that is already read; `file_name` only appears in messages.
Result<DaemonConfig> load_config_text(std::string_view text, const std::string& file_name,
                                      std::span<const ConnectorSchema> sources,
                                      std::span<const ConnectorSchema> sinks);

// The JSON Schema (2020-12) of the whole file, for editors, from the same tables as the parser.
std::string config_json_schema(std::span<const ConnectorSchema> sources,
                               std::span<const ConnectorSchema> sinks);

}  // namespace rowtide::config
