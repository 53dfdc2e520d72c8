#include "engine/batch/batch.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace rowtide {

Batch::~Batch() {
  if (budget_ != nullptr) {
    budget_->release(size_bytes_);
  }
}

namespace {

// True when `after` lies in the transaction, so that some of it was delivered and some was not.
bool is_inside(const Transaction& transaction, const Position& after) {
  return !after.is_boundary() && transaction.position_at(after.row) == after;
}

// True when every transaction of `batch` ends behind `after`, and the one that `after` lies in, if
// any, is marked as continued already.
bool begins_behind(const Batch& batch, const std::optional<Position>& after) {
  if (!after || batch.transactions().empty()) {
    return true;
  }
  const Transaction& first = batch.transactions().front();
  return first.end_position() > *after && (first.continued || !is_inside(first, *after));
}

}  // namespace

BatchPtr filtered(BatchPtr batch, const std::optional<Position>& after,
                  const std::function<bool(const Event&)>* keep) {
  const auto wanted = [&](const Event& event) {
    return (!after || batch->position_of(event) > *after) && (keep == nullptr || (*keep)(event));
  };
  if (begins_behind(*batch, after) && std::ranges::all_of(batch->events(), wanted)) {
    return batch;
  }
  auto copy = std::make_shared<Batch>();
  copy->sequence_ = batch->sequence_;
  copy->schemas_ = batch->schemas_;
  copy->filling_ = batch->filling_;
  copy->last_position_ = batch->last_position_;
  copy->last_token_ = batch->last_token_;
  copy->size_bytes_ = batch->size_bytes_;
  for (Transaction transaction : batch->transactions()) {
    if (after && transaction.end_position() <= *after) {
      continue;
    }
    const auto first = transaction.first_event;
    const auto end = first + transaction.event_count;
    transaction.first_event = static_cast<std::uint32_t>(copy->events_.size());
    for (auto i = first; i < end; ++i) {
      if (wanted(batch->events_[i])) {
        Event& kept = copy->events_.emplace_back(batch->events_[i]);
        kept.transaction = static_cast<std::uint32_t>(copy->transactions_.size());
      }
    }
    transaction.event_count =
        static_cast<std::uint32_t>(copy->events_.size()) - transaction.first_event;
    transaction.continued |= after && is_inside(transaction, *after);
    copy->transactions_.push_back(transaction);
  }
  copy->base_ = std::move(batch);
  return copy;
}

}  // namespace rowtide
