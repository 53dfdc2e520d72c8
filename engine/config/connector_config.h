#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/base/error.h"
#include "engine/config/object_spec.h"

namespace rowtide::config {

// The settings of one source or sink, filled from its part of the file. Each connector derives its
// own; only that connector looks inside.
struct ConnectorConfig {
  virtual ~ConnectorConfig() = default;
  // What no single key shows: combinations that cannot work.
  virtual Result<void> validate() const { return {}; }
};

// A connector as the configuration sees it: `describe` makes a config with its defaults and binds
// its keys to `spec`. The keys that every sink has (name, type, tables, delivery) are not in it.
struct ConnectorSchema {
  std::string type;
  std::string doc;
  std::function<std::unique_ptr<ConnectorConfig>(ObjectSpec& spec)> describe;
};

}  // namespace rowtide::config
