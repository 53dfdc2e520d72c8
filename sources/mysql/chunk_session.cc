#include "sources/mysql/chunk_session.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "sources/mysql/mariadb_gtid.h"

namespace rowtide::mysql {
namespace {

using std::chrono::milliseconds;

constexpr int kBinaryLogStatusSince = 80200;
// The first row that fits a condition may be a long time coming.
constexpr auto kRowPatience = std::chrono::minutes(30);
// How long a chunk that was read waits for the stream to come to where it was read.
constexpr auto kStreamPatience = std::chrono::seconds(5);
// A stream that says nothing new for so long may have been told nothing of what it passed.
constexpr auto kQuiet = milliseconds(100);
constexpr auto kFirstPause = std::chrono::microseconds(200);
constexpr auto kLongestPause = std::chrono::microseconds(5'000);

// Statements about the session alone; a variable that only one flavour has is in its own list.
constexpr const char* kSession[] = {
    "SET SESSION sql_mode = '', time_zone = '+00:00', net_write_timeout = 600, "
    "net_read_timeout = 600, wait_timeout = 28800, sql_select_limit = DEFAULT, "
    "sql_big_selects = 1, character_set_results = NULL",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
};
constexpr const char* kMysqlSession = "SET SESSION max_execution_time = 0";
constexpr const char* kMariaDbSession =
    "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0, "
    "idle_readonly_transaction_timeout = 0";

Error invisible(std::string_view what) {
  return retry_error(
      Code::kTimeout, fmt::format("transactions that were delivered are not visible yet: {}", what),
      "The server holds commits back, as with a semi-synchronous replica that does not answer "
      "(rpl_semi_sync_master_status, SHOW REPLICAS): bring the replica back, or lower "
      "rpl_semi_sync_master_timeout; the stream is not affected");
}

Error stream_behind() {
  return retry_error(Code::kTimeout,
                     "the stream has not come to the place yet at which rows were read");
}

Result<std::uint64_t> offset_of(const std::string& text) {
  std::uint64_t offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (error != std::errc{}) {
    return fail(retry_error(Code::kProtocol, "the server told no offset in its binary log"));
  }
  return offset;
}

}  // namespace

ChunkSession::ChunkSession(ConnectOptions connect, std::shared_ptr<DeliveredState> delivered,
                           const Runtime& runtime)
    : connect_(std::move(connect)), delivered_(std::move(delivered)), runtime_(runtime) {}

Result<void> ChunkSession::connect() {
  if (control_ != nullptr && rows_.is_open()) {
    return {};
  }
  drop();
  ROWTIDE_TRY_ASSIGN(control_, SqlSession::connect(connect_));
  ROWTIDE_TRY(control_->query("SET SESSION wait_timeout = 28800"));
  ConnectOptions patient = connect_;
  patient.read_timeout = kRowPatience;
  ROWTIDE_TRY(rows_.connect(patient));
  for (const char* statement : kSession) {
    ROWTIDE_TRY(rows_.run(statement));
  }
  const bool maria = control_->server().flavour == Flavour::kMariaDb;
  ROWTIDE_TRY(rows_.run(maria ? kMariaDbSession : kMysqlSession));
  ROWTIDE_TRY_ASSIGN(const auto identity,
                     rows_.first_row(maria ? "SELECT @@GLOBAL.server_id, ''"
                                           : "SELECT @@GLOBAL.server_id, @@GLOBAL.server_uuid"));
  ROWTIDE_TRY_ASSIGN(const auto server_id, offset_of(identity[0]));
  server_ =
      StreamServer{control_->server().flavour, static_cast<std::uint32_t>(server_id), identity[1]};
  return {};
}

void ChunkSession::drop() noexcept {
  rows_.close();
  control_.reset();
  verified_generation_ = 0;
}

bool ChunkSession::skips_barrier() const {
  return runtime_.failpoints.armed(Failpoint::kSkipVisibilityBarrier);
}

Result<void> ChunkSession::check_server(const DeliveredState::Barrier& barrier) {
  if (barrier.server != server_) {
    return fail(retry_error(Code::kConflict,
                            "the stream reads another server than the one that answers here"));
  }
  if (!barrier.has_gtids) {
    return fail(operator_error(
        Code::kUnsupported,
        "without GTIDs nothing tells when a change that was delivered can be seen",
        "Switch the server to gtid_mode = ON and take source.position: file away to backfill"));
  }
  return {};
}

Result<void> ChunkSession::begin_snapshot(const std::string& table, Deadline until) {
  if (stream_was_behind_) {
    ROWTIDE_TRY_ASSIGN(const auto barrier, delivered_->barrier());
    ROWTIDE_TRY_ASSIGN(const BinlogPosition end, end_of_log());
    ROWTIDE_TRY_ASSIGN(const auto there, delivered_->wait_past(barrier.generation, end, until));
    Position position;
    const bool passed = there.has_value() || passed_by_gtids(end, position).value_or(false);
    if (!passed) {
      return fail(stream_behind());
    }
    stream_was_behind_ = false;
  }
  ROWTIDE_TRY_ASSIGN(const auto barrier, delivered_->barrier());
  ROWTIDE_TRY(check_server(barrier));
  generation_ = barrier.generation;
  const auto left = std::chrono::ceil<std::chrono::seconds>(until - runtime_.clock.now());
  ROWTIDE_TRY(rows_.run(fmt::format("SET SESSION lock_wait_timeout = {}",
                                    std::clamp<std::int64_t>(left.count(), 1, 600))));
  ROWTIDE_TRY(server_.flavour == Flavour::kMariaDb ? begin_mariadb(barrier, until)
                                                   : begin_mysql(barrier, until));
  // Locks the description of the table; no row of it is read yet.
  return rows_.run(fmt::format("SELECT 1 FROM {} LIMIT 0", table));
}

// The transaction sees what was committed when it first reads a row, which is after the table's
// description was locked: what is read has the shape that the catalog tells.
Result<void> ChunkSession::begin_mysql(const DeliveredState::Barrier& barrier, Deadline until) {
  if (!skips_barrier() && !barrier.gtid_set.empty()) {
    const std::chrono::duration<double> left = until - runtime_.clock.now();
    ROWTIDE_TRY_ASSIGN(const auto reached, rows_.first_row(fmt::format(
                                               "SELECT WAIT_FOR_EXECUTED_GTID_SET('{}', {:.3f})",
                                               barrier.gtid_set, std::max(0.05, left.count()))));
    if (reached[0] != "0") {
      return fail(invisible("not all of the GTIDs are executed"));
    }
  }
  return rows_.run("START TRANSACTION READ ONLY");
}

Result<void> ChunkSession::begin_mariadb(const DeliveredState::Barrier& barrier, Deadline until) {
  auto pause = kFirstPause;
  while (true) {
    ROWTIDE_TRY(rows_.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"));
    if (skips_barrier()) {
      return {};
    }
    ROWTIDE_TRY_ASSIGN(const bool sees, mariadb_sees(barrier));
    if (sees) {
      return {};
    }
    ROWTIDE_TRY(rows_.run("ROLLBACK"));
    if (runtime_.clock.now() >= until) {
      return fail(invisible("the newest snapshot is older"));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

// Where the snapshot lies in the binary log is exact.
Result<bool> ChunkSession::mariadb_sees(const DeliveredState::Barrier& barrier) {
  ROWTIDE_TRY_ASSIGN(
      const auto place,
      rows_.first_row("SELECT MAX(IF(VARIABLE_NAME LIKE '%FILE', VARIABLE_VALUE, "
                      "NULL)), MAX(IF(VARIABLE_NAME LIKE '%POSITION', "
                      "VARIABLE_VALUE, NULL)) FROM information_schema.SESSION_STATUS "
                      "WHERE VARIABLE_NAME IN ('BINLOG_SNAPSHOT_FILE', "
                      "'BINLOG_SNAPSHOT_POSITION')"));
  BinlogPosition snapshot;
  snapshot.file = place[0];
  ROWTIDE_TRY_ASSIGN(snapshot.offset, offset_of(place[1]));
  if (!barrier.delivered.file.empty() && is_before(snapshot, barrier.delivered)) {
    return false;
  }
  // What former connections delivered is known by GTIDs alone. The server reads a file to answer,
  // so it is asked once.
  if (verified_generation_ == barrier.generation || barrier.gtid_position.empty()) {
    return true;
  }
  ROWTIDE_TRY_ASSIGN(const auto gtids,
                     rows_.first_row(fmt::format("SELECT BINLOG_GTID_POS('{}', {})", snapshot.file,
                                                 snapshot.offset)));
  ROWTIDE_TRY_ASSIGN(const auto visible, MariaDbGtidState::parse(gtids[0]));
  ROWTIDE_TRY_ASSIGN(const auto before, MariaDbGtidState::parse(barrier.gtid_position));
  if (before.is_covered_by(visible)) {
    verified_generation_ = barrier.generation;
    return true;
  }
  return false;
}

Result<BinlogPosition> ChunkSession::end_of_log() {
  const bool renamed =
      server_.flavour == Flavour::kMysql && control_->server().number >= kBinaryLogStatusSince;
  ROWTIDE_TRY_ASSIGN(const auto status,
                     rows_.first_row(renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS"));
  BinlogPosition end;
  end.file = status[0];
  ROWTIDE_TRY_ASSIGN(end.offset, offset_of(status[1]));
  return end;
}

Result<bool> ChunkSession::passed_by_gtids(const BinlogPosition& end, Position& position) {
  // MySQL tells its readers at once what it skips for them.
  if (server_.flavour != Flavour::kMariaDb) {
    return false;
  }
  const auto [taken_in, stands_at] = delivered_->taken_in();
  ROWTIDE_TRY_ASSIGN(
      const auto gtids,
      rows_.first_row(fmt::format("SELECT BINLOG_GTID_POS('{}', {})", end.file, end.offset)));
  ROWTIDE_TRY_ASSIGN(const auto before, MariaDbGtidState::parse(gtids[0]));
  ROWTIDE_TRY_ASSIGN(const auto taken, MariaDbGtidState::parse(taken_in));
  position = stands_at;
  if (!before.is_covered_by(taken)) {
    return false;
  }
  delivered_->passed(generation_, end);
  return true;
}

// The end of the log now is behind everything that the snapshot saw: a change is in the log before
// anybody sees it.
Result<Position> ChunkSession::finish() {
  ROWTIDE_TRY(rows_.run("COMMIT"));
  ROWTIDE_TRY_ASSIGN(const BinlogPosition end, end_of_log());
  const auto until = runtime_.clock.now() + kStreamPatience;
  const auto quiet = std::min<Deadline>(until, runtime_.clock.now() + kQuiet);
  ROWTIDE_TRY_ASSIGN(auto there, delivered_->wait_past(generation_, end, quiet));
  if (there) {
    return *there;
  }
  Position position;
  ROWTIDE_TRY_ASSIGN(const bool passed, passed_by_gtids(end, position));
  if (passed) {
    return position;
  }
  ROWTIDE_TRY_ASSIGN(there, delivered_->wait_past(generation_, end, until));
  if (!there) {
    stream_was_behind_ = true;
    return fail(stream_behind());
  }
  return *there;
}

}  // namespace rowtide::mysql
