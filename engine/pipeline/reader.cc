#include "engine/pipeline/reader.h"

#include <utility>

#include "engine/base/assert.h"

namespace rowtide {
namespace {

constexpr std::chrono::milliseconds kPollInterval(200);
// While rows of a backfill may become due, which no byte of the stream announces.
constexpr std::chrono::milliseconds kBackfillPollInterval(1);
// While they are due and wait for the lanes, which are done with what they have any moment.
constexpr std::chrono::microseconds kBackfillRoomInterval(100);
// Rows of a backfill join the stream while its lanes keep up: what waits in front of a change is
// what the backfill adds to its latency.
constexpr std::size_t kBackfillAheadBytes = std::size_t{512} << 10;
// However busy the stream is, a backfill gets on this often.
constexpr auto kBackfillPatience = std::chrono::milliseconds(50);
constexpr auto kRoomInterval = std::chrono::milliseconds(100);
constexpr auto kPausedInterval = std::chrono::milliseconds(500);
// A connection that holds this long has recovered: the next failure starts with a short pause.
constexpr auto kHealthyAfter = std::chrono::seconds(10);

// A token is the source's own and what is left of backfills, which is no business of the source.
std::optional<ResumePoint> for_source(std::optional<ResumePoint> point) {
  if (point) {
    point->token.resize(split_token(point->token).first.size());
  }
  return point;
}

}  // namespace

Reader::Reader(Source& source, ChangeLog& log, ByteBudget& budget, BatchBuilder::Limits limits,
               RetryLimits retry, ReaderHost& host, BackfillRunner& backfills, Runtime runtime)
    : source_(source),
      log_(log),
      budget_(budget),
      host_(host),
      backfills_(backfills),
      runtime_(std::move(runtime)),
      retry_(retry, static_cast<std::uint64_t>(runtime_.clock.wall_us())),
      builder_(limits, &budget) {}

Reader::~Reader() {
  stop_reading();
  finish();
}

void Reader::start() {
  thread_ = std::thread([this] { run(); });
}

void Reader::stop_reading() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_.store(true);
  }
  woken_.notify_all();
  log_.wake();
}

void Reader::end_stream() {
  set_state(RunState::kFinished, std::nullopt);
  stop_reading();
}

void Reader::finish() {
  {
    const std::scoped_lock lock(mutex_);
    finishing_.store(true);
  }
  woken_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Reader::set_paused(bool paused) {
  {
    const std::scoped_lock lock(mutex_);
    paused_.store(paused);
  }
  woken_.notify_all();
}

void Reader::request_restart() {
  {
    const std::scoped_lock lock(mutex_);
    restart_requested_.store(true);
  }
  woken_.notify_all();
}

RunState Reader::state() const {
  const std::scoped_lock lock(mutex_);
  return state_ == RunState::kRunning && paused_.load() ? RunState::kPaused : state_;
}

std::optional<Error> Reader::last_error() const {
  const std::scoped_lock lock(mutex_);
  return last_error_;
}

void Reader::run() {
  auto opened_at = runtime_.clock.now();
  while (!stopping_.load()) {
    if (!opened_) {
      if (!open_stream()) {
        break;
      }
      opened_at = runtime_.clock.now();
      continue;
    }
    const auto outcome = step();
    if (outcome) {
      if (retry_.failures() > 0 && runtime_.clock.now() - opened_at > kHealthyAfter) {
        retry_.succeeded();
      }
    } else if (!recover_from(outcome.error())) {
      break;
    }
  }
  log_.finish();
  // Lanes may still be draining: their last positions are acknowledged before the connection goes.
  while (!finishing_.load() && opened_) {
    if (!acknowledge()) {
      opened_ = false;
    }
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, kRoomInterval, [&] { return finishing_.load(); });
  }
  if (opened_) {
    ignore_error(acknowledge(), "the server sends again what it was not told of");
  }
  source_.close();
}

// Opens the source; true when the loop should go on (also after a failure that is retried).
bool Reader::open_stream() {
  StreamStart start;
  // Taken back before asking, so that a request that comes meanwhile is not lost. A stream that
  // ended before it said where it stands may go on further on, so it counts as a new one.
  if (restart_requested_.exchange(false) || !appended_) {
    auto wanted = host_.wait_for_start();
    if (!wanted) {
      return false;
    }
    start = std::move(*wanted);
    if (appended_ && (!start.highest || appended_->position > start.highest->position)) {
      start.highest = appended_;
    }
    highest_ = start.highest;
    appended_ = start.from;
    owed_from_ = start.owed_from;
    log_.restart(start.from ? std::optional<Position>(start.from->position) : std::nullopt);
    builder_.reset();
    if (auto restarted = backfills_.restart(host_.lane_tokens(), builder_); !restarted) {
      restart_requested_.store(true);
      return recover_from(restarted.error());
    }
    host_.stream_restarted();
  } else {
    start.from = appended_;
    start.lowest = appended_;
    start.highest = highest_;
    if (!highest_ || appended_->position > highest_->position) {
      start.highest = appended_;
    }
    start.owed_from = owed_from_;
  }
  start.from = for_source(std::move(start.from));
  start.lowest = for_source(std::move(start.lowest));
  start.highest = for_source(std::move(start.highest));
  start.owed_from = for_source(std::move(start.owed_from));
  start.joining = [this](std::span<const TableName> tables) {
    return backfills_.note_joining(tables);
  };
  if (auto opened = source_.open(start); !opened) {
    if (opened.error().code == Code::kPositionLost && host_.position_lost(opened.error())) {
      source_.close();
      restart_requested_.store(true);
      return true;
    }
    return recover_from(opened.error());
  }
  opened_ = true;
  backfills_.stream_opened();
  set_state(RunState::kRunning, std::nullopt);
  return true;
}

