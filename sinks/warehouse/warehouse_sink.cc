#include "sinks/warehouse/warehouse_sink.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/assert.h"

namespace rowtide::warehouse {
namespace {

// How long opening waits for a destination that somebody else has.
constexpr auto kOpenWait = std::chrono::seconds(2);
// How long taking a batch over waits for it.
constexpr auto kSubmitWait = std::chrono::seconds(1);
// How long a delivery waits for it before it counts as an error.
constexpr auto kBusyLimit = std::chrono::seconds(30);

std::uint64_t count_rows(const Slice& slice) {
  const auto events =
      slice.batch->events().subspan(slice.first_event, slice.end_event - slice.first_event);
  return static_cast<std::uint64_t>(std::ranges::count_if(events, [](const Event& event) {
    return event.op != Op::kMessage && event.op != Op::kSchema;
  }));
}

}  // namespace

WarehouseSink::WarehouseSink(std::string name, Settings settings,
                             std::unique_ptr<SqlBackend> backend, std::unique_ptr<Dialect> dialect,
                             const Runtime& runtime)
    : name_(std::move(name)),
      settings_(settings),
      runtime_(runtime),
      backend_(std::move(backend)),
      dialect_(std::move(dialect)),
      destination_(*backend_, *dialect_, settings.mode, runtime.failpoints) {}

Result<std::optional<ResumePoint>> WarehouseSink::open(const LaneContext& context) {
  close();
  // Batches that are being built beside the held ones need some of the room.
  const auto room = context.buffer_bytes - context.buffer_bytes / 4;
  limit_bytes_ = std::min<std::size_t>(room, settings_.flush_bytes);
  auto point = destination_.open(context, runtime_.clock.now() + kOpenWait);
  if (!point) {
    return fail(give_up(std::move(point).error(), name_));
  }
  return point;
}

WarehouseSink::Held WarehouseSink::hold(BatchPtr batch) const {
  Held held;
  const auto& transactions = batch->transactions();
  if (batch->ends_on_commit()) {
    held.boundary = batch->resume_point();
    held.boundary_event = static_cast<std::uint32_t>(batch->events().size());
  } else {
    const auto last = std::ranges::find_if(transactions.rbegin(), transactions.rend(),
                                           [](const Transaction& t) { return t.complete; });
    if (last != transactions.rend()) {
      held.boundary = ResumePoint{last->end_position(), std::string(last->end_token)};
      held.boundary_event = last->first_event + last->event_count;
    }
  }
  held.reads = std::ranges::any_of(transactions, [&](const Transaction& t) {
    return t.event_count > 0 && batch->events()[t.first_event].op == Op::kRead;
  });
  held.control = batch->ends_on_commit() && transactions.size() == 1 &&
                 std::ranges::any_of(batch->events(), [&](const Event& event) {
                   return destination_.is_control(event);
                 });
  held.batch = std::move(batch);
  return held;
}

void WarehouseSink::close_open_transaction(const Batch& next) {
  if (next.transactions().empty() || next.transactions().front().continued) {
    return;
  }
  const Transaction& after = next.transactions().front();
  const auto whole = [&](const ResumePoint& at) {
    return ResumePoint{{at.position.timeline, at.position.commit, kWholeTransaction},
                       std::string(after.start_token)};
  };
  if (!held_.empty() && !held_.back().batch->ends_on_commit()) {
    Held& last = held_.back();
    last.boundary = whole(last.batch->resume_point());
    last.boundary_event = static_cast<std::uint32_t>(last.batch->events().size());
  }
}

Result<void> WarehouseSink::submit(BatchPtr batch, Deadline until) {
  close_open_transaction(*batch);
  held_bytes_ += batch->size_bytes();
  pending_bytes_ += batch->size_bytes();
  held_.push_back(hold(std::move(batch)));
  const bool complete =
      std::ranges::any_of(held_, [](const Held& held) { return held.boundary.has_value(); });
  if (complete && !complete_since_) {
    complete_since_ = runtime_.clock.now();
  }
  if (over_limit()) {
    // Not longer: a lane that waits here cannot be stopped. What has no room yet is kept.
    ROWTIDE_TRY(make_room(std::min(until, runtime_.clock.now() + kSubmitWait)));
  }
  return {};
}

bool WarehouseSink::due() const {
  return complete_since_ && runtime_.clock.now() - *complete_since_ >= settings_.flush_interval;
}

Result<DurableReport> WarehouseSink::poll_durable(Deadline until) {
  if (over_limit()) {
    ROWTIDE_TRY(make_room(until));
  } else if (due()) {
    ROWTIDE_TRY(commit_complete(until));
  }
  return report_;
}

Result<void> WarehouseSink::flush(Deadline until) {
  ROWTIDE_TRY_ASSIGN(const bool committed, commit_complete(until));
  if (committed && splitting_) {
    ROWTIDE_TRY_ASSIGN(const bool applied, apply_partial(until));
    if (applied && applied_inside_) {
      ROWTIDE_TRY(split_at(ResumePoint(*applied_inside_)));
    }
  }
  return {};
}

bool WarehouseSink::may_collect() const {
  return pending_rows_ < dialect_->traits().good_commit_rows &&
         pending_bytes_ < settings_.flush_bytes && !due() &&
         (applied_complete_ || std::ranges::any_of(held_, &Held::reads));
}

Result<bool> WarehouseSink::make_room(Deadline until) {
  if (may_collect()) {
    ROWTIDE_TRY_ASSIGN(const bool applied, apply_complete(until));
    if (!applied || !over_limit()) {
      return applied;
    }
  }
  ROWTIDE_TRY_ASSIGN(const bool committed, commit_complete(until));
  if (!committed || !over_limit()) {
    return committed;
  }
  return apply_partial(until);
}

Result<bool> WarehouseSink::commit_complete(Deadline until) {
  for (;;) {
    ROWTIDE_TRY_ASSIGN(const bool applied, apply_complete(until));
    if (!applied || !applied_complete_) {
      return applied;
    }
    ROWTIDE_TRY(commit_applied());
  }
}

// The first of what is held, in a transaction of the destination by itself: what comes behind it is
// done to other tables.
Result<bool> WarehouseSink::commit_control(Deadline until) {
  if (applied_complete_) {
    ROWTIDE_TRY(commit_applied());
  }
  ROWTIDE_TRY_ASSIGN(const bool ready, begin(until));
  if (!ready) {
    return false;
  }
  const Held& held = held_.front();
  const auto events = held.batch->events();
  for (const Event& event : events) {
    if (!destination_.is_control(event)) {
      continue;
    }
    if (auto done = destination_.control(event); !done) {
      return fail(give_up(std::move(done).error(), name_));
    }
  }
  ROWTIDE_TRY_ASSIGN(
      const bool applied,
      apply({{held.batch.get(), 0, static_cast<std::uint32_t>(events.size())}}, until));
  ROWTIDE_ASSERT(applied);
  ROWTIDE_TRY(commit(ResumePoint(*held.boundary)));
  held_bytes_ -= held.batch->size_bytes();
  held_.pop_front();
  return true;
}

Result<void> WarehouseSink::commit_applied() {
  ROWTIDE_TRY(commit(ResumePoint(*applied_complete_)));
  applied_complete_.reset();
  complete_since_.reset();
  return {};
}

Result<bool> WarehouseSink::apply_complete(Deadline until) {
  auto last = held_.size();
  while (last > 0 && !held_[last - 1].boundary) {
    --last;
  }
  if (last > 0 && held_.front().control) {
    ROWTIDE_TRY_ASSIGN(const bool done, commit_control(until));
    return done ? apply_complete(until) : Result<bool>(false);
  }
  last = static_cast<std::size_t>(std::find_if(held_.begin(),
                                               held_.begin() + static_cast<std::ptrdiff_t>(last),
                                               [](const Held& held) { return held.control; }) -
                                  held_.begin());
  if (last == 0) {
    return true;
  }
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < last; ++i) {
    const Held& held = held_[i];
    const auto end = i + 1 == last ? held.boundary_event
                                   : static_cast<std::uint32_t>(held.batch->events().size());
    slices.push_back({held.batch.get(), held.first_event, end});
  }
  ROWTIDE_TRY_ASSIGN(const bool applied, apply(std::move(slices), until));
  if (!applied) {
    return false;
  }
  applied_complete_ = held_[last - 1].boundary;
  if (!complete_since_) {
    // A change of shape had the older transactions committed before these.
    complete_since_ = runtime_.clock.now();
  }
  splitting_ = false;
  open_rows_ = 0;
  applied_inside_.reset();
  Held& tail = held_[last - 1];
  tail.first_event = tail.boundary_event;
  tail.boundary.reset();
  const bool tail_done = tail.first_event == tail.batch->events().size();
  for (std::size_t i = 0; i + (tail_done ? 0 : 1) < last; ++i) {
    held_bytes_ -= held_.front().batch->size_bytes();
    held_.pop_front();
  }
  return true;
}

