#include <algorithm>

#include <fmt/format.h>

#include "engine/snapshot/backfill_runner.h"

namespace rowtide {
namespace {

// Ended backfills that are still listed.
constexpr std::size_t kEndedKept = 20;

Error unknown_backfill(std::string_view id) {
  return operator_error(Code::kNotFound, fmt::format("there is no backfill '{}'", id),
                        "See rowtide backfill list");
}

}  // namespace

Result<std::string> BackfillRunner::add(const BackfillSpec& spec) {
  BackfillRecord record;
  {
    const std::scoped_lock lock(mutex_);
    record.id = fmt::format("{}-{}", pipeline_, ++last_number_);
  }
  record.spec = spec;
  record.sinks = sinks_;
  record.created_at_us = runtime_.clock.wall_us();
  ROWTIDE_TRY(put_record(record));
  std::vector<std::string> forgotten;
  {
    const std::scoped_lock lock(mutex_);
    Backfill& backfill = add_backfill(record);
    for (const std::string& sink : sinks_) {
      backfill.left_by_sink.push_back(all_left(record));
      backfill.left_by_sink.back().sinks = {sink};
    }
    adopt_told(backfill);
    note_due_ = true;
    refresh_flags();
    forgotten = forget_ended();
  }
  for (const std::string& id : forgotten) {
    ignore_error(store_.put_backfill(pipeline_, id, ""), "it is only listed once more");
  }
  runtime_.log.info(
      "backfill {} started: {}", record.id,
      spec.tables.empty() ? "every table" : fmt::format("{}", fmt::join(spec.tables, ", ")));
  changed_.notify_all();
  return record.id;
}

// Takes the oldest of those that ended off the list.
std::vector<std::string> BackfillRunner::forget_ended() {
  std::vector<std::string> forgotten;
  auto ended = static_cast<std::size_t>(std::ranges::count_if(
      backfills_, [](const auto& backfill) { return has_ended(backfill->record.state); }));
  std::erase_if(backfills_, [&](const auto& backfill) {
    const bool forget =
        ended > kEndedKept && has_ended(backfill->record.state) && !has_to_tell(*backfill);
    if (forget) {
      --ended;
      forgotten.push_back(backfill->record.id);
    }
    return forget;
  });
  return forgotten;
}

Result<void> BackfillRunner::act(std::string_view id, BackfillControl::Action action) {
  BackfillRecord record;
  {
    const std::scoped_lock lock(mutex_);
    const Backfill* backfill = find(id);
    if (backfill == nullptr) {
      return fail(unknown_backfill(id));
    }
    record = backfill->record;
    if (has_ended(record.state) || backfill->done) {
      return fail(operator_error(Code::kConflict, fmt::format("backfill {} has ended", id),
                                 "Start another one"));
    }
    record.rows_delivered = backfill->rows_before_run + backfill->rows_delivered;
    record.failure.reset();
  }
  switch (action) {
    case BackfillControl::Action::kPause:
      record.state = BackfillState::kPaused;
      break;
    case BackfillControl::Action::kResume:
      record.state = BackfillState::kWaiting;
      break;
    case BackfillControl::Action::kCancel:
      record.state = BackfillState::kCancelled;
      record.ended_at_us = runtime_.clock.wall_us();
      break;
  }
  ROWTIDE_TRY(put_record(record));
  {
    const std::scoped_lock lock(mutex_);
    Backfill* backfill = find(id);
    if (backfill == nullptr || has_ended(backfill->record.state)) {
      return {};
    }
    backfill->record = std::move(record);
    backfill->last_error.reset();
    backfill->failures = 0;
    backfill->retry_at = {};
    if (action == BackfillControl::Action::kResume) {
      ++resumes_;
    } else {
      drop_chunks(*backfill);
      backfill->running_since.reset();
    }
    if (action == BackfillControl::Action::kCancel) {
      runtime_.log.info("backfill {} cancelled: {} rows", id, backfill->record.rows_delivered);
    }
    note_due_ = true;
    refresh_flags();
  }
  changed_.notify_all();
  return {};
}

bool BackfillRunner::finished() const {
  const std::scoped_lock lock(mutex_);
  return generation_ > 0 && std::ranges::all_of(backfills_, [](const auto& backfill) {
           return has_ended(backfill->record.state);
         });
}

BackfillStatus BackfillRunner::status_of(const Backfill& backfill) const {
  BackfillStatus status;
  status.id = backfill.record.id;
  status.pipeline = pipeline_;
  status.spec = backfill.record.spec;
  status.state = backfill.record.state;
  status.created_at_us = backfill.record.created_at_us;
  status.ended_at_us = backfill.record.ended_at_us;
  status.rows_outdated = backfill.rows_outdated;
  status.chunks_read = backfill.chunks_read;
  status.chunks_discarded = backfill.chunks_discarded;
  // Why one has failed stays, whatever other workers were still doing.
  const auto& failure = backfill.record.failure;
  status.last_error = failure ? failure : backfill.last_error;
  status.rows_delivered = has_ended(status.state)
                              ? backfill.record.rows_delivered
                              : backfill.rows_before_run + backfill.rows_delivered;
  if (status.state == BackfillState::kWaiting && backfill.running_since) {
    status.state = BackfillState::kRunning;
    const std::chrono::duration<double> ran = runtime_.clock.now() - *backfill.running_since;
    status.rows_per_second =
        static_cast<double>(backfill.rows_delivered) / std::max(ran.count(), 1e-3);
    if (is_held()) {
      status.last_error = retry_error(
          Code::kTimeout,
          fmt::format("waits: {} active sessions, max_load is {}", *load_, settings_.max_load),
          "It goes on once the server is less busy; see backfill.max_load");
    }
  }
  for (const auto& table : backfill.tables) {
    BackfillTableStatus one;
    one.name = table->scan.qualified_name();
    one.method = table->scan.method;
    one.reason = table->scan.reason;
    one.started = table->state != Table::State::kUntouched;
    one.finished = table->state == Table::State::kDone;
    one.estimated_rows = std::max(0.0, table->scan.estimated_rows);
    one.rows_delivered = table->rows_delivered;
    status.estimated_rows += one.estimated_rows;
    status.tables.push_back(std::move(one));
  }
  return status;
}

std::vector<BackfillStatus> BackfillRunner::status() const {
  const std::scoped_lock lock(mutex_);
  std::vector<BackfillStatus> all;
  for (auto i = backfills_.size(); i > 0; --i) {
    all.push_back(status_of(*backfills_[i - 1]));
  }
  return all;
}

}  // namespace rowtide
