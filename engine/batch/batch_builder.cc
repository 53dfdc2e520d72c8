#include <algorithm>
#include <new>

#include "engine/base/assert.h"
#include "engine/batch/batch.h"

namespace rowtide {

std::shared_ptr<Batch> BatchBuilder::make_batch() {
  auto batch = std::make_shared<Batch>();
  batch->arena_ = Arena();
  return batch;
}

void BatchBuilder::begin_transaction(const NewTransaction& info) {
  ROWTIDE_ASSERT(!in_transaction_);
  in_transaction_ = true;
  rows_in_transaction_ = 0;
  Transaction transaction;
  transaction.id = arena().copy(info.id);
  transaction.timeline = info.timeline;
  transaction.commit = info.commit;
  transaction.committed_at_us = info.committed_at_us;
  transaction.first_event = static_cast<std::uint32_t>(building_->events_.size());
  transaction.start_token = start_token(info.start_token);
  building_->transactions_.push_back(transaction);
}

void BatchBuilder::end_transaction(std::string_view end_token) {
  ROWTIDE_ASSERT(in_transaction_);
  in_transaction_ = false;
  attached_pending_ = false;
  auto& transaction = building_->transactions_.back();
  transaction.complete = true;
  transaction.end_token = keep_token(end_token);
  building_->last_position_ = transaction.position_at(kWholeTransaction);
  building_->last_token_ = transaction.end_token;
}

std::span<Value> BatchBuilder::allocate_cells(std::size_t count) {
  auto* cells = new (arena().allocate(count * sizeof(Value), alignof(Value))) Value[count];
  return {cells, count};
}

void BatchBuilder::remember_schema(const SchemaPtr& schema) {
  if (schema.get() == last_schema_ || schema == nullptr) {
    return;
  }
  last_schema_ = schema.get();
  if (std::ranges::find(building_->schemas_, schema) == building_->schemas_.end()) {
    building_->schemas_.push_back(schema);
  }
}

void BatchBuilder::add_row(const Event& event, const SchemaPtr& schema) {
  ROWTIDE_ASSERT(in_transaction_);
  remember_schema(schema);
  auto& transaction = building_->transactions_.back();
  ++rows_in_transaction_;
  // Messages and schema announcements that came before take this row's index.
  for (auto i = building_->events_.size(); attached_pending_ && i > transaction.first_event; --i) {
    Event& attached = building_->events_[i - 1];
    if (attached.row != kWholeTransaction) {
      break;
    }
    attached.row = rows_in_transaction_;
  }
  attached_pending_ = false;
  Event& added = building_->events_.emplace_back(event);
  added.transaction = static_cast<std::uint32_t>(building_->transactions_.size() - 1);
  added.row = rows_in_transaction_;
  added.schema = schema.get();
  ++transaction.event_count;
  building_->last_position_ = transaction.position_at(rows_in_transaction_);
  building_->last_token_ = transaction.start_token;
}

void BatchBuilder::add_attached(const Event& event, const SchemaPtr& schema) {
  ROWTIDE_ASSERT(in_transaction_);
  remember_schema(schema);
  Event& added = building_->events_.emplace_back(event);
  added.transaction = static_cast<std::uint32_t>(building_->transactions_.size() - 1);
  added.row = kWholeTransaction;
  added.schema = schema.get();
  ++building_->transactions_.back().event_count;
  attached_pending_ = true;
}

void BatchBuilder::skip_row() {
  ROWTIDE_ASSERT(in_transaction_);
  ++rows_in_transaction_;
}

void BatchBuilder::mark_continued() {
  ROWTIDE_ASSERT(in_transaction_);
  building_->transactions_.back().continued = true;
}

void BatchBuilder::advance(const Position& position, std::string_view token) {
  ROWTIDE_ASSERT(!in_transaction_);
  building_->last_position_ = position;
  building_->last_token_ = keep_token(token);
  advanced_ = true;
}

std::string_view BatchBuilder::keep_token(std::string_view token) {
  if (token_suffix_.empty()) {
    return arena().copy(token);
  }
  char* to = arena().allocate(token.size() + token_suffix_.size());
  std::ranges::copy(token, to);
  std::ranges::copy(token_suffix_, to + token.size());
  return {to, token.size() + token_suffix_.size()};
}

std::string_view BatchBuilder::start_token(std::string_view token) {
  // The last transaction's end is this one's start: share the bytes. The suffix only changes while
  // nothing is being built.
  if (!building_->transactions_.empty()) {
    const std::string_view before = building_->transactions_.back().end_token;
    if (before.size() == token.size() + token_suffix_.size() && before.starts_with(token)) {
      return before;
    }
  }
  return keep_token(token);
}

std::shared_ptr<const Batch> BatchBuilder::take_slice(Slice slice, std::string_view source_token) {
  ROWTIDE_ASSERT(empty() && !in_transaction_);
  const Position& behind = slice.behind;
  auto done = make_batch();
  Transaction transaction;
  transaction.id = done->arena_.copy(slice.id);
  transaction.timeline = behind.timeline;
  transaction.commit = behind.is_backfill() ? behind.commit : behind.commit + 1;
  transaction.committed_at_us = slice.committed_at_us;
  transaction.event_count = static_cast<std::uint32_t>(slice.events.size());
  transaction.complete = true;
  transaction.lanes = slice.lanes;
  std::uint64_t row = behind.is_backfill() ? behind.row : kFirstBackfillRow;
  done->events_ = std::move(slice.events);
  for (Event& event : done->events_) {
    event.transaction = 0;
    event.row = ++row;
  }
  // A slice without rows moves on as well.
  transaction.end_row = done->events_.empty() ? row + 1 : row;
  if (slice.schema != nullptr) {
    done->schemas_.push_back(std::move(slice.schema));
  }
  transaction.start_token = done->arena_.copy(std::string(source_token) + token_suffix_);
  token_suffix_ = std::move(slice.token_suffix);
  transaction.end_token = done->arena_.copy(std::string(source_token) + token_suffix_);
  done->last_position_ = transaction.end_position();
  done->last_token_ = transaction.end_token;
  done->transactions_.push_back(transaction);
  done->base_ = std::move(slice.rows);
  done->merged_ = std::move(slice.merged);
  publish(*done);
  return done;
}

void BatchBuilder::reset() {
  building_ = make_batch();
  in_transaction_ = false;
  attached_pending_ = false;
  advanced_ = false;
  rows_in_transaction_ = 0;
  last_schema_ = nullptr;
}

bool BatchBuilder::empty() const noexcept {
  if (advanced_) {
    return false;
  }
  // A transaction that has begun here without a row yet is not worth a batch.
  return building_->events_.empty() &&
         (building_->transactions_.empty() || !building_->transactions_.front().complete);
}

std::shared_ptr<const Batch> BatchBuilder::take() {
  ROWTIDE_ASSERT(can_cut());
  auto done = std::move(building_);
  building_ = make_batch();
  // The next batch is most often as long as this one.
  building_->events_.reserve(done->events_.size());
  building_->transactions_.reserve(done->transactions_.size());
  advanced_ = false;
  last_schema_ = nullptr;
  if (in_transaction_) {
    // The open transaction goes on: repeat its head. A head without rows moves over whole.
    Transaction head = done->transactions_.back();
    const bool unstarted = head.event_count == 0 && !head.continued;
    if (unstarted) {
      done->transactions_.pop_back();
      head.continued = false;
    } else {
      head.continued = true;
    }
    head.id = arena().copy(head.id);
    head.start_token = arena().copy(head.start_token);
    head.first_event = 0;
    head.event_count = 0;
    building_->transactions_.push_back(head);
  }
  publish(*done);
  return done;
}

void BatchBuilder::publish(Batch& batch) {
  batch.sequence_ = next_sequence_;
  next_sequence_ = BatchSequence(next_sequence_.value + 1);
  batch.size_bytes_ = batch.arena_.reserved_bytes() + batch.events_.capacity() * sizeof(Event) +
                      batch.transactions_.capacity() * sizeof(Transaction) + sizeof(Batch);
  // A slice keeps the batch alive that its rows were read into.
  if (batch.base_ != nullptr) {
    batch.size_bytes_ += batch.base_->size_bytes();
  }
  batch.filling_ = filling_;
  batch.budget_ = budget_;
  if (budget_ != nullptr) {
    budget_->charge(batch.size_bytes_);
  }
}

}  // namespace rowtide
