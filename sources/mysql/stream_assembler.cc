#include "sources/mysql/stream_assembler.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "sources/mysql/out_of_place.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;

bool is_rows(EventType type) {
  return is_rows_event(static_cast<std::uint8_t>(type)) ||
         (type >= EventType::kWriteRowsCompressedV1 && type <= EventType::kDeleteRowsCompressed);
}

}  // namespace

StreamAssembler::StreamAssembler(std::string pipeline, Wanted wanted,
                                 SchemaAnnouncements& announcements, SpillStore& store,
                                 Runtime runtime)
    : pipeline_(std::move(pipeline)),
      wanted_(std::move(wanted)),
      announcements_(announcements),
      store_(store),
      runtime_(std::move(runtime)) {
  counter_.begin_transaction({});
}

Result<void> StreamAssembler::reset(Start start) {
  shapes_ = start.shapes;
  shared_ = start.shared;
  delivered_end_ = {.file = {}, .offset = 0};
  position_ = std::move(start.position);
  histories_.clear();
  for (const StreamPosition& stored : start.histories) {
    if (stored.has_gtids()) {
      StreamPosition delivered = stored.delivered();
      const auto commit = delivered.commit();
      histories_.push_back({std::move(delivered), stored.inside(), commit});
    }
  }
  delivered_ = start.delivered;
  server_uuid_ = std::move(start.server_uuid);
  lower_case_names_ = start.lower_case_names;
  handed_out_ = start.delivered.value_or(Position{});
  // Where a stream begins for the first time has to be stored before anything comes.
  advance_due_ = true;
  file_ = {};
  open_.reset();
  tables_.clear();
  last_map_.clear();
  rows_.reset();
  in_payload_ = false;
  prepared_.clear();
  release_.reset();
  announcements_.reset();
  return store_.clear(pipeline_);
}

Result<void> StreamAssembler::take(const BinlogEvent& event, BatchBuilder& out) {
  ROWTIDE_ASSERT(!busy());
  // A heartbeat may be of another file than the events around it.
  const auto type = event.header.type;
  const bool heartbeat = type == EventType::kHeartbeat || type == EventType::kHeartbeatV2;
  if (!event.header.artificial() && !heartbeat) {
    note_file_position(event.header.log_pos);
  }
  if (auto applied = apply(event, out); !applied) {
    return fail(in_place(std::move(applied).error()));
  }
  return busy() ? resume(out) : Result<void>{};
}

Result<void> StreamAssembler::resume(BatchBuilder& out) {
  const auto step = [&]() -> Result<void> {
    BinlogEvent event;
    if (rows_) {
      return hand_out_rows(out);
    }
    if (in_payload_) {
      auto next = payload_.next();
      if (!next) {
        return fail(of_table(std::move(next).error()));
      }
      const auto inner = *next;
      in_payload_ = inner.has_value();
      return inner ? apply(*inner, out) : Result<void>{};
    }
    ROWTIDE_TRY_ASSIGN(const bool more, release_->next(event));
    if (more) {
      return apply(event, out);
    }
    runtime_.failpoints.hit(Failpoint::kSourceSpillRelease);
    ROWTIDE_TRY(release_->drop());
    release_.reset();
    end(out);
    return {};
  };
  while (busy() && !out.full()) {
    if (auto stepped = step(); !stepped) {
      return fail(in_place(std::move(stepped).error()));
    }
  }
  return {};
}

Result<void> StreamAssembler::apply(const BinlogEvent& event, BatchBuilder& out) {
  const EventType type = event.header.type;
  if (open_ && open_->xa_rows && (type == EventType::kTableMap || is_rows(type))) {
    return open_->xa_rows->append(event, runtime_.failpoints);
  }
  switch (type) {
    case EventType::kGtid:
    case EventType::kAnonymousGtid:
    case EventType::kGtidTagged:
      return apply_gtid(event, out);
    case EventType::kMariaDbGtid:
      return apply_mariadb_gtid(event, out);
    case EventType::kTableMap:
      return apply_table_map(event);
    case EventType::kXid:
      if (!open_) {
        return fail(out_of_place("XID"));
      }
      end(out);
      return {};
    case EventType::kQuery:
    case EventType::kQueryCompressed:
      return apply_query(event, out);
    case EventType::kXaPrepare:
      return apply_xa_prepare(event, out);
    case EventType::kTransactionPayload:
      ROWTIDE_TRY(payload_.start(event.body));
      in_payload_ = true;
      return {};
    case EventType::kRotate:
      return apply_rotate(event);
    case EventType::kHeartbeat:
    case EventType::kHeartbeatV2:
      return apply_heartbeat(event);
    case EventType::kIncident:
      return apply_incident(event);
    default:
      return is_rows(type) ? apply_rows(event, out) : apply_unknown(event);
  }
}