Result<bool> WarehouseSink::apply_partial(Deadline until) {
  if (held_.empty()) {
    return true;
  }
  std::vector<Slice> slices;
  std::uint64_t rows = 0;
  for (const Held& held : held_) {
    ROWTIDE_ASSERT(!held.boundary);
    slices.push_back({held.batch.get(), held.first_event,
                      static_cast<std::uint32_t>(held.batch->events().size())});
    rows += count_rows(slices.back());
  }
  ROWTIDE_TRY_ASSIGN(const bool applied, apply(std::move(slices), until));
  if (!applied) {
    return false;
  }
  open_rows_ += rows;
  applied_inside_ = held_.back().batch->resume_point();
  held_.clear();
  held_bytes_ = 0;
  if (open_rows_ >= static_cast<std::uint64_t>(settings_.split_transaction_rows)) {
    ROWTIDE_TRY(split_at(ResumePoint(*applied_inside_)));
  }
  return true;
}

Result<bool> WarehouseSink::apply(std::vector<Slice> slices, Deadline until) {
  const auto runs = sort_by_table(slices);
  if (destination_.needs_commit_before(runs)) {
    if (applied_complete_) {
      ROWTIDE_TRY(commit_applied());
    } else if (applied_inside_) {
      ROWTIDE_TRY(split_at(ResumePoint(*applied_inside_)));
    }
  }
  ROWTIDE_TRY_ASSIGN(const bool ready, begin(until));
  if (!ready) {
    return false;
  }
  if (auto applied = destination_.apply(runs); !applied) {
    const Batch& last = *slices.back().batch;
    return fail(give_up(std::move(applied).error(),
                        fmt::format("{}: changes up to {}", name_, to_text(last.last_position()))));
  }
  for (const auto& slice : slices) {
    pending_rows_ += count_rows(slice);
  }
  return true;
}

