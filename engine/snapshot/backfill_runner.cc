#include "engine/snapshot/backfill_runner.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/assert.h"

namespace rowtide {
namespace {

std::uint64_t number_of(std::string_view id) {
  const auto digits = id.substr(id.rfind('-') + 1);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

}  // namespace

BackfillRunner::BackfillRunner(std::string pipeline, BackfillSettings settings, bool initial,
                               std::vector<std::string> sinks, StateStore& store, Connect connect,
                               Runtime runtime)
    : pipeline_(std::move(pipeline)),
      settings_(settings),
      initial_(initial),
      sinks_(std::move(sinks)),
      store_(store),
      connect_(std::move(connect)),
      runtime_(std::move(runtime)) {
  ROWTIDE_ASSERT(sinks_.size() <= kMaxLanes);
}

BackfillRunner::~BackfillRunner() {
  stop();
}

Result<void> BackfillRunner::start(const PipelineState& state) {
  {
    const std::scoped_lock lock(mutex_);
    captured_ = state.captured;
    for (const auto& [id, text] : state.backfills) {
      ROWTIDE_TRY_ASSIGN(BackfillRecord record, decode_record(text));
      add_backfill(std::move(record));
    }
    std::ranges::sort(backfills_, {}, [](const auto& backfill) {
      return std::pair(backfill->record.created_at_us, number_of(backfill->record.id));
    });
  }
  for (std::size_t i = 0; i < settings_.workers; ++i) {
    workers_.emplace_back([this] { work(); });
  }
  return {};
}

void BackfillRunner::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& worker : workers_) {
    worker.join();
  }
  workers_.clear();
}

Backfill& BackfillRunner::add_backfill(BackfillRecord record) {
  last_number_ = std::max(last_number_, number_of(record.id));
  backfills_.push_back(std::make_shared<Backfill>());
  backfills_.back()->record = std::move(record);
  return *backfills_.back();
}

Result<void> BackfillRunner::put_record(const BackfillRecord& record) {
  return store_.put_backfill(pipeline_, record.id, encode_record(record));
}

Backfill* BackfillRunner::find(std::string_view id) {
  const auto found =
      std::ranges::find(backfills_, id, [](const auto& backfill) { return backfill->record.id; });
  return found == backfills_.end() ? nullptr : found->get();
}

// The one that runs: the first that has work to do.
std::shared_ptr<Backfill> BackfillRunner::current() const {
  for (const auto& backfill : backfills_) {
    if (backfill->record.state == BackfillState::kWaiting && !backfill->done) {
      return backfill;
    }
  }
  return nullptr;
}

void BackfillRunner::refresh_flags() {
  waiting_.store(note_due_ || current() != nullptr);
  active_.store(note_due_ || std::ranges::any_of(backfills_, [](const auto& backfill) {
                  return !has_ended(backfill->record.state);
                }));
}

void BackfillRunner::drop_chunks(Backfill& backfill) {
  for (const auto& table : backfill.tables) {
    for (const auto& part : table->parts) {
      drop_chunks(backfill, *part);
    }
  }
}

// Forgets what was read of a part and not handed out: it is read again.
void BackfillRunner::drop_chunks(Backfill& backfill, Part& part) {
  for (const auto& chunk : part.chunks) {
    buffered_bytes_ -= std::min(buffered_bytes_, chunk->buffered_bytes);
    chunk->slices.clear();
    chunk->buffered_bytes = 0;
    chunk->dropped = true;
    ++backfill.chunks_discarded;
  }
  part.chunks.clear();
  changed_.notify_all();
  part.read_to = part.delivered_to;
  part.read_whole = false;
}

void BackfillRunner::stored(const std::map<std::string, LaneState>& lanes) {
  if (!active_.load(std::memory_order_relaxed)) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  for (const auto& backfill : backfills_) {
    if (!backfill->done_at || has_ended(backfill->record.state)) {
      continue;
    }
    const bool everywhere = std::ranges::all_of(backfill->record.sinks, [&](const auto& sink) {
      const bool known = std::ranges::find(sinks_, sink) != sinks_.end();
      const auto state = lanes.find(sink);
      return !known ||
             (state != lanes.end() && state->second.durable.position >= *backfill->done_at);
    });
    if (everywhere) {
      settle_done(*backfill);
    }
  }
}

void BackfillRunner::settle_done(Backfill& backfill) {
  if (std::exchange(backfill.ending, true)) {
    return;
  }
  BackfillRecord record = backfill.record;
  record.state = BackfillState::kFinished;
  record.ended_at_us = runtime_.clock.wall_us();
  record.rows_delivered = backfill.rows_before_run + backfill.rows_delivered;
  unsaved_.push_back(std::move(record));
  changed_.notify_all();
}

}  // namespace rowtide
