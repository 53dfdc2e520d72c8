#include "tests/unit/pipeline_fakes.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace rowtide::test {

bool FakeProcess::affect(const std::function<void()>& effect) {
  const std::scoped_lock lock(mutex_);
  if (alive_) {
    effect();
  }
  return alive_;
}

void FakeProcess::kill() {
  const std::scoped_lock lock(mutex_);
  alive_ = false;
}

namespace {

bool affect(FakeProcess* process, const std::function<void()>& effect) {
  if (process != nullptr) {
    return process->affect(effect);
  }
  effect();
  return true;
}

}  // namespace

std::size_t transaction_of_token(std::string_view token) {
  std::size_t transaction = 0;
  const auto digits = token.substr(token.find('-') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), transaction);
  return transaction;
}

// FakeDestination and FakeSink

std::vector<DeliveredRow> FakeDestination::delivered() const {
  const std::scoped_lock lock(mutex);
  return rows;
}

std::vector<std::int64_t> FakeDestination::delivered_ids() const {
  const std::scoped_lock lock(mutex);
  std::vector<std::int64_t> ids;
  for (const auto& row : rows) {
    ids.push_back(row.id);
  }
  return ids;
}

std::size_t FakeDestination::submissions() const {
  const std::scoped_lock lock(mutex);
  return batches;
}

void FakeDestination::hold_above(std::optional<Position> limit) {
  const std::scoped_lock lock(mutex);
  durable_limit = limit;
}

Result<std::optional<ResumePoint>> FakeSink::open(const LaneContext& context) {
  const std::scoped_lock lock(destination_.mutex);
  destination_.opens.push_back(context);
  if (destination_.before_open) {
    ROWTIDE_TRY(destination_.before_open());
  }
  if (context.epoch < destination_.epoch) {
    return fail(operator_error(Code::kFenced, "a newer epoch writes here", "Stop one of the two"));
  }
  epoch_ = context.epoch;
  if (!affect(process_, [&] { destination_.epoch = context.epoch; })) {
    return fail(FakeProcess::killed());
  }
  pending_.clear();
  report_ = {};
  if (destination_.guarantee == Guarantee::kAtLeastOnce) {
    return std::optional<ResumePoint>();
  }
  return destination_.marker;
}

Result<void> FakeSink::submit(BatchPtr batch, Deadline /*until*/) {
  const std::scoped_lock lock(destination_.mutex);
  if (destination_.before_submit) {
    ROWTIDE_TRY(destination_.before_submit(*batch));
  }
  for (const auto& transaction : batch->transactions()) {
    Step step;
    for (const auto& event :
         batch->events().subspan(transaction.first_event, transaction.event_count)) {
      if (event.op == Op::kCreate) {
        step.rows.push_back({batch->position_of(event), event.after[0].integer()});
      }
    }
    if (transaction.complete) {
      step.marker = {transaction.position_at(kWholeTransaction),
                     std::string(transaction.end_token)};
    } else if (!step.rows.empty()) {
      step.marker = {step.rows.back().position, std::string(transaction.start_token)};
      step.splits = true;
    } else {
      continue;
    }
    pending_.push_back(std::move(step));
  }
  ++destination_.batches;
  return {};
}

void FakeSink::make_durable() {
  // Rows of an unfinished transaction wait for its end unless they may be split off.
  std::size_t count = 0;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const bool allowed =
        !destination_.durable_limit || pending_[i].marker.position <= *destination_.durable_limit;
    if (!allowed) {
      break;
    }
    count = !pending_[i].splits || destination_.splits ? i + 1 : count;
  }
  for (std::size_t i = 0; i < count; ++i) {
    auto& step = pending_[i];
    destination_.rows.insert(destination_.rows.end(), step.rows.begin(), step.rows.end());
    destination_.went_back |=
        destination_.marker && step.marker.position < destination_.marker->position;
    destination_.marker = step.marker;
    report_.durable = step.marker;
    report_.rows_delivered += step.rows.size();
    report_.transactions_split += step.splits ? 1 : 0;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
}

