#pragma once

#include "engine/api/finding.h"
#include "engine/base/error.h"
#include "engine/model/table_schema.h"
#include "sinks/warehouse/settings.h"

namespace rowtide::warehouse {

// What would stop a warehouse sink at this table, told before it runs.
Findings check_table(const TableSchema& schema, Mode mode);

// The error of a table whose rows nothing tells apart, in a mode that has to.
Result<void> check_keyed(const TableSchema& schema, Mode mode);

}  // namespace rowtide::warehouse
