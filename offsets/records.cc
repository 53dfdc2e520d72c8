#include "offsets/records.h"

#include <utility>

#include "engine/base/cursor.h"
#include "offsets/checksum.h"

namespace rowtide {
namespace {

constexpr char kMagic = 'R';
constexpr std::size_t kHeadBytes = 3;
constexpr std::size_t kChecksumBytes = 4;

void put_u8(std::string& out, std::uint8_t value) {
  out.push_back(static_cast<char>(value));
}

void put_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    put_u8(out, static_cast<std::uint8_t>(value >> static_cast<unsigned>(shift)));
  }
}

void put_u64(std::string& out, std::uint64_t value) {
  put_u32(out, static_cast<std::uint32_t>(value >> 32U));
  put_u32(out, static_cast<std::uint32_t>(value));
}

void put_text(std::string& out, std::string_view text) {
  put_u32(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

void put_point(std::string& out, const ResumePoint& point) {
  put_u32(out, point.position.timeline);
  put_u64(out, point.position.commit);
  put_u64(out, point.position.row);
  put_text(out, point.token);
}

ResumePoint read_point(Cursor& in) {
  ResumePoint point;
  point.position.timeline = in.u32_be();
  point.position.commit = in.u64_be();
  point.position.row = in.u64_be();
  point.token = std::string(in.take(in.u32_be()));
  return point;
}

Error corrupt(std::string what) {
  return operator_error(Code::kCorrupt, "a record of the state store is damaged: " + what,
                        std::string(rebuild_remedy()));
}

// The body of a sound record of this type.
Result<std::string_view> open_record(std::string_view key, RecordType type,
                                     std::string_view record) {
  if (record.size() < kHeadBytes + kChecksumBytes) {
    return fail(corrupt("it is too short"));
  }
  const auto sealed = record.substr(0, record.size() - kChecksumBytes);
  Cursor checksum(record.substr(sealed.size()));
  if (checksum.u32_be() != crc32c(sealed, crc32c(key))) {
    return fail(corrupt("its checksum does not match"));
  }
  Cursor head(sealed.substr(0, kHeadBytes));
  if (head.u8() != static_cast<std::uint8_t>(kMagic)) {
    return fail(corrupt("it is not a record"));
  }
  const auto version = head.u8();
  if (version > kRecordVersion) {
    return fail(operator_error(
        Code::kNewerFormat,
        "the state store holds a record of version " + std::to_string(version) +
            ", and this build knows versions up to " + std::to_string(kRecordVersion),
        "Start the newer build of Rowtide that wrote the state directory"));
  }
  if (head.u8() != static_cast<std::uint8_t>(type)) {
    return fail(corrupt("it is of another type"));
  }
  return sealed.substr(kHeadBytes);
}

Result<void> expect_end(const Cursor& in) {
  if (!in.ok() || in.remaining() != 0) {
    return fail(corrupt("its body has another length than it says"));
  }
  return {};
}

}  // namespace

std::string_view rebuild_remedy() {
  return "Stop the daemon, move the state directory away and start again: positions are rebuilt "
         "from the markers that the sinks keep";
}

std::string seal(std::string_view key, RecordType type, std::string_view body) {
  std::string record;
  record.reserve(kHeadBytes + body.size() + kChecksumBytes);
  record.push_back(kMagic);
  put_u8(record, kRecordVersion);
  put_u8(record, static_cast<std::uint8_t>(type));
  record.append(body);
  put_u32(record, crc32c(record, crc32c(key)));
  return record;
}

std::string encode_format(std::string_view key, std::uint32_t format) {
  std::string body;
  put_u32(body, format);
  return seal(key, RecordType::kFormat, body);
}

Result<std::uint32_t> decode_format(std::string_view key, std::string_view record) {
  ROWTIDE_TRY_ASSIGN(const auto body, open_record(key, RecordType::kFormat, record));
  Cursor in(body);
  const auto format = in.u32_be();
  // A newer format may add to this record.
  if (!in.ok()) {
    return fail(corrupt("its body has another length than it says"));
  }
  return format;
}

std::string encode_epoch(std::string_view key, Epoch epoch) {
  std::string body;
  put_u64(body, epoch.value);
  return seal(key, RecordType::kEpoch, body);
}

Result<Epoch> decode_epoch(std::string_view key, std::string_view record) {
  ROWTIDE_TRY_ASSIGN(const auto body, open_record(key, RecordType::kEpoch, record));
  Cursor in(body);
  const Epoch epoch(in.u64_be());
  ROWTIDE_TRY(expect_end(in));
  return epoch;
}

std::string encode_lane(std::string_view key, const LaneState& state) {
  std::string body;
  put_point(body, state.durable);
  put_u8(body, state.marker ? 1 : 0);
  if (state.marker) {
    put_point(body, *state.marker);
  }
  return seal(key, RecordType::kLane, body);
}

Result<LaneState> decode_lane(std::string_view key, std::string_view record) {
  ROWTIDE_TRY_ASSIGN(const auto body, open_record(key, RecordType::kLane, record));
  Cursor in(body);
  LaneState state;
  state.durable = read_point(in);
  const auto has_marker = in.u8();
  if (has_marker > 1) {
    return fail(corrupt("a flag is neither 0 nor 1"));
  }
  if (has_marker == 1) {
    state.marker = read_point(in);
  }
  ROWTIDE_TRY(expect_end(in));
  return state;
}

std::string encode_schema_record(std::string_view key, std::uint64_t content_hash,
                                 const TableSchema& schema) {
  std::string body;
  put_u64(body, content_hash);
  put_text(body, encode_schema(schema));
  return seal(key, RecordType::kSchema, body);
}

Result<SchemaRecord> decode_schema_record(std::string_view key, std::string_view record) {
  ROWTIDE_TRY_ASSIGN(const auto body, open_record(key, RecordType::kSchema, record));
  Cursor in(body);
  SchemaRecord decoded;
  decoded.content_hash = in.u64_be();
  const auto text = in.take(in.u32_be());
  ROWTIDE_TRY(expect_end(in));
  ROWTIDE_TRY_ASSIGN(decoded.schema, decode_schema(text));
  return decoded;
}

std::string encode_backfill(std::string_view key, std::string_view text) {
  return seal(key, RecordType::kBackfill, text);
}

Result<std::string> decode_backfill(std::string_view key, std::string_view record) {
  ROWTIDE_TRY_ASSIGN(const auto body, open_record(key, RecordType::kBackfill, record));
  return std::string(body);
}

std::string encode_captured(std::string_view key, std::span<const std::string> patterns) {
  std::string body;
  put_u32(body, static_cast<std::uint32_t>(patterns.size()));
  for (const std::string& pattern : patterns) {
    put_text(body, pattern);
  }
  return seal(key, RecordType::kCaptured, body);
}

Result<std::vector<std::string>> decode_captured(std::string_view key, std::string_view record) {
  ROWTIDE_TRY_ASSIGN(const auto body, open_record(key, RecordType::kCaptured, record));
  Cursor in(body);
  std::vector<std::string> patterns;
  const auto count = in.u32_be();
  // A count that lies ends with the bytes, before it can ask for memory.
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    patterns.emplace_back(in.take(in.u32_be()));
  }
  ROWTIDE_TRY(expect_end(in));
  return patterns;
}

}  // namespace rowtide
