#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/state_store.h"
#include "engine/base/error.h"

namespace rowtide {

// The records of the state store, as bytes. Every record is
//
//   u8 'R', u8 record version, u8 type, body, u32 crc32c(key, all bytes before)
//
// with integers big-endian and text as u32 length + bytes. The key is part of the checksum, so a
// record that ended up under another key is found out.
//
// Decoding trusts nothing: damage is Code::kCorrupt, a version above kRecordVersion is
// Code::kNewerFormat.

inline constexpr std::uint32_t kStoreFormat = 1;
inline constexpr std::uint8_t kRecordVersion = 1;

enum class RecordType : std::uint8_t {
  kFormat = 1,
  kEpoch = 2,
  kLane = 3,
  kSchema = 4,
  kBackfill = 5,
  kCaptured = 6
};

std::string encode_format(std::string_view key, std::uint32_t format);
Result<std::uint32_t> decode_format(std::string_view key, std::string_view record);

std::string encode_epoch(std::string_view key, Epoch epoch);
Result<Epoch> decode_epoch(std::string_view key, std::string_view record);

std::string encode_lane(std::string_view key, const LaneState& state);
Result<LaneState> decode_lane(std::string_view key, std::string_view record);

struct SchemaRecord {
  std::uint64_t content_hash = 0;
  TableSchema schema;
};
std::string encode_schema_record(std::string_view key, std::uint64_t content_hash,
                                 const TableSchema& schema);
Result<SchemaRecord> decode_schema_record(std::string_view key, std::string_view record);

// A backfill's record, whose form is its owner's.
std::string encode_backfill(std::string_view key, std::string_view text);
Result<std::string> decode_backfill(std::string_view key, std::string_view record);

// The patterns of the tables that a pipeline captures: u32 count, then each as text.
std::string encode_captured(std::string_view key, std::span<const std::string> patterns);
Result<std::vector<std::string>> decode_captured(std::string_view key, std::string_view record);

// Completes a record from its type and body; the encoders' last step, public for the fuzzer.
std::string seal(std::string_view key, RecordType type, std::string_view body);

// What an operator does about damage in the store; the last sentence of every such error.
std::string_view rebuild_remedy();

}  // namespace rowtide
