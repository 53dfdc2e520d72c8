#pragma once

#include "tests/contract/source_contract.h"

namespace rowtide::test {

// One function per source under contract, each in a file of its own. Transactions before their
// commit are sent to the streamed ones only; the others have the default server, or version 18.
SourceEntry postgres_plain_entry();
SourceEntry postgres_streamed_entry();
SourceEntry postgres_18_plain_entry();
SourceEntry postgres_18_streamed_entry();

}  // namespace rowtide::test
