#include "sources/postgres/postgres_source.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "sources/postgres/chunk_reader.h"
#include "sources/postgres/provision.h"

namespace rowtide::postgres {
namespace {

// Advancing an idle slot more often than this helps nobody.
constexpr auto kAdvanceInterval = std::chrono::milliseconds(500);
// A walsender that waits for its shutdown asks for a reply after each reply.
constexpr auto kReplyInterval = std::chrono::milliseconds(100);
constexpr auto kPublishInterval = std::chrono::milliseconds(100);

// Often enough that a walsender hears of us three times before it gives up.
std::chrono::milliseconds status_interval(std::chrono::milliseconds wal_sender_timeout) {
  constexpr std::chrono::milliseconds kSeldomest(10'000);
  constexpr std::chrono::milliseconds kMostOften(100);
  return wal_sender_timeout.count() == 0
             ? kSeldomest
             : std::clamp(wal_sender_timeout / 3, kMostOften, kSeldomest);
}

void sleep_until(MonotonicTime until, MonotonicTime now) {
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - now).count();
  if (left > 0) {
    const timespec pause{left / 1'000'000'000, left % 1'000'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

Result<StreamIdentity> parse_token(std::string_view token) {
  const auto first = token.find(':');
  const auto second = first == std::string_view::npos ? first : token.find(':', first + 1);
  StreamIdentity identity;
  if (second != std::string_view::npos) {
    const auto number = token.substr(first + 1, second - first - 1);
    const auto parsed =
        std::from_chars(number.data(), number.data() + number.size(), identity.timeline);
    const auto lsn = parse_lsn(token.substr(second + 1));
    if (parsed.ec == std::errc{} && parsed.ptr == number.data() + number.size() && lsn) {
      identity.system_id = token.substr(0, first);
      identity.lsn = *lsn;
      return identity;
    }
  }
  return fail(operator_error(Code::kData, "a stored PostgreSQL position token is malformed",
                             "It reads SYSTEM-ID:TIMELINE:LSN; see rowtide offsets show"));
}

Result<std::unique_ptr<Source>> PostgresSource::create(const PostgresSourceConfig& config,
                                                       const std::string& pipeline,
                                                       SpillStore& store,
                                                       std::map<std::uint64_t, TableSchema> schemas,
                                                       const Runtime& runtime) {
  ROWTIDE_TRY_ASSIGN(auto patterns, TablePatterns::parse(config.tables));
  return std::unique_ptr<Source>(new PostgresSource(config, pipeline, std::move(patterns), store,
                                                    std::move(schemas), runtime));
}

PostgresSource::PostgresSource(const PostgresSourceConfig& config, const std::string& pipeline,
                               TablePatterns patterns, SpillStore& store,
                               std::map<std::uint64_t, TableSchema> schemas, const Runtime& runtime)
    : config_(config),
      names_(effective_names(config, pipeline)),
      runtime_(runtime),
      notices_(runtime_.log),
      monitor_(runtime_.clock, config),
      replication_(runtime_.clock, notices_),
      relations_(std::move(patterns), std::move(schemas), [this] { return monitor_.settled(); }),
      assembler_(pipeline, relations_, store, *delivered_, runtime_) {}

Result<void> PostgresSource::open(const StreamStart& start) {
  close();
  ROWTIDE_TRY(monitor_.connect());
  const bool has_position = start.from.has_value() || start.highest.has_value();
  ROWTIDE_TRY_ASSIGN(const Provisioned slot,
                     provision(monitor_.get(), config_, names_, has_position,
                               has_position ? start.joining : nullptr));
  ROWTIDE_TRY(replication_.connect(config_));
  std::optional<StreamIdentity> stored;
  if (const auto& furthest = start.highest ? start.highest : start.from) {
    ROWTIDE_TRY_ASSIGN(stored, parse_token(furthest->token));
  }
  ROWTIDE_TRY_ASSIGN(const StreamIdentity identity, replication_.identify(stored));
  ROWTIDE_TRY_ASSIGN(const std::uint64_t from_lsn, start_lsn(start, slot.start_lsn));

  StreamAssembler::Start assembly;
  assembly.system_id = identity.system_id;
  assembly.timeline = identity.timeline;
  assembly.start_lsn = from_lsn;
  assembly.log_end = identity.lsn;
  if (start.from) {
    assembly.delivered = start.from->position;
  }
  if (const auto& furthest = start.highest ? start.highest : start.from) {
    assembly.highest = furthest->position;
  }
  ROWTIDE_TRY(assembler_.reset(assembly));

  const int version = PQserverVersion(monitor_.get());
  ROWTIDE_TRY_ASSIGN(binary_, choose_binary(version));
  StreamOptions options;
  options.slot = names_.slot;
  options.publication = names_.publication;
  options.start_lsn = from_lsn;
  options.server_version = version;
  options.binary = binary_;
  options.streaming = config_.streaming != Choice::kOff;
  options.two_phase = config_.two_phase;
  options.messages = config_.messages;
  options.origin_none = config_.origin == Origin::kNone;
  notices_.clear_skipped();
  ROWTIDE_TRY(replication_.start(options));
  pacer_ = ReadPacer(replication_.transport());
  status_interval_ = status_interval(slot.wal_sender_timeout);
  acknowledged_lsn_ = 0;
  known_lsn_ = stored ? stored->lsn : 0;
  next_status_ = runtime_.clock.now();
  runtime_.log.info("streaming from slot {} at {} ({}, protocol {}, {})", names_.slot,
                    lsn_text(from_lsn), PQparameterStatus(monitor_.get(), "server_version"),
                    protocol_version(version), binary_ ? "binary" : "text");
  const std::scoped_lock lock(mutex_);
  status_.connected = true;
  status_.server =
      fmt::format("PostgreSQL {}", PQparameterStatus(monitor_.get(), "server_version"));
  return {};
}

Result<std::uint64_t> PostgresSource::start_lsn(const StreamStart& start, std::uint64_t slot_lsn) {
  if (start.owed_from) {
    ROWTIDE_TRY_ASSIGN(const StreamIdentity owed, parse_token(start.owed_from->token));
    if (slot_lsn > owed.lsn) {
      return fail(operator_error(
          Code::kPositionLost,
          fmt::format("the sink stands at {}, but slot {} was confirmed up to {}: the rows between "
                      "are not in the slot any more",
                      lsn_text(owed.lsn), names_.slot, lsn_text(slot_lsn)),
          "The slot went on without the sink: it was restored from a backup, is not required and "
          "came back late, or somebody advanced the slot. Restore a newer backup, or resync it "
          "under a new sink name"));
    }
  }
  if (start.from) {
    ROWTIDE_TRY_ASSIGN(const StreamIdentity from, parse_token(start.from->token));
    return from.lsn;
  }
  // Without a position an existing slot decides: skipping to "now" could jump over rows that an
  // earlier run read but had not delivered when it was killed.
  if (config_.start == "earliest" || config_.start == "latest") {
    return slot_lsn;
  }
  return parse_lsn(config_.start);
}

Result<bool> PostgresSource::choose_binary(int server_version) {
  if (config_.binary == Choice::kOff || text_forced_ || server_version < 140000) {
    return false;
  }
  return relations_.binary_possible(names_.publication);
}

Result<PollOutcome> PostgresSource::poll(BatchBuilder& out, Deadline until) {
  std::size_t drained_bytes = 0;
  if (out.empty()) {
    filling_since_ = runtime_.clock.now();
    relations_.taken();
  }
  sleep_until(std::min(pacer_.next_read(), until), runtime_.clock.now());
  while (true) {
    ROWTIDE_TRY_ASSIGN(const bool full, drain(out, drained_bytes));
    const auto now = runtime_.clock.now();
    pacer_.drained(drained_bytes, now);
    if (now >= next_advance_) {
      next_advance_ = now + kAdvanceInterval;
      assembler_.advance(pending_wal_end_, out);
    }
    ROWTIDE_TRY(check_stream_health());
    publish_status();
    if (full) {
      return PollOutcome::kMore;
    }
    if (drained_bytes > 0 || out.can_cut()) {
      return pacer_.keep_filling(filling_since_, now) ? PollOutcome::kMore : PollOutcome::kCut;
    }
    if (now >= until) {
      return PollOutcome::kIdle;
    }
    ROWTIDE_TRY(replication_.wait(until));
  }
}

Result<bool> PostgresSource::drain(BatchBuilder& out, std::size_t& drained_bytes) {
  Frame frame;
  while (true) {
    if (assembler_.releasing()) {
      ROWTIDE_TRY(assembler_.release(out));
    }
    if (out.full() || assembler_.releasing()) {
      return true;
    }
    ROWTIDE_TRY_ASSIGN(const bool more, replication_.next(frame));
    if (!more) {
      return false;
    }
    if (frame.kind == Frame::Kind::kData) {
      drained_bytes += frame.message.size();
      ROWTIDE_TRY(assembler_.take(frame.message, out));
    } else {
      on_keepalive(frame, out);
    }
  }
}

void PostgresSource::on_keepalive(const Frame& frame, BatchBuilder& out) {
  reply_due_ = reply_due_ || frame.reply_requested;
  pending_wal_end_ = frame.wal_end;
  // Everything below wal_end was sent before this frame, so it is part of what we have taken in. A
  // server that asks for a reply may be waiting to shut down: it is told as soon as possible.
  if (frame.reply_requested) {
    assembler_.advance(frame.wal_end, out);
  }
}

Result<void> PostgresSource::check_stream_health() {
  if (notices_.publication_skipped()) {
    return fail(operator_error(
        Code::kNotFound,
        fmt::format(
            "publication {} does not exist at this place of the log; its rows would be lost",
            names_.publication),
        "The publication was created after the slot: drop the slot, let it be created again, and "
        "backfill"));
  }
  if (binary_ && relations_.needs_text()) {
    text_forced_ = true;
    return fail(retry_error(Code::kUnsupported,
                            "a column's type has no binary decoding: reading text from now on"));
  }
  return {};
}

Result<void> PostgresSource::acknowledge(const std::optional<ResumePoint>& durable) {
  if (!replication_.is_open()) {
    return {};
  }
  ROWTIDE_TRY(monitor_.check(names_.slot));
  const auto now = runtime_.clock.now();
  std::uint64_t flush_lsn = acknowledged_lsn_;
  if (durable) {
    ROWTIDE_TRY_ASSIGN(const StreamIdentity identity, parse_token(durable->token));
    // The server would believe any number, skip everything below it, and lose it for us. Behind a
    // stream that started over for one sink, what the others stored waits until it came again.
    const bool received = identity.lsn <= assembler_.received_lsn();
    ROWTIDE_ASSERT(received || identity.lsn <= known_lsn_);
    if (received) {
      flush_lsn = std::max(flush_lsn, identity.lsn);
    }
  }
  const bool moved = flush_lsn > acknowledged_lsn_;
  const bool replying = reply_due_ && now >= next_reply_;
  if (!moved && !replying && now < next_status_) {
    return {};
  }
  ROWTIDE_ASSERT(flush_lsn <= assembler_.received_lsn());
  if (moved) {
    runtime_.failpoints.hit(Failpoint::kSourceBeforeAck);
  }
  ROWTIDE_TRY(replication_.send_status(flush_lsn));
  acknowledged_lsn_ = flush_lsn;
  reply_due_ = false;
  next_reply_ = now + kReplyInterval;
  next_status_ = now + status_interval_;
  if (moved) {
    runtime_.failpoints.hit(Failpoint::kSourceAfterAck);
  }
  publish_status();
  return {};
}

std::unique_ptr<ChunkReader> PostgresSource::chunk_reader() {
  return std::make_unique<PostgresChunkReader>(config_, names_.publication, delivered_, runtime_);
}

void PostgresSource::publish_status() {
  const auto now = runtime_.clock.now();
  if (now < next_publish_) {
    return;
  }
  next_publish_ = now + kPublishInterval;
  const auto received = assembler_.received_lsn();
  const std::scoped_lock lock(mutex_);
  status_.position_text = lsn_text(received);
  status_.spilled_bytes = assembler_.spilled_bytes();
  if (const auto& reading = monitor_.latest()) {
    const auto server = std::max(reading->wal_lsn, pending_wal_end_);
    status_.lag_bytes = server > received ? server - received : 0;
    status_.retained_bytes = reading->retained_bytes;
    const auto age_us = runtime_.clock.wall_us() - assembler_.last_commit_us();
    const bool behind = *status_.lag_bytes > 0 && assembler_.last_commit_us() != 0;
    status_.lag_seconds = behind ? std::max(0.0, static_cast<double>(age_us) / 1e6) : 0.0;
  }
}

SourceStatus PostgresSource::status() const {
  const std::scoped_lock lock(mutex_);
  SourceStatus status = status_;
  status.notices = notices_.latest();
  return status;
}

void PostgresSource::close() noexcept {
  replication_.close();
  monitor_.close();
  reply_due_ = false;
  pending_wal_end_ = 0;
  const std::scoped_lock lock(mutex_);
  status_.connected = false;
}

}  // namespace rowtide::postgres
