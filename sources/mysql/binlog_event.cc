#include "sources/mysql/binlog_event.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "sources/mysql/crc32.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {
namespace {

constexpr std::size_t kServerVersionBytes = 50;
constexpr std::uint8_t kChecksumOff = 0;
constexpr std::uint8_t kChecksumCrc32 = 1;
constexpr std::size_t kFlagsOffset = 17;
// Set in the first event of a file that is still being written, after its checksum was made.
constexpr std::uint8_t kBinlogInUse = 0x1;

Error malformed(std::string_view what) {
  return retry_error(Code::kProtocol, fmt::format("a binary log event is malformed: {}", what));
}

Error wrong_checksum(const EventHeader& header) {
  return operator_error(
      Code::kCorrupt,
      fmt::format("a {} event that ends at {} of its file does not have the checksum that it says",
                  to_string(header.type), header.log_pos),
      "The server's binary log is damaged there, or the network is: look at the file with "
      "mysqlbinlog --verify-binlog-checksum. If it is damaged, set a position behind it and "
      "resync");
}

std::uint32_t stored_checksum(std::string_view packet) {
  std::uint32_t stored = 0;
  std::memcpy(&stored, packet.data() + packet.size() - sizeof(stored), sizeof(stored));
  return stored;
}

bool checksum_fits(std::string_view packet) {
  return packet.size() >= kEventHeaderBytes + kEventChecksumBytes &&
         crc32_of(packet.substr(0, packet.size() - kEventChecksumBytes)) == stored_checksum(packet);
}

std::string_view body_of(std::string_view packet, bool checksum) {
  packet.remove_prefix(kEventHeaderBytes);
  if (checksum) {
    packet.remove_suffix(kEventChecksumBytes);
  }
  return packet;
}

}  // namespace

std::string_view to_string(EventType type) noexcept {
  switch (type) {
    case EventType::kUnknown:
      break;
    case EventType::kQuery:
      return "QUERY";
    case EventType::kStop:
      return "STOP";
    case EventType::kRotate:
      return "ROTATE";
    case EventType::kIntvar:
      return "INTVAR";
    case EventType::kAppendBlock:
      return "APPEND_BLOCK";
    case EventType::kDeleteFile:
      return "DELETE_FILE";
    case EventType::kRand:
      return "RAND";
    case EventType::kUserVar:
      return "USER_VAR";
    case EventType::kFormatDescription:
      return "FORMAT_DESCRIPTION";
    case EventType::kXid:
      return "XID";
    case EventType::kBeginLoadQuery:
      return "BEGIN_LOAD_QUERY";
    case EventType::kExecuteLoadQuery:
      return "EXECUTE_LOAD_QUERY";
    case EventType::kTableMap:
      return "TABLE_MAP";
    case EventType::kWriteRowsV1:
    case EventType::kWriteRows:
      return "WRITE_ROWS";
    case EventType::kUpdateRowsV1:
    case EventType::kUpdateRows:
      return "UPDATE_ROWS";
    case EventType::kDeleteRowsV1:
    case EventType::kDeleteRows:
      return "DELETE_ROWS";
    case EventType::kIncident:
      return "INCIDENT";
    case EventType::kHeartbeat:
    case EventType::kHeartbeatV2:
      return "HEARTBEAT";
    case EventType::kIgnorable:
      return "IGNORABLE";
    case EventType::kRowsQuery:
      return "ROWS_QUERY";
    case EventType::kGtid:
    case EventType::kMariaDbGtid:
      return "GTID";
    case EventType::kAnonymousGtid:
      return "ANONYMOUS_GTID";
    case EventType::kPreviousGtids:
      return "PREVIOUS_GTIDS";
    case EventType::kTransactionContext:
      return "TRANSACTION_CONTEXT";
    case EventType::kViewChange:
      return "VIEW_CHANGE";
    case EventType::kXaPrepare:
      return "XA_PREPARE";
    case EventType::kPartialUpdateRows:
      return "PARTIAL_UPDATE_ROWS";
    case EventType::kTransactionPayload:
      return "TRANSACTION_PAYLOAD";
    case EventType::kGtidTagged:
      return "GTID_TAGGED";
    case EventType::kAnnotateRows:
      return "ANNOTATE_ROWS";
    case EventType::kBinlogCheckpoint:
      return "BINLOG_CHECKPOINT";
    case EventType::kGtidList:
      return "GTID_LIST";
    case EventType::kStartEncryption:
      return "START_ENCRYPTION";
    case EventType::kQueryCompressed:
      return "QUERY_COMPRESSED";
    case EventType::kWriteRowsCompressedV1:
    case EventType::kWriteRowsCompressed:
      return "WRITE_ROWS_COMPRESSED";
    case EventType::kUpdateRowsCompressedV1:
    case EventType::kUpdateRowsCompressed:
      return "UPDATE_ROWS_COMPRESSED";
    case EventType::kDeleteRowsCompressedV1:
    case EventType::kDeleteRowsCompressed:
      return "DELETE_ROWS_COMPRESSED";
  }
  return "unknown";
}

