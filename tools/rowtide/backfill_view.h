#pragma once

#include <iosfwd>
#include <string>

#include <nlohmann/json.hpp>

#include "tools/rowtide/terminal.h"

namespace rowtide {

// Prints backfills as the admin API tells them for people.

// {"backfills":[..]}: a table with a line for each, errors with their remedy beneath.
void print_backfills(const nlohmann::ordered_json& answer, std::ostream& out, bool colours);

// One backfill: what it was asked, how far it is, and its tables with how and why so.
void print_backfill(const nlohmann::ordered_json& backfill, std::ostream& out, bool terminal);

// A backfill as a line beneath its pipeline, with its error if it failed; nothing if it has ended.
void add_backfill(Table& table, const nlohmann::ordered_json& backfill, const std::string& indent);

// "running, 42%, 4,200,000 of about 10,000,000 rows, 35,000 rows/s, ETA 2 min 45 s"; whatever is
// not known is left out, and the state says what a backfill waits for.
std::string progress_text(const nlohmann::ordered_json& backfill);

// "[########------------]" with `share` (0 to 1) of it filled; all of it empty when not known.
std::string progress_bar(const nlohmann::ordered_json& share);

// Finished, cancelled or failed: nothing more happens without an operator.
bool is_over(const nlohmann::ordered_json& backfill);

}  // namespace rowtide
