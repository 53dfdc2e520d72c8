#pragma once

#include <string>
#include <string_view>

namespace rowtide::config {

// What an unquoted YAML scalar is by the core schema of YAML 1.2. "yes" and "on" are text.
enum class ScalarKind { kText, kNumber, kBoolean };

ScalarKind scalar_kind(std::string_view text) noexcept;

// `text` in double quotes for a message: cut when long, control characters as '?'.
std::string quote(std::string_view text);

// The offset of the first byte that no configuration file holds (not UTF-8, or a control character
// other than tab and line ends); npos when there is none.
std::string_view::size_type find_bad_byte(std::string_view text) noexcept;

}  // namespace rowtide::config
