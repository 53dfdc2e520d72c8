#include "sources/postgres/visibility_barrier.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/postgres_config.h"

namespace rowtide::postgres {
namespace {

using std::chrono::microseconds;

constexpr microseconds kShortestPause(100);
constexpr microseconds kLongestPause(10'000);

// Everyone in this database who has a transaction that writes, but for those that are certainly not
// in the middle of a commit: a session that waits for its client between two statements, and a
// prepared transaction while no session may be finishing one. Whatever cannot be seen for lack of
// privileges may be committing.
constexpr const char* kSurveySql = R"sql(
SELECT a.backend_xid FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database() AND a.backend_xid IS NOT NULL
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.state IS DISTINCT FROM 'idle in transaction'
  AND a.state IS DISTINCT FROM 'idle in transaction (aborted)'
UNION ALL
SELECT p.transaction FROM pg_catalog.pg_prepared_xacts p
WHERE p.database = pg_catalog.current_database()
  AND EXISTS (SELECT FROM pg_catalog.pg_stat_activity a
              WHERE a.datname = pg_catalog.current_database()
                AND a.pid <> pg_catalog.pg_backend_pid()
                AND (a.state IS NULL OR a.state = 'disabled' OR
                     (a.state = 'active' AND a.query ILIKE '%commit%prepared%'))))sql";

Result<void> survey(PGconn* connection, DeliveredTransactions& delivered) {
  const auto begun = delivered.survey_mark();
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection, kSurveySql));
  std::vector<std::uint32_t> may_be_committing;
  for (int row = 0; row < rows.rows(); ++row) {
    may_be_committing.push_back(static_cast<std::uint32_t>(rows.integer(row, 0)));
  }
  delivered.surveyed(begun, std::move(may_be_committing));
  return {};
}

Result<bool> visible_on_primary(PGconn* connection, DeliveredTransactions& delivered,
                                DeliveredTransactions::Mark mark) {
  if (delivered.survey_due() || delivered.in_doubt()) {
    ROWTIDE_TRY(survey(connection, delivered));
  }
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     query(connection, "SELECT pg_catalog.pg_current_snapshot()::text"));
  ROWTIDE_TRY_ASSIGN(const auto snapshot, TransactionSnapshot::parse(rows.text(0, 0)));
  return delivered.all_visible(snapshot, mark);
}

// Waits between two looks, each time longer.
class Pauses {
 public:
  Pauses(const Clock& clock, Deadline until) : clock_(clock), until_(until) {}

  // False when the time is over.
  bool pause() {
    const auto now = clock_.now();
    if (now >= until_) {
      return false;
    }
    const auto left = std::chrono::ceil<microseconds>(until_ - now);
    const auto ns = std::chrono::nanoseconds(std::min(length_, left)).count();
    const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
    ::nanosleep(&time, nullptr);
    length_ = std::min(length_ * 2, kLongestPause);
    return true;
  }

 private:
  const Clock& clock_;
  const Deadline until_;
  microseconds length_ = kShortestPause;
};

}  // namespace

Result<void> wait_until_visible(PGconn* connection, DeliveredTransactions& delivered,
                                const Clock& clock, Deadline until) {
  const auto mark = delivered.mark();
  Pauses pauses(clock, until);
  while (true) {
    ROWTIDE_TRY_ASSIGN(const bool visible, visible_on_primary(connection, delivered, mark));
    if (visible) {
      return {};
    }
    if (!pauses.pause()) {
      return fail(retry_error(Code::kTimeout,
                              "transactions that the stream has delivered are not visible to "
                              "readers of the server yet",
                              "A commit waits for a synchronous standby: bring the standby back, "
                              "or change synchronous_standby_names"));
    }
  }
}

Result<void> wait_until_replayed(PGconn* connection, const DeliveredTransactions& delivered,
                                 bool beside, const Clock& clock, Deadline until) {
  const ReplayGoal goal{delivered.commit_lsn(), beside ? delivered.log_end() : 0};
  Pauses pauses(clock, until);
  while (true) {
    auto replayed = check_replayed(connection, goal);
    if (replayed || replayed.error().code != Code::kTimeout || !pauses.pause()) {
      return replayed;
    }
  }
}

Result<void> check_replayed(PGconn* connection, const ReplayGoal& goal) {
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection,
                                            "SELECT pg_catalog.pg_last_wal_replay_lsn(), CASE WHEN"
                                            " pg_catalog.pg_is_in_recovery() THEN"
                                            " pg_catalog.pg_is_wal_replay_paused() END"));
  // A server that was promoted keeps the place where its recovery ended.
  std::uint64_t replayed_lsn = 0;
  if (rows.rows() == 1 && !rows.is_null(0, 0)) {
    ROWTIDE_TRY_ASSIGN(replayed_lsn, parse_lsn(rows.text(0, 0)));
  }
  if (goal.is_reached(replayed_lsn)) {
    return {};
  }
  const std::uint64_t wanted_lsn = std::max(goal.commit_lsn + 1, goal.log_end);
  const bool paused = rows.rows() == 1 && rows.boolean(0, 1);
  return fail(retry_error(
      Code::kTimeout,
      fmt::format("the standby is {} bytes behind the stream: it has replayed the log up to {}, "
                  "and {} is needed{}",
                  wanted_lsn - replayed_lsn, lsn_text(replayed_lsn), lsn_text(wanted_lsn),
                  paused ? "; its replay is paused" : ""),
      paused ? "On the standby: SELECT pg_wal_replay_resume()"
             : "Tables are read on once it has caught up"));
}

}  // namespace rowtide::postgres
