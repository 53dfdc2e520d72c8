#pragma once

#include "tests/contract/sink_contract.h"

namespace rowtide::test {

// One function per sink under contract, each in a file of its own.
SinkEntry blackhole_entry();
SinkEntry stdout_entry();
SinkEntry jsonl_entry();
// Only in builds with both of their libraries (ROWTIDE_TEST_WAREHOUSES).
SinkEntry duckdb_mirror_entry();
SinkEntry duckdb_history_entry();
SinkEntry postgres_mirror_entry();
SinkEntry postgres_history_entry();

}  // namespace rowtide::test
