#pragma once

#include <span>
#include <string>

#include <libpq-fe.h>

#include "engine/base/error.h"
#include "engine/model/value.h"
#include "sinks/warehouse/sql_backend.h"

namespace rowtide::postgres {

// Appends one row in the text format of COPY, newline included (PostgreSQL manual, COPY, "Text
// Format"). A cell that is not known becomes NULL.
void append_copy_row(std::string& out, const Value* cells,
                     std::span<const warehouse::LoadColumn> columns);

// Sends rows to a COPY ... FROM STDIN that the connection has started, and ends it.
Result<void> send_copy(PGconn* connection, const warehouse::Load& load);

}  // namespace rowtide::postgres
