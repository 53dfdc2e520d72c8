#pragma once

#include <rocksdb/options.h>

namespace rowtide {

// Settings for a database that holds kilobytes for years, in about two megabytes of memory.
rocksdb::Options state_options();

// Settings for a database that holds gigabytes for minutes and nothing after a restart, in less
// than forty megabytes of memory: the database, and each column family.
rocksdb::DBOptions spill_database_options();
rocksdb::ColumnFamilyOptions spill_family_options();

}  // namespace rowtide
