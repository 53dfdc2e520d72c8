#include "engine/pipeline/pipeline.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/assert.h"

namespace rowtide {
namespace {

constexpr auto kSettleTimeout = std::chrono::seconds(15);

const ResumePoint* earlier(const ResumePoint* a, const ResumePoint* b) {
  return a == nullptr || b->position < a->position ? b : a;
}

Epoch this_opening(const Clock& clock) {
  return Epoch(static_cast<std::uint64_t>(clock.wall_us() / 1000));
}

}  // namespace

Pipeline::Pipeline(PipelineSettings settings, StateStore& store, Committer& committer,
                   Runtime runtime)
    : settings_(std::move(settings)),
      store_(store),
      committer_(committer),
      runtime_(runtime.scoped("pipeline", settings_.name)) {}

Pipeline::~Pipeline() {
  stop(std::chrono::milliseconds(0));
}

Result<void> Pipeline::start(bool paused) {
  const std::scoped_lock control(control_mutex_);
  return start_locked(paused);
}

Result<void> Pipeline::start_locked(bool paused) {
  ROWTIDE_TRY(check_in_place());
  auto started = [&]() -> Result<void> {
    ROWTIDE_TRY_ASSIGN(const Epoch epoch,
                       store_.begin_epoch(settings_.name, this_opening(runtime_.clock)));
    ROWTIDE_TRY_ASSIGN(const PipelineState state, store_.load(settings_.name));
    ROWTIDE_TRY_ASSIGN(PipelineParts parts, settings_.build(state));
    auto run = std::make_shared<Run>(settings_.buffer_bytes, parts.lanes.size());
    run->source = std::move(parts.source);
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = false;
      rewinding_.clear();
      acknowledgeable_.reset();
      stored_ = state.lanes;
      noted_schemas_.clear();
      unstored_schemas_.clear();
      store_error_.reset();
    }
    LaneListener& listener = *this;
    ReaderHost& host = *this;
    for (std::size_t i = 0; i < parts.lanes.size(); ++i) {
      auto& part = parts.lanes[i];
      LaneContext context;
      context.pipeline = settings_.name;
      context.sink = part.settings.name;
      context.epoch = epoch;
      context.buffer_bytes = settings_.buffer_bytes / 4;
      const auto stored = state.lanes.find(part.settings.name);
      run->lanes.push_back(std::make_unique<Lane>(
          i, part.settings, std::move(part.sink), std::move(context),
          stored == state.lanes.end() ? std::nullopt : std::optional(stored->second),
          settings_.retry, run->log, listener, runtime_.scoped("sink", part.settings.name)));
    }
    std::vector<std::string> sinks;
    for (const auto& lane : run->lanes) {
      sinks.push_back(lane->name());
    }
    run->backfills = std::make_unique<BackfillRunner>(
        settings_.name, settings_.backfill, settings_.initial_snapshot, std::move(sinks), store_,
        [source = run->source.get()] { return source->chunk_reader(); }, runtime_);
    ROWTIDE_TRY(run->backfills->start(state));
    run->reader = std::make_unique<Reader>(*run->source, run->log, run->budget, settings_.batch,
                                           settings_.retry, host, *run->backfills, runtime_);
    run->reader->set_paused(paused);
    {
      const std::scoped_lock lock(run_mutex_);
      run_ = run;
    }
    committer_.add(*this);
    for (auto& lane : run->lanes) {
      lane->start();
    }
    run->reader->start();
    return {};
  }();
  const std::scoped_lock lock(mutex_);
  start_tried_ = true;
  start_error_ = started ? std::nullopt : std::optional(started.error());
  if (!started) {
    runtime_.log.error(started.error());
  }
  return started;
}

bool Pipeline::wants_stream(const Lane& lane) const {
  return lane.taking() || std::ranges::find(rewinding_, lane.index()) != rewinding_.end();
}

std::shared_ptr<Pipeline::Run> Pipeline::current_run() const {
  const std::scoped_lock lock(run_mutex_);
  return run_;
}

void Pipeline::stop(std::chrono::milliseconds drain_for) {
  const std::scoped_lock control(control_mutex_);
  stop_locked(drain_for);
}

bool Pipeline::retire(std::chrono::milliseconds drain_for) {
  const std::scoped_lock control(control_mutex_);
  retired_.store(true);
  const std::shared_ptr<Run> run = current_run();
  const bool paused = run != nullptr && run->reader->paused();
  stop_locked(drain_for);
  return paused;
}

