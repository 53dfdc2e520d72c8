#pragma once

#include "engine/base/error.h"
#include "sources/mysql/column_catalog.h"
#include "sources/mysql/table_map.h"

namespace rowtide::mysql {

// The table map that the binary log would bring of a table that the catalog describes, as if
// binlog_row_metadata were MINIMAL, so that a table that is read is shaped by the same code as one
// that comes in the stream. Views point into `catalog`. Code::kUnsupported for a type that is not
// known.
Result<TableMap> map_of_catalog(const TableColumns& catalog);

}  // namespace rowtide::mysql
