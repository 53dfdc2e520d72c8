#include "sources/postgres/server_monitor.h"

#include <utility>

#include <fmt/format.h>

namespace rowtide::postgres {
namespace {

constexpr auto kProbeInterval = std::chrono::seconds(2);
// A server that refuses this often in a row is taken as going away.
constexpr int kConnectsBeforeLeaving = 2;

}  // namespace

ServerMonitor::ServerMonitor(const Clock& clock, const PostgresSourceConfig& config)
    : clock_(clock), config_(config) {}

Result<void> ServerMonitor::connect() {
  close();
  ConnectOptions options;
  options.url = config_.url;
  options.password = config_.password;
  options.application_name = "rowtide monitor";
  options.connect_timeout_seconds = 5;
  auto connected = postgres::connect(options);
  if (!connected) {
    return fail(std::move(connected).error());
  }
  connection_ = std::move(*connected);
  has_invalidation_reason_ = PQserverVersion(connection_.get()) >= 170000;
  failed_connects_ = 0;
  next_probe_ = clock_.now() + kProbeInterval;
  return {};
}

void ServerMonitor::close() noexcept {
  connection_.reset();
  probing_ = false;
}

Result<PGconn*> ServerMonitor::settled() {
  if (probing_) {
    ROWTIDE_TRY(take_answer());
  }
  if (connection_ == nullptr) {
    ROWTIDE_TRY(connect());
  }
  return connection_.get();
}

Result<void> ServerMonitor::check(const std::string& slot) {
  if (connection_ == nullptr) {
    return clock_.now() < next_probe_ ? Result<void>() : reconnect();
  }
  if (!probing_) {
    return clock_.now() < next_probe_ ? Result<void>() : send_probe(slot);
  }
  if (PQconsumeInput(connection_.get()) != 0 && PQisBusy(connection_.get()) != 0) {
    return {};
  }
  return take_answer();
}

Result<void> ServerMonitor::send_probe(const std::string& slot) {
  next_probe_ = clock_.now() + kProbeInterval;
  const std::string sql = fmt::format(
      "WITH now AS (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE "
      "pg_current_wal_lsn() END AS lsn) SELECT now.lsn, pg_wal_lsn_diff(now.lsn, "
      "s.restart_lsn)::int8, "
      "CASE WHEN s.wal_status = 'lost' THEN 'lost' ELSE {} END FROM now LEFT JOIN "
      "pg_replication_slots s ON s.slot_name = {}",
      has_invalidation_reason_ ? "coalesce(s.invalidation_reason, '')" : "''", quote_literal(slot));
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) {
    close();
    return reconnect();
  }
  probing_ = true;
  return {};
}

Result<void> ServerMonitor::take_answer() {
  probing_ = false;
  std::optional<QueryResult> rows;
  bool failed = false;
  while (PGresult* raw = PQgetResult(connection_.get())) {
    QueryResult result(raw);
    if (PQresultStatus(raw) == PGRES_TUPLES_OK) {
      rows.emplace(std::move(result));
    } else {
      failed = true;
    }
  }
  if (failed || !rows || PQstatus(connection_.get()) != CONNECTION_OK) {
    close();
    next_probe_ = clock_.now();
    return reconnect();
  }
  if (rows->rows() == 1) {
    Reading reading;
    reading.wal_lsn = parse_lsn(rows->text(0, 0)).value_or(0);
    if (!rows->is_null(0, 1)) {
      reading.retained_bytes = static_cast<std::uint64_t>(rows->integer(0, 1));
    }
    reading.slot_trouble = std::string(rows->text(0, 2));
    latest_ = std::move(reading);
  }
  if (latest_ && !latest_->slot_trouble.empty()) {
    return fail(operator_error(
        Code::kPositionLost,
        fmt::format("the server gave up the replication slot ({})", latest_->slot_trouble),
        "Drop the slot with SELECT pg_drop_replication_slot(...), restart the pipeline and "
        "backfill; "
        "raise max_slot_wal_keep_size to give a slow sink more time"));
  }
  return {};
}

Result<void> ServerMonitor::reconnect() {
  next_probe_ = clock_.now() + kProbeInterval;
  ConnectOptions options;
  options.url = config_.url;
  options.password = config_.password;
  options.application_name = "rowtide monitor";
  options.connect_timeout_seconds = 2;
  auto connected = postgres::connect(options);
  if (connected) {
    connection_ = std::move(*connected);
    failed_connects_ = 0;
    return {};
  }
  ++failed_connects_;
  const std::string& text = connected.error().message;
  const bool leaving = text.find("shutting down") != std::string::npos;
  if (leaving || failed_connects_ >= kConnectsBeforeLeaving) {
    return fail(retry_error(Code::kConnection, "the server is going away: " + text));
  }
  return {};
}

}  // namespace rowtide::postgres
