#include "sources/postgres/chunk_server.h"

#include <algorithm>
#include <utility>

#include "sources/postgres/chunk_server_identity.h"
#include "sources/postgres/value_decode_text.h"
#include "sources/postgres/visibility_barrier.h"

namespace rowtide::postgres {
namespace {

// No limit of the role may end a long read, rows may not be hidden, rows of a scan by location come
// as they lie, and what is prepared is planned once.
constexpr std::string_view kSessionSettings =
    " -c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c synchronous_commit=local"
    " -c default_transaction_read_only=off -c row_security=off"
    " -c plan_cache_mode=force_generic_plan"
    " -c max_parallel_workers_per_gather=0 -c synchronize_seqscans=off";

// Comparing keys needs the operators of their types, wherever an extension was put.
constexpr const char* kSearchPathSql =
    "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.set_config('search_path',"
    " pg_catalog.concat_ws(', ', nullif(pg_catalog.current_setting('search_path'), ''),"
    " (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.quote_ident(n.nspname), ', ') FROM"
    " pg_catalog.pg_opclass c JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace"
    " WHERE n.nspname <> 'pg_catalog')), false)";

bool is_free(const PgConn& connection) {
  return connection != nullptr && PQstatus(connection.get()) == CONNECTION_OK &&
         PQtransactionStatus(connection.get()) == PQTRANS_IDLE;
}

Result<bool> prepare_session(PGconn* connection) {
  ROWTIDE_TRY(grow_read_buffer(connection));
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection, kSearchPathSql));
  return rows.boolean(0, 0);
}

// Nothing is read on the primary in its place: the operator has said where.
Error on_backfill_url(Error error) {
  if (error.remedy.empty() && error.code == Code::kConnection) {
    error.remedy = "Bring the standby back, or take backfill_url out to read on the server of url";
  }
  return std::move(error).with_context("backfill_url");
}

}  // namespace

ChunkServer::ChunkServer(const PostgresSourceConfig& config, const std::string& publication,
                         std::shared_ptr<DeliveredTransactions> delivered, const Runtime& runtime)
    : config_(config),
      delivered_(std::move(delivered)),
      runtime_(runtime),
      reads_relations_(publication),
      stream_relations_(publication) {}

void ChunkServer::drop() noexcept {
  reads_.reset();
  stream_.reset();
  identity_.reset();
  reads_relations_.connection_changed();
  stream_relations_.connection_changed();
}

Result<PgConn> ChunkServer::open(const std::string& url, bool replication) const {
  ConnectOptions options;
  options.url = url;
  options.password = config_.password;
  options.replication = replication;
  options.application_name = "rowtide backfill";
  options.connect_timeout_seconds =
      std::max(2, static_cast<int>(config_.connect_timeout.count() / 1000));
  options.session_settings = std::string(kTextFormSettings) + std::string(kSessionSettings);
  auto connected = postgres::connect(options);
  // What is not found is a table, to those who read tables.
  if (!connected && connected.error().code == Code::kNotFound) {
    connected.error().code = Code::kConfig;
  }
  return connected;
}

Result<void> ChunkServer::connect() {
  if (!config_.backfill_url.empty()) {
    return is_free(reads_) && is_free(identity_) && is_free(stream_) ? Result<void>()
                                                                     : open_beside();
  }
  if (is_free(reads_)) {
    return {};
  }
  drop();
  ROWTIDE_TRY_ASSIGN(reads_, open(config_.url, false));
  ROWTIDE_TRY_ASSIGN(reads_in_recovery_, prepare_session(reads_.get()));
  watermark_ = Watermark(reads_in_recovery_);
  return {};
}

Result<void> ChunkServer::open_beside() {
  drop();
  ROWTIDE_TRY_ASSIGN(stream_, open(config_.url, false));
  ROWTIDE_TRY_ASSIGN(const bool stream_in_recovery, prepare_session(stream_.get()));
  watermark_ = Watermark(stream_in_recovery);
  auto reads = open(config_.backfill_url, false);
  if (!reads) {
    return fail(on_backfill_url(std::move(reads).error()));
  }
  auto identity = open(config_.backfill_url, true);
  if (!identity) {
    return fail(on_backfill_url(std::move(identity).error()));
  }
  reads_ = *std::move(reads);
  identity_ = *std::move(identity);
  ROWTIDE_TRY(prepare_session(reads_.get()));
  return verify();
}

Result<void> ChunkServer::verify() {
  timeline_ = delivered_->timeline();
  if (config_.backfill_url.empty()) {
    return {};
  }
  ROWTIDE_TRY_ASSIGN(const ServerIdentity reads,
                     load_server_identity(reads_.get(), identity_.get()));
  ROWTIDE_TRY_ASSIGN(const auto rows, query(stream_.get(),
                                            "SELECT pg_catalog.pg_postmaster_start_time(),"
                                            " pg_catalog.current_database()"));
  ServerIdentity stream;
  stream.system_id = delivered_->system_id();
  stream.timeline = timeline_;
  stream.started_at = rows.text(0, 0);
  stream.database = rows.text(0, 1);
  ROWTIDE_TRY(judge_chunk_server(reads, stream));
  reads_in_recovery_ = reads.in_recovery;
  beside_ = reads.started_at != stream.started_at;
  return {};
}

Result<void> ChunkServer::catalog_was_read() {
  if (!beside_) {
    return {};
  }
  // Its commit also brings everything before it to the standby.
  ROWTIDE_TRY_ASSIGN(const std::uint64_t lsn, watermark_.lsn(catalog(), runtime_.clock));
  delivered_->learned_at(lsn);
  return {};
}

Result<void> ChunkServer::knows_catalog() {
  if (!beside_) {
    return {};
  }
  return check_replayed(reads(), ReplayGoal{0, delivered_->log_end()});
}

Result<void> ChunkServer::wait_until_visible(Deadline until) {
  if (reads_in_recovery_) {
    return wait_until_replayed(reads(), *delivered_, beside_, runtime_.clock, until);
  }
  return postgres::wait_until_visible(reads(), *delivered_, runtime_.clock, until);
}

Result<Position> ChunkServer::finish() {
  const std::uint32_t timeline = timeline_;
  if (!beside_) {
    ROWTIDE_TRY_ASSIGN(const std::uint64_t lsn, watermark_.lsn(reads(), runtime_.clock));
    return Position{timeline, lsn, 0};
  }
  // A standby that was promoted meanwhile may have shown rows that the stream never has.
  ROWTIDE_TRY(verify());
  if (timeline_ != timeline) {
    return fail(retry_error(Code::kConflict, "the stream went to another server meanwhile"));
  }
  ROWTIDE_TRY_ASSIGN(std::uint64_t lsn, watermark_.lsn(stream_.get(), runtime_.clock));
  if (watermark_.is_of_standby()) {
    // Of two standbys either may be ahead.
    ROWTIDE_TRY_ASSIGN(const std::uint64_t replayed, Watermark(true).lsn(reads(), runtime_.clock));
    lsn = std::max(lsn, replayed);
  }
  return Position{timeline, lsn, 0};
}

Error ChunkServer::explain(Error error) const {
  if (beside_ && error.message.contains("conflict with recovery")) {
    error.remedy =
        "It is read again; when that goes on, set hot_standby_feedback = on and a longer "
        "max_standby_streaming_delay on the standby, or fewer backfill.chunk_rows";
  }
  return error;
}

}  // namespace rowtide::postgres
