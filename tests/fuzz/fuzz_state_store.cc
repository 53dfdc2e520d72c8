// Feeds the record decoder: the first byte chooses the record type, the rest is tried as a whole
// record and, with a sound head and checksum around it, as a body. Whatever decodes must encode to
// something that decodes to the same.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/assert.h"
#include "offsets/records.h"

namespace {

using namespace rowtide;  // NOLINT

constexpr std::string_view kKey = "key";

void decode_as(RecordType type, std::string_view record) {
  switch (type) {
    case RecordType::kFormat:
      if (const auto format = decode_format(kKey, record); format) {
        ROWTIDE_ASSERT(decode_format(kKey, encode_format(kKey, *format)).value() == *format);
      }
      break;
    case RecordType::kEpoch:
      if (const auto epoch = decode_epoch(kKey, record); epoch) {
        ROWTIDE_ASSERT(encode_epoch(kKey, *epoch) == record);
      }
      break;
    case RecordType::kLane:
      if (const auto lane = decode_lane(kKey, record); lane) {
        ROWTIDE_ASSERT(encode_lane(kKey, *lane) == record);
      }
      break;
    case RecordType::kSchema:
      if (const auto schema = decode_schema_record(kKey, record); schema) {
        const auto again = decode_schema_record(
            kKey, encode_schema_record(kKey, schema->content_hash, schema->schema));
        ROWTIDE_ASSERT(again && again->schema == schema->schema);
      }
      break;
    case RecordType::kBackfill:
      if (const auto text = decode_backfill(kKey, record); text) {
        ROWTIDE_ASSERT(encode_backfill(kKey, *text) == record);
      }
      break;
    case RecordType::kCaptured:
      if (const auto patterns = decode_captured(kKey, record); patterns) {
        ROWTIDE_ASSERT(encode_captured(kKey, *patterns) == record);
      }
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto type = static_cast<RecordType>(data[0] % 6 + 1);
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  decode_as(type, rest);
  decode_as(type, seal(kKey, type, rest));
  return 0;
}
