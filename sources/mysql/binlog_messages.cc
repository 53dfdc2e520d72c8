#include "sources/mysql/binlog_messages.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {
namespace {

Error malformed(std::string_view event) {
  return retry_error(Code::kProtocol, fmt::format("a {} event is malformed", event));
}

// Times in GTID events have 55 bits; the one above says that another time follows.
constexpr std::uint64_t kTimeFollows = std::uint64_t{1} << 55;

// Status variables of a QUERY event. Only the ones up to the character sets matter, and all of
// those have a known size.
std::uint16_t client_collation(std::string_view variables) {
  WireReader in(variables);
  while (in.remaining() > 0) {
    switch (in.u8()) {
      case 0:  // flags2
        in.take(4);
        break;
      case 1:  // sql_mode
        in.take(8);
        break;
      case 2:  // catalog, with a NUL
        in.take(in.u8() + std::size_t{1});
        break;
      case 3:  // auto_increment
        in.take(4);
        break;
      case 4:  // character_set_client, collation_connection, collation_server
        return in.u16();
      case 6:  // catalog
        in.take(in.u8());
        break;
      default:
        return 0;
    }
  }
  return 0;
}

// The unsigned number form of "mysql serialization": the trailing one bits of the first byte count
// the bytes that follow.
std::uint64_t serialized_unsigned(WireReader& in) {
  const std::string_view left = in.rest();
  if (left.empty()) {
    in.set_failed();
    return 0;
  }
  const auto extra =
      static_cast<std::size_t>(std::countr_one(static_cast<unsigned char>(left.front())));
  if (extra >= 8) {
    in.u8();
    return in.u64();
  }
  return in.unsigned_le(extra + 1) >> (extra + 1);
}

std::int64_t serialized_signed(WireReader& in) {
  const auto number = serialized_unsigned(in);
  const auto half = static_cast<std::int64_t>(number >> 1);
  return (number & 1) != 0 ? -half - 1 : half;
}

Result<void> take_tagged_field(std::uint64_t field, WireReader& in, GtidEvent& event) {
  switch (field) {
    case 0:  // flags
    case 8:  // transaction length
    case 9:  // server version
    case 10:
    case 11:  // commit group ticket
      serialized_unsigned(in);
      return {};
    case 1:
      for (auto& byte : event.uuid) {
        const auto number = serialized_unsigned(in);
        if (number > 0xFF) {
          in.set_failed();
        }
        byte = static_cast<std::uint8_t>(number);
      }
      return {};
    case 2:
      event.gno = serialized_signed(in);
      return {};
    case 3: {
      const auto size = serialized_unsigned(in);
      if (size > kMaxTagBytes) {
        in.set_failed();
        return {};
      }
      event.tag = in.take(static_cast<std::size_t>(size));
      return {};
    }
    case 4:  // last committed
    case 5:  // sequence number
      serialized_signed(in);
      return {};
    case 6:
      event.committed_at_us = static_cast<std::int64_t>(serialized_unsigned(in));
      return {};
    case 7:
      event.originally_committed_at_us = static_cast<std::int64_t>(serialized_unsigned(in));
      return {};
    default:
      return fail(operator_error(Code::kUnsupported,
                                 fmt::format("a GTID_TAGGED event has an unknown field {}", field),
                                 "The server is newer than this build: use a newer build"));
  }
}

Result<GtidEvent> parse_gtid_tagged(std::string_view body) {
  WireReader in(body);
  const auto version = serialized_unsigned(in);
  const auto size_bytes = serialized_unsigned(in);
  const auto last_needed_field = serialized_unsigned(in);
  if (!in.ok() || version != 1 || size_bytes > body.size()) {
    return fail(malformed("GTID_TAGGED"));
  }
  GtidEvent event;
  while (in.ok() && in.offset() < size_bytes) {
    const auto field = serialized_unsigned(in);
    // A field's size is known to those only who know the field, so what comes behind is lost.
    if (field > 11 && field > last_needed_field) {
      break;
    }
    ROWTIDE_TRY(take_tagged_field(field, in, event));
  }
  if (!in.ok() || event.gno < 1 || event.gno > kMaxGno) {
    return fail(malformed("GTID_TAGGED"));
  }
  return event;
}

}  // namespace

Result<RotateEvent> parse_rotate(std::string_view body) {
  WireReader in(body);
  RotateEvent event;
  event.position = in.u64();
  event.file = in.take(in.remaining());
  if (!in.ok() || event.file.empty()) {
    return fail(malformed("ROTATE"));
  }
  return event;
}

Result<QueryEvent> parse_query(std::string_view body) {
  WireReader in(body);
  QueryEvent event;
  event.thread_id = in.u32();
  in.u32();  // seconds that it took
  const auto database_bytes = in.u8();
  event.error_code = in.u16();
  const std::string_view variables = in.take(in.u16());
  event.database = in.take(database_bytes);
  in.u8();  // NUL
  event.statement = in.take(in.remaining());
  if (!in.ok()) {
    return fail(malformed("QUERY"));
  }
  if (event.statement != "BEGIN") {
    event.client_collation = client_collation(variables);
  }
  return event;
}

