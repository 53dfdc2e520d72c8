#pragma once

#include <iosfwd>

#include <nlohmann/json.hpp>

namespace rowtide {

// Prints the answers of the admin API for people.

// {"pipelines":[..]}: a table of pipelines and their sinks, errors with their remedy beneath, and
// the backfills that have not ended.
void print_status(const nlohmann::ordered_json& status, std::ostream& out, bool colours);

// {"pipeline","offsets":[..]}
void print_offsets(const nlohmann::ordered_json& offsets, std::ostream& out, bool colours);

// {"columns":[..],"rows":[..],"truncated"}
void print_rows(const nlohmann::ordered_json& answer, std::ostream& out, bool colours);

}  // namespace rowtide
