#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sources/mysql/json_binary.h"

namespace rowtide::mysql {

// Appends the text that the server prints: ", " and ": " between elements, numbers and dates in
// its form. What the server would break into lines (base64 of opaque values) comes on one line, so
// that the text is valid JSON. False when the document is damaged, also when its parts overlap.
bool append_json_text(std::string_view document, std::string& out);

// The pieces of the above, for who prints a document that was changed. `budget_bytes` counts down
// the bytes that are visited, which stops values that point to each other's bytes.
bool append_json_value(const JsonView& value, int depth, std::size_t& budget_bytes,
                       std::string& out);
// With quotes.
bool append_json_string(std::string_view text, std::string& out);

// The digits that the server prints for a float or double outside of columns: shortest, "1e20",
// "0.1", no ".0"; "inf", "-inf" and "nan", which only damaged cells hold.
void append_shortest(double value, std::string& out);
void append_shortest(float value, std::string& out);

}  // namespace rowtide::mysql
