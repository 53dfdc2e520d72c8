#include "tests/contract/source_subjects.h"

namespace rowtide::test {

std::vector<SourceEntry> source_entries() {
  std::vector<SourceEntry> entries;
#ifdef ROWTIDE_TEST_POSTGRES_SOURCE
  entries.insert(entries.end(), {postgres_plain_entry(), postgres_streamed_entry(),
                                 postgres_18_plain_entry(), postgres_18_streamed_entry()});
#endif
#ifdef ROWTIDE_TEST_MYSQL_SOURCE
  entries.insert(entries.end(), {mariadb_entry(), mysql_entry()});
#endif
  return entries;
}

}  // namespace rowtide::test
