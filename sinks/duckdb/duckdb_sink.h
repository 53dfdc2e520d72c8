#pragma once

#include "engine/api/sink.h"
#include "sinks/duckdb/duckdb_config.h"

namespace rowtide::duckdb {

// A sink that keeps tables of a DuckDB file; answers queries. Fails on settings that cannot work.
Result<SinkHandle> make_duckdb_sink(const DuckdbConfig& config, const Runtime& runtime);

}  // namespace rowtide::duckdb
