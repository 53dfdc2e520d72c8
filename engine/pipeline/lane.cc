#include "engine/pipeline/lane.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"

namespace rowtide {
namespace {

// How often a sink with undurable data is asked for progress while nothing new arrives.
constexpr auto kProgressInterval = std::chrono::milliseconds(10);
constexpr auto kIdleInterval = std::chrono::milliseconds(500);

// Where durability stands once every event of `batch` is durable: the end of the last transaction
// that has one, or that ends what an earlier batch began.
Position last_data_position(const Batch& batch) {
  for (auto i = batch.transactions().size(); i > 0; --i) {
    const Transaction& transaction = batch.transactions()[i - 1];
    if (transaction.complete && (transaction.event_count > 0 || transaction.continued)) {
      return transaction.end_position();
    }
    if (transaction.event_count > 0) {
      const Event& last = batch.events()[transaction.first_event + transaction.event_count - 1];
      return transaction.position_at(last.row);
    }
  }
  return batch.last_position();
}

Error moved_on() {
  return retry_error(Code::kConflict, "the stream moved on while this sink caught up");
}

}  // namespace

Lane::Lane(std::size_t index, LaneSettings settings, SinkHandle sink, LaneContext context,
           std::optional<LaneState> stored, RetryLimits retry, ChangeLog& log,
           LaneListener& listener, Runtime runtime)
    : index_(index),
      settings_(std::move(settings)),
      sink_(std::move(sink)),
      context_(std::move(context)),
      log_(log),
      listener_(listener),
      runtime_(std::move(runtime)),
      retry_(retry, context_.epoch.value * 7919 + index),
      durable_(std::move(stored)),
      owed_(durable_.has_value()) {
  status_.name = settings_.name;
  status_.type = settings_.type;
  status_.guarantee = sink_.sink->guarantee();
  // A sink that keeps a marker knows better than the store, which may lag behind it: until it has
  // opened, its position is unknown rather than one that seems to have gone back.
  if (durable_ && status_.guarantee == Guarantee::kAtLeastOnce) {
    status_.position = durable_->durable.position;
  }
}

Lane::~Lane() {
  request_stop(true);
  join();
}

void Lane::start() {
  thread_ = std::thread([this] { run(); });
}

void Lane::request_stop(bool abandon) {
  {
    const std::scoped_lock lock(mutex_);
    stopping_.store(true);
    if (abandon) {
      abandoned_.store(true);
    }
  }
  woken_.notify_all();
  log_.wake();
}

void Lane::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Lane::rewound() {
  {
    const std::scoped_lock lock(mutex_);
    rewind_pending_ = false;
  }
  woken_.notify_all();
}

void Lane::lose_position(Error error) {
  {
    const std::scoped_lock lock(mutex_);
    lost_ = std::move(error);
  }
  taking_.store(false);
  woken_.notify_all();
  log_.wake();
}

void Lane::run() {
  while (true) {
    const auto outcome = session();
    sink_.sink->close();
    log_.detach(index_);
    taking_.store(false);
    if (outcome || abandoned_.load()) {
      break;
    }
    const Error& error = outcome.error();
    runtime_.log.error(error);
    const bool retry = error.disposition == Disposition::kRetry && !stopping_.load();
    set_state(retry ? RunState::kRetrying : RunState::kStopped, error);
    settled_.store(true);
    listener_.lane_moved(index_);
    if (!retry || !wait_before_retry(retry_.next())) {
      break;
    }
    const std::scoped_lock lock(mutex_);
    ++status_.retries;
  }
  settled_.store(true);
  finished_.store(true);
  listener_.lane_moved(index_);
}

Result<void> Lane::session() {
  rows_before_session_ = status_.rows_delivered;
  bytes_before_session_ = status_.bytes_delivered;
  split_before_session_ = status_.transactions_split;
  ROWTIDE_TRY(recover());
  ROWTIDE_TRY_ASSIGN(const bool attached, attach());
  if (!attached || abandoned_.load()) {
    return {};
  }
  set_state(RunState::kRunning, std::nullopt);
  return deliver_all();
}

Result<void> Lane::recover() {
  auto opened = sink_.sink->open(context_);
  if (!opened) {
    return fail(std::move(opened).error());
  }
  const std::optional<ResumePoint>& marker = *opened;
  const std::scoped_lock lock(mutex_);
  taken_.reset();
  data_submitted_.reset();
  tail_.reset();
  oldest_pending_us_ = 0;
  ROWTIDE_TRY_ASSIGN(LaneStart start, where_to_start(marker));
  owed_ = start.owed;
  if (start.from) {
    taken_ = start.from->position;
    status_.position = start.from->position;
    LaneState state;
    state.durable = *std::move(start.from);
    state.marker = marker;
    durable_ = std::move(state);
  }
  return {};
}

Result<LaneStart> Lane::where_to_start(const std::optional<ResumePoint>& marker) const {
  LaneStart start;
  const bool keeps_marker = status_.guarantee != Guarantee::kAtLeastOnce;
  if (!keeps_marker || (!marker && !(durable_ && durable_->marker))) {
    // Nothing to compare with: what the store says, or the source's start.
    if (durable_) {
      start.from = durable_->durable;
      start.owed = true;
    }
    return start;
  }
  if (!marker) {
    return fail(operator_error(
        Code::kPositionLost,
        "the destination holds no marker, but was delivered up to " +
            to_text(durable_->marker->position),
        "It was emptied or restored from before the first delivery. Restore it, or forget this "
        "sink's position with a new sink name and backfill"));
  }
  start.from = *marker;
  if (durable_ && durable_->marker && marker->position < durable_->marker->position) {
    runtime_.log.warn(
        "marker {} lies behind the stored position {}: the destination was restored "
        "from a backup, asking the source to send the difference again",
        to_text(marker->position), to_text(durable_->marker->position));
    start.owed = true;
  } else if (durable_ && durable_->durable.position >= marker->position) {
    start.from = durable_->durable;
    start.owed = owed_;
  }
  return start;
}

Result<bool> Lane::attach() {
  // The pipeline starts its stream only when every lane has settled, so a first attach finds an
  // empty log or one that reaches back; later ones may have to ask for a rewind.
  const auto after = taken_;
  bool attached = log_.attach(index_, after);
  if (!attached) {
    {
      const std::scoped_lock lock(mutex_);
      rewind_pending_ = true;
    }
    // Settled first: whoever is told looks at that.
    settled_.store(true);
    listener_.lane_needs_rewind(index_);
    std::unique_lock lock(mutex_);
    woken_.wait(lock, [&] { return !rewind_pending_ || lost_ || stopping_.load(); });
    if (lost_) {
      return fail(*lost_);
    }
    lock.unlock();
    if (stopping_.load()) {
      return false;
    }
    attached = log_.attach(index_, after);
    if (!attached) {
      return fail(moved_on());
    }
  }
  taking_.store(true);
  settled_.store(true);
  listener_.lane_moved(index_);
  return true;
}

Result<void> Lane::deliver_all() {
  while (!abandoned_.load()) {
    const bool pending = data_submitted_.has_value();
    const auto until = runtime_.clock.now() + (pending ? kProgressInterval : kIdleInterval);
    BatchPtr batch;
    const auto taken = log_.next(index_, until, batch);
    // Looked at after taking: a stream that went on without this lane may have brought the batch.
    if (const std::scoped_lock lock(mutex_); lost_) {
      return fail(*lost_);
    }
    if (taken == ChangeLog::Taken::kLeftBehind) {
      return fail(moved_on());
    }
    if (taken == ChangeLog::Taken::kFinished) {
      return drain();
    }
    if (taken == ChangeLog::Taken::kBatch) {
      ROWTIDE_TRY(deliver(batch));
    }
    if (data_submitted_) {
      ROWTIDE_TRY(collect(runtime_.clock.now()));
    }
  }
  return {};
}

Result<void> Lane::deliver(const BatchPtr& batch) {
  if (taken_ && batch->last_position() <= *taken_) {
    vouch(batch->last_position());
    return {};
  }
  static const std::function<bool(const Event&)> kNoEvent = [](const Event&) { return false; };
  const BatchPtr mine = filtered(batch, taken_,
                                 !batch->is_for(index_) ? &kNoEvent
                                 : settings_.wants      ? &settings_.wants
                                                        : nullptr);
  taken_ = batch->last_position();
  // A sink that was given part of a transaction has to see its end, even when no row comes with it.
  const bool inside = data_submitted_ && !data_submitted_->is_boundary();
  if (mine->events().empty() && !inside) {
    if (data_submitted_) {
      tail_ = mine->resume_point();
    } else {
      adopt(mine->resume_point(), false);
    }
    return {};
  }
  runtime_.failpoints.hit(Failpoint::kLaneBeforeSubmit);
  data_submitted_ = last_data_position(*mine);
  tail_ = mine->resume_point();
  {
    const std::scoped_lock lock(mutex_);
    if (oldest_pending_us_ == 0 && !mine->transactions().empty()) {
      oldest_pending_us_ = mine->transactions().front().committed_at_us;
    }
  }
  const auto sequence = mine->sequence();
  if (auto submitted = sink_.sink->submit(mine, runtime_.clock.now() + std::chrono::seconds(60));
      !submitted) {
    return fail(std::move(submitted).error().with_context(
        fmt::format("batch {} up to {}", sequence.value, to_text(*taken_))));
  }
  runtime_.failpoints.hit(Failpoint::kLaneAfterSubmit);
  return {};
}

void Lane::vouch(const Position& sent) {
  {
    const std::scoped_lock lock(mutex_);
    // What was taken and is not durable may have come from behind a hole that a marker of another
    // life left.
    const bool below = durable_ && sent <= durable_->durable.position;
    if (owed_ || !below) {
      return;
    }
    owed_ = true;
  }
  listener_.lane_moved(index_);
}

Result<void> Lane::collect(Deadline until) {
  auto report = sink_.sink->poll_durable(until);
  if (!report) {
    return fail(std::move(report).error());
  }
  if (!report->rejected.empty()) {
    const RejectedRow& row = report->rejected.front();
    Error error = row.reason;
    return fail(std::move(error).with_context(
        fmt::format("table {} at {}", row.table, to_text(row.position))));
  }
  {
    const std::scoped_lock lock(mutex_);
    status_.rows_delivered = rows_before_session_ + report->rows_delivered;
    status_.bytes_delivered = bytes_before_session_ + report->bytes_delivered;
    status_.transactions_split = split_before_session_ + report->transactions_split;
  }
  note_durable(report->durable);
  return {};
}

void Lane::note_durable(const std::optional<ResumePoint>& reported) {
  if (!reported) {
    return;
  }
  ROWTIDE_ASSERT(taken_ && reported->position <= *taken_);
  const bool caught_up = data_submitted_ && reported->position >= *data_submitted_;
  {
    const std::scoped_lock lock(mutex_);
    if (!caught_up && durable_ && reported->position <= durable_->durable.position) {
      return;
    }
  }
  adopt(*reported, true);
  if (caught_up) {
    data_submitted_.reset();
    if (tail_ && tail_->position > reported->position) {
      adopt(*tail_, false);
    }
    tail_.reset();
  }
}

void Lane::adopt(const ResumePoint& durable, bool from_sink) {
  {
    const std::scoped_lock lock(mutex_);
    // I6: what is durable never moves back while a lane lives.
    if (durable_ && durable.position < durable_->durable.position) {
      return;
    }
  }
  // The log first: a stream that starts over where this lane says must not leave it behind.
  log_.set_durable(index_, durable.position);
  {
    const std::scoped_lock lock(mutex_);
    LaneState state;
    state.durable = durable;
    state.marker =
        from_sink ? std::optional(durable) : (durable_ ? durable_->marker : std::nullopt);
    durable_ = std::move(state);
    owed_ = true;
    // Shown to people is what a kill cannot take back: what the sink keeps with its data, or else
    // what is stored.
    if (from_sink && status_.guarantee != Guarantee::kAtLeastOnce) {
      status_.position = durable.position;
    }
    oldest_pending_us_ = 0;
  }
  retry_.succeeded();
  listener_.lane_moved(index_);
}

Result<void> Lane::drain() {
  ROWTIDE_TRY(sink_.sink->flush(runtime_.clock.now() + std::chrono::seconds(30)));
  return collect(runtime_.clock.now() + std::chrono::seconds(5));
}

bool Lane::wait_before_retry(std::chrono::milliseconds pause) {
  std::unique_lock lock(mutex_);
  woken_.wait_for(lock, pause, [&] { return stopping_.load(); });
  return !stopping_.load();
}

void Lane::set_state(RunState state, std::optional<Error> error) {
  const std::scoped_lock lock(mutex_);
  if (state == RunState::kRetrying && status_.state != RunState::kRetrying) {
    failing_since_ = runtime_.clock.now();
  }
  status_.state = state;
  if (error) {
    status_.last_error = std::move(error);
  }
  if (state == RunState::kRunning) {
    status_.last_error.reset();
  }
}

LaneStatus Lane::status() const {
  const std::scoped_lock lock(mutex_);
  LaneStatus status = status_;
  if (oldest_pending_us_ != 0) {
    const auto age_us = runtime_.clock.wall_us() - oldest_pending_us_;
    status.lag_seconds = std::max(0.0, static_cast<double>(age_us) / 1e6);
  }
  return status;
}

std::optional<LaneState> Lane::durable_state() const {
  const std::scoped_lock lock(mutex_);
  return owed_ ? durable_ : std::nullopt;
}

LaneStart Lane::needed_from() const {
  const std::scoped_lock lock(mutex_);
  LaneStart start;
  if (durable_) {
    start.from = durable_->durable;
    start.owed = owed_;
  }
  return start;
}

void Lane::stored(const Position& position) {
  const std::scoped_lock lock(mutex_);
  const bool shown = status_.position && *status_.position >= position;
  if (!shown && durable_ && position <= durable_->durable.position) {
    status_.position = position;
  }
}

bool Lane::holds_source() const {
  if (settings_.required) {
    return true;
  }
  const std::scoped_lock lock(mutex_);
  switch (status_.state) {
    case RunState::kStopped:
      return false;
    case RunState::kRetrying:
      return runtime_.clock.now() < failing_since_ + kOptionalLaneGrace;
    default:
      return true;
  }
}

}  // namespace rowtide
