#include <algorithm>

#include "engine/snapshot/backfill_runner.h"

namespace rowtide {
namespace {

constexpr std::uint64_t kSmallestChunkRows = 500;

bool truncates(const Batch& batch, std::uint64_t table_id) {
  return std::ranges::any_of(batch.events(), [&](const Event& event) {
    return event.op == Op::kTruncate && event.schema->table_id == table_id;
  });
}

}  // namespace

void BackfillRunner::stream_opened() {
  {
    const std::scoped_lock lock(mutex_);
    opened_ = true;
  }
  changed_.notify_all();
}

void BackfillRunner::observe(const Batch& batch) {
  if (!active_.load(std::memory_order_relaxed)) {
    return;
  }
  // Transactions without rows for us, our own watermarks among them, are waited for by nobody.
  if (const auto committed_at_us = batch.last_committed_at_us();
      committed_at_us != 0 && !batch.events().empty()) {
    pace_.received(runtime_.clock.wall_us() - committed_at_us, runtime_.clock.now());
  }
  const std::scoped_lock lock(mutex_);
  // What was read of another history of the server says nothing about this one.
  const bool other_history = timeline_ != 0 && batch.last_position().timeline != timeline_;
  timeline_ = batch.last_position().timeline;
  for (const auto& backfill : backfills_) {
    for (const auto& table : backfill->tables) {
      for (const auto& part : table->parts) {
        if (other_history) {
          drop_chunks(*backfill, *part);
        }
        for (const auto& chunk : part->chunks) {
          if (!chunk->immediate) {
            chunk->window.observe(batch);
          } else if (truncates(batch, table->scan.table_id)) {
            drop_rows(*backfill, *chunk);
          }
        }
      }
    }
    if (!has_ended(backfill->record.state) && !backfill->done) {
      note_moved(batch, *backfill);
    }
  }
}

// Of a table without a key whose rows go out as they are read. Whoever reads holds truncates off,
// so all rows have been read; each was gone by the truncate, or came after it and is in the stream.
void BackfillRunner::drop_rows(Backfill& backfill, Chunk& chunk) {
  for (const ChunkSlice& slice : chunk.slices) {
    backfill.rows_outdated += slice.rows->events().size();
  }
  buffered_bytes_ -= std::min(buffered_bytes_, chunk.buffered_bytes);
  chunk.buffered_bytes = 0;
  chunk.slices.clear();
  changed_.notify_all();
}

void BackfillRunner::note_moved(const Batch& batch, Backfill& backfill) {
  for (const Event& event : batch.events()) {
    if (event.op != Op::kUpdate || !brings_values_along(event)) {
      continue;
    }
    const auto id = event.schema->table_id;
    const auto found = std::ranges::find_if(
        backfill.tables, [&](const auto& table) { return table->scan.table_id == id; });
    Table* table = found == backfill.tables.end() ? nullptr : found->get();
    const bool known = !backfill.planned || table != nullptr;
    const bool whole = table != nullptr && (table->state == Table::State::kUntouched ||
                                            table->state == Table::State::kDone);
    if (!known || whole) {
      continue;
    }
    if (table != nullptr && table->state == Table::State::kReady) {
      if (!table->key_of) {
        continue;
      }
      if (*event.schema == *table->schema) {
        add_row(table->parts, table->key_of(event.after), lanes_of(backfill.record.sinks, sinks_));
        // Also of one that is paused: the token has to say it before a crash can forget it.
        note_due_ = true;
        refresh_flags();
        continue;
      }
    }
    MovedRow& moved = backfill.moved.emplace_back();
    moved.table_id = id;
    for (const Value& cell : event.after) {
      moved.cells.push_back(
          cell.has_bytes() ? Value::bytes_of(cell.kind(), moved.arena.copy(cell.bytes())) : cell);
    }
  }
}

WorkLeft BackfillRunner::work_left() const {
  WorkLeft work;
  for (const auto& backfill : backfills_) {
    if (!has_ended(backfill->record.state) ||
        (backfill->record.state == BackfillState::kCancelled && has_to_tell(*backfill))) {
      append_left(*backfill, sinks_, work);
    }
  }
  return work;
}

std::shared_ptr<const FillingTables> BackfillRunner::filling() const {
  FillingTables tables;
  for (const auto& backfill : backfills_) {
    if (has_ended(backfill->record.state) || backfill->done) {
      continue;
    }
    tables.all = tables.all || !backfill->planned;
    for (const auto& table : backfill->tables) {
      if (table->state != Table::State::kDone) {
        tables.ids.push_back(table->scan.table_id);
      }
    }
  }
  return tables.all || !tables.ids.empty() ? std::make_shared<const FillingTables>(tables)
                                           : nullptr;
}

bool BackfillRunner::over_rate() {
  if (settings_.rows_per_second == 0) {
    return false;
  }
  const auto now = runtime_.clock.now();
  const std::chrono::duration<double> passed = now - allowance_at_;
  const auto rate = static_cast<double>(settings_.rows_per_second);
  // What was not used up is kept for a tenth of a second, so that the rate is even.
  allowance_rows_ = std::min(rate / 10, allowance_rows_ + passed.count() * rate);
  allowance_at_ = now;
  return allowance_rows_ <= 0;
}

BatchPtr BackfillRunner::next(const Position& at, std::string_view source_token,
                              BatchBuilder& builder) {
  const std::scoped_lock lock(mutex_);
  const auto backfill = current();
  Slice slice;
  slice.behind = at;
  slice.committed_at_us = runtime_.clock.wall_us();
  slice.id = backfill != nullptr ? std::string_view(backfill->record.id) : "backfill";
  if (tell_cancelled(slice)) {
    return hand_out(std::move(slice), source_token, builder);
  }
  if (backfill != nullptr && backfill->planned && !over_rate()) {
    if (tell_started(*backfill, slice)) {
      return hand_out(std::move(slice), source_token, builder);
    }
    const auto [table, part] = ready_part(*backfill, at);
    if (table != nullptr && part == nullptr && tell_of_table(*backfill, *table, slice)) {
      return hand_out(std::move(slice), source_token, builder);
    }
    if (table == nullptr && tell_finished(*backfill, slice)) {
      return hand_out(std::move(slice), source_token, builder);
    }
    if (table != nullptr && !table->announced) {
      table->announced = true;
      changed_.notify_all();
      slice.lanes = lanes_of(backfill->record.sinks, sinks_);
      slice.schema = table->schema;
      Event event;
      event.op = Op::kSchema;
      event.schema = table->schema.get();
      slice.events.push_back(event);
      return hand_out(std::move(slice), source_token, builder);
    }
    if (part != nullptr) {
      slice.lanes = part->lanes;
      part->served = ++turn_;
      fill_slice(*backfill, *table, *part, slice);
      return hand_out(std::move(slice), source_token, builder);
    }
  }
  return note_due_ ? hand_out(std::move(slice), source_token, builder) : nullptr;
}

std::pair<Table*, Part*> BackfillRunner::ready_part(Backfill& backfill, const Position& at) {
  std::pair<Table*, Part*> ready{nullptr, nullptr};
  for (const auto& table : backfill.tables) {
    if (table->state != Table::State::kReady) {
      continue;
    }
    if (!table->announced || table->parts.empty()) {
      return {table.get(), nullptr};
    }
    for (const auto& part : table->parts) {
      if (part->chunks.empty()) {
        continue;
      }
      Chunk& chunk = *part->chunks.front();
      if (chunk.window.is_void()) {
        // Smaller, in case that too much changed while it was read.
        part->limit_rows =
            std::min(part->limit_rows, std::max(part->limit_rows / 2, kSmallestChunkRows));
        drop_chunks(backfill, *part);
        changed_.notify_all();
        continue;
      }
      const bool at_once = chunk.immediate && (!chunk.slices.empty() || chunk.read);
      const bool reached = chunk.high_watermark && at >= *chunk.high_watermark;
      if ((at_once || reached) &&
          (ready.second == nullptr || part->served < ready.second->served)) {
        ready = {table.get(), part.get()};
      }
    }
  }
  return ready;
}

// The next rows of the part's first chunk, and all that ends with them.
void BackfillRunner::fill_slice(Backfill& backfill, Table& table, Part& part, Slice& slice) {
  Chunk& chunk = *part.chunks.front();
  if (!chunk.slices.empty()) {
    ChunkSlice rows = std::move(chunk.slices.front());
    chunk.slices.pop_front();
    chunk.buffered_bytes -= rows.rows->size_bytes();
    buffered_bytes_ -= std::min(buffered_bytes_, rows.rows->size_bytes());
    slice.schema = table.schema;
    const auto events = rows.rows->events();
    slice.events.reserve(events.size());
    const bool touched = chunk.window.touched();
    if (touched) {
      slice.merged = std::make_shared<Arena>();
    }
    for (const Event& row : events) {
      if (!part.keys.empty()) {
        std::erase(part.keys, table.key_of(row.after));
      }
      Event event = row;
      if (touched) {
        const auto settled = chunk.window.settle(row, *slice.merged);
        if (!settled) {
          ++backfill.rows_outdated;
          continue;
        }
        if (!settled->empty()) {
          event.after = *settled;
        }
      }
      event.schema = table.schema.get();
      slice.events.push_back(event);
    }
    slice.rows = std::move(rows.rows);
    part.delivered_to = std::move(rows.next);
    backfill.rows_delivered += slice.events.size();
    table.rows_delivered += slice.events.size();
    chunk.rows_delivered += slice.events.size();
    allowance_rows_ -= static_cast<double>(slice.events.size());
  }
  if (chunk.slices.empty() && chunk.read) {
    if (chunk.rows_delivered > 0) {
      add_message(slice, backfill, BackfillEvent::kChunk, &table, table.rows_delivered);
    }
    const bool ends = !chunk.next;
    if (!ends) {
      part.delivered_to = chunk.next;
    }
    part.chunks.pop_front();
    if (ends) {
      std::erase_if(table.parts, [&](const auto& other) { return other.get() == &part; });
    }
  }
  changed_.notify_all();
}

// Makes the slice's batch, with a token that says what is left behind it.
BatchPtr BackfillRunner::hand_out(Slice slice, std::string_view source_token,
                                  BatchBuilder& builder) {
  runtime_.failpoints.hit(Failpoint::kBackfillBeforeSlice);
  for (const auto& backfill : backfills_) {
    const bool emptied =
        backfill->planned && std::ranges::all_of(backfill->tables, [](const auto& t) {
          return t->state == Table::State::kDone;
        });
    backfill->done = backfill->done ||
                     (emptied && !has_ended(backfill->record.state) && !has_to_tell(*backfill));
  }
  slice.token_suffix = token_suffix(work_left());
  BatchPtr batch = builder.take_slice(std::move(slice), source_token);
  for (const auto& backfill : backfills_) {
    if (backfill->done && !backfill->done_at && !has_ended(backfill->record.state)) {
      backfill->done_at = batch->last_position();
    }
  }
  builder.set_filling(filling());
  note_due_ = false;
  refresh_flags();
  return batch;
}

}  // namespace rowtide
