#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/backfill.h"
#include "engine/base/error.h"

namespace rowtide {

// What the state store keeps of a backfill beside its progress, which travels with the positions
// (see work_left.h).
struct BackfillRecord {
  std::string id;
  BackfillSpec spec;
  // Made by `snapshot: initial`, for sinks that hold nothing yet.
  bool initial = false;
  // Made because the configuration takes more tables than these patterns did: only what is captured
  // beyond them is read, and `spec.tables` only says which tables these are, once they are known.
  std::optional<std::vector<std::string>> captured_before = std::nullopt;
  // For which sinks.
  std::vector<std::string> sinks;
  // kWaiting and kRunning are both stored as kWaiting.
  BackfillState state = BackfillState::kWaiting;
  std::int64_t created_at_us = 0;
  std::int64_t ended_at_us = 0;
  std::uint64_t rows_delivered = 0;
  // Why it is kFailed; nullopt in every other state.
  std::optional<Error> failure = std::nullopt;
};

std::string encode_record(const BackfillRecord& record);
Result<BackfillRecord> decode_record(std::string_view text);

}  // namespace rowtide
