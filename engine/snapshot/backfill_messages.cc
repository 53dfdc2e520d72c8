#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "engine/api/backfill.h"
#include "engine/snapshot/backfill_runner.h"

// What the stream and the log say of backfills beside their rows. Whom a message still has to reach
// is part of the resume token of its slice, so that each sink gets it once, whatever happens.

namespace rowtide {
namespace {

double seconds_since(const std::optional<MonotonicTime>& from, MonotonicTime now) {
  return from ? std::chrono::duration<double>(now - *from).count() : 0.0;
}

}  // namespace

bool BackfillRunner::has_to_tell(const Backfill& backfill) const {
  const bool cancelled = backfill.record.state == BackfillState::kCancelled;
  const auto whom = cancelled ? begun_and_unfinished(backfill.record.sinks, backfill.told)
                              : unfinished(backfill.record.sinks, backfill.told);
  return lanes_of(whom, sinks_) != 0;
}

void BackfillRunner::add_message(Slice& slice, const Backfill& backfill, BackfillEvent event,
                                 const Table* table, std::uint64_t rows) const {
  const bool replace = backfill.record.spec.replace;
  // Sinks that replace their tables hang on where these begin and end.
  if (!settings_.events && (!replace || event == BackfillEvent::kChunk)) {
    return;
  }
  if (slice.merged == nullptr) {
    slice.merged = std::make_shared<Arena>();
  }
  const std::string name = table != nullptr ? table->scan.qualified_name() : std::string();
  Event message;
  message.op = Op::kMessage;
  message.message_prefix = kBackfillEventPrefix;
  message.message_content =
      slice.merged->copy(backfill_event_text(backfill.record.id, event, name, rows, replace));
  slice.events.push_back(message);
}

// Before all else, so that no other token leaves the backfill out first.
bool BackfillRunner::tell_cancelled(Slice& slice) {
  const auto found = std::ranges::find_if(backfills_, [&](const auto& backfill) {
    return backfill->record.state == BackfillState::kCancelled && has_to_tell(*backfill);
  });
  if (found == backfills_.end()) {
    return false;
  }
  Backfill& backfill = **found;
  slice.id = backfill.record.id;
  slice.lanes = lanes_of(begun_and_unfinished(backfill.record.sinks, backfill.told), sinks_);
  add_message(slice, backfill, BackfillEvent::kCancelled, nullptr, backfill.record.rows_delivered);
  backfill.told.finished = backfill.record.sinks;
  return true;
}

bool BackfillRunner::tell_started(Backfill& backfill, Slice& slice) {
  slice.lanes = lanes_of(backfill.told.unstarted, sinks_);
  backfill.told.unstarted.clear();
  if (slice.lanes != 0) {
    add_message(slice, backfill, BackfillEvent::kStarted, nullptr, 0);
    return true;
  }
  slice.lanes = ~std::uint64_t{0};
  return false;
}

bool BackfillRunner::tell_finished(Backfill& backfill, Slice& slice) {
  const bool over = std::ranges::all_of(
      backfill.tables, [](const auto& table) { return table->state == Table::State::kDone; });
  if (!over || !has_to_tell(backfill)) {
    return false;
  }
  slice.lanes = lanes_of(unfinished(backfill.record.sinks, backfill.told), sinks_);
  add_message(slice, backfill, BackfillEvent::kFinished, nullptr,
              backfill.rows_before_run + backfill.rows_delivered);
  backfill.told.finished = backfill.record.sinks;
  return true;
}

// Of a table that was not announced yet that it begins, of one without parts that it has ended.
bool BackfillRunner::tell_of_table(Backfill& backfill, Table& table, Slice& slice) {
  const auto lanes = lanes_of(table.told.unstarted, sinks_);
  const auto now = runtime_.clock.now();
  if (!table.announced) {
    if (!table.started_at) {
      table.started_at = now;
      runtime_.log.info("backfill {}: table {} started, about {:.0f} rows", backfill.record.id,
                        table.scan.qualified_name(), std::max(0.0, table.scan.estimated_rows));
    }
    table.told.unstarted.clear();
    if (lanes == 0) {
      return false;
    }
    slice.lanes = lanes;
    add_message(slice, backfill, BackfillEvent::kStarted, &table, 0);
    return true;
  }
  slice.lanes = lanes_of(begun_and_unfinished(backfill.record.sinks, table.told), sinks_);
  add_message(slice, backfill, BackfillEvent::kFinished, &table, table.rows_delivered);
  table.told.finished = backfill.record.sinks;
  table.state = Table::State::kDone;
  runtime_.log.info("backfill {}: table {} finished, {} rows in {:.1f} s", backfill.record.id,
                    table.scan.qualified_name(), table.rows_delivered,
                    seconds_since(table.started_at, now));
  return true;
}

}  // namespace rowtide
