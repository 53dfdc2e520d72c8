#pragma once

#include <vector>

#include <libpq-fe.h>

#include "engine/base/error.h"
#include "engine/model/table_schema.h"
#include "sources/postgres/postgres_config.h"

namespace rowtide::postgres {

// The tables that the configuration takes, as the stream would name and key them now: partition
// roots or leaves as configured. Names and keys only: the columns carry no types. For telling
// before a start what a sink would refuse.
Result<std::vector<TableSchema>> captured_tables(PGconn* connection,
                                                 const PostgresSourceConfig& config);

}  // namespace rowtide::postgres
