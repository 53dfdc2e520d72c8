#include "sources/postgres/stream_assembler.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "engine/base/cursor.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/watermark.h"

namespace rowtide::postgres {
namespace {

// The xid behind the type byte of a message inside a streamed block.
std::uint32_t stream_xid(std::string_view message) {
  Cursor cursor(message);
  cursor.u8();
  return cursor.u32_be();
}

bool carries_xid(char type) {
  return type == 'R' || type == 'Y' || type == 'I' || type == 'U' || type == 'D' || type == 'T' ||
         type == 'M';
}

Error out_of_place(char type) {
  return retry_error(Code::kProtocol,
                     fmt::format("the stream has a message of type '{}' out of place", type));
}

}  // namespace

StreamAssembler::StreamAssembler(std::string pipeline, RelationCache& relations, SpillStore& store,
                                 DeliveredTransactions& delivered, Runtime runtime)
    : pipeline_(std::move(pipeline)),
      relations_(relations),
      store_(store),
      delivered_(delivered),
      runtime_(std::move(runtime)) {}

Result<void> StreamAssembler::reset(const Start& start) {
  start_ = start;
  token_prefix_ = fmt::format("{}:{}:", start.system_id, start.timeline);
  received_lsn_ = start.start_lsn;
  advanced_lsn_ = start.start_lsn;
  open_.reset();
  streams_.clear();
  stream_ = nullptr;
  preparing_.reset();
  prepared_.clear();
  release_.reset();
  relations_.reset();
  delivered_.stream_started(start.timeline, start.log_end, start.system_id);
  set_token(start.start_lsn);
  return store_.clear(pipeline_);
}

Result<void> StreamAssembler::take(std::string_view message, BatchBuilder& out) {
  ROWTIDE_ASSERT(!release_);
  const char type = message.empty() ? '\0' : message.front();
  if (stream_ != nullptr && type != 'E') {
    return take_stream_message(message, out);
  }
  if (preparing_ && type != 'P') {
    // The server takes a relation for described from here on, however this transaction ends.
    if (type == 'R' || type == 'Y') {
      ROWTIDE_TRY(apply(message, false, out));
    }
    return preparing_->rows.append(message, runtime_.failpoints);
  }
  switch (type) {
    case 'B':
      return take_begin(message, out);
    case 'C':
      return take_commit(message, out);
    case 'S':
      return take_stream_start(message);
    case 'E':
      stream_ = nullptr;
      return {};
    case 'c':
      return take_stream_commit(message, out);
    case 'A':
      return take_stream_abort(message);
    case 'b': {
      ROWTIDE_TRY(parse_begin_prepare(message));
      preparing_.emplace(new_spill(), false, token_);
      return {};
    }
    case 'P':
    case 'p':
      return take_prepare(message, type == 'p');
    case 'K':
      return take_commit_prepared(message, out);
    case 'r':
      return take_rollback_prepared(message);
    default:
      return apply(message, false, out);
  }
}

Result<void> StreamAssembler::take_begin(std::string_view message, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(const BeginMessage begin_message, parse_begin(message));
  if (open_) {
    return fail(out_of_place('B'));
  }
  begin(begin_message.final_lsn, begin_message.committed_at_us, begin_message.xid, out);
  return {};
}

Result<void> StreamAssembler::take_commit(std::string_view message, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(const CommitMessage commit, parse_commit(message));
  if (!open_ || open_->commit_lsn != commit.commit_lsn) {
    return fail(out_of_place('C'));
  }
  end(commit.end_lsn, out);
  return {};
}

void StreamAssembler::begin(std::uint64_t commit_lsn, std::int64_t committed_at_us,
                            std::uint32_t xid, BatchBuilder& out) {
  last_commit_us_ = committed_at_us;
  delivered_.add(xid, commit_lsn);
  open_ = OpenTransaction{commit_lsn, false};
  const auto& delivered = start_.delivered;
  if (delivered && (commit_lsn < delivered->commit ||
                    (commit_lsn == delivered->commit && delivered->is_whole()))) {
    open_->skipped = true;
    return;
  }
  char id[16];
  const auto id_end = std::to_chars(id, id + sizeof(id), xid).ptr;
  BatchBuilder::NewTransaction info;
  info.id = std::string_view(id, static_cast<std::size_t>(id_end - id));
  info.timeline = timeline_of(commit_lsn);
  info.commit = commit_lsn;
  info.committed_at_us = committed_at_us;
  info.start_token = token_;
  out.begin_transaction(info);
  if (delivered && commit_lsn == delivered->commit && delivered->row > 0) {
    out.mark_continued();
  }
  runtime_.failpoints.hit(Failpoint::kSourceAfterBegin);
}

void StreamAssembler::end(std::uint64_t end_lsn, BatchBuilder& out) {
  runtime_.failpoints.hit(Failpoint::kSourceBeforeCommit);
  received_lsn_ = std::max(received_lsn_, end_lsn);
  set_token(end_lsn);
  if (!open_->skipped) {
    out.end_transaction(token_);
  }
  open_.reset();
  runtime_.failpoints.hit(Failpoint::kSourceAfterCommit);
}

Result<void> StreamAssembler::take_stream_start(std::string_view message) {
  ROWTIDE_TRY_ASSIGN(const StreamStartMessage start, parse_stream_start(message));
  const auto found = streams_.find(start.xid);
  // The server names a first segment; a transaction that it starts to stream again begins anew.
  if (found != streams_.end() && !start.first_segment) {
    stream_ = &found->second;
    return {};
  }
  if (found != streams_.end()) {
    ROWTIDE_TRY(found->second.drop());
    streams_.erase(found);
  }
  stream_ = &streams_.emplace(start.xid, new_spill()).first->second;
  return {};
}

Result<void> StreamAssembler::take_stream_message(std::string_view message, BatchBuilder& out) {
  if (!message.empty() && message.front() == 'M') {
    ROWTIDE_TRY_ASSIGN(const LogicalMessage logical, parse_logical_message(message, true));
    if (!logical.transactional) {
      return take_free_message(logical, out);
    }
  }
  return stream_->append(message, runtime_.failpoints);
}

Result<void> StreamAssembler::take_stream_commit(std::string_view message, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(const StreamCommitMessage commit, parse_stream_commit(message));
  begin(commit.commit_lsn, commit.committed_at_us, commit.xid, out);
  const auto found = streams_.find(commit.xid);
  if (found == streams_.end()) {
    end(commit.end_lsn, out);
    return {};
  }
  SpilledTransaction rows = std::move(found->second);
  streams_.erase(found);
  return start_release(std::move(rows), true, commit.end_lsn, out);
}

Result<void> StreamAssembler::take_stream_abort(std::string_view message) {
  ROWTIDE_TRY_ASSIGN(const StreamAbortMessage abort, parse_stream_abort(message));
  const auto found = streams_.find(abort.xid);
  if (found == streams_.end()) {
    return {};  // servers from 18 on name transactions here that they never streamed
  }
  if (abort.subxid != abort.xid) {
    found->second.abort_subtransaction(abort.subxid);
    return {};
  }
  ROWTIDE_TRY(found->second.drop());
  streams_.erase(found);
  return {};
}

Result<void> StreamAssembler::take_prepare(std::string_view message, bool streamed) {
  ROWTIDE_TRY_ASSIGN(const PrepareMessage prepare, parse_prepare(message));
  received_lsn_ = std::max(received_lsn_, prepare.end_lsn);
  std::optional<Prepared> entry;
  if (streamed) {
    const auto found = streams_.find(prepare.xid);
    entry.emplace(found == streams_.end() ? new_spill() : std::move(found->second), true, token_);
    if (found != streams_.end()) {
      streams_.erase(found);
    }
  } else if (preparing_) {
    entry = std::move(preparing_);
    preparing_.reset();
  } else {
    return fail(out_of_place('P'));
  }
  prepared_.insert_or_assign(std::string(prepare.gid), std::move(*entry));
  return {};
}

Result<void> StreamAssembler::take_commit_prepared(std::string_view message, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(const CommitPreparedMessage commit, parse_commit_prepared(message));
  const auto found = prepared_.find(commit.gid);
  begin(commit.commit_lsn, commit.committed_at_us, commit.xid, out);
  if (found == prepared_.end()) {
    if (open_->skipped) {
      end(commit.end_lsn, out);
      return {};
    }
    return fail(
        operator_error(Code::kPositionLost,
                       "a prepared transaction was committed whose rows the slot sent earlier",
                       "The slot was confirmed behind its PREPARE by another client: resync the "
                       "tables it touched"));
  }
  SpilledTransaction rows = std::move(found->second.rows);
  const bool streamed = found->second.streamed;
  prepared_.erase(found);
  return start_release(std::move(rows), streamed, commit.end_lsn, out);
}

Result<void> StreamAssembler::take_rollback_prepared(std::string_view message) {
  ROWTIDE_TRY_ASSIGN(const RollbackPreparedMessage rollback, parse_rollback_prepared(message));
  const auto found = prepared_.find(rollback.gid);
  if (found != prepared_.end()) {
    ROWTIDE_TRY(found->second.rows.drop());
    prepared_.erase(found);
  }
  return {};
}

// A message outside of any transaction is a transaction of its own at its own place in the log.
Result<void> StreamAssembler::take_free_message(const LogicalMessage& message, BatchBuilder& out) {
  if (open_) {
    return apply_message(message, out);
  }
  begin(message.lsn, last_commit_us_, 0, out);
  if (!open_->skipped) {
    ROWTIDE_TRY(apply_message(message, out));
    // Nothing of a transaction still open lies before it: the token stays.
    out.end_transaction(token_);
  }
  open_.reset();
  return {};
}

Result<void> StreamAssembler::start_release(SpilledTransaction rows, bool streamed,
                                            std::uint64_t end_lsn, BatchBuilder& out) {
  runtime_.failpoints.hit(Failpoint::kSourceSpillRelease);
  release_.emplace(std::move(rows), streamed, end_lsn);
  release_->rows.rewind();
  return release(out);
}

Result<void> StreamAssembler::release(BatchBuilder& out) {
  while (!out.full()) {
    std::string_view message;
    ROWTIDE_TRY_ASSIGN(const bool more, release_->rows.next(message));
    if (!more) {
      ROWTIDE_TRY(release_->rows.drop());
      const auto end_lsn = release_->end_lsn;
      release_.reset();
      end(end_lsn, out);
      return {};
    }
    if (release_->streamed && carries_xid(message.front()) &&
        release_->rows.is_aborted(stream_xid(message))) {
      continue;
    }
    // Relations described meanwhile matter even in a transaction delivered before.
    ROWTIDE_TRY(apply(message, release_->streamed, out));
  }
  return {};
}

void StreamAssembler::advance(std::uint64_t wal_end, BatchBuilder& out) {
  // After a commit that ends at wal_end the position still moves, once: whoever waits for the end
  // of the log cannot know where the last commit began.
  if (open_ || release_ || preparing_ || wal_end < received_lsn_ || wal_end <= advanced_lsn_) {
    return;
  }
  received_lsn_ = wal_end;
  advanced_lsn_ = wal_end;
  set_token(wal_end);
  // A commit record may begin exactly at wal_end, so the position stays below it, and one more:
  // what is put between two transactions takes the place behind the position, and that is free.
  const std::uint64_t below = wal_end - 2;
  out.advance(Position{timeline_of(below), below, kWholeTransaction}, token_);
}

Result<void> StreamAssembler::apply(std::string_view message, bool in_stream, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(const MessageType type, message_type(message));
  switch (type) {
    case MessageType::kInsert:
    case MessageType::kUpdate:
    case MessageType::kDelete:
      return apply_row(message, in_stream, out);
    case MessageType::kTruncate:
      return apply_truncate(message, in_stream, out);
    case MessageType::kRelation:
      return relations_.describe(message, in_stream);
    case MessageType::kType:
      return relations_.describe_type(message, in_stream);
    case MessageType::kLogicalMessage: {
      ROWTIDE_TRY_ASSIGN(const LogicalMessage logical, parse_logical_message(message, in_stream));
      return logical.transactional && open_ ? apply_message(logical, out)
                                            : take_free_message(logical, out);
    }
    case MessageType::kOrigin:
      return {};
    default:
      return fail(out_of_place(message.front()));
  }
}

Result<void> StreamAssembler::apply_row(std::string_view message, bool in_stream,
                                        BatchBuilder& out) {
  if (!open_) {
    return fail(out_of_place(message.front()));
  }
  if (open_->skipped) {
    return {};
  }
  ROWTIDE_TRY_ASSIGN(const RowMessage row, parse_row(message, in_stream));
  ROWTIDE_TRY_ASSIGN(Relation * relation, relations_.find(row.relation_id));
  if (!relation->wanted || row_was_delivered(out)) {
    out.skip_row();
    return {};
  }
  Event event;
  if (auto decoded = relation->decoder->decode_row(row, out, event); !decoded) {
    return fail(std::move(decoded).error().with_context(
        fmt::format("table {} at {}", relation->decoder->schema()->qualified_name(),
                    lsn_text(open_->commit_lsn))));
  }
  announce(*relation, out);
  out.add_row(event, relation->decoder->schema());
  runtime_.failpoints.hit(Failpoint::kSourceAfterRow);
  return {};
}

Result<void> StreamAssembler::apply_truncate(std::string_view message, bool in_stream,
                                             BatchBuilder& out) {
  if (!open_) {
    return fail(out_of_place('T'));
  }
  ROWTIDE_TRY_ASSIGN(const TruncateMessage truncate, parse_truncate(message, in_stream));
  if (open_->skipped) {
    return {};
  }
  for (const auto id : truncate.relation_ids) {
    ROWTIDE_TRY_ASSIGN(Relation * relation, relations_.find(id));
    if (!relation->wanted || row_was_delivered(out)) {
      out.skip_row();
      continue;
    }
    announce(*relation, out);
    Event event;
    event.op = Op::kTruncate;
    out.add_row(event, relation->decoder->schema());
  }
  return {};
}

Result<void> StreamAssembler::apply_message(const LogicalMessage& message, BatchBuilder& out) {
  // The marks of our own chunk readers only have to have been passed.
  if (open_->skipped || message.prefix == kWatermarkPrefix || row_was_delivered(out)) {
    return {};
  }
  Event event;
  event.op = Op::kMessage;
  event.message_prefix = out.arena().copy(message.prefix);
  event.message_content = out.arena().copy(message.content);
  out.add_attached(event, nullptr);
  return {};
}

void StreamAssembler::announce(Relation& relation, BatchBuilder& out) {
  if (!relation.announce) {
    return;
  }
  Event event;
  event.op = Op::kSchema;
  out.add_attached(event, relation.decoder->schema());
  relations_.announced(relation);
}

bool StreamAssembler::row_was_delivered(BatchBuilder& out) {
  const auto& delivered = start_.delivered;
  return delivered && open_->commit_lsn == delivered->commit &&
         out.rows_in_transaction() < delivered->row;
}

std::uint32_t StreamAssembler::timeline_of(std::uint64_t commit_lsn) const {
  // What was delivered before the server changed its timeline keeps the number that it had.
  return start_.highest && commit_lsn <= start_.highest->commit ? start_.highest->timeline
                                                                : start_.timeline;
}

void StreamAssembler::set_token(std::uint64_t lsn) {
  // Prepared transactions that wait for their end hold the token back; the oldest one decides.
  const std::string* held = nullptr;
  std::uint64_t held_lsn = lsn;
  for (const auto& [gid, prepared] : prepared_) {
    const auto colon = prepared.token_before.rfind(':');
    const auto before = parse_lsn(std::string_view(prepared.token_before).substr(colon + 1));
    if (before && *before < held_lsn) {
      held_lsn = *before;
      held = &prepared.token_before;
    }
  }
  if (held != nullptr) {
    token_ = *held;
    return;
  }
  // Once per transaction, so the string keeps its memory.
  token_ = token_prefix_;
  append_lsn(token_, lsn);
}

SpilledTransaction StreamAssembler::new_spill() {
  return SpilledTransaction(next_spill_key_++, pipeline_, store_);
}

std::uint64_t StreamAssembler::spilled_bytes() const {
  std::uint64_t total = release_ ? release_->rows.stored_bytes() : 0;
  for (const auto& [xid, transaction] : streams_) {
    total += transaction.stored_bytes();
  }
  for (const auto& [gid, prepared] : prepared_) {
    total += prepared.rows.stored_bytes();
  }
  return total;
}

}  // namespace rowtide::postgres
