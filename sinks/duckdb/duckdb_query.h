#pragma once

#include <string_view>

#include "engine/api/sink.h"
#include "sinks/duckdb/duckdb_file.h"

namespace rowtide::duckdb {

// Runs one read-only statement on a connection of its own. Waits a moment for a file that somebody
// else has open. Works whether the
// lane is open or not. Any thread.
Result<void> run_query(DuckdbFile& file, std::string_view sql, QueryOutput& out);

}  // namespace rowtide::duckdb
