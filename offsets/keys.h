#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rowtide {

// Keys of the state records: a letter, then the parts, each ended by NUL; a table id is 8 bytes
// big-endian. No name holds a NUL, so no pipeline's keys are a prefix of another's.
inline constexpr std::string_view kFormatKey = "format";

std::string epoch_key(std::string_view pipeline);
std::string lane_key(std::string_view pipeline, std::string_view sink);
std::string schema_key(std::string_view pipeline, std::uint64_t table_id);

std::string backfill_key(std::string_view pipeline, std::string_view id);
std::string captured_key(std::string_view pipeline);

// What every lane key, schema key and backfill key of a pipeline begin with.
std::string lane_prefix(std::string_view pipeline);
std::string schema_prefix(std::string_view pipeline);
std::string backfill_prefix(std::string_view pipeline);

// The variable part of a key that begins with the prefix; nullopt when it is malformed.
std::optional<std::string> name_of_key(std::string_view prefix, std::string_view key);
std::optional<std::uint64_t> table_of_schema_key(std::string_view prefix, std::string_view key);

// Spilled blocks: the pipeline ended by NUL, transaction and sequence, 8 bytes big-endian each, so
// that a transaction's blocks lie together and in order.
std::string spill_key(std::string_view pipeline, std::uint64_t transaction, std::uint64_t sequence);
// The first key behind every block of the transaction.
std::string spill_end_key(std::string_view pipeline, std::uint64_t transaction);

}  // namespace rowtide
