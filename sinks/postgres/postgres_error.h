#pragma once

#include "engine/base/error.h"
#include "engine/client/postgres_client.h"

namespace rowtide::postgres {

// Maps the failure of a statement that carried rows: as to_error, but where the server's words
// quote a value, they are replaced by the names of the table, column and constraint.
Error statement_error(PGconn* connection, const PGresult* result);

}  // namespace rowtide::postgres
