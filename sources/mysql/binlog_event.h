#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "sources/mysql/server_address.h"

namespace rowtide::mysql {

// The events of both flavours that this source knows. From 160 on they are MariaDB's own.
enum class EventType : std::uint8_t {
  kUnknown = 0,
  kQuery = 2,
  kStop = 3,
  kRotate = 4,
  kIntvar = 5,
  kAppendBlock = 9,
  kDeleteFile = 11,
  kRand = 13,
  kUserVar = 14,
  kFormatDescription = 15,
  kXid = 16,
  kBeginLoadQuery = 17,
  kExecuteLoadQuery = 18,
  kTableMap = 19,
  kWriteRowsV1 = 23,
  kUpdateRowsV1 = 24,
  kDeleteRowsV1 = 25,
  kIncident = 26,
  kHeartbeat = 27,
  kIgnorable = 28,
  kRowsQuery = 29,
  kWriteRows = 30,
  kUpdateRows = 31,
  kDeleteRows = 32,
  kGtid = 33,
  kAnonymousGtid = 34,
  kPreviousGtids = 35,
  kTransactionContext = 36,
  kViewChange = 37,
  kXaPrepare = 38,
  kPartialUpdateRows = 39,
  kTransactionPayload = 40,
  kHeartbeatV2 = 41,
  kGtidTagged = 42,
  kAnnotateRows = 160,
  kBinlogCheckpoint = 161,
  kMariaDbGtid = 162,
  kGtidList = 163,
  kStartEncryption = 164,
  kQueryCompressed = 165,
  kWriteRowsCompressedV1 = 166,
  kUpdateRowsCompressedV1 = 167,
  kDeleteRowsCompressedV1 = 168,
  kWriteRowsCompressed = 169,
  kUpdateRowsCompressed = 170,
  kDeleteRowsCompressed = 171,
};

// "GTID", "TABLE_MAP", ..; "unknown" for numbers that have no name here.
std::string_view to_string(EventType type) noexcept;

inline constexpr std::size_t kEventHeaderBytes = 19;
inline constexpr std::size_t kEventChecksumBytes = 4;

// Flags of the event header.
inline constexpr std::uint16_t kFlagArtificial = 0x20;  // made for this reader, not in the file
inline constexpr std::uint16_t kFlagIgnorable = 0x80;   // may be skipped by who does not know it

struct EventHeader {
  // Seconds since 1970 when the statement began; 0 in events that the server makes up.
  std::uint32_t timestamp_s = 0;
  EventType type = EventType::kUnknown;
  std::uint32_t server_id = 0;
  std::uint32_t size_bytes = 0;
  // Low 32 bits of the event's end in its file; 0 where there is none.
  std::uint32_t log_pos = 0;
  std::uint16_t flags = 0;

  bool artificial() const noexcept { return (flags & kFlagArtificial) != 0; }
  bool ignorable() const noexcept { return (flags & kFlagIgnorable) != 0; }
};

// One event without its header and checksum. `body` is a view into the packet.
struct BinlogEvent {
  EventHeader header;
  std::string_view body;
};

// Reads the header; checks that the event is as long as it says.
Result<EventHeader> parse_event_header(std::string_view event);

// What a FORMAT_DESCRIPTION event says of the events behind it.
struct FormatDescription {
  std::string server_version;
  Flavour flavour = Flavour::kMysql;
  // Each event ends in a CRC32.
  bool checksums = false;
  // The server began to write this file when it started: transactions that were open before are
  // gone.
  bool server_started = false;
};

// `body` is the event behind its header, with everything to its end.
Result<FormatDescription> parse_format_description(std::string_view body);

// Cuts packets into header, body and checksum and verifies the checksum. One per connection: what
// the events look like is said by the FORMAT_DESCRIPTION that comes before them.
class EventFramer {
 public:
  // Code::kCorrupt when the checksum is not that of the bytes.
  Result<BinlogEvent> take(std::string_view packet);

  // Of the file being read; nothing of it is true before the first event.
  const FormatDescription& format() const noexcept { return format_; }
  bool has_format() const noexcept { return has_format_; }

 private:
  Result<BinlogEvent> take_format_description(const EventHeader& header, std::string_view packet);

  FormatDescription format_;
  bool has_format_ = false;
};

}  // namespace rowtide::mysql
