#include "sources/postgres/visibility_barrier.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

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

Result<bool> visible_on_standby(PGconn* connection, std::uint64_t commit_lsn) {
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     query(connection, "SELECT pg_catalog.pg_last_wal_replay_lsn()"));
  if (rows.rows() == 0 || rows.is_null(0, 0)) {
    return false;
  }
  // The LSN of a commit is where its record begins.
  ROWTIDE_TRY_ASSIGN(const std::uint64_t replayed, parse_lsn(rows.text(0, 0)));
  return replayed > commit_lsn;
}

void pause(microseconds length) {
  const auto ns = std::chrono::nanoseconds(length).count();
  const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
  ::nanosleep(&time, nullptr);
}

}  // namespace

Result<void> wait_until_visible(PGconn* connection, DeliveredTransactions& delivered, bool standby,
                                const Clock& clock, Deadline until) {
  const auto mark = delivered.mark();
  const auto commit_lsn = delivered.commit_lsn();
  microseconds length = kShortestPause;
  while (true) {
    ROWTIDE_TRY_ASSIGN(const bool visible, standby
                                               ? visible_on_standby(connection, commit_lsn)
                                               : visible_on_primary(connection, delivered, mark));
    if (visible) {
      return {};
    }
    const auto now = clock.now();
    if (now >= until) {
      return fail(retry_error(Code::kTimeout,
                              "transactions that the stream has delivered are not visible to "
                              "readers of the server yet",
                              "A commit waits for a synchronous standby: bring the standby back, "
                              "or change synchronous_standby_names"));
    }
    const auto left = std::chrono::ceil<microseconds>(until - now);
    pause(std::min(length, left));
    length = std::min(length * 2, kLongestPause);
  }
}

}  // namespace rowtide::postgres
