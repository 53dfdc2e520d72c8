#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <duckdb.h>

#include "engine/base/error.h"
#include "engine/model/value.h"

namespace rowtide::duckdb {

// Writes one column of up to duckdb_vector_size() rows into a vector: cell `cell` of each row. A
// cell that is not known becomes NULL. Code::kData (without context) when a value has no exact form
// in the vector's type.
Result<void> write_vector(duckdb_vector vector, duckdb_logical_type type,
                          std::span<const Value* const> rows, std::uint32_t cell);

}  // namespace rowtide::duckdb
