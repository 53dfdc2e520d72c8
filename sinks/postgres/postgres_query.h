#pragma once

#include <string_view>

#include "engine/api/sink.h"
#include "sinks/postgres/postgres_config.h"

namespace rowtide::postgres {

// Runs one SELECT in a read-only transaction on a connection of its own. Any thread.
Result<void> run_read_only(const PostgresSinkConfig& config, std::string_view sql,
                           QueryOutput& out);

}  // namespace rowtide::postgres
