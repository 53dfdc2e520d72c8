#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace rowtide::postgres::wire {

// Writes messages and tuples the way the server does, for tests.
std::string u8(unsigned value);
std::string u16(std::uint32_t value);
std::string u32(std::uint64_t value);
std::string u64(std::uint64_t value);
// The text and its NUL.
std::string text(std::string_view value);

// Columns of a tuple.
std::string text_cell(std::string_view value);
std::string binary_cell(std::string_view value);
inline constexpr std::string_view kNullCell = "n";
inline constexpr std::string_view kUnchangedCell = "u";
std::string tuple(std::initializer_list<std::string_view> cells);

}  // namespace rowtide::postgres::wire
