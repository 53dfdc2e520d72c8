#include "sources/postgres/pgoutput_messages.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "engine/base/cursor.h"

namespace rowtide::postgres {
namespace {

constexpr std::int64_t kUnixToPostgresEpochUs = 946'684'800'000'000;

std::int64_t read_time_us(Cursor& cursor) {
  const std::int64_t since_2000_us = cursor.i64_be();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() - kUnixToPostgresEpochUs;
  return (since_2000_us > kMost ? kMost : since_2000_us) + kUnixToPostgresEpochUs;
}

std::string printable(char type) {
  const auto byte = static_cast<unsigned char>(type);
  return byte > 0x20 && byte < 0x7f ? std::string(1, type) : fmt::format("0x{:02x}", byte);
}

std::string_view name_of(MessageType type) {
  switch (type) {
    case MessageType::kBegin:
      return "begin";
    case MessageType::kCommit:
      return "commit";
    case MessageType::kOrigin:
      return "origin";
    case MessageType::kRelation:
      return "relation";
    case MessageType::kType:
      return "type";
    case MessageType::kInsert:
      return "insert";
    case MessageType::kUpdate:
      return "update";
    case MessageType::kDelete:
      return "delete";
    case MessageType::kTruncate:
      return "truncate";
    case MessageType::kLogicalMessage:
      return "logical message";
    case MessageType::kStreamStart:
      return "stream start";
    case MessageType::kStreamStop:
      return "stream stop";
    case MessageType::kStreamCommit:
      return "stream commit";
    case MessageType::kStreamAbort:
      return "stream abort";
    case MessageType::kBeginPrepare:
      return "begin prepare";
    case MessageType::kPrepare:
      return "prepare";
    case MessageType::kStreamPrepare:
      return "stream prepare";
    case MessageType::kCommitPrepared:
      return "commit prepared";
    case MessageType::kRollbackPrepared:
      return "rollback prepared";
  }
  return {};
}

Error malformed(MessageType type, std::size_t offset, std::string_view what) {
  return fatal_error(
      Code::kProtocol,
      fmt::format("pgoutput {} message ('{}') is malformed at byte {}: {}", name_of(type),
                  static_cast<char>(type), offset, what),
      "Check that nothing between this host and the PostgreSQL server alters the connection");
}

// One message being read. A failed read is reported once, by finish(), at the place where it
// happened: a Cursor that failed stands at the end, so the place is remembered before each field.
class Reader {
 public:
  Reader(MessageType type, std::string_view message) : type_(type), cursor_(message) {
    const auto wire_type = static_cast<char>(cursor_.u8());
    right_type_ = !message.empty() && wire_type == static_cast<char>(type);
  }

  bool ok() const { return right_type_ && cursor_.ok() && reason_.empty(); }
  std::uint8_t u8() { return field().u8(); }
  std::uint16_t u16() { return field().u16_be(); }
  std::uint32_t u32() { return field().u32_be(); }
  std::uint64_t u64() { return field().u64_be(); }
  std::int64_t time_us() { return read_time_us(field()); }
  std::string_view text() { return field().c_string(); }
  std::string_view take(std::size_t size_bytes) { return field().take(size_bytes); }
  std::uint32_t xid_if(bool in_stream) { return in_stream ? u32() : 0; }
  std::size_t remaining() const { return cursor_.remaining(); }

  // A byte that the protocol fixes or limits.
  void require(bool condition, std::string_view what) {
    if (ok() && !condition) {
      reason_ = what;
    }
  }
  // Commit flags and their like: unused by the protocol, zero on the wire.
  void unused_flags() {
    const std::uint8_t flags = u8();
    require(flags == 0, "flags that this protocol version does not have");
  }

  Result<void> finish() {
    if (!right_type_) {
      return fail(malformed(type_, 0, "another message type"));
    }
    if (!reason_.empty()) {
      return fail(malformed(type_, field_at_, reason_));
    }
    if (!cursor_.ok()) {
      return fail(malformed(type_, field_at_, "the message ends inside a field"));
    }
    if (cursor_.remaining() != 0) {
      return fail(malformed(type_, cursor_.offset(), "bytes left over"));
    }
    return {};
  }

 private:
  Cursor& field() {
    if (ok()) {
      field_at_ = cursor_.offset();
    }
    return cursor_;
  }

