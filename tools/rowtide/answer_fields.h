#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "tools/rowtide/terminal.h"

namespace rowtide {

// Reads members of the daemon's answers for people. A daemon of another version may answer
// anything: what is missing or of another kind reads as nothing, and nothing here ever fails.

// Null when `json` is no object or has no such member.
const nlohmann::ordered_json& member(const nlohmann::ordered_json& json, const char* key);

std::string text(const nlohmann::ordered_json& json, const char* key);
std::string count(const nlohmann::ordered_json& json, const char* key);  // "1,234,567"
std::string bytes(const nlohmann::ordered_json& json, const char* key);  // "12.4 MiB"
bool is_true(const nlohmann::ordered_json& json, const char* key);

// The texts of a list: "a, b". Beyond `most` of them only their number: "a, b and 3 more".
std::string joined(const nlohmann::ordered_json& json, const char* key, std::size_t most);

// Adds the lines that tell owner's `last_error` and what to do about it; none when there is none.
void add_error(Table& table, const nlohmann::ordered_json& owner, const std::string& indent);

}  // namespace rowtide
