#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rowtide {

// What the stream says of a backfill beside its rows, to sinks that carry messages.

enum class BackfillEvent : std::uint8_t { kStarted, kChunk, kFinished, kCancelled };

// The content: {"backfill":"shop-1","event":"chunk","table":"public.orders","rows":50000}. `rows`:
// delivered so far of the table or, where `table` is empty and left out, of the backfill. `replace`
// (of BackfillSpec) is left out when it is false.
std::string backfill_event_text(std::string_view backfill, BackfillEvent event,
                                std::string_view table, std::uint64_t rows, bool replace = false);

}  // namespace rowtide