Result<void> Reader::step() {
  // 1. The stream has to start over for a lane that fell behind the change log.
  if (restart_requested_.load()) {
    source_.close();
    opened_ = false;
    return {};
  }
  // 2. Paused, or nobody takes what we would read: keep the connection, and so the slot, alive.
  if (paused_.load() || !log_.any_attached()) {
    ROWTIDE_TRY(acknowledge());
    wait(paused_.load() ? kPausedInterval : kRoomInterval);
    return {};
  }
  // 3. No room: the server is made to wait by not reading, and told that we are alive.
  if (!log_.wait_for_room(runtime_.clock.now() + kRoomInterval)) {
    return acknowledge();
  }
  // 4. Read.
  ROWTIDE_TRY(poll_once());
  // 5. Tell the server what is durable.
  return acknowledge();
}

Result<void> Reader::poll_once() {
  std::chrono::microseconds interval = kPollInterval;
  if (backfills_.waiting()) {
    interval = backfills_held_ ? kBackfillRoomInterval : kBackfillPollInterval;
  }
  const auto outcome = source_.poll(builder_, runtime_.clock.now() + interval);
  if (!outcome) {
    return fail(outcome.error());
  }
  if (builder_.can_cut() && (*outcome != PollOutcome::kMore || builder_.full())) {
    cut();
  }
  append_backfills();
  if (*outcome == PollOutcome::kEnd) {
    set_state(RunState::kFinished, std::nullopt);
    stopping_.store(true);
  }
  return {};
}

void Reader::cut() {
  runtime_.failpoints.hit(Failpoint::kReaderBeforeAppend);
  BatchPtr batch = builder_.take();
  backfills_.observe(*batch);
  append(std::move(batch));
}

void Reader::append_backfills() {
  backfills_held_ = false;
  while (backfills_.waiting() && appended_ && builder_.empty() && !builder_.in_transaction()) {
    // Not in the middle of a transaction that is to be sent again, and not below what a lane was
    // given before the stream started over.
    const bool known = !appended_->position.is_boundary() ||
                       (highest_ && appended_->position < highest_->position);
    const auto now = runtime_.clock.now();
    const bool room =
        log_.untaken_bytes() < kBackfillAheadBytes || now - backfilled_at_ > kBackfillPatience;
    if (known || !room || budget_.full()) {
      backfills_held_ = !known;
      return;
    }
    BatchPtr slice =
        backfills_.next(appended_->position, split_token(appended_->token).first, builder_);
    if (slice == nullptr) {
      return;
    }
    backfilled_at_ = now;
    append(std::move(slice));
    runtime_.failpoints.hit(Failpoint::kBackfillAfterSlice);
  }
}

void Reader::append(BatchPtr batch) {
  appended_ = batch->resume_point();
  owed_from_ = appended_;
  totals_.events.fetch_add(batch->events().size(), std::memory_order_relaxed);
  totals_.bytes.fetch_add(batch->size_bytes(), std::memory_order_relaxed);
  for (const auto& transaction : batch->transactions()) {
    totals_.transactions.fetch_add(transaction.complete ? 1 : 0, std::memory_order_relaxed);
  }
  host_.batch_appended(batch);
  log_.append(std::move(batch));
  runtime_.failpoints.hit(Failpoint::kReaderAfterAppend);
}

Result<void> Reader::acknowledge() {
  return source_.acknowledge(for_source(host_.acknowledgeable()));
}

bool Reader::recover_from(const Error& error) {
  source_.close();
  opened_ = false;
  builder_.reset();
  runtime_.log.error(error);
  if (error.disposition != Disposition::kRetry) {
    set_state(RunState::kStopped, error);
    return false;
  }
  set_state(RunState::kRetrying, error);
  totals_.retries.fetch_add(1, std::memory_order_relaxed);
  return wait(retry_.next());
}

bool Reader::wait(std::chrono::milliseconds pause) {
  std::unique_lock lock(mutex_);
  const bool was_paused = paused_.load();
  woken_.wait_for(lock, pause, [&] { return stopping_.load() || paused_.load() != was_paused; });
  return !stopping_.load();
}

void Reader::set_state(RunState state, std::optional<Error> error) {
  const std::scoped_lock lock(mutex_);
  state_ = state;
  last_error_ = std::move(error);
}

}  // namespace rowtide
