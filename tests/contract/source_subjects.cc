#include "tests/contract/source_subjects.h"

namespace rowtide::test {

std::vector<SourceEntry> source_entries() {
  return {
      postgres_plain_entry(),
      postgres_streamed_entry(),
      postgres_18_plain_entry(),
      postgres_18_streamed_entry(),
  };
}

}  // namespace rowtide::test
