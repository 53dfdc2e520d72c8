#include "tests/golden/pgoutput_text.h"

#include <iterator>

#include <fmt/format.h>

#include "tests/golden/canonical_text.h"

namespace rowtide::postgres {
namespace {

std::string in_xid(std::uint32_t xid) {
  return xid == 0 ? "" : fmt::format(" xid={}", xid);
}

}  // namespace

void PgoutputReader::begin_batch() {
  builder_.begin_transaction({});
}

RelationDecoder* PgoutputReader::decoder(std::uint32_t relation_id) const {
  const auto found = decoders_.find(relation_id);
  return found == decoders_.end() ? nullptr : found->second.get();
}

Result<std::string> PgoutputReader::describe_relation(std::string_view message) {
  ROWTIDE_TRY_ASSIGN(const RelationMessage relation, parse_relation(message, in_stream_));
  ROWTIDE_TRY_ASSIGN(auto decoder, RelationDecoder::create(relation, catalog_));
  const TableSchema& schema = *decoder->schema();
  std::string out =
      fmt::format("relation {} {} identity={}{} columns", relation.relation_id,
                  schema.qualified_name(), relation.replica_identity, in_xid(relation.xid));
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "{} {}{}:{}:{}", i == 0 ? "" : ",",
                   relation.columns[i].is_key ? "*" : "", schema.columns[i].name,
                   schema.columns[i].source_type, to_string(schema.columns[i].type));
  }
  out += " key";
  for (const std::uint32_t column : schema.key_columns) {
    out += ' ';
    out += schema.columns[column].name;
  }
  out += schema.key_is_unique ? " unique" : "";
  decoders_[relation.relation_id] = std::move(decoder);
  return out;
}

Result<std::string> PgoutputReader::describe_row(std::string_view message) {
  ROWTIDE_TRY_ASSIGN(const RowMessage row, parse_row(message, in_stream_));
  RelationDecoder* known = decoder(row.relation_id);
  if (known == nullptr) {
    return fail(fatal_error(Code::kProtocol, "row of a relation that was not described"));
  }
  Event event;
  ROWTIDE_TRY(known->decode_row(row, builder_, event));
  std::string text = canonical_row(event);
  changes_.push_back({stream_xid_, row.xid, true, text});
  return text + in_xid(row.xid);
}

Result<std::string> PgoutputReader::describe_truncate(std::string_view message) {
  ROWTIDE_TRY_ASSIGN(const TruncateMessage truncate, parse_truncate(message, in_stream_));
  std::string text = "truncate";
  for (const std::uint32_t relation_id : truncate.relation_ids) {
    const RelationDecoder* known = decoder(relation_id);
    text += ' ';
    text += known == nullptr ? std::to_string(relation_id) : known->schema()->qualified_name();
  }
  text += truncate.cascade ? " cascade" : "";
  text += truncate.restart_identity ? " restart_identity" : "";
  changes_.push_back({stream_xid_, truncate.xid, true, text});
  return text + in_xid(truncate.xid);
}

Result<std::string> PgoutputReader::describe_logical(std::string_view message) {
  ROWTIDE_TRY_ASSIGN(const LogicalMessage logical, parse_logical_message(message, in_stream_));
  std::string text = fmt::format("message {} prefix={} content={}",
                                 logical.transactional ? "transactional" : "immediate",
                                 canonical_bytes(logical.prefix), canonical_bytes(logical.content));
  changes_.push_back({stream_xid_, logical.xid, false, text});
  return fmt::format("{} lsn={}{}", text, canonical_lsn(logical.lsn), in_xid(logical.xid));
}

Result<std::string> PgoutputReader::describe_stream(MessageType type, std::string_view message) {
  switch (type) {
    case MessageType::kStreamStart: {
      ROWTIDE_TRY_ASSIGN(const StreamStartMessage start, parse_stream_start(message));
      in_stream_ = true;
      stream_xid_ = start.xid;
      return fmt::format("stream_start xid={}{}", start.xid, start.first_segment ? " first" : "");
    }
    case MessageType::kStreamStop: {
      ROWTIDE_TRY(parse_stream_stop(message));
      in_stream_ = false;
      stream_xid_ = 0;
      return std::string("stream_stop");
    }
    case MessageType::kStreamCommit: {
      ROWTIDE_TRY_ASSIGN(const StreamCommitMessage commit, parse_stream_commit(message));
      return fmt::format("stream_commit xid={} commit={} end={} at={}", commit.xid,
                         canonical_lsn(commit.commit_lsn), canonical_lsn(commit.end_lsn),
                         canonical_time(commit.committed_at_us));
    }
    default: {
      ROWTIDE_TRY_ASSIGN(const StreamAbortMessage abort, parse_stream_abort(message));
      aborted_xids_.push_back(abort.subxid);
      std::string out = fmt::format("stream_abort xid={} subxid={}", abort.xid, abort.subxid);
      if (abort.detail) {
        out += fmt::format(" abort={} at={}", canonical_lsn(abort.detail->abort_lsn),
                           canonical_time(abort.detail->aborted_at_us));
      }
      return out;
    }
  }
}

