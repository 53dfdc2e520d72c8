#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/finding.h"
#include "engine/api/sink.h"
#include "engine/api/source.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "engine/config/daemon_config.h"

namespace rowtide {

// What the check of a source found, and the tables that it would send (names and keys).
struct SourceCheck {
  Findings findings;
  std::vector<TableSchema> tables;
};

struct SourceEntry {
  config::ConnectorSchema schema;
  std::function<Result<std::unique_ptr<Source>>(
      const config::ConnectorConfig&, const std::string& pipeline, SpillStore&,
      std::map<std::uint64_t, TableSchema> schemas, const Runtime&)>
      make;
  // Connects and looks at everything that the source needs.
  std::function<SourceCheck(const config::ConnectorConfig&, const std::string& pipeline)> check;
  // The patterns of the tables that it takes; null for a source that has none.
  std::function<std::vector<std::string>(const config::ConnectorConfig&)> tables;
  // What going over from `before` to `after` would bring, without doing it: the tables that are
  // taken only then. An error that is not to be retried would stop the pipeline.
  std::function<Result<std::vector<std::string>>(const config::ConnectorConfig& before,
                                                 const config::ConnectorConfig& after,
                                                 const std::string& pipeline)>
      new_tables;
  // A commented configuration for the database at the URL.
  std::function<Result<std::string>(const std::string& url)> starter_config;
  // Which URLs starter_config understands.
  std::vector<std::string> url_schemes;
};

struct SinkEntry {
  config::ConnectorSchema schema;
  Guarantee guarantee = Guarantee::kAtLeastOnce;
  std::function<Result<SinkHandle>(const config::ConnectorConfig&, const Runtime&)> make;
  // What would stop the sink at this table; null for sinks that take every table.
  std::function<Findings(const config::ConnectorConfig&, const TableSchema&)> check_table;
};

// The table of every source and sink: the only place that knows them all. A connector that was left
// out of this build keeps its name, so that a configuration that uses it gets a clear answer.
std::vector<SourceEntry> all_sources();
std::vector<SinkEntry> all_sinks();

// The connector schemas alone, as the configuration loader takes them.
template <class Entry>
std::vector<config::ConnectorSchema> schemas_of(const std::vector<Entry>& entries) {
  std::vector<config::ConnectorSchema> schemas;
  for (const auto& entry : entries) {
    schemas.push_back(entry.schema);
  }
  return schemas;
}

template <class Entry>
const Entry* find_entry(const std::vector<Entry>& entries, std::string_view type) {
  for (const auto& entry : entries) {
    if (entry.schema.type == type) {
      return &entry;
    }
  }
  return nullptr;
}

// What the configuration alone cannot show: a guarantee that a sink cannot give, and whatever the
// connected systems say. `connect` = false leaves the second part out.
Findings check_config(const config::DaemonConfig& config, bool connect);

// A starter configuration from the source that understands the URL.
Result<std::string> starter_config(const std::string& url);

}  // namespace rowtide