  MessageType type_;
  Cursor cursor_;
  std::size_t field_at_ = 0;
  std::string_view reason_;
  bool right_type_ = false;
};

// Moves past one tuple; only its outline is looked at.
void skip_tuple(Cursor& cursor) {
  for (std::uint16_t columns = cursor.u16_be(); columns > 0 && cursor.ok(); --columns) {
    switch (static_cast<char>(cursor.u8())) {
      case 'n':
      case 'u':
        break;
      case 't':
      case 'b':
        cursor.take(cursor.u32_be());
        break;
      default:
        cursor.set_failed();
    }
  }
}

}  // namespace

Result<MessageType> message_type(std::string_view message) {
  if (message.empty()) {
    return fail(fatal_error(Code::kProtocol, "pgoutput message without a type byte"));
  }
  const auto type = static_cast<MessageType>(message.front());
  if (name_of(type).empty()) {
    return fail(fatal_error(Code::kProtocol,
                            fmt::format("pgoutput message of unknown type {} ({} bytes)",
                                        printable(message.front()), message.size()),
                            "Use a version of this program that knows the server's protocol"));
  }
  return type;
}

Result<BeginMessage> parse_begin(std::string_view message) {
  Reader in(MessageType::kBegin, message);
  BeginMessage begin;
  begin.final_lsn = in.u64();
  begin.committed_at_us = in.time_us();
  begin.xid = in.u32();
  ROWTIDE_TRY(in.finish());
  return begin;
}

Result<CommitMessage> parse_commit(std::string_view message) {
  Reader in(MessageType::kCommit, message);
  CommitMessage commit;
  in.unused_flags();
  commit.commit_lsn = in.u64();
  commit.end_lsn = in.u64();
  commit.committed_at_us = in.time_us();
  ROWTIDE_TRY(in.finish());
  return commit;
}

Result<OriginMessage> parse_origin(std::string_view message) {
  Reader in(MessageType::kOrigin, message);
  OriginMessage origin;
  origin.origin_commit_lsn = in.u64();
  origin.name = in.text();
  ROWTIDE_TRY(in.finish());
  return origin;
}

Result<RelationMessage> parse_relation(std::string_view message, bool in_stream) {
  Reader in(MessageType::kRelation, message);
  RelationMessage relation;
  relation.xid = in.xid_if(in_stream);
  relation.relation_id = in.u32();
  relation.schema = in.text();
  if (relation.schema.empty()) {
    relation.schema = "pg_catalog";
  }
  relation.table = in.text();
  relation.replica_identity = static_cast<char>(in.u8());
  in.require(std::string_view("dnfi").contains(relation.replica_identity),
             "unknown replica identity");
  const std::uint16_t column_count = in.u16();
  // A column takes at least ten bytes, so a lying count cannot make us reserve much.
  relation.columns.reserve(std::min<std::size_t>(column_count, in.remaining() / 10));
  for (std::uint16_t i = 0; i < column_count && in.ok(); ++i) {
    RelationColumn column;
    const std::uint8_t flags = in.u8();
    in.require(flags <= 1, "unknown column flags");
    column.is_key = flags == 1;
    column.name = in.text();
    column.type_oid = in.u32();
    column.type_modifier = static_cast<std::int32_t>(in.u32());
    relation.columns.push_back(column);
  }
  ROWTIDE_TRY(in.finish());
  return relation;
}

Result<TypeMessage> parse_type(std::string_view message, bool in_stream) {
  Reader in(MessageType::kType, message);
  TypeMessage type;
  type.xid = in.xid_if(in_stream);
  type.type_oid = in.u32();
  type.schema = in.text();
  if (type.schema.empty()) {
    type.schema = "pg_catalog";
  }
  type.name = in.text();
  ROWTIDE_TRY(in.finish());
  return type;
}

// The hot path: one row change is one call, and an insert is done after its fixed head.
Result<RowMessage> parse_row(std::string_view message, bool in_stream) {
  Cursor cursor(message);
  RowMessage row;
  row.type = static_cast<MessageType>(cursor.u8());
  if (row.type != MessageType::kInsert && row.type != MessageType::kUpdate &&
      row.type != MessageType::kDelete) {
    return fail(malformed(MessageType::kInsert, 0, "another message type"));
  }
  row.xid = in_stream ? cursor.u32_be() : 0;
  row.relation_id = cursor.u32_be();
  std::size_t field_at = cursor.offset();
  auto tuple_kind = static_cast<char>(cursor.u8());
  if (row.type != MessageType::kInsert && (tuple_kind == 'K' || tuple_kind == 'O')) {
    row.old_kind = tuple_kind;
    const char* old_begin = cursor.position();
    if (row.type == MessageType::kDelete) {
      row.old_tuple = cursor.take(cursor.remaining());
      tuple_kind = 0;
    } else {
      skip_tuple(cursor);
      row.old_tuple = {old_begin, static_cast<std::size_t>(cursor.position() - old_begin)};
      field_at = cursor.ok() ? cursor.offset() : field_at;
      tuple_kind = static_cast<char>(cursor.u8());
    }
  }
  if (!cursor.ok()) {
    return fail(malformed(row.type, field_at, "the message ends inside a field"));
  }
  if (row.type != MessageType::kDelete && tuple_kind == 'N') {
    row.new_tuple = cursor.take(cursor.remaining());
  } else if (tuple_kind != 0 || row.old_kind == 0) {
    return fail(malformed(row.type, field_at, "unexpected tuple kind"));
  }
  if ((row.new_tuple.empty() ? row.old_tuple : row.new_tuple).size() < sizeof(std::uint16_t)) {
    return fail(malformed(row.type, message.size(), "the message ends before its tuple"));
  }
  return row;
}

Result<TruncateMessage> parse_truncate(std::string_view message, bool in_stream) {
  Reader in(MessageType::kTruncate, message);
  TruncateMessage truncate;
  truncate.xid = in.xid_if(in_stream);
  const std::uint32_t relation_count = in.u32();
  const std::uint8_t options = in.u8();
  in.require(options <= 3, "unknown truncate options");
  truncate.cascade = (options & 1) != 0;
  truncate.restart_identity = (options & 2) != 0;
  truncate.relation_ids.reserve(std::min<std::size_t>(relation_count, in.remaining() / 4));
  for (std::uint32_t i = 0; i < relation_count && in.ok(); ++i) {
    truncate.relation_ids.push_back(in.u32());
  }
  ROWTIDE_TRY(in.finish());
  return truncate;
}

Result<LogicalMessage> parse_logical_message(std::string_view message, bool in_stream) {
  LogicalMessage logical;
  // A non-transactional message arrives between blocks of a stream and never carries an xid.
  Reader in(MessageType::kLogicalMessage, message);
  logical.xid = in.xid_if(in_stream);
  const std::uint8_t flags = in.u8();
  in.require(flags <= 1, "unknown flags");
  logical.transactional = flags == 1;
  logical.lsn = in.u64();
  logical.prefix = in.text();
  logical.content = in.take(in.u32());
  ROWTIDE_TRY(in.finish());
  return logical;
}

Result<StreamStartMessage> parse_stream_start(std::string_view message) {
  Reader in(MessageType::kStreamStart, message);
  StreamStartMessage start;
  start.xid = in.u32();
  const std::uint8_t first = in.u8();
  in.require(first <= 1, "unknown first-segment flag");
  start.first_segment = first == 1;
  ROWTIDE_TRY(in.finish());
  return start;
}

Result<StreamStopMessage> parse_stream_stop(std::string_view message) {
  Reader in(MessageType::kStreamStop, message);
  ROWTIDE_TRY(in.finish());
  return StreamStopMessage{};
}

Result<StreamCommitMessage> parse_stream_commit(std::string_view message) {
  Reader in(MessageType::kStreamCommit, message);
  StreamCommitMessage commit;
  commit.xid = in.u32();
  in.unused_flags();
  commit.commit_lsn = in.u64();
  commit.end_lsn = in.u64();
  commit.committed_at_us = in.time_us();
  ROWTIDE_TRY(in.finish());
  return commit;
}

Result<StreamAbortMessage> parse_stream_abort(std::string_view message) {
  Reader in(MessageType::kStreamAbort, message);
  StreamAbortMessage abort;
  abort.xid = in.u32();
  abort.subxid = in.u32();
  if (in.remaining() > 0) {
    StreamAbortMessage::Detail detail;
    detail.abort_lsn = in.u64();
    detail.aborted_at_us = in.time_us();
    abort.detail = detail;
  }
  ROWTIDE_TRY(in.finish());
  return abort;
}

Result<BeginPrepareMessage> parse_begin_prepare(std::string_view message) {
  Reader in(MessageType::kBeginPrepare, message);
  BeginPrepareMessage prepare;
  prepare.prepare_lsn = in.u64();
  prepare.end_lsn = in.u64();
  prepare.prepared_at_us = in.time_us();
  prepare.xid = in.u32();
  prepare.gid = in.text();
  ROWTIDE_TRY(in.finish());
  return prepare;
}

Result<PrepareMessage> parse_prepare(std::string_view message) {
  const bool streamed = message.starts_with(static_cast<char>(MessageType::kStreamPrepare));
  Reader in(streamed ? MessageType::kStreamPrepare : MessageType::kPrepare, message);
  PrepareMessage prepare;
  in.unused_flags();
  prepare.prepare_lsn = in.u64();
  prepare.end_lsn = in.u64();
  prepare.prepared_at_us = in.time_us();
  prepare.xid = in.u32();
  prepare.gid = in.text();
  ROWTIDE_TRY(in.finish());
  return prepare;
}

Result<CommitPreparedMessage> parse_commit_prepared(std::string_view message) {
  Reader in(MessageType::kCommitPrepared, message);
  CommitPreparedMessage commit;
  in.unused_flags();
  commit.commit_lsn = in.u64();
  commit.end_lsn = in.u64();
  commit.committed_at_us = in.time_us();
  commit.xid = in.u32();
  commit.gid = in.text();
  ROWTIDE_TRY(in.finish());
  return commit;
}

Result<RollbackPreparedMessage> parse_rollback_prepared(std::string_view message) {
  Reader in(MessageType::kRollbackPrepared, message);
  RollbackPreparedMessage rollback;
  in.unused_flags();
  rollback.prepare_end_lsn = in.u64();
  rollback.rollback_end_lsn = in.u64();
  rollback.prepared_at_us = in.time_us();
  rollback.rolled_back_at_us = in.time_us();
  rollback.xid = in.u32();
  rollback.gid = in.text();
  ROWTIDE_TRY(in.finish());
  return rollback;
}

}  // namespace rowtide::postgres
