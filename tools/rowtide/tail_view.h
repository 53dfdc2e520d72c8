#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace rowtide {

// One flat JSON event as a line for people: when, what, where, which row, and what changed.
std::string render_event(const nlohmann::ordered_json& event, bool colours);

}  // namespace rowtide
