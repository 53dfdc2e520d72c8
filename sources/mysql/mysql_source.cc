#include "sources/mysql/mysql_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "sources/mysql/chunk_reader.h"
#include "sources/mysql/shape_options.h"

namespace rowtide::mysql {
namespace {

constexpr auto kPublishInterval = std::chrono::milliseconds(100);
// A server shows a transaction to others a moment after it sent it to a reader, and with a slow
// semi-synchronous replica later.
constexpr auto kAheadGrace = std::chrono::seconds(5);
// How many events pass between two looks at the clock.
constexpr int kEventsPerLook = 256;

// Tokens of former builds do not say what was delivered behind them while they were held back.
bool tells_history(const StreamPosition& stored, const Position& delivered) {
  const auto commit = stored.delivered().commit();
  return commit == delivered.commit || (delivered.is_backfill() && commit + 1 == delivered.commit);
}

}  // namespace

Result<SqlSession*> MysqlSource::Catalog::session() {
  if (session_ == nullptr) {
    ROWTIDE_TRY_ASSIGN(session_, SqlSession::connect(options_));
  }
  return session_.get();
}

Result<TableColumns> MysqlSource::Catalog::columns(std::string_view database,
                                                   std::string_view table) {
  const bool fresh = session_ == nullptr;
  ROWTIDE_TRY_ASSIGN(SqlSession * connected, session());
  auto found = SqlCatalog(*connected).columns(database, table);
  if (found || found.error().disposition != Disposition::kRetry) {
    return found;
  }
  // A session that was idle for long is closed by the server.
  session_.reset();
  if (fresh) {
    return found;
  }
  ROWTIDE_TRY_ASSIGN(connected, session());
  return SqlCatalog(*connected).columns(database, table);
}

Result<std::unique_ptr<Source>> MysqlSource::create(const MysqlSourceConfig& config,
                                                    const std::string& pipeline, SpillStore& store,
                                                    std::map<std::uint64_t, TableSchema> schemas,
                                                    const Runtime& runtime) {
  ROWTIDE_TRY_ASSIGN(auto connect, connect_options(config));
  ROWTIDE_TRY_ASSIGN(auto captured, CapturedTables::parse(config));
  return std::unique_ptr<Source>(new MysqlSource(config, pipeline, std::move(connect),
                                                 std::move(captured), store, std::move(schemas),
                                                 runtime));
}

MysqlSource::MysqlSource(const MysqlSourceConfig& config, const std::string& pipeline,
                         ConnectOptions connect, CapturedTables captured, SpillStore& store,
                         std::map<std::uint64_t, TableSchema> schemas, const Runtime& runtime)
    : config_(config),
      pipeline_(pipeline),
      connect_(std::move(connect)),
      captured_(std::move(captured)),
      runtime_(runtime),
      known_schemas_(std::move(schemas)),
      catalog_(connect_),
      connection_(runtime_.clock),
      announcements_(known_schemas_),
      assembler_(
          pipeline,
          [this](std::string_view database, std::string_view table) {
            return captured_.matches(database, table);
          },
          announcements_, store, runtime_) {
  for (const auto& [table_id, schema] : known_schemas_) {
    delivered_->announced(std::make_shared<const TableSchema>(schema));
  }
}

std::unique_ptr<ChunkReader> MysqlSource::chunk_reader() {
  return std::make_unique<MysqlChunkReader>(config_, connect_, captured_, delivered_, runtime_);
}

ShapeCache& MysqlSource::shapes_of(const ServerVersion& server) {
  if (!shapes_ || shapes_server_ != server.text) {
    shapes_.emplace(shape_options(config_, server), &catalog_, known_schemas_);
    shapes_server_ = server.text;
  }
  return *shapes_;
}

Result<void> MysqlSource::open(const StreamStart& start) {
  close();
  ROWTIDE_TRY_ASSIGN(SqlSession * session, catalog_.session());
  ROWTIDE_TRY_ASSIGN(const ServerHistory history, load_server_history(*session));
  ROWTIDE_TRY_ASSIGN(StreamPosition position, start_position(*session, history, config_, start));
  ROWTIDE_TRY(check_stored(history, position));
  std::vector<StreamPosition> histories;
  if (start.from && tells_history(position, start.from->position)) {
    histories.push_back(position);
  }
  if (start.highest) {
    ROWTIDE_TRY_ASSIGN(auto highest, StreamPosition::parse(start.highest->token));
    ROWTIDE_TRY(check_stored(history, highest));
    if (tells_history(highest, start.highest->position)) {
      histories.push_back(std::move(highest));
    }
  }
  ahead_since_.reset();

  BinlogOptions options;
  options.connect = connect_;
  options.identity = replica_identity(config_, pipeline_);
  options.heartbeat = config_.heartbeat;
  ROWTIDE_TRY(connection_.connect(options));
  ROWTIDE_TRY(check_same_server(history));
  ROWTIDE_TRY(connection_.start(dump_start(history, position)));

  StreamAssembler::Start assembly{.position = std::move(position),
                                  .delivered = std::nullopt,
                                  .histories = std::move(histories),
                                  .server_uuid = history.server_uuid,
                                  .lower_case_names = history.lower_case_names,
                                  .shapes = &shapes_of(session->server())};
  if (start.from) {
    assembly.delivered = start.from->position;
  }
  const std::string from = assembly.position.text();
  assembly.shared = delivered_.get();
  ROWTIDE_TRY(assembler_.reset(std::move(assembly)));
  ROWTIDE_TRY(note_opened(start, history.flavour));
  framer_ = EventFramer();
  known_ = start.highest ? start.highest->position : Position{};
  acknowledged_ = {};
  caught_up_ = false;
  runtime_.log.info("streaming from {} at {}", connection_.server().display_name(),
                    from.empty() ? "its beginning" : from);
  const std::scoped_lock lock(mutex_);
  status_.connected = true;
  status_.server = connection_.server().display_name();
  return {};
}

// What former connections delivered has to be visible to readers of tables, too.
Result<void> MysqlSource::note_opened(const StreamStart& start, Flavour flavour) {
  const StreamProgress progress = assembler_.progress();
  std::string highest;
  if (start.highest) {
    ROWTIDE_TRY_ASSIGN(const auto position, StreamPosition::parse(start.highest->token));
    highest = position.has_gtids() ? position.delivered().text() : std::string();
  }
  delivered_->stream_opened(
      StreamServer{flavour, connection_.server_id(), connection_.server_uuid()},
      assembler_.position().has_gtids(), progress.executed, highest);
  return {};
}

// The history was asked for on another connection, which an address that moves, or stands for
// several servers, may have led elsewhere.
Result<void> MysqlSource::check_same_server(const ServerHistory& history) const {
  if (history.server_uuid == connection_.server_uuid() &&
      history.server_id == std::to_string(connection_.server_id())) {
    return {};
  }
  return fail(retry_error(
      Code::kConnection,
      fmt::format("two connections to source.url reached two servers, with server_id {} and {}",
                  history.server_id, connection_.server_id()),
      "Point source.url at one server: a failover is over once it is retried, a balancer never"));
}

Result<void> MysqlSource::check_stored(const ServerHistory& history,
                                       const StreamPosition& position) {
  auto checked = check_history(history, position);
  if (checked || !is_ahead(history, position)) {
    return checked;
  }
  const auto now = runtime_.clock.now();
  ahead_since_ = ahead_since_.value_or(now);
  if (now - *ahead_since_ < kAheadGrace) {
    checked.error().code = Code::kConflict;
    checked.error().disposition = Disposition::kRetry;
  }
  return checked;
}

Result<PollOutcome> MysqlSource::poll(BatchBuilder& out, Deadline until) {
  if (out.empty()) {
    announcements_.taken();
  }
  while (true) {
    ROWTIDE_TRY_ASSIGN(const bool full, drain(out, until));
    assembler_.advance(out);
    // Before the rows are anybody's: whoever reads tables then waits until these are visible.
    delivered_->publish(assembler_.progress());
    publish_status();
    if (full) {
      return PollOutcome::kMore;
    }
    if (out.can_cut()) {
      return PollOutcome::kCut;
    }
    if (runtime_.clock.now() >= until) {
      return PollOutcome::kIdle;
    }
  }
}

Result<bool> MysqlSource::drain(BatchBuilder& out, Deadline until) {
  int events = 0;
  while (true) {
    if (assembler_.busy()) {
      ROWTIDE_TRY(assembler_.resume(out));
    }
    if (out.full() || assembler_.busy()) {
      return true;
    }
    if (++events % kEventsPerLook == 0 && runtime_.clock.now() >= until) {
      return out.can_cut();
    }
    // What is there is handed on before anything is waited for.
    const bool may_wait = events == 1 && !out.can_cut();
    auto read = connection_.next_packet(may_wait ? until : Deadline{});
    if (!read) {
      return fail(assembler_.not_read(std::move(read).error()));
    }
    const auto& packet = *read;
    caught_up_ = !packet.has_value();
    if (!packet) {
      return false;
    }
    ROWTIDE_TRY_ASSIGN(const BinlogEvent event, framer_.take(*packet));
    ROWTIDE_TRY(assembler_.take(event, out));
  }
}

Result<void> MysqlSource::acknowledge(const std::optional<ResumePoint>& durable) {
  if (!connection_.is_open() || !durable || durable->position <= acknowledged_) {
    return {};
  }
  // The server is told nothing: it keeps its files as it is configured to.
  ROWTIDE_ASSERT(durable->position <= std::max(assembler_.handed_out(), known_) ||
                 durable->position.is_backfill());
  runtime_.failpoints.hit(Failpoint::kSourceBeforeAck);
  acknowledged_ = durable->position;
  runtime_.failpoints.hit(Failpoint::kSourceAfterAck);
  return {};
}

void MysqlSource::publish_status() {
  const auto now = runtime_.clock.now();
  if (now < next_publish_) {
    return;
  }
  next_publish_ = now + kPublishInterval;
  const std::scoped_lock lock(mutex_);
  status_.position_text = assembler_.position().text();
  status_.spilled_bytes = assembler_.spilled_bytes();
  const auto age_us = runtime_.clock.wall_us() - assembler_.last_commit_us();
  const bool behind = !caught_up_ && assembler_.last_commit_us() != 0;
  status_.lag_seconds = behind ? std::max(0.0, static_cast<double>(age_us) / 1e6) : 0.0;
}

SourceStatus MysqlSource::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

void MysqlSource::close() noexcept {
  delivered_->stream_closed();
  connection_.close();
  catalog_.close();
  const std::scoped_lock lock(mutex_);
  status_.connected = false;
}

}  // namespace rowtide::mysql
