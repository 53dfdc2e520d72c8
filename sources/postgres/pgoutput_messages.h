#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace rowtide::postgres {

// The messages of the pgoutput plugin, protocol versions 1 to 4 (PostgreSQL documentation, "Logical
// Replication Message Formats"). A parser takes one whole message, type byte included, and checks
// every length; too few bytes, bytes left over or a wrong type byte are Code::kProtocol errors that
// name the message and the byte offset. Strings are views into the message. Times are microseconds
// since 1970-01-01 UTC (the wire counts from 2000), clamped to what 64 bits hold.
//
// `in_stream` is true between stream start and stream stop: messages that may occur there then
// carry the xid of their (sub)transaction. Parsers of messages that never carry one have no such
// argument.

enum class MessageType : char {
  kBegin = 'B',
  kCommit = 'C',
  kOrigin = 'O',
  kRelation = 'R',
  kType = 'Y',
  kInsert = 'I',
  kUpdate = 'U',
  kDelete = 'D',
  kTruncate = 'T',
  kLogicalMessage = 'M',
  kStreamStart = 'S',
  kStreamStop = 'E',
  kStreamCommit = 'c',
  kStreamAbort = 'A',
  kBeginPrepare = 'b',
  kPrepare = 'P',
  kStreamPrepare = 'p',
  kCommitPrepared = 'K',
  kRollbackPrepared = 'r',
};

// The type of a message; an empty message or an unknown letter is an error.
Result<MessageType> message_type(std::string_view message);

struct BeginMessage {
  // Equals commit_lsn of the matching commit.
  std::uint64_t final_lsn = 0;
  std::int64_t committed_at_us = 0;
  std::uint32_t xid = 0;
};

struct CommitMessage {
  std::uint64_t commit_lsn = 0;
  // Where to resume after this transaction.
  std::uint64_t end_lsn = 0;
  std::int64_t committed_at_us = 0;
};

struct OriginMessage {
  // 0 inside a streamed block.
  std::uint64_t origin_commit_lsn = 0;
  std::string_view name;
};

struct RelationColumn {
  // Part of the replica identity; with identity FULL every column is.
  bool is_key = false;
  std::string_view name;
  std::uint32_t type_oid = 0;
  std::int32_t type_modifier = -1;
};

struct RelationMessage {
  // 0 outside a streamed block.
  std::uint32_t xid = 0;
  std::uint32_t relation_id = 0;
  // "pg_catalog" where the wire has an empty string.
  std::string_view schema;
  std::string_view table;
  // 'd' default, 'n' nothing, 'f' full, 'i' index.
  char replica_identity = 'd';
  std::vector<RelationColumn> columns;
};

struct TypeMessage {
  std::uint32_t xid = 0;
  std::uint32_t type_oid = 0;
  std::string_view schema;
  // A domain is announced under its base type's name.
  std::string_view name;
};

// Insert, update or delete. The tuples are raw: from their Int16 column count on, as
// RelationDecoder takes them. Only the borders of tuples are checked here; what lies inside the
// last one of a message is checked when it is decoded.
struct RowMessage {
  MessageType type = MessageType::kInsert;
  std::uint32_t xid = 0;
  std::uint32_t relation_id = 0;
  // 'K' key columns, 'O' whole old row, 0 none.
  char old_kind = 0;
  std::string_view old_tuple;
  std::string_view new_tuple;
};

struct TruncateMessage {
  std::uint32_t xid = 0;
  bool cascade = false;
  bool restart_identity = false;
  std::vector<std::uint32_t> relation_ids;
};

struct LogicalMessage {
  // 0 outside a streamed block, and for non-transactional messages everywhere.
  std::uint32_t xid = 0;
  bool transactional = false;
  std::uint64_t lsn = 0;
  std::string_view prefix;
  std::string_view content;
};

struct StreamStartMessage {
  std::uint32_t xid = 0;
  bool first_segment = false;
};

struct StreamStopMessage {};

struct StreamCommitMessage {
  std::uint32_t xid = 0;
  std::uint64_t commit_lsn = 0;
  std::uint64_t end_lsn = 0;
  std::int64_t committed_at_us = 0;
};

struct StreamAbortMessage {
  std::uint32_t xid = 0;
  // Equal to xid when the whole transaction is aborted.
  std::uint32_t subxid = 0;
  // Sent with streaming = parallel only, and zero on the wire for a transaction that a server crash
  // interrupted.
  struct Detail {
    std::uint64_t abort_lsn = 0;
    std::int64_t aborted_at_us = 0;
  };
  std::optional<Detail> detail;
};

struct BeginPrepareMessage {
  std::uint64_t prepare_lsn = 0;
  std::uint64_t end_lsn = 0;
  std::int64_t prepared_at_us = 0;
  std::uint32_t xid = 0;
  std::string_view gid;
};

// Prepare and stream prepare.
struct PrepareMessage {
  std::uint64_t prepare_lsn = 0;
  std::uint64_t end_lsn = 0;
  std::int64_t prepared_at_us = 0;
  std::uint32_t xid = 0;
  std::string_view gid;
};

struct CommitPreparedMessage {
  std::uint64_t commit_lsn = 0;
  std::uint64_t end_lsn = 0;
  std::int64_t committed_at_us = 0;
  std::uint32_t xid = 0;
  std::string_view gid;
};

struct RollbackPreparedMessage {
  std::uint64_t prepare_end_lsn = 0;
  std::uint64_t rollback_end_lsn = 0;
  std::int64_t prepared_at_us = 0;
  std::int64_t rolled_back_at_us = 0;
  std::uint32_t xid = 0;
  std::string_view gid;
};

Result<BeginMessage> parse_begin(std::string_view message);
Result<CommitMessage> parse_commit(std::string_view message);
Result<OriginMessage> parse_origin(std::string_view message);
Result<RelationMessage> parse_relation(std::string_view message, bool in_stream);
Result<TypeMessage> parse_type(std::string_view message, bool in_stream);
// 'I', 'U' and 'D'.
Result<RowMessage> parse_row(std::string_view message, bool in_stream);
Result<TruncateMessage> parse_truncate(std::string_view message, bool in_stream);
Result<LogicalMessage> parse_logical_message(std::string_view message, bool in_stream);
Result<StreamStartMessage> parse_stream_start(std::string_view message);
Result<StreamStopMessage> parse_stream_stop(std::string_view message);
Result<StreamCommitMessage> parse_stream_commit(std::string_view message);
// Both the 9-byte form and the 25-byte form.
Result<StreamAbortMessage> parse_stream_abort(std::string_view message);
Result<BeginPrepareMessage> parse_begin_prepare(std::string_view message);
// 'P' and 'p'.
Result<PrepareMessage> parse_prepare(std::string_view message);
Result<CommitPreparedMessage> parse_commit_prepared(std::string_view message);
Result<RollbackPreparedMessage> parse_rollback_prepared(std::string_view message);

}  // namespace rowtide::postgres