Result<void> StreamAssembler::apply_gtid(const BinlogEvent& event, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(const GtidEvent gtid, parse_gtid(event.header.type, event.body));
  Open transaction;
  transaction.committed_at_us = gtid.committed_at_us != 0
                                    ? gtid.committed_at_us
                                    : event.header.timestamp_s * kMicrosPerSecond;
  transaction.uuid = gtid.uuid;
  transaction.tag = gtid.tag;
  transaction.gno = gtid.gno;
  if (!position_.has_gtids()) {
    transaction.commit = StreamPosition::at_file(server_uuid_, file_).commit();
    return open(std::move(transaction), out);
  }
  if (gtid.gno == 0) {
    return fail(operator_error(
        Code::kUnsupported, "the server writes a transaction without a GTID",
        "SET GLOBAL gtid_mode step by step to ON (enforce_gtid_consistency = ON, OFF_PERMISSIVE, "
        "ON_PERMISSIVE, ON), or read by file and offset with position: file"));
  }
  // One that is there already is sent again by nobody; it is left out if it is.
  const auto commit = position_.commit_with(gtid.uuid, gtid.tag, gtid.gno);
  transaction.commit = commit.value_or(0);
  transaction.skipped = !commit;
  return open(std::move(transaction), out);
}

Result<void> StreamAssembler::apply_mariadb_gtid(const BinlogEvent& event, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(MariaDbGtidEvent gtid, parse_mariadb_gtid(event.header, event.body));
  const auto commit = position_.commit_with(gtid.gtid);
  if (!commit) {
    return fail(operator_error(
        Code::kConflict,
        fmt::format("GTID {} comes behind {} in the binary log: sequence numbers must grow",
                    to_text(gtid.gtid), position_.text()),
        "Somebody wrote to a replica, or set gtid_seq_no, with gtid_strict_mode = OFF. SET GLOBAL "
        "gtid_strict_mode = ON, then set a position behind it and backfill"));
  }
  Open transaction;
  transaction.committed_at_us = event.header.timestamp_s * kMicrosPerSecond;
  transaction.mariadb = gtid.gtid;
  transaction.commit = *commit;
  transaction.block = !gtid.has(MariaDbGtidEvent::kStandalone);
  if (gtid.has(MariaDbGtidEvent::kPreparedXa)) {
    transaction.xa_id = std::move(gtid.xa_id);
    transaction.xa_rows.emplace(next_spill_key_++, pipeline_, store_);
  }
  return open(std::move(transaction), out);
}

Result<void> StreamAssembler::open(Open transaction, BatchBuilder& out) {
  if (open_) {
    return fail(out_of_place("GTID"));
  }
  last_commit_us_ = transaction.committed_at_us;
  const bool partly = delivered_ && transaction.commit == delivered_->commit;
  transaction.skipped = transaction.skipped ||
                        (delivered_ && transaction.commit < delivered_->commit) ||
                        (partly && delivered_->is_whole());
  // A server whose log begins anew, or is no log: numbers would mean two things.
  if (!transaction.skipped && !partly && transaction.commit <= handed_out_.commit) {
    return fail(retry_error(Code::kProtocol, "the binary log goes back"));
  }
  open_ = std::move(transaction);
  ROWTIDE_TRY(check_history());
  if (partly && !open_->skipped && !open_->xa_rows) {
    begin(out);
  }
  return {};
}

Result<void> StreamAssembler::check_history() {
  if (histories_.empty() || open_->commit == 0) {
    return {};
  }
  const auto differs = [&](const History& history) {
    return open_->commit > history.commit
               ? !position_.same_history(history.delivered)
               : open_->commit == history.commit && !history.inside.empty() &&
                     transaction_id() != history.inside;
  };
  if (const auto other = std::ranges::find_if(histories_, differs); other != histories_.end()) {
    return fail(operator_error(
        Code::kPositionLost,
        fmt::format("the server has other transactions than those that were delivered: {} comes "
                    "behind {} where {} was delivered",
                    transaction_id(), shortened(position_.text()),
                    shortened(other->delivered.text())),
        "In a failover transactions were lost or changed their order, or the server has some of "
        "its own: connect to one with the history that was read before, or begin anew with a "
        "snapshot"));
  }
  std::erase_if(histories_, [&](const History& history) { return open_->commit > history.commit; });
  return {};
}

