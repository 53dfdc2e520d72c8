#pragma once

#include <string_view>

#include "sinks/format/text_writer.h"

namespace rowtide {

// JSON primitives (RFC 8259). All output is one line of valid UTF-8, whatever the input.

// A string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void put_json_string(TextWriter& out, std::string_view text);
// Shortest digits that read back as the same number; "NaN", "Infinity" and "-Infinity" as strings.
void put_json_float64(TextWriter& out, double value);
void put_json_float32(TextWriter& out, float value);
// JSON text as it is, on one line: line breaks, which JSON only allows between tokens, become
// spaces. The text is trusted to be JSON; empty text becomes an empty string.
void put_json_text(TextWriter& out, std::string_view json);
// Standard base64 with padding (RFC 4648), without quotes.
void put_base64(TextWriter& out, std::string_view bytes);
// The digits as a JSON number where they are one, else as a string (NaN, Infinity).
void put_json_number_or_string(TextWriter& out, std::string_view digits);

}  // namespace rowtide
