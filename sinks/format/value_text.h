#pragma once

#include <string>

#include "engine/model/value.h"
#include "sinks/format/text_writer.h"

namespace rowtide {

// A known, non-null value in the text form that PostgreSQL prints with DateStyle ISO, TimeZone UTC,
// bytea_output hex and extra_float_digits 1; it is also what PostgreSQL and DuckDB read back.
// Precondition: value.is_known() && !value.is_null().
void put_value_text(TextWriter& out, const Value& value);
// The same, appended to a string of one's own.
void append_value_text(std::string& out, const Value& value);
std::string value_text(const Value& value);

// float8out and float4out: the shortest digits; fixed notation while -4 <= exponent < 15 (float4:
// < 6), else d.ddde+XX; NaN, Infinity, -Infinity.
void put_float64_text(TextWriter& out, double value);
void put_float32_text(TextWriter& out, float value);
// 16 raw bytes as 8-4-4-4-12 lower-case hex digits. Another number of bytes is written as plain
// hex.
void put_uuid_text(TextWriter& out, std::string_view bytes);
void put_hex(TextWriter& out, std::string_view bytes);

}  // namespace rowtide
