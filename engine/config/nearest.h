#pragma once

#include <span>
#include <string>
#include <string_view>

namespace rowtide::config {

// The known word that `word` was probably meant to be; empty when none is near enough to suggest.
// Near is: at most a third of the letters wrong, missing, surplus or swapped with a neighbour.
std::string nearest(std::string_view word, std::span<const std::string> known);

// The remedy for a wrong word: 'Did you mean "x"?', or 'Use one of: x, y, z' when none is near.
std::string suggest(std::string_view word, std::span<const std::string> known);

}  // namespace rowtide::config