Result<GtidEvent> parse_gtid(EventType type, std::string_view body) {
  if (type == EventType::kGtidTagged) {
    return parse_gtid_tagged(body);
  }
  WireReader in(body);
  GtidEvent event;
  in.u8();  // flags
  std::ranges::copy(in.take(event.uuid.size()), event.uuid.begin());
  event.gno = static_cast<std::int64_t>(in.u64());
  if (!in.ok()) {
    return fail(malformed("GTID"));
  }
  if (type == EventType::kAnonymousGtid) {
    event.gno = 0;
  } else if (event.gno < 1 || event.gno > kMaxGno) {
    return fail(malformed("GTID"));
  }
  // What follows came with 5.7 and 8.0, each part behind the one before.
  constexpr std::size_t kClockBytes = 1 + 8 + 8;
  if (in.remaining() < kClockBytes + 7) {
    return event;
  }
  in.take(kClockBytes);
  const auto committed_at_us = in.unsigned_le(7);
  event.committed_at_us = static_cast<std::int64_t>(committed_at_us & (kTimeFollows - 1));
  if ((committed_at_us & kTimeFollows) != 0) {
    event.originally_committed_at_us =
        static_cast<std::int64_t>(in.unsigned_le(7) & (kTimeFollows - 1));
  }
  if (!in.ok()) {
    return fail(malformed("GTID"));
  }
  return event;
}

XaId make_xa_id(std::uint32_t format, std::string_view gtrid, std::string_view bqual) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  XaId id = fmt::format("{}:", format);
  const auto append_hex = [&](std::string_view bytes) {
    for (const char c : bytes) {
      id += kDigits[static_cast<unsigned char>(c) >> 4];
      id += kDigits[static_cast<unsigned char>(c) & 0xF];
    }
  };
  append_hex(gtrid);
  id += ':';
  append_hex(bqual);
  return id;
}

Result<MariaDbGtidEvent> parse_mariadb_gtid(const EventHeader& header, std::string_view body) {
  WireReader in(body);
  MariaDbGtidEvent event;
  event.gtid.sequence = in.u64();
  event.gtid.domain = in.u32();
  event.gtid.server = header.server_id;
  event.flags = in.u8();
  if (!in.ok() || event.gtid.sequence == 0) {
    return fail(malformed("GTID"));
  }
  if (event.has(MariaDbGtidEvent::kGroupCommitId)) {
    in.u64();
  }
  if (event.has(MariaDbGtidEvent::kPreparedXa | MariaDbGtidEvent::kCompletedXa)) {
    const auto format = in.u32();
    const auto gtrid_bytes = in.u8();
    const auto bqual_bytes = in.u8();
    const std::string_view gtrid = in.take(gtrid_bytes);
    const std::string_view bqual = in.take(bqual_bytes);
    event.xa_id = make_xa_id(format, gtrid, bqual);
  }
  if (!in.ok()) {
    return fail(malformed("GTID"));
  }
  return event;
}

Result<MariaDbGtidState> parse_gtid_list(std::string_view body) {
  WireReader in(body);
  MariaDbGtidState state;
  // The upper bits are flags.
  for (auto count = in.u32() & 0x0FFF'FFFF; count > 0 && in.ok(); --count) {
    MariaDbGtid gtid;
    gtid.domain = in.u32();
    gtid.server = in.u32();
    gtid.sequence = in.u64();
    if (in.ok()) {
      state.add(gtid);
    }
  }
  if (!in.ok()) {
    return fail(malformed("GTID_LIST"));
  }
  return state;
}

Result<GtidSet> parse_previous_gtids(std::string_view body) {
  return GtidSet::decode(body);
}

Result<std::uint64_t> parse_xid(std::string_view body) {
  WireReader in(body);
  const auto xid = in.u64();
  if (!in.ok()) {
    return fail(malformed("XID"));
  }
  return xid;
}

Result<XaPrepareEvent> parse_xa_prepare(std::string_view body) {
  WireReader in(body);
  XaPrepareEvent event;
  event.one_phase = in.u8() != 0;
  const auto format = in.u32();
  const auto gtrid_bytes = in.u32();
  const auto bqual_bytes = in.u32();
  const std::string_view gtrid = in.take(gtrid_bytes);
  const std::string_view bqual = in.take(bqual_bytes);
  if (!in.ok()) {
    return fail(malformed("XA_PREPARE"));
  }
  event.id = make_xa_id(format, gtrid, bqual);
  return event;
}

Result<HeartbeatEvent> parse_heartbeat(const EventHeader& header, std::string_view body) {
  HeartbeatEvent event;
  if (header.type != EventType::kHeartbeatV2) {
    event.file = body;
    event.position = header.log_pos;
    return event;
  }
  WireReader in(body);
  while (in.remaining() > 0) {
    const auto field = in.u8();
    if (field == 0) {
      break;
    }
    const std::string_view value = in.length_encoded_string();
    if (field == 1) {
      event.file = value;
    } else if (field == 2) {
      WireReader number(value);
      event.position = number.length_encoded();
      if (!number.ok()) {
        in.set_failed();
      }
    }
  }
  if (!in.ok()) {
    return fail(malformed("HEARTBEAT"));
  }
  return event;
}

Result<IncidentEvent> parse_incident(std::string_view body) {
  WireReader in(body);
  IncidentEvent event;
  event.kind = in.u16();
  if (!in.ok()) {
    return fail(malformed("INCIDENT"));
  }
  if (in.remaining() > 0) {
    event.message = in.take(in.u8());
  }
  return event;
}

}  // namespace rowtide::mysql
