#pragma once

#include "engine/api/sink.h"
#include "sinks/postgres/postgres_config.h"

namespace rowtide::postgres {

// A sink that keeps tables of a PostgreSQL database; answers queries. Fails on settings that cannot
// work.
Result<SinkHandle> make_postgres_sink(const PostgresSinkConfig& config, const Runtime& runtime);

}  // namespace rowtide::postgres
