#include "engine/snapshot/backfill_runner.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "engine/snapshot/captured.h"

namespace rowtide {
namespace {

// Ended backfills that are still listed.
constexpr std::size_t kEndedKept = 20;

std::uint64_t number_of(std::string_view id) {
  const auto digits = id.substr(id.rfind('-') + 1);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Error unknown_backfill(std::string_view id) {
  return operator_error(Code::kNotFound, fmt::format("there is no backfill '{}'", id),
                        "See rowtide backfill list");
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

Result<void> BackfillRunner::restart(std::span<const std::optional<std::string>> tokens,
                                     BatchBuilder& builder) {
  std::vector<WorkLeft> left(sinks_.size());
  std::vector<std::string> empty_sinks;
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    if (tokens[i]) {
      ROWTIDE_TRY_ASSIGN(left[i], parse_work_left(split_token(*tokens[i]).second));
    } else {
      empty_sinks.push_back(sinks_[i]);
    }
  }
  ROWTIDE_TRY(note_captured(left, empty_sinks));
  const std::scoped_lock lock(mutex_);
  ++generation_;
  opened_ = false;
  add_missing(left, std::move(empty_sinks));
  for (const auto& backfill : backfills_) {
    drop_chunks(*backfill);
    adopt_left(*backfill, left);
    note_due_ = note_due_ ||
                (backfill->record.state == BackfillState::kCancelled && has_to_tell(*backfill));
  }
  buffered_bytes_ = 0;
  builder.set_token_suffix(token_suffix(work_left()));
  builder.set_filling(filling());
  refresh_flags();
  return {};
}

// The sinks that the tables came too late for. One that holds nothing yet gets them with all
// others, unless its snapshot has been made before: that one leaves them out.
std::vector<std::string> BackfillRunner::sinks_for_new(
    const std::vector<WorkLeft>& left, const std::vector<std::string>& empty_sinks) const {
  const auto names = [](const std::vector<std::string>& sinks, const std::string& sink) {
    return std::ranges::find(sinks, sink) != sinks.end();
  };
  std::vector<std::string> sinks;
  for (const std::string& sink : sinks_) {
    const bool noted = std::ranges::any_of(backfills_, [&](const auto& backfill) {
      const BackfillRecord& record = backfill->record;
      return record.initial && !has_ended(record.state) && names(record.sinks, sink);
    });
    const bool told = std::ranges::any_of(left, [&](const WorkLeft& work) {
      return std::ranges::any_of(work, [&](const BackfillLeft& entry) {
        return entry.initial && !entry.done && names(entry.sinks, sink);
      });
    });
    if (noted || told || !names(empty_sinks, sink)) {
      sinks.push_back(sink);
    }
  }
  return sinks;
}

Result<void> BackfillRunner::note_captured(const std::vector<WorkLeft>& left,
                                           const std::vector<std::string>& empty_sinks) {
  std::optional<BackfillRecord> record;
  {
    const std::scoped_lock lock(mutex_);
    if (!settings_.captured || captured_ == settings_.captured) {
      return {};
    }
    // Without a note the tables of now count as known: whoever wrote the store had captured them.
    if (initial_ && captured_ && may_bring_tables(*captured_, *settings_.captured)) {
      record.emplace();
      record->sinks = sinks_for_new(left, empty_sinks);
      record->spec.tables = new_patterns(*captured_, *settings_.captured);
      record->captured_before = captured_;
      record->created_at_us = runtime_.clock.wall_us();
    }
    if (record && record->sinks.empty()) {
      record.reset();
    }
    if (record) {
      record->id = fmt::format("{}-{}", pipeline_, ++last_number_);
    }
  }
  Commit commit;
  commit.pipeline = pipeline_;
  commit.captured = settings_.captured;
  if (record) {
    commit.backfills.emplace(record->id, encode_record(*record));
  }
  ROWTIDE_TRY(store_.commit(std::span(&commit, 1)));
  const std::scoped_lock lock(mutex_);
  captured_ = settings_.captured;
  if (record) {
    runtime_.log.info("backfill {} started: what is new in the configuration, for {}", record->id,
                      fmt::join(record->sinks, ", "));
    add_backfill(std::move(*record));
  }
  return {};
}

Result<void> BackfillRunner::keep_new(const Backfill& backfill,
                                      std::vector<ScanTable>& tables) const {
  if (backfill.record.captured_before) {
    ROWTIDE_TRY_ASSIGN(const auto before, TableFilter::parse(*backfill.record.captured_before));
    std::erase_if(tables, [&](const ScanTable& table) { return takes(before, table); });
  }
  // What came into the configuration later has a backfill of its own.
  bool later = false;
  for (const auto& other : backfills_) {
    if (later && other->record.captured_before) {
      ROWTIDE_TRY_ASSIGN(const auto before, TableFilter::parse(*other->record.captured_before));
      std::erase_if(tables, [&](const ScanTable& table) { return !takes(before, table); });
    }
    later = later || other.get() == &backfill;
  }
  return {};
}

// Backfills that only a marker knows (the store was lost), and the initial one.
void BackfillRunner::add_missing(const std::vector<WorkLeft>& left,
                                 std::vector<std::string> empty_sinks) {
  for (const WorkLeft& work : left) {
    for (const BackfillLeft& entry : work) {
      if (Backfill* known = find(entry.id); known != nullptr) {
        for (const std::string& sink : entry.sinks) {
          auto& sinks = known->record.sinks;
          if (!has_ended(known->record.state) && std::ranges::find(sinks, sink) == sinks.end()) {
            sinks.push_back(sink);
            unsaved_.push_back(known->record);
          }
        }
      } else {
        BackfillRecord record;
        record.id = entry.id;
        record.spec = entry.spec;
        record.initial = entry.initial;
        record.captured_before = entry.captured_before;
        record.sinks = entry.sinks;
        record.created_at_us = entry.created_at_us;
        unsaved_.push_back(record);
        add_backfill(std::move(record));
      }
    }
  }
  std::erase_if(empty_sinks, [&](const std::string& sink) {
    return std::ranges::any_of(backfills_, [&](const auto& backfill) {
      const BackfillRecord& record = backfill->record;
      return record.initial && !has_ended(record.state) &&
             std::ranges::find(record.sinks, sink) != record.sinks.end();
    });
  });
  if (!initial_ || empty_sinks.empty()) {
    return;
  }
  BackfillRecord record;
  record.id = fmt::format("{}-{}", pipeline_, last_number_ + 1);
  record.initial = true;
  record.sinks = std::move(empty_sinks);
  record.created_at_us = runtime_.clock.wall_us();
  unsaved_.push_back(record);
  runtime_.log.info("backfill {} started: every table, for {}", record.id,
                    fmt::join(record.sinks, ", "));
  add_backfill(std::move(record));
}

// Sets a backfill back to what each sink has left of it.
void BackfillRunner::adopt_left(Backfill& backfill, const std::vector<WorkLeft>& left) {
  backfill.tables.clear();
  backfill.planned = false;
  backfill.busy = false;
  backfill.done = false;
  backfill.done_at.reset();
  backfill.ending = false;
  backfill.moved.clear();
  backfill.left_by_sink.clear();
  backfill.rows_delivered = 0;
  backfill.rows_before_run = 0;
  backfill.told.finished = backfill.record.sinks;
  if (backfill.record.state == BackfillState::kFinished) {
    return;
  }
  const bool cancelled = backfill.record.state == BackfillState::kCancelled;
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    const auto& targets = backfill.record.sinks;
    if (std::ranges::find(targets, sinks_[i]) == targets.end()) {
      continue;
    }
    BackfillLeft mine = all_left(backfill.record);
    bool noted = false;
    for (const BackfillLeft& entry : left[i]) {
      if (entry.id == mine.id && std::ranges::find(entry.sinks, sinks_[i]) != entry.sinks.end()) {
        mine = entry;
        noted = true;
      }
    }
    // What was cancelled is left in a token only until its sink was told so.
    if (cancelled && !noted) {
      mine.done = true;
    }
    mine.sinks = {sinks_[i]};
    backfill.rows_before_run = std::max(backfill.rows_before_run, mine.rows_delivered);
    backfill.left_by_sink.push_back(std::move(mine));
  }
  adopt_told(backfill);
  if (!cancelled && std::ranges::all_of(backfill.left_by_sink, &BackfillLeft::done)) {
    backfill.done = true;
    settle_done(backfill);
  }
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
    if (action != BackfillControl::Action::kResume) {
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
  status.last_error = backfill.last_error;
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