Result<DurableReport> FakeSink::poll_durable(Deadline /*until*/) {
  const std::scoped_lock lock(destination_.mutex);
  if (destination_.before_poll) {
    ROWTIDE_TRY(destination_.before_poll());
  }
  if (destination_.epoch != epoch_) {
    return fail(operator_error(Code::kFenced, "a newer epoch writes here", "Stop one of the two"));
  }
  if (!affect(process_, [&] { make_durable(); })) {
    return fail(FakeProcess::killed());
  }
  DurableReport report = report_;
  if (destination_.on_report) {
    destination_.on_report(report);
  }
  return report;
}

Result<void> FakeSink::flush(Deadline /*until*/) {
  const std::scoped_lock lock(destination_.mutex);
  ++destination_.flushes;
  if (destination_.on_flush) {
    destination_.on_flush();
  }
  return {};
}

void FakeSink::close() noexcept {
  const std::scoped_lock lock(destination_.mutex);
  ++destination_.closes;
  pending_.clear();
}

// FakeDatabase and ScriptedSource

void FakeDatabase::commit_up_to(std::size_t transaction) {
  {
    const std::scoped_lock lock(mutex);
    committed = transaction;
  }
  changed.notify_all();
}

std::size_t FakeDatabase::confirmed_now() const {
  const std::scoped_lock lock(mutex);
  return confirmed;
}

std::size_t FakeDatabase::open_count() const {
  const std::scoped_lock lock(mutex);
  return opens.size();
}

std::optional<StreamStart> FakeDatabase::last_open() const {
  const std::scoped_lock lock(mutex);
  return opens.empty() ? std::nullopt : std::optional(opens.back());
}

std::optional<ResumePoint> FakeDatabase::last_acknowledged() const {
  const std::scoped_lock lock(mutex);
  return acknowledged.empty() ? std::nullopt : std::optional(acknowledged.back());
}

std::vector<DeliveredRow> FakeDatabase::all_rows(
    const std::function<bool(std::int64_t)>& wants) const {
  std::vector<DeliveredRow> all;
  for (std::size_t n = 1; n <= rows.size(); ++n) {
    for (int row = 1; row <= rows[n - 1]; ++row) {
      const auto id = static_cast<std::int64_t>(1000 * n) + row;
      if (!wants || wants(id)) {
        all.push_back({{1, 100 * n, static_cast<std::uint64_t>(row)}, id});
      }
    }
  }
  return all;
}

Result<void> ScriptedSource::open(const StreamStart& start) {
  const std::scoped_lock lock(database_.mutex);
  database_.opens.push_back(start);
  if (database_.before_open) {
    ROWTIDE_TRY(database_.before_open(start));
  }
  const auto number = [](const std::optional<ResumePoint>& point) {
    return point ? transaction_of_token(point->token) : 0;
  };
  if (start.owed_from && number(start.owed_from) < database_.confirmed) {
    return fail(operator_error(Code::kPositionLost, "the slot is ahead of what is owed", "Resync"));
  }
  first_ = std::max(number(start.from), database_.confirmed) + 1;
  next_ = first_;
  next_row_ = 1;
  begun_ = false;
  const bool inside =
      start.from && !start.from->position.is_whole() && start.from->position.commit == 100 * first_;
  skipped_row_ = inside ? start.from->position.row : 0;
  open_ = true;
  return {};
}

bool ScriptedSource::add_transaction(std::size_t transaction, BatchBuilder& out) {
  const auto number = std::to_string(transaction);
  const int row_count = database_.rows[transaction - 1];
  if (row_count == 0) {
    out.advance(TestBatches::end_of(transaction), TestBatches::token_of(transaction));
    return true;
  }
  if (!std::exchange(begun_, true)) {
    out.begin_transaction({.id = number,
                           .timeline = 1,
                           .commit = 100 * transaction,
                           .committed_at_us = TestBatches::first_commit_us(),
                           .start_token = TestBatches::token_of(transaction - 1)});
    if (transaction == first_ && skipped_row_ > 0) {
      out.mark_continued();
    }
  }
  for (; next_row_ <= row_count; ++next_row_) {
    if (out.full()) {
      return false;
    }
    if (transaction == first_ && static_cast<std::uint64_t>(next_row_) <= skipped_row_) {
      out.skip_row();
      continue;
    }
    auto cells = out.allocate_cells(5);
    cells[0] = Value::integer(static_cast<std::int64_t>(1000 * transaction) + next_row_);
    Event event;
    event.op = Op::kCreate;
    event.after = cells;
    out.add_row(event, orders_schema());
  }
  out.end_transaction(TestBatches::token_of(transaction));
  next_row_ = 1;
  begun_ = false;
  return true;
}

