#include "tests/contract/sink_subjects.h"

namespace rowtide::test {

std::vector<SinkEntry> sink_entries() {
  return {
      blackhole_entry(),        stdout_entry(),         jsonl_entry(),
#ifdef ROWTIDE_TEST_WAREHOUSES
      duckdb_mirror_entry(),    duckdb_history_entry(), postgres_mirror_entry(),
      postgres_history_entry(),
#endif
  };
}

}  // namespace rowtide::test
