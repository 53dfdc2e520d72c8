#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rowtide::warehouse {

// How the type that a column of the destination has relates to the type that the source's column
// needs now.
enum class Fit : std::uint8_t {
  kHolds,         // every value of the needed type is a value of the one at hand
  kWiden,         // the column can be altered to TypeFit::type without losing a value
  kIncompatible,  // neither
};

struct TypeFit {
  Fit fit = Fit::kIncompatible;
  // kWiden: the type to alter the column to. kHolds: the type at hand.
  std::string type;
};

// Both in the words of the destination's catalog; understands those of PostgreSQL and DuckDB.
TypeFit compare_types(std::string_view at_hand, std::string_view needed);

}  // namespace rowtide::warehouse
