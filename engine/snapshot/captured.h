#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "engine/model/table_filter.h"

namespace rowtide {

// What a pipeline captures, as patterns of its source's `tables`, and what changes with them.

// False only when no table can be taken by `now` that was not taken by `before`: patterns were left
// out, and exclusions added. Any other change of the lists may bring tables.
bool may_bring_tables(std::span<const std::string> before, std::span<const std::string> now);

// The patterns that tell people what may be new, each without its exclamation mark.
std::vector<std::string> new_patterns(std::span<const std::string> before,
                                      std::span<const std::string> now);

// Whether the patterns take the table, by its own name or by one above it.
bool takes(const TableFilter& patterns, const ScanTable& table);

}  // namespace rowtide
