#include "engine/pipeline/change_log.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace rowtide {

ChangeLog::ChangeLog(std::size_t lanes, ByteBudget& budget) : budget_(budget), cursors_(lanes) {}

bool ChangeLog::wait_for_room(Deadline until) {
  std::unique_lock lock(mutex_);
  while (!has_room()) {
    if (budget_.full()) {
      trim(true);
    }
    if (has_room()) {
      return true;
    }
    // Sinks let batches go outside of this lock, so waiting is bounded and the budget looked at
    // again rather than waiting for a signal that may never come.
    const auto step = std::min(until, MonotonicTime::clock::now() + std::chrono::milliseconds(5));
    changed_.wait_until(lock, step);
    if (finished_ || MonotonicTime::clock::now() >= until) {
      return has_room();
    }
  }
  return true;
}

bool ChangeLog::has_room() const {
  const std::size_t held_bytes =
      budget_.used_bytes() - std::min(budget_.used_bytes(), fresh_bytes_);
  return !budget_.full() && fresh_bytes_ <= std::max(kFreshBytes, held_bytes);
}

void ChangeLog::append(BatchPtr batch) {
  {
    const std::scoped_lock lock(mutex_);
    fresh_bytes_ += batch->size_bytes();
    batches_.push_back(std::move(batch));
    trim(budget_.full());
  }
  changed_.notify_all();
}

void ChangeLog::restart(const std::optional<Position>& start) {
  const std::scoped_lock lock(mutex_);
  first_ordinal_ += batches_.size();
  batches_.clear();
  fresh_ordinal_ = first_ordinal_;
  fresh_bytes_ = 0;
  floor_ = start;
  for (auto& cursor : cursors_) {
    cursor.next = first_ordinal_;
    // A lane may attach after it was decided where the stream starts: it would go on over a hole.
    const bool covered = !start || (cursor.durable && *cursor.durable >= *start);
    cursor.left_behind = cursor.attached && !covered;
  }
}

bool ChangeLog::any_attached() {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(cursors_, &Cursor::attached);
}

void ChangeLog::finish() {
  {
    const std::scoped_lock lock(mutex_);
    finished_ = true;
  }
  changed_.notify_all();
}

ChangeLog::Taken ChangeLog::next(std::size_t lane, Deadline until, BatchPtr& out) {
  std::unique_lock lock(mutex_);
  Cursor& cursor = cursors_[lane];
  const auto available = [&] { return cursor.next < first_ordinal_ + batches_.size(); };
  if (!available() && !finished_ && !cursor.left_behind) {
    changed_.wait_until(lock, until);
  }
  if (cursor.left_behind) {
    return Taken::kLeftBehind;
  }
  if (!available()) {
    return finished_ ? Taken::kFinished : Taken::kNothing;
  }
  ROWTIDE_ASSERT(cursor.next >= first_ordinal_);
  out = batches_[cursor.next - first_ordinal_];
  ++cursor.next;
  if (cursor.next > fresh_ordinal_) {
    fresh_ordinal_ = cursor.next;
    fresh_bytes_ -= out->size_bytes();
  }
  cursor.taken_to = out->resume_point();
  return Taken::kBatch;
}

void ChangeLog::set_durable(std::size_t lane, const Position& durable) {
  {
    const std::scoped_lock lock(mutex_);
    cursors_[lane].durable = durable;
    trim(budget_.full());
  }
  changed_.notify_all();
}

void ChangeLog::detach(std::size_t lane) {
  {
    const std::scoped_lock lock(mutex_);
    cursors_[lane].attached = false;
    cursors_[lane].left_behind = false;
    trim(budget_.full());
  }
  changed_.notify_all();
}

bool ChangeLog::attach(std::size_t lane, const std::optional<Position>& after) {
  const std::scoped_lock lock(mutex_);
  const bool reaches_back = !floor_ || (after && *after >= *floor_);
  if (!reaches_back) {
    return false;
  }
  cursors_[lane].attached = true;
  cursors_[lane].left_behind = false;
  cursors_[lane].next = first_ordinal_;
  cursors_[lane].durable = after;
  cursors_[lane].taken_to.reset();
  return true;
}

std::size_t ChangeLog::untaken_bytes() {
  const std::scoped_lock lock(mutex_);
  std::size_t size_bytes = 0;
  for (auto i = batches_.size(); i > 0 && !taken_by_all(first_ordinal_ + i - 1); --i) {
    size_bytes += batches_[i - 1]->size_bytes();
  }
  return size_bytes;
}

std::optional<ResumePoint> ChangeLog::taken_to(std::size_t lane) {
  const std::scoped_lock lock(mutex_);
  return cursors_[lane].attached ? cursors_[lane].taken_to : std::nullopt;
}

void ChangeLog::wake() {
  changed_.notify_all();
}

bool ChangeLog::taken_by_all(std::uint64_t ordinal) const {
  return std::ranges::all_of(
      cursors_, [&](const Cursor& cursor) { return !cursor.attached || cursor.next > ordinal; });
}

bool ChangeLog::durable_for_all(const Position& position) const {
  return std::ranges::all_of(cursors_, [&](const Cursor& cursor) {
    return !cursor.attached || (cursor.durable && *cursor.durable >= position);
  });
}

void ChangeLog::trim(bool under_pressure) {
  while (!batches_.empty() && taken_by_all(first_ordinal_) &&
         (under_pressure || durable_for_all(batches_.front()->last_position()))) {
    floor_ = batches_.front()->last_position();
    if (first_ordinal_ == fresh_ordinal_) {
      ++fresh_ordinal_;
      fresh_bytes_ -= batches_.front()->size_bytes();
    }
    batches_.pop_front();
    ++first_ordinal_;
    for (auto& cursor : cursors_) {
      cursor.next = std::max(cursor.next, first_ordinal_);
    }
  }
}

}  // namespace rowtide