Result<void> WarehouseSink::split_at(const ResumePoint& point) {
  ROWTIDE_TRY(commit(point));
  open_rows_ = 0;
  applied_inside_.reset();
  if (!splitting_) {
    splitting_ = true;
    ++report_.transactions_split;
  }
  return {};
}

Result<bool> WarehouseSink::begin(Deadline until) {
  auto ready = destination_.begin(until);
  if (!ready) {
    return fail(give_up(std::move(ready).error(), name_));
  }
  if (*ready) {
    busy_since_.reset();
    return true;
  }
  const auto now = runtime_.clock.now();
  if (!busy_since_) {
    busy_since_ = now;
  }
  if (now - *busy_since_ >= kBusyLimit) {
    return fail(retry_error(Code::kLocked, name_ + ": another process has held it for 30 seconds",
                            "Close the program that has it open"));
  }
  return false;
}

Result<void> WarehouseSink::commit(const ResumePoint& point) {
  if (auto committed = destination_.commit(point); !committed) {
    return fail(give_up(std::move(committed).error(),
                        fmt::format("{}: commit at {}", name_, to_text(point.position))));
  }
  report_.durable = point;
  report_.rows_delivered += pending_rows_;
  report_.bytes_delivered += pending_bytes_;
  pending_rows_ = 0;
  pending_bytes_ = 0;
  return {};
}

Error WarehouseSink::give_up(Error error, std::string_view where) {
  destination_.close();
  return std::move(error).with_context(where);
}

void WarehouseSink::close() noexcept {
  destination_.close();
  held_.clear();
  held_bytes_ = 0;
  complete_since_.reset();
  busy_since_.reset();
  applied_complete_.reset();
  applied_inside_.reset();
  open_rows_ = 0;
  splitting_ = false;
  pending_rows_ = 0;
  pending_bytes_ = 0;
  report_ = {};
}

}  // namespace rowtide::warehouse
