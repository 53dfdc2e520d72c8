#pragma once

#include <chrono>
#include <cstdint>

#include "engine/config/connector_config.h"
#include "engine/config/object_spec.h"

namespace rowtide::warehouse {

// What a table of the destination holds: the source's current rows, or every change as a row.
enum class Mode : std::uint8_t { kMirror, kHistory };

// The settings that every warehouse sink has.
struct Settings {
  Mode mode = Mode::kMirror;
  // A complete transaction waits at most this long for others to share its commit.
  std::chrono::milliseconds flush_interval{1000};
  // Bytes of changes that are collected at most before they are written; bounded by what the lane
  // lets a sink hold.
  std::uint64_t flush_bytes = std::uint64_t{64} << 20;
  // A source transaction with more rows than this is committed in parts.
  std::int64_t split_transaction_rows = 2'000'000;
};

void describe(config::ObjectSpec& spec, Settings& settings);

}  // namespace rowtide::warehouse