std::string_view StreamAssembler::transaction_id() {
  if (open_->mariadb) {
    id_ = to_text(*open_->mariadb);
    return id_;
  }
  if (open_->gno == 0) {
    id_ = fmt::format("{}:{}", file_.file, file_.offset);
    return id_;
  }
  constexpr std::size_t kUuidText = 36;
  if (open_->uuid != id_uuid_ || id_.size() < kUuidText) {
    id_ = to_text(open_->uuid);
    id_uuid_ = open_->uuid;
  }
  id_.resize(kUuidText);
  if (!open_->tag.empty()) {
    id_ += ':';
    id_ += open_->tag;
  }
  fmt::format_to(std::back_inserter(id_), ":{}", open_->gno);
  return id_;
}

void StreamAssembler::begin(BatchBuilder& out) {
  if (open_->begun) {
    return;
  }
  open_->begun = true;
  BatchBuilder::NewTransaction info;
  info.id = transaction_id();
  info.commit = open_->commit;
  info.committed_at_us = open_->committed_at_us;
  info.start_token = token(info.id);
  out.begin_transaction(info);
  if (delivered_ && open_->commit == delivered_->commit && delivered_->row > 0) {
    out.mark_continued();
  }
  for (; open_->uncounted_rows > 0; --open_->uncounted_rows) {
    out.skip_row();
  }
  runtime_.failpoints.hit(Failpoint::kSourceAfterBegin);
}

void StreamAssembler::end(BatchBuilder& out) {
  runtime_.failpoints.hit(Failpoint::kSourceBeforeCommit);
  if (open_->mariadb) {
    position_.add(*open_->mariadb);
  } else {
    if (position_.has_gtids()) {
      position_.add(open_->uuid, open_->tag, open_->gno);
    }
    position_.set_file(server_uuid_, file_);
  }
  if (open_->begun) {
    delivered_end_ = file_;
    out.end_transaction(token());
    handed_out_ = Position{0, open_->commit, kWholeTransaction};
    advance_due_ = false;
  } else {
    advance_due_ = true;
  }
  open_.reset();
  tables_.clear();
  runtime_.failpoints.hit(Failpoint::kSourceAfterCommit);
}

void StreamAssembler::advance(BatchBuilder& out) {
  if (open_ || busy() || !advance_due_) {
    return;
  }
  advance_due_ = false;
  const Position position{0, position_.commit(), kWholeTransaction};
  if (position > handed_out_) {
    out.advance(position, token());
    handed_out_ = position;
  }
}

std::string_view StreamAssembler::token(std::string_view inside) {
  const std::string_view base = base_token();
  if (!position_.has_gtids() || (prepared_.empty() && inside.empty())) {
    return base;
  }
  token_ = base;
  if (!prepared_.empty()) {
    token_ += '|';
    token_ += position_.text();
  }
  if (!inside.empty()) {
    token_ += '@';
    token_ += inside;
  }
  return token_;
}

std::string_view StreamAssembler::base_token() const {
  const Prepared* oldest = nullptr;
  for (const auto& [id, prepared] : prepared_) {
    if (oldest == nullptr || prepared.commit < oldest->commit) {
      oldest = &prepared;
    }
  }
  return oldest != nullptr ? std::string_view(oldest->token_before) : position_.token();
}

void StreamAssembler::note_file_position(std::uint32_t log_pos) {
  if (log_pos == 0) {
    return;
  }
  // The event tells the low half of an offset that only grows. A little less than before is no
  // turn of that half, but an event that is not at its place in the file.
  constexpr std::uint64_t kTurn = std::uint64_t{1} << 32;
  auto offset = (file_.offset & ~(kTurn - 1)) | log_pos;
  if (offset + kTurn / 2 < file_.offset) {
    offset += kTurn;
  }
  file_.offset = std::max(file_.offset, offset);
}

Result<void> StreamAssembler::apply_rotate(const BinlogEvent& event) {
  ROWTIDE_TRY_ASSIGN(const RotateEvent rotate, parse_rotate(event.body));
  // The real one ends a file and is followed by one that the server makes up, which begins the
  // next.
  if (!event.header.artificial()) {
    return {};
  }
  if (open_ && open_->begun) {
    return fail(operator_error(
        Code::kPositionLost,
        "a binary log ends inside a transaction of which rows were delivered: the server crashed "
        "and may not have kept it",
        "Set a position behind it (rowtide offsets set) and backfill the tables it touched"));
  }
  open_.reset();
  tables_.clear();
  file_.file = rotate.file;
  file_.offset = rotate.position;
  if (!position_.has_gtids()) {
    position_.set_file(server_uuid_, file_);
    advance_due_ = true;
  }
  return {};
}

