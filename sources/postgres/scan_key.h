#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/model/value.h"

namespace rowtide::postgres {

// The text that the server's input function of the cell's type takes back as the same value.
// Precondition: the cell is known and not null.
std::string key_text(const Value& cell);

// A row's place in its table.
struct RowLocation {
  std::uint32_t block = 0;
  std::uint32_t item = 0;

  friend auto operator<=>(const RowLocation&, const RowLocation&) = default;
};

// "(block,item)" and back.
std::string location_text(RowLocation location);
Result<RowLocation> parse_location(std::string_view text);

}  // namespace rowtide::postgres
