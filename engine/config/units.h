#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace rowtide::config {

// "10B", "512KiB", "64MiB", "1GB": a whole number and a unit, B, KB..TB (powers of 1000) or
// KiB..TiB (powers of 1024). Errors (Code::kConfig) say what is wrong without a place.
Result<std::uint64_t> parse_size_bytes(std::string_view text);

// "500ms", "10s", "5m", "2h": a whole number and one unit.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest exact form that the two functions above read.
std::string format_size_bytes(std::uint64_t size_bytes);
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace rowtide::config