Result<void> StreamAssembler::apply_heartbeat(const BinlogEvent& event) {
  ROWTIDE_TRY_ASSIGN(const HeartbeatEvent heartbeat, parse_heartbeat(event.header, event.body));
  if (open_ || heartbeat.file != file_.file) {
    return {};
  }
  note_file_position(static_cast<std::uint32_t>(heartbeat.position));
  if (position_.has_gtids()) {
    return {};
  }
  position_.set_file(server_uuid_, file_);
  advance_due_ = true;
  return {};
}

Result<void> StreamAssembler::apply_incident(const BinlogEvent& event) const {
  ROWTIDE_TRY_ASSIGN(const IncidentEvent incident, parse_incident(event.body));
  if (open_ && open_->skipped) {
    return {};
  }
  return fail(operator_error(
      Code::kPositionLost,
      fmt::format("the server says that its binary log lost changes here: incident {} \"{}\"",
                  incident.kind, incident.message),
      "Set a position behind it (rowtide offsets set) and backfill all tables"));
}

Result<void> StreamAssembler::apply_unknown(const BinlogEvent& event) const {
  switch (event.header.type) {
    case EventType::kFormatDescription:
    case EventType::kPreviousGtids:
    case EventType::kGtidList:
    case EventType::kBinlogCheckpoint:
    case EventType::kStop:
    case EventType::kIgnorable:
    case EventType::kRowsQuery:
    case EventType::kAnnotateRows:
    case EventType::kStartEncryption:
    case EventType::kTransactionContext:
    case EventType::kViewChange:
    // These three set the scene for a statement, which decides itself what it is.
    case EventType::kIntvar:
    case EventType::kRand:
    case EventType::kUserVar:
    case EventType::kAppendBlock:
    case EventType::kBeginLoadQuery:
    case EventType::kDeleteFile:
      return {};
    case EventType::kExecuteLoadQuery: {
      Statement load;
      load.kind = StatementKind::kRowChange;
      return apply_row_change({}, load);
    }
    default:
      break;
  }
  if (event.header.ignorable()) {
    return {};
  }
  return fail(operator_error(
      Code::kUnsupported,
      fmt::format("the binary log has an event of type {} ({}), which this build does not know",
                  static_cast<int>(event.header.type), to_string(event.header.type)),
      "The server is newer than this build: use a newer build"));
}

// Says which table it was: its map comes before its rows.
Error StreamAssembler::of_table(Error error) const {
  return tables_.empty() ? error
                         : std::move(error).with_context(
                               "table " + tables_.back().shape->schema->qualified_name());
}

// Says which transaction it was.
Error StreamAssembler::in_place(Error error) const {
  if (!open_) {
    return error;
  }
  if (open_->mariadb) {
    return std::move(error).with_context("at GTID " + to_text(*open_->mariadb));
  }
  if (open_->gno != 0) {
    return std::move(error).with_context(fmt::format("at GTID {}{}{}:{}", to_text(open_->uuid),
                                                     open_->tag.empty() ? "" : ":", open_->tag,
                                                     open_->gno));
  }
  return std::move(error).with_context(fmt::format("at {}:{}", file_.file, file_.offset));
}

StreamProgress StreamAssembler::progress() const {
  StreamProgress progress;
  if (const auto* set = position_.gtid_set()) {
    progress.executed = set->text();
  } else if (const auto* state = position_.gtid_state()) {
    progress.executed = state->text();
  }
  const bool partly = open_ && open_->begun;
  progress.delivered = partly ? file_ : delivered_end_;
  if (partly && open_->gno != 0) {
    progress.open_gtid = fmt::format("{}{}{}:{}", to_text(open_->uuid),
                                     open_->tag.empty() ? "" : ":", open_->tag, open_->gno);
  } else if (partly && open_->mariadb) {
    progress.open_gtid = to_text(*open_->mariadb);
  }
  if (!busy()) {
    progress.taken = file_;
  }
  progress.position = Position{0, position_.commit(), kWholeTransaction};
  return progress;
}

std::uint64_t StreamAssembler::spilled_bytes() const {
  std::uint64_t total = release_ ? release_->stored_bytes() : 0;
  for (const auto& [id, prepared] : prepared_) {
    total += prepared.rows.stored_bytes();
  }
  return total;
}

}  // namespace rowtide::mysql
