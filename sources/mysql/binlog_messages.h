#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "sources/mysql/binlog_event.h"
#include "sources/mysql/gtid_set.h"
#include "sources/mysql/mariadb_gtid.h"

namespace rowtide::mysql {

// The bodies of the events that are not rows. A parser takes a body as EventFramer cuts it and
// checks every length; what does not fit is a Code::kProtocol error that names the event. Strings
// are views into the body. TABLE_MAP and rows: table_map.h, row_event.h.

struct RotateEvent {
  std::uint64_t position = 0;
  std::string_view file;
};
Result<RotateEvent> parse_rotate(std::string_view body);

struct QueryEvent {
  std::uint32_t thread_id = 0;
  // What the statement failed with on the server, when it had changed something; 0 = nothing.
  std::uint16_t error_code = 0;
  // Collation id of the statement's text (character_set_client); 0 = not said.
  std::uint16_t client_collation = 0;
  std::string_view database;
  std::string_view statement;
};
// QUERY, and what QUERY_COMPRESSED has become after uncompress_event().
Result<QueryEvent> parse_query(std::string_view body);

// GTID, ANONYMOUS_GTID and GTID_TAGGED.
struct GtidEvent {
  Uuid uuid{};
  std::string_view tag;
  std::int64_t gno = 0;  // 0 = anonymous
  // When it was committed on the server that is read, and first of all; 0 = not said.
  std::int64_t committed_at_us = 0;
  std::int64_t originally_committed_at_us = 0;
};
Result<GtidEvent> parse_gtid(EventType type, std::string_view body);

// Of a prepared transaction, as text that tells any two apart: "FORMAT:GTRID-HEX:BQUAL-HEX".
using XaId = std::string;
XaId make_xa_id(std::uint32_t format, std::string_view gtrid, std::string_view bqual);

struct MariaDbGtidEvent {
  static constexpr std::uint8_t kStandalone = 0x01;  // one event follows, and no COMMIT
  static constexpr std::uint8_t kGroupCommitId = 0x02;
  static constexpr std::uint8_t kTransactional = 0x04;
  static constexpr std::uint8_t kDdl = 0x20;
  static constexpr std::uint8_t kPreparedXa = 0x40;   // the rows of an XA PREPARE
  static constexpr std::uint8_t kCompletedXa = 0x80;  // an XA COMMIT or XA ROLLBACK

  MariaDbGtid gtid;
  std::uint8_t flags = 0;
  XaId xa_id;  // empty but for the two kinds above

  bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
};
Result<MariaDbGtidEvent> parse_mariadb_gtid(const EventHeader& header, std::string_view body);

// The last GTID of each domain before the file begins.
Result<MariaDbGtidState> parse_gtid_list(std::string_view body);
Result<GtidSet> parse_previous_gtids(std::string_view body);

Result<std::uint64_t> parse_xid(std::string_view body);

struct XaPrepareEvent {
  bool one_phase = false;  // it is the commit
  XaId id;
};
Result<XaPrepareEvent> parse_xa_prepare(std::string_view body);

// HEARTBEAT and HEARTBEAT_V2: how far the server has read its log for us.
struct HeartbeatEvent {
  std::string_view file;
  std::uint64_t position = 0;
};
Result<HeartbeatEvent> parse_heartbeat(const EventHeader& header, std::string_view body);

// The server lost events and says so.
struct IncidentEvent {
  std::uint16_t kind = 0;
  std::string_view message;
};
Result<IncidentEvent> parse_incident(std::string_view body);

}  // namespace rowtide::mysql
