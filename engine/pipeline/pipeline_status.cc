#include <algorithm>

#include <fmt/format.h>

#include "engine/pipeline/pipeline.h"

namespace rowtide {
namespace {

// One state for people: the reader's, unless every lane stands still.
RunState overall_state(RunState reader, const std::vector<LaneStatus>& lanes) {
  const auto all = [&](RunState state) {
    return std::ranges::all_of(lanes, [&](const LaneStatus& lane) { return lane.state == state; });
  };
  if (reader == RunState::kRunning && all(RunState::kStopped)) {
    return RunState::kStopped;
  }
  if (reader == RunState::kRunning && all(RunState::kRetrying)) {
    return RunState::kRetrying;
  }
  return reader;
}

}  // namespace

PipelineStatus Pipeline::status() const {
  const std::shared_ptr<Run> run = current_run();
  PipelineStatus status;
  status.name = settings_.name;
  status.source_type = settings_.source_type;
  status.buffer_limit_bytes = settings_.buffer_bytes;
  const std::scoped_lock lock(mutex_);
  if (run == nullptr) {
    status.state = start_tried_ ? RunState::kStopped : RunState::kStarting;
    status.last_error = start_error_;
    status.lanes = stopped_lanes_;
    return status;
  }
  for (const auto& lane : run->lanes) {
    status.lanes.push_back(lane->status());
  }
  status.source = run->source->status();
  status.state = overall_state(run->reader->state(), status.lanes);
  status.last_error = run->reader->last_error();
  if (!status.last_error) {
    status.last_error = store_error_;
  }
  for (const auto& lane : status.lanes) {
    if (!status.last_error && status.state != RunState::kRunning) {
      status.last_error = lane.last_error;
    }
  }
  status.backfills = run->backfills->status();
  for (auto& backfill : status.backfills) {
    // A backfill that cannot begin waits for the stream, so the stream's trouble is its reason.
    if (!has_ended(backfill.state) && !backfill.last_error) {
      backfill.last_error = status.last_error;
    }
  }
  const auto& totals = run->reader->totals();
  status.events_read = totals.events.load();
  status.transactions_read = totals.transactions.load();
  status.bytes_read = totals.bytes.load();
  status.retries = totals.retries.load();
  status.buffered_bytes = run->budget.used_bytes();
  return status;
}

Result<std::vector<ControlPlane::Offset>> Pipeline::offsets() const {
  ROWTIDE_TRY_ASSIGN(const PipelineState state, store_.load(settings_.name));
  std::vector<ControlPlane::Offset> offsets;
  for (const auto& [sink, lane] : state.lanes) {
    offsets.push_back({sink, lane.durable});
  }
  return offsets;
}

Result<void> Pipeline::set_offset(std::string_view sink, const ResumePoint& point) {
  const std::scoped_lock control(control_mutex_);
  ROWTIDE_TRY(check_in_place());
  {
    const std::scoped_lock lock(run_mutex_);
    if (run_ != nullptr && run_->reader->state() != RunState::kPaused &&
        run_->reader->state() != RunState::kStopped) {
      return fail(operator_error(Code::kConflict,
                                 fmt::format("pipeline {} is running", settings_.name),
                                 fmt::format("Run rowtide pause {} first", settings_.name)));
    }
  }
  ROWTIDE_TRY_ASSIGN(const PipelineState state, store_.load(settings_.name));
  bool found = false;
  for (const auto& [name, lane] : state.lanes) {
    if (!sink.empty() && name != sink) {
      continue;
    }
    found = true;
    if (lane.marker && point.position < lane.marker->position) {
      return fail(operator_error(
          Code::kConflict,
          fmt::format("sink {} already holds everything up to {}", name,
                      to_text(lane.marker->position)),
          "Going back would deliver rows twice: give the sink another name, or backfill"));
    }
  }
  if (!found) {
    return fail(operator_error(Code::kNotFound,
                               fmt::format("no stored position of sink '{}'", sink),
                               "See rowtide offsets show"));
  }
  bool was_running = false;
  bool was_paused = false;
  if (const std::scoped_lock lock(run_mutex_); run_ != nullptr) {
    was_running = true;
    was_paused = run_->reader->state() == RunState::kPaused;
  }
  stop_locked(std::chrono::seconds(5));
  for (const auto& [name, lane] : state.lanes) {
    if (sink.empty() || name == sink) {
      LaneState changed = lane;
      changed.durable = point;
      if (changed.durable.token.empty()) {
        changed.durable.token = lane.durable.token;
      }
      ROWTIDE_TRY(store_.set_lane(settings_.name, name, changed));
    }
  }
  if (was_running) {
    ROWTIDE_TRY(start_locked());
  }
  if (const std::scoped_lock lock(run_mutex_); was_paused && run_ != nullptr) {
    run_->reader->set_paused(true);
  }
  return {};
}

Result<void> Pipeline::query(std::string_view sink, std::string_view sql, QueryOutput& out) {
  const std::shared_ptr<Run> run = current_run();
  if (run != nullptr) {
    for (const auto& lane : run->lanes) {
      if (lane->queryable() != nullptr && (sink.empty() || lane->name() == sink)) {
        return lane->queryable()->query(sql, out);
      }
    }
  }
  return fail(operator_error(Code::kNotFound,
                             fmt::format("pipeline {} has no running sink that answers queries{}",
                                         settings_.name, sink.empty() ? "" : " by that name"),
                             "Sinks of type duckdb and postgres answer queries"));
}

Result<std::string> Pipeline::start_backfill(const BackfillSpec& spec) {
  const std::shared_ptr<Run> run = current_run();
  if (run == nullptr) {
    return fail(not_running());
  }
  return run->backfills->add(spec);
}

Result<void> Pipeline::act_on_backfill(std::string_view id, BackfillControl::Action action) {
  const std::shared_ptr<Run> run = current_run();
  if (run == nullptr) {
    return fail(operator_error(Code::kNotFound, fmt::format("there is no backfill '{}'", id),
                               "See rowtide backfill list"));
  }
  return run->backfills->act(id, action);
}

void Pipeline::add_tap(const std::shared_ptr<Tap>& tap) {
  const std::scoped_lock lock(mutex_);
  taps_.push_back(tap);
  has_taps_.store(true);
}

}  // namespace rowtide
