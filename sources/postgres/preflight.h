#pragma once

#include <libpq-fe.h>

#include "engine/api/finding.h"
#include "sources/postgres/postgres_config.h"

namespace rowtide::postgres {

// Looks at everything that a stream needs before it runs and changes nothing. One finding per thing
// looked at; what is in order is reported as such. A question that the server would not answer is a
// finding too, so that one missing grant does not hide the rest. `connection` is an ordinary one to
// the captured database, with the role that will stream.
Findings preflight(PGconn* connection, const PostgresSourceConfig& config, const Names& names);

}  // namespace rowtide::postgres
