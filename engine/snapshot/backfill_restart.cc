#include <algorithm>

#include <fmt/format.h>

#include "engine/snapshot/backfill_runner.h"
#include "engine/snapshot/captured.h"

namespace rowtide {

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

bool BackfillRunner::will_read(const Backfill& backfill, const TableName& table) const {
  const BackfillRecord& record = backfill.record;
  const BackfillSpec& spec = record.spec;
  if (has_ended(record.state) || !spec.filter.where.empty() || !spec.filter.columns.empty()) {
    return false;
  }
  if (backfill.planned) {
    return std::ranges::any_of(backfill.tables, [&](const auto& found) {
      return found->scan.schema == table.first && found->scan.table == table.second &&
             found->state != Table::State::kDone;
    });
  }
  const auto takes = [&](const std::vector<std::string>& patterns) {
    const auto filter = TableFilter::parse(patterns);
    return filter && filter->matches(table.first, table.second);
  };
  if (record.captured_before ? takes(*record.captured_before) : !takes(spec.tables)) {
    return false;
  }
  // One that has come further in the order of names takes the table for done.
  const std::string name = table.first + "." + table.second;
  return std::ranges::all_of(backfill.left_by_sink, [&](const BackfillLeft& left) {
    return std::ranges::none_of(left.sinks, [&](const std::string& sink) {
      return parts_left(left, name, sink).has_value();
    });
  });
}

Result<void> BackfillRunner::note_joining(std::span<const TableName> tables) {
  BackfillSpec spec;
  {
    const std::scoped_lock lock(mutex_);
    for (const TableName& table : tables) {
      if (std::ranges::none_of(backfills_,
                               [&](const auto& known) { return will_read(*known, table); })) {
        spec.tables.push_back(exact_pattern(table));
      }
    }
  }
  if (spec.tables.empty()) {
    return {};
  }
  if (!initial_) {
    runtime_.log.warn(
        "from here on {} in the stream; rows from before are not: rowtide backfill start {} "
        "--table '{}'",
        spec.tables.size() == 1 ? spec.tables.front() + " is"
                                : fmt::format("{} are", fmt::join(spec.tables, ", ")),
        pipeline_, fmt::join(spec.tables, "' --table '"));
    return {};
  }
  ROWTIDE_TRY(add(spec));
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

}  // namespace rowtide