Result<PollOutcome> ScriptedSource::poll(BatchBuilder& out, Deadline until) {
  std::unique_lock lock(database_.mutex);
  ++database_.polls;
  if (!open_) {
    return fail(fatal_error(Code::kInternal, "polled without a stream"));
  }
  if (database_.before_poll) {
    ROWTIDE_TRY(database_.before_poll());
  }
  while (next_ <= database_.committed) {
    if (out.full() || !add_transaction(next_, out)) {
      return PollOutcome::kMore;
    }
    ++next_;
  }
  if (next_ > database_.rows.size() && database_.ends) {
    return PollOutcome::kEnd;
  }
  if (out.can_cut()) {
    return PollOutcome::kCut;
  }
  // Shorter than a source need wait, so that a reader that is told to stop notices soon.
  const auto step = std::min(until, MonotonicTime::clock::now() + std::chrono::milliseconds(2));
  const auto seen = database_.committed;
  database_.changed.wait_until(lock, step, [&] { return database_.committed != seen; });
  return PollOutcome::kIdle;
}

Result<void> ScriptedSource::acknowledge(const std::optional<ResumePoint>& durable) {
  const std::scoped_lock lock(database_.mutex);
  if (!open_) {
    return fail(retry_error(Code::kConnection, "acknowledged without a stream"));
  }
  if (!durable) {
    return {};
  }
  affect(process_, [&] {
    if (database_.acknowledged.empty() || !(database_.acknowledged.back() == *durable)) {
      database_.acknowledged.push_back(*durable);
    }
    // A slot takes only what was sent on this connection.
    const auto transaction = transaction_of_token(durable->token);
    if (transaction < next_) {
      database_.confirmed = std::max(database_.confirmed, transaction);
    }
  });
  return {};
}

void ScriptedSource::close() noexcept {
  const std::scoped_lock lock(database_.mutex);
  open_ = false;
  ++database_.closes;
}

// FakeStore

Result<PipelineState> FakeStore::load(std::string_view pipeline) {
  return memory_->load(pipeline);
}

Result<Epoch> FakeStore::begin_epoch(std::string_view pipeline, Epoch floor) {
  return memory_->begin_epoch(pipeline, floor);
}

Result<void> FakeStore::commit(std::span<const Commit> commits) {
  const std::scoped_lock lock(mutex_);
  if (error_) {
    ++refused_;
    return fail(*error_);
  }
  Result<void> outcome;
  if (!affect(process_, [&] { outcome = memory_->commit(commits); })) {
    return fail(FakeProcess::killed());
  }
  commit_sizes_.push_back(commits.size());
  return outcome;
}

Result<void> FakeStore::set_lane(std::string_view pipeline, std::string_view sink,
                                 const LaneState& state) {
  return memory_->set_lane(pipeline, sink, state);
}

Result<void> FakeStore::erase_lane(std::string_view pipeline, std::string_view sink) {
  return memory_->erase_lane(pipeline, sink);
}

Result<void> FakeStore::put_backfill(std::string_view pipeline, std::string_view id,
                                     std::string_view record) {
  return memory_->put_backfill(pipeline, id, record);
}

void FakeStore::fail_with(std::optional<Error> error) {
  const std::scoped_lock lock(mutex_);
  error_ = std::move(error);
}

std::vector<std::size_t> FakeStore::commit_sizes() const {
  const std::scoped_lock lock(mutex_);
  return commit_sizes_;
}

}  // namespace rowtide::test