void Pipeline::stop_locked(std::chrono::milliseconds drain_for) {
  const std::shared_ptr<Run> run = current_run();
  if (run == nullptr) {
    return;
  }
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  lanes_changed_.notify_all();
  run->reader->stop_reading();
  run->backfills->stop();
  for (auto& lane : run->lanes) {
    lane->request_stop(drain_for.count() == 0);
  }
  {
    std::unique_lock lock(mutex_);
    lanes_changed_.wait_for(lock, drain_for, [&] { return drained(*run); });
  }
  for (auto& lane : run->lanes) {
    lane->request_stop(true);
    lane->join();
  }
  ignore_error(committer_.commit_now(), "logged by the committer; sinks' markers hold the truth");
  run->reader->finish();
  committer_.remove(*this);
  std::vector<LaneStatus> last;
  for (const auto& lane : run->lanes) {
    last.push_back(lane->status());
    last.back().state = RunState::kStopped;
  }
  {
    const std::scoped_lock lock(mutex_);
    stopped_lanes_ = std::move(last);
  }
  const std::scoped_lock lock(run_mutex_);
  run_.reset();
}

bool Pipeline::drained(const Run& run) const {
  return std::ranges::all_of(run.lanes, [](const auto& lane) { return lane->finished(); });
}

Result<void> Pipeline::check_in_place() const {
  if (!retired_.load()) {
    return {};
  }
  return fail(operator_error(
      Code::kConflict,
      fmt::format("pipeline {} is being replaced by a new configuration", settings_.name),
      "Try again once the reload is over"));
}

Error Pipeline::not_running() const {
  return operator_error(Code::kConflict, fmt::format("pipeline {} is not running", settings_.name),
                        fmt::format("Run rowtide restart {}", settings_.name));
}

Result<void> Pipeline::act(ControlPlane::Action action) {
  const std::scoped_lock control(control_mutex_);
  const std::shared_ptr<Run> run = current_run();
  switch (action) {
    case ControlPlane::Action::kPause:
    case ControlPlane::Action::kResume:
      if (run == nullptr) {
        return fail(not_running());
      }
      if (action == ControlPlane::Action::kResume && run->reader->state() == RunState::kStopped) {
        stop_locked(std::chrono::seconds(5));
        return start_locked();
      }
      run->reader->set_paused(action == ControlPlane::Action::kPause);
      return {};
    case ControlPlane::Action::kRestart:
      stop_locked(std::chrono::seconds(5));
      return start_locked();
  }
  return {};
}

void Pipeline::lane_moved(std::size_t /*lane*/) {
  // Whoever waits has either not looked yet or is waiting: what moved is not guarded by the mutex.
  {
    const std::scoped_lock lock(mutex_);
  }
  lanes_changed_.notify_all();
  committer_.notify();
}

void Pipeline::lane_needs_rewind(std::size_t lane) {
  const std::shared_ptr<Run> run = current_run();
  {
    const std::scoped_lock lock(mutex_);
    rewinding_.push_back(lane);
  }
  lanes_changed_.notify_all();
  if (run != nullptr) {
    run->reader->request_restart();
  }
}

std::optional<StreamStart> Pipeline::wait_for_start() {
  const std::shared_ptr<Run> run = current_run();
  // A lane that takes long to find out where it stands does not hold the others up for ever: it
  // will ask for a rewind when it has.
  const auto settled = [&] {
    return stopping_ ||
           std::ranges::all_of(run->lanes, [](const auto& lane) { return lane->settled(); });
  };
  std::unique_lock lock(mutex_);
  lanes_changed_.wait_for(lock, kSettleTimeout, settled);
  lanes_changed_.wait(lock, [&] {
    return stopping_ ||
           std::ranges::any_of(run->lanes, [&](const auto& lane) { return wants_stream(*lane); });
  });
  if (stopping_) {
    return std::nullopt;
  }
  StreamStart start;
  bool from_the_beginning = false;
  const auto lower = [](std::optional<ResumePoint>& least, const ResumePoint& point) {
    if (!least || point.position < least->position) {
      least = point;
    }
  };
  for (const auto& lane : run->lanes) {
    const LaneStart needed = lane->needed_from();
    if (needed.from && (!start.highest || needed.from->position > start.highest->position)) {
      start.highest = needed.from;
    }
    if (!wants_stream(*lane)) {
      continue;
    }
    if (!needed.from) {
      from_the_beginning = true;
      continue;
    }
    lower(start.lowest, *needed.from);
    if (needed.owed) {
      lower(start.owed_from, *needed.from);
    }
  }
  if (!from_the_beginning) {
    start.from = start.lowest;
  }
  return start;
}

bool Pipeline::position_lost(const Error& error) {
  const std::shared_ptr<Run> run = current_run();
  // The lane that needs the most goes first; the next try shows whether that was enough.
  Lane* furthest_back = nullptr;
  const std::scoped_lock lock(mutex_);
  for (const auto& lane : run->lanes) {
    const LaneStart needed = lane->needed_from();
    if (needed.owed && wants_stream(*lane) &&
        (furthest_back == nullptr ||
         needed.from->position < furthest_back->needed_from().from->position)) {
      furthest_back = lane.get();
    }
  }
  if (furthest_back == nullptr || furthest_back->required()) {
    return false;
  }
  std::erase(rewinding_, furthest_back->index());
  furthest_back->lose_position(error);
  return true;
}

