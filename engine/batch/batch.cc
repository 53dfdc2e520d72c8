#include "engine/batch/batch.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace rowtide {

Batch::~Batch() {
  if (budget_ != nullptr) {
    budget_->release(size_bytes_);
  }
}

BatchPtr filtered(BatchPtr batch, const std::optional<Position>& after,
                  const std::function<bool(const Event&)>* keep) {
  const auto wanted = [&](const Event& event) {
    return (!after || batch->position_of(event) > *after) && (keep == nullptr || (*keep)(event));
  };
  if (std::ranges::all_of(batch->events(), wanted)) {
    return batch;
  }
  auto copy = std::make_shared<Batch>();
  copy->sequence_ = batch->sequence_;
  copy->schemas_ = batch->schemas_;
  copy->filling_ = batch->filling_;
  copy->last_position_ = batch->last_position_;
  copy->last_token_ = batch->last_token_;
  copy->size_bytes_ = batch->size_bytes_;
  copy->transactions_ = batch->transactions_;
  for (auto& transaction : copy->transactions_) {
    const auto first = transaction.first_event;
    const auto end = first + transaction.event_count;
    transaction.first_event = static_cast<std::uint32_t>(copy->events_.size());
    for (auto i = first; i < end; ++i) {
      if (wanted(batch->events_[i])) {
        copy->events_.push_back(batch->events_[i]);
      }
    }
    transaction.event_count =
        static_cast<std::uint32_t>(copy->events_.size()) - transaction.first_event;
  }
  copy->base_ = std::move(batch);
  return copy;
}

}  // namespace rowtide
