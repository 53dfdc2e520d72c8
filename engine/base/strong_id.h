#pragma once

#include <compare>
#include <cstdint>

namespace rowtide {

// A 64-bit number that converts to nothing by itself, so that an LSN is never passed for a batch
// sequence. Tag is an empty struct that names it.
template <class Tag>
struct StrongId {
  std::uint64_t value = 0;

  constexpr StrongId() = default;
  constexpr explicit StrongId(std::uint64_t v) : value(v) {}
  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
};

struct EpochTag {};
struct BatchSequenceTag {};

// Counts the openings of one pipeline. A sink refuses a writer with an older epoch.
using Epoch = StrongId<EpochTag>;
// Numbers the batches of one pipeline since the daemon started.
using BatchSequence = StrongId<BatchSequenceTag>;

}  // namespace rowtide