std::vector<std::optional<std::string>> Pipeline::lane_tokens() {
  const std::shared_ptr<Run> run = current_run();
  std::vector<std::optional<std::string>> tokens;
  for (const auto& lane : run->lanes) {
    // A lane that goes on where it is has taken more than is durable.
    auto point = run->log.taken_to(lane->index());
    if (!point) {
      point = lane->needed_from().from;
    }
    tokens.push_back(point ? std::optional(point->token) : std::nullopt);
  }
  return tokens;
}

void Pipeline::stream_restarted() {
  const std::shared_ptr<Run> run = current_run();
  std::vector<std::size_t> waiting;
  {
    const std::scoped_lock lock(mutex_);
    waiting.swap(rewinding_);
    noted_schemas_.clear();
    unstored_schemas_.clear();
  }
  for (const auto lane : waiting) {
    run->lanes[lane]->rewound();
  }
}

std::optional<ResumePoint> Pipeline::acknowledgeable() {
  const std::scoped_lock lock(mutex_);
  return acknowledgeable_;
}

void Pipeline::batch_appended(const BatchPtr& batch) {
  const std::scoped_lock lock(mutex_);
  for (const auto& schema : batch->schemas()) {
    if (noted_schemas_.insert(schema.get()).second) {
      unstored_schemas_.emplace_back(batch->last_position(), schema);
    }
  }
  if (!has_taps_.load(std::memory_order_relaxed)) {
    return;
  }
  std::erase_if(taps_, [&](const std::weak_ptr<Tap>& weak) {
    const auto tap = weak.lock();
    if (tap != nullptr && !batch->events().empty()) {
      tap->offer(batch);
    }
    return tap == nullptr;
  });
  has_taps_.store(!taps_.empty(), std::memory_order_relaxed);
}

std::optional<Commit> Pipeline::collect() {
  const std::shared_ptr<Run> run = current_run();
  if (run == nullptr) {
    return std::nullopt;
  }
  Commit commit;
  commit.pipeline = settings_.name;
  std::optional<Position> lowest;
  const std::scoped_lock lock(mutex_);
  for (const auto& lane : run->lanes) {
    auto state = lane->durable_state();
    if (!state) {
      continue;
    }
    if (!lowest || state->durable.position < *lowest) {
      lowest = state->durable.position;
    }
    const auto known = stored_.find(lane->name());
    if (known == stored_.end() || !(known->second == *state)) {
      commit.lanes.emplace(lane->name(), std::move(*state));
    }
  }
  for (const auto& [position, schema] : unstored_schemas_) {
    if (lowest && position <= *lowest) {
      commit.schemas.push_back(schema);
    }
  }
  if (commit.lanes.empty() && commit.schemas.empty()) {
    // A lane that is not required may have stopped holding the source since the last commit. What
    // the store says of a lane counts only once its sink has confirmed it by opening.
    const bool all_opened = std::ranges::all_of(
        run->lanes, [](const auto& lane) { return lane->taking() || !lane->holds_source(); });
    if (all_opened) {
      refresh_acknowledgeable(*run);
    }
    return std::nullopt;
  }
  return commit;
}

void Pipeline::committed(const Commit& commit) {
  const std::shared_ptr<Run> run = current_run();
  std::map<std::string, LaneState> stored;
  {
    const std::scoped_lock lock(mutex_);
    store_error_.reset();
    for (const auto& [name, state] : commit.lanes) {
      stored_.insert_or_assign(name, state);
    }
    std::erase_if(unstored_schemas_, [&](const auto& entry) {
      return std::ranges::find(commit.schemas, entry.second) != commit.schemas.end();
    });
    if (run == nullptr) {
      return;
    }
    refresh_acknowledgeable(*run);
    stored = stored_;
  }
  for (const auto& lane : run->lanes) {
    if (const auto state = commit.lanes.find(lane->name()); state != commit.lanes.end()) {
      lane->stored(state->second.durable.position);
    }
  }
  run->backfills->stored(stored);
  if (settings_.ends_after_snapshot && run->backfills->finished()) {
    run->reader->end_stream();
  }
}

void Pipeline::refresh_acknowledgeable(const Run& run) {
  // The least of what these lanes have stored may be forgotten by the source; one that stands
  // nowhere yet holds everything.
  const ResumePoint* least = nullptr;
  for (const auto& lane : run.lanes) {
    if (!lane->holds_source()) {
      continue;
    }
    const auto state = stored_.find(lane->name());
    if (state == stored_.end()) {
      return;
    }
    least = earlier(least, &state->second.durable);
  }
  if (least != nullptr) {
    acknowledgeable_ = *least;
  }
}

void Pipeline::commit_failed(const Error& error) {
  const std::scoped_lock lock(mutex_);
  store_error_ = error;
}

}  // namespace rowtide