Result<std::string> PgoutputReader::describe_prepared(MessageType type, std::string_view message) {
  switch (type) {
    case MessageType::kBeginPrepare: {
      ROWTIDE_TRY_ASSIGN(const BeginPrepareMessage begin, parse_begin_prepare(message));
      return fmt::format("begin_prepare prepare={} end={} at={} xid={} gid={}",
                         canonical_lsn(begin.prepare_lsn), canonical_lsn(begin.end_lsn),
                         canonical_time(begin.prepared_at_us), begin.xid, begin.gid);
    }
    case MessageType::kPrepare:
    case MessageType::kStreamPrepare: {
      ROWTIDE_TRY_ASSIGN(const PrepareMessage prepare, parse_prepare(message));
      return fmt::format("{} prepare={} end={} at={} xid={} gid={}",
                         type == MessageType::kPrepare ? "prepare" : "stream_prepare",
                         canonical_lsn(prepare.prepare_lsn), canonical_lsn(prepare.end_lsn),
                         canonical_time(prepare.prepared_at_us), prepare.xid, prepare.gid);
    }
    case MessageType::kCommitPrepared: {
      ROWTIDE_TRY_ASSIGN(const CommitPreparedMessage commit, parse_commit_prepared(message));
      return fmt::format("commit_prepared commit={} end={} at={} xid={} gid={}",
                         canonical_lsn(commit.commit_lsn), canonical_lsn(commit.end_lsn),
                         canonical_time(commit.committed_at_us), commit.xid, commit.gid);
    }
    default: {
      ROWTIDE_TRY_ASSIGN(const RollbackPreparedMessage rollback, parse_rollback_prepared(message));
      return fmt::format(
          "rollback_prepared prepare_end={} rollback_end={} prepared_at={} at={} xid={} gid={}",
          canonical_lsn(rollback.prepare_end_lsn), canonical_lsn(rollback.rollback_end_lsn),
          canonical_time(rollback.prepared_at_us), canonical_time(rollback.rolled_back_at_us),
          rollback.xid, rollback.gid);
    }
  }
}

Result<std::string> PgoutputReader::describe(std::string_view message) {
  ROWTIDE_TRY_ASSIGN(const MessageType type, message_type(message));
  switch (type) {
    case MessageType::kBegin: {
      ROWTIDE_TRY_ASSIGN(const BeginMessage begin, parse_begin(message));
      return fmt::format("begin final={} at={} xid={}", canonical_lsn(begin.final_lsn),
                         canonical_time(begin.committed_at_us), begin.xid);
    }
    case MessageType::kCommit: {
      ROWTIDE_TRY_ASSIGN(const CommitMessage commit, parse_commit(message));
      return fmt::format("commit commit={} end={} at={}", canonical_lsn(commit.commit_lsn),
                         canonical_lsn(commit.end_lsn), canonical_time(commit.committed_at_us));
    }
    case MessageType::kOrigin: {
      ROWTIDE_TRY_ASSIGN(const OriginMessage origin, parse_origin(message));
      return fmt::format("origin lsn={} name={}", canonical_lsn(origin.origin_commit_lsn),
                         origin.name);
    }
    case MessageType::kType: {
      ROWTIDE_TRY_ASSIGN(const TypeMessage named, parse_type(message, in_stream_));
      return fmt::format("type {} {}.{}{}", named.type_oid, named.schema, named.name,
                         in_xid(named.xid));
    }
    case MessageType::kRelation:
      return describe_relation(message);
    case MessageType::kInsert:
    case MessageType::kUpdate:
    case MessageType::kDelete:
      return describe_row(message);
    case MessageType::kTruncate:
      return describe_truncate(message);
    case MessageType::kLogicalMessage:
      return describe_logical(message);
    case MessageType::kStreamStart:
    case MessageType::kStreamStop:
    case MessageType::kStreamCommit:
    case MessageType::kStreamAbort:
      return describe_stream(type, message);
    default:
      return describe_prepared(type, message);
  }
}

}  // namespace rowtide::postgres