Result<EventHeader> parse_event_header(std::string_view event) {
  WireReader cursor(event);
  EventHeader header;
  header.timestamp_s = cursor.u32();
  header.type = static_cast<EventType>(cursor.u8());
  header.server_id = cursor.u32();
  header.size_bytes = cursor.u32();
  header.log_pos = cursor.u32();
  header.flags = cursor.u16();
  if (!cursor.ok()) {
    return fail(malformed("it is shorter than a header"));
  }
  if (header.size_bytes != event.size()) {
    return fail(malformed(
        fmt::format("it has {} bytes and says that it has {}", event.size(), header.size_bytes)));
  }
  return header;
}

Result<FormatDescription> parse_format_description(std::string_view body) {
  WireReader cursor(body);
  const auto version = cursor.u16();
  std::string_view server = cursor.take(kServerVersionBytes);
  const auto created_s = cursor.u32();
  const auto header_bytes = cursor.u8();
  // The lengths of what is fixed in each event are not needed: parsers know them.
  const std::string_view lengths = cursor.take(cursor.remaining());
  if (!cursor.ok() || lengths.size() < 1 + kEventChecksumBytes) {
    return fail(malformed("the format description is too short"));
  }
  if (version != 4 || header_bytes != kEventHeaderBytes) {
    return fail(operator_error(
        Code::kUnsupported,
        fmt::format("the binary log has format {} with headers of {} bytes", version, header_bytes),
        "Only format 4, as every server since MySQL 5.0 writes it, can be read"));
  }
  FormatDescription format;
  format.server_version = server.substr(0, server.find('\0'));
  const auto is_maria = [](std::string_view text) {
    constexpr std::string_view kName = "mariadb";
    return !std::ranges::search(text, kName, [](char a, char b) {
              return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
            }).empty();
  };
  format.flavour = is_maria(format.server_version) ? Flavour::kMariaDb : Flavour::kMysql;
  format.server_started = created_s != 0;
  const auto algorithm =
      static_cast<std::uint8_t>(lengths[lengths.size() - 1 - kEventChecksumBytes]);
  if (algorithm != kChecksumOff && algorithm != kChecksumCrc32) {
    return fail(operator_error(Code::kUnsupported,
                               fmt::format("the binary log has checksums of kind {}", algorithm),
                               "SET GLOBAL binlog_checksum = CRC32"));
  }
  format.checksums = algorithm == kChecksumCrc32;
  return format;
}

Result<BinlogEvent> EventFramer::take_format_description(const EventHeader& header,
                                                         std::string_view packet) {
  ROWTIDE_TRY_ASSIGN(format_, parse_format_description(packet.substr(kEventHeaderBytes)));
  has_format_ = true;
  if (format_.checksums) {
    std::array<char, kEventHeaderBytes> head;
    std::memcpy(head.data(), packet.data(), head.size());
    head[kFlagsOffset] = static_cast<char>(head[kFlagsOffset] & ~kBinlogInUse);
    const std::string_view body =
        packet.substr(kEventHeaderBytes, packet.size() - kEventHeaderBytes - kEventChecksumBytes);
    if (crc32_of(body, crc32_of({head.data(), head.size()})) != stored_checksum(packet)) {
      return fail(wrong_checksum(header));
    }
  }
  return BinlogEvent{header, body_of(packet, true)};
}

Result<BinlogEvent> EventFramer::take(std::string_view packet) {
  ROWTIDE_TRY_ASSIGN(const EventHeader header, parse_event_header(packet));
  if (header.type == EventType::kFormatDescription) {
    return take_format_description(header, packet);
  }
  // Comes before the format is known, and between files that may differ in it. It names a file, no
  // more, so a checksum that is not there does no harm.
  if (header.type == EventType::kRotate && header.artificial()) {
    return BinlogEvent{header, body_of(packet, checksum_fits(packet))};
  }
  if (!has_format_) {
    return fail(malformed(
        fmt::format("a {} event comes before the format description", to_string(header.type))));
  }
  if (format_.checksums && !checksum_fits(packet)) {
    return fail(wrong_checksum(header));
  }
  return BinlogEvent{header, body_of(packet, format_.checksums)};
}

}  // namespace rowtide::mysql
