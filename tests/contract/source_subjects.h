#pragma once

#include "tests/contract/source_contract.h"

namespace rowtide::test {

// One function per source under contract, each in a file of its own. Transactions before their
// commit are sent to the streamed ones only; the others have the default server, or version 18.
SourceEntry postgres_plain_entry();
SourceEntry postgres_streamed_entry();
SourceEntry postgres_18_plain_entry();
SourceEntry postgres_18_streamed_entry();
// Debian's MariaDB and MySQL 8.0, or the servers that tests/support/mysql_server.h is told of.
SourceEntry mariadb_entry();
SourceEntry mysql_entry();

}  // namespace rowtide::test
