#include <algorithm>

#include "engine/snapshot/backfill_runner.h"

namespace rowtide {
namespace {

// One attempt at the barrier; a worker looks at what is asked of it in between.
constexpr auto kBarrierPatience = std::chrono::milliseconds(500);
constexpr auto kFirstRetry = std::chrono::milliseconds(200);
constexpr auto kLongestRetry = std::chrono::seconds(10);
constexpr auto kLongestRest = std::chrono::milliseconds(50);
constexpr auto kLookInterval = std::chrono::milliseconds(200);
// How long a measured load counts.
constexpr auto kLoadInterval = std::chrono::seconds(1);

std::chrono::milliseconds pause_after(int failures) {
  const auto doubled = kFirstRetry * (1 << std::min(failures, 6));
  return std::min<std::chrono::milliseconds>(doubled, kLongestRetry);
}

}  // namespace

struct BackfillRunner::Job {
  enum class Kind : std::uint8_t { kPlan, kPrepare, kMeasure, kRead };
  Kind kind = Kind::kPlan;
  std::uint64_t generation = 0;
  std::uint64_t resumes = 0;
  std::shared_ptr<Backfill> backfill;
  // Point into the backfill, as long as the generation is the same.
  Table* table = nullptr;
  std::shared_ptr<Part> part;
  std::shared_ptr<Chunk> chunk;
  SchemaPtr schema;  // that the chunk is expected to have
  std::string request_id;
  ChunkRequest request;
};

void BackfillRunner::work() {
  std::unique_ptr<ChunkReader> reader;
  std::uint64_t resumes = 0;
  Job job;
  while (next_job(job)) {
    // What an operator has mended on the server may count for new connections alone.
    if (reader == nullptr || job.resumes != resumes) {
      reader.reset();
      reader = connect_();
      resumes = job.resumes;
    }
    switch (job.kind) {
      case Job::Kind::kPlan:
        plan(*reader, job);
        break;
      case Job::Kind::kPrepare:
        prepare(*reader, job);
        break;
      case Job::Kind::kMeasure:
        measure_load(*reader, job);
        break;
      case Job::Kind::kRead:
        read_chunk(*reader, job);
        break;
    }
    job = Job();
  }
}

// Waits for something to do; false when stopping.
bool BackfillRunner::next_job(Job& job) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    save_records(lock);
    const auto now = runtime_.clock.now();
    const auto backfill = opened_ ? current() : nullptr;
    job.generation = generation_;
    job.resumes = resumes_;
    job.backfill = backfill;
    if (backfill != nullptr && now >= backfill->retry_at) {
      if (!backfill->running_since) {
        backfill->running_since = now;
      }
      if (!backfill->planned && !backfill->busy) {
        backfill->busy = true;
        job.kind = Job::Kind::kPlan;
        return true;
      }
      std::size_t unread = 0;
      for (const auto& table : backfill->tables) {
        if (table->state == Table::State::kDone) {
          continue;
        }
        job.table = table.get();
        const bool room = buffered_bytes_ < settings_.buffer_bytes;
        // A copy has no change from before it was begun: none may make a row of a chunk outdated.
        const bool told = !backfill->record.spec.replace || table->announced;
        for (const auto& part : table->parts) {
          if (part->busy || part->read_whole) {
            continue;
          }
          ++unread;
          if (!room || !told || now < part->retry_at || table->state != Table::State::kReady) {
            continue;
          }
          if (!load_is_known()) {
            if (measuring_) {
              continue;
            }
            measuring_ = true;
            job.table = nullptr;
            job.kind = Job::Kind::kMeasure;
            return true;
          }
          if (is_held()) {
            continue;
          }
          part->busy = true;
          job.kind = Job::Kind::kRead;
          job.part = part;
          job.request_id = backfill->record.id;
          job.request.table = table->scan;
          job.request.filter = backfill->record.spec.filter;
          job.request.after = part->read_to;
          job.request.up_to = part->up_to;
          job.request.keys = part->keys;
          job.request.limit_rows = part->limit_rows;
          job.schema = table->schema;
          job.chunk = std::make_shared<Chunk>(table->schema);
          job.chunk->immediate = table->scan.method == ScanMethod::kWhole;
          part->chunks.push_back(job.chunk);
          return true;
        }
        const bool fresh =
            table->state == Table::State::kUntouched || table->state == Table::State::kBegun;
        if (fresh && !table->busy && backfill->planned && room && unread < settings_.workers) {
          table->busy = true;
          job.kind = Job::Kind::kPrepare;
          return true;
        }
        if (fresh) {
          break;  // tables are begun in order
        }
      }
    }
    changed_.wait_for(lock, kLookInterval);
  }
  return false;
}

void BackfillRunner::save_records(std::unique_lock<std::mutex>& lock) {
  while (!unsaved_.empty()) {
    const BackfillRecord record = unsaved_.front();
    unsaved_.erase(unsaved_.begin());
    const Backfill* before = find(record.id);
    const bool ends = has_ended(record.state);
    // An operator's word in between counts more.
    if (before == nullptr || (!ends && before->record.state != record.state)) {
      continue;
    }
    lock.unlock();
    const auto put = put_record(record);
    lock.lock();
    if (!put) {
      runtime_.log.error(put.error());
      unsaved_.push_back(record);
      return;
    }
    Backfill* backfill = find(record.id);
    if (ends && backfill != nullptr && backfill->ending) {
      const std::chrono::duration<double> ran =
          runtime_.clock.now() - backfill->running_since.value_or(runtime_.clock.now());
      runtime_.log.info("backfill {} finished: {} rows in {:.1f} s", record.id,
                        record.rows_delivered, ran.count());
      backfill->record = record;
      note_due_ = true;
      refresh_flags();
    }
  }
}

void BackfillRunner::plan(ChunkReader& reader, Job& job) {
  std::vector<std::string> patterns;
  {
    const std::scoped_lock lock(mutex_);
    // A backfill of what is new finds out by itself which tables these are.
    if (!job.backfill->record.captured_before) {
      patterns = job.backfill->record.spec.tables;
    }
  }
  auto tables = reader.tables(patterns);
  if (!tables) {
    failed(job, tables.error());
    return;
  }
  std::unique_lock lock(mutex_);
  if (job.generation != generation_) {
    return;
  }
  if (auto kept = keep_new(*job.backfill, *tables); !kept) {
    lock.unlock();
    failed(job, kept.error());
    return;
  }
  if (BackfillRecord& record = job.backfill->record; record.captured_before && !tables->empty()) {
    record.spec.tables.clear();
    for (const ScanTable& table : *tables) {
      record.spec.tables.push_back(table.qualified_name());
    }
    unsaved_.push_back(record);
  }
  job.backfill->busy = false;
  job.backfill->failures = 0;
  job.backfill->last_error.reset();
  adopt_tables(*job.backfill, *std::move(tables));
  note_due_ = true;
  changed_.notify_all();
}

void BackfillRunner::prepare(ChunkReader& reader, Job& job) {
  ScanTable scan;
  ScanFilter filter;
  std::vector<PartLeft> left;
  std::uint64_t lanes = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (job.generation != generation_) {
      return;
    }
    scan = job.table->scan;
    filter = job.backfill->record.spec.filter;
    left = job.table->left;
    lanes = lanes_of(job.backfill->record.sinks, sinks_);
  }
  // More parts than workers, so that none is left with a long one at the end.
  auto plan = reader.plan(scan, filter, settings_.workers > 1 ? settings_.workers * 2 : 1);
  if (!plan) {
    failed(job, plan.error());
    return;
  }
  Result<void> outcome;
  auto parts =
      left.empty()
          ? parts_between(plan->cuts, lanes)
          : parts_from(
                left, sinks_,
                [&](std::span<const ScanKey> keys) { return reader.order(scan, keys); }, outcome);
  if (!outcome) {
    failed(job, outcome.error());
    return;
  }
  const std::scoped_lock lock(mutex_);
  if (job.generation != generation_) {
    return;
  }
  for (const auto& part : parts) {
    part->limit_rows = settings_.chunk_rows;
  }
  Table& table = *job.table;
  table.parts = std::move(parts);
  table.schema = std::move(plan->schema);
  table.key_of = std::move(plan->key_of);
  std::erase_if(job.backfill->moved, [&](const MovedRow& moved) {
    if (moved.table_id != scan.table_id) {
      return false;
    }
    if (table.key_of && moved.cells.size() == table.schema->columns.size()) {
      add_row(table.parts, table.key_of(moved.cells), lanes);
    }
    return true;
  });
  table.state = Table::State::kReady;
  table.busy = false;
  job.backfill->failures = 0;
  note_due_ = true;
  changed_.notify_all();
}

bool BackfillRunner::load_is_known() const {
  return settings_.max_load == 0 || (load_ && runtime_.clock.now() - load_at_ < kLoadInterval);
}

void BackfillRunner::measure_load(ChunkReader& reader, Job& job) {
  const auto measured = reader.load();
  {
    const std::scoped_lock lock(mutex_);
    measuring_ = false;
    load_.reset();
    if (measured) {
      load_ = *measured;
      load_at_ = runtime_.clock.now();
    }
  }
  changed_.notify_all();
  if (!measured) {
    failed(job, measured.error());
  }
}

void BackfillRunner::read_chunk(ChunkReader& reader, Job& job) {
  const auto outcome = read_rows(reader, job);
  if (!outcome) {
    failed(job, outcome.error());
  }
}

Result<void> BackfillRunner::read_rows(ChunkReader& reader, Job& job) {
  ROWTIDE_TRY(reader.open_chunk(job.request, runtime_.clock.now() + kBarrierPatience));
  const auto opened_at = runtime_.clock.now();
  std::uint64_t rows = 0;
  std::optional<ScanKey> next;
  while (true) {
    const auto read_since = runtime_.clock.now();
    ROWTIDE_TRY_ASSIGN(ChunkSlice slice, reader.read());
    std::unique_lock lock(mutex_);
    rest(lock, read_since);
    if (stopping_ || job.generation != generation_) {
      return {};
    }
    // A table without a key has no other way to bound what waits for the stream.
    changed_.wait(lock, [&] {
      return stopping_ || job.generation != generation_ || !job.chunk->immediate ||
             job.chunk->dropped || buffered_bytes_ < settings_.buffer_bytes;
    });
    if (slice.rows == nullptr) {
      next = std::move(slice.next);
      break;
    }
    const auto& shapes = slice.rows->schemas();
    if (!job.chunk->dropped && !shapes.empty() && !(*shapes.front() == *job.schema)) {
      reshape(*job.backfill, *job.table);
    }
    if (job.chunk->dropped) {
      continue;
    }
    rows += slice.rows->events().size();
    const auto bytes = slice.rows->size_bytes();
    job.chunk->slices.push_back(std::move(slice));
    job.chunk->buffered_bytes += bytes;
    buffered_bytes_ += bytes;
  }
  if (next == job.request.up_to) {
    next.reset();  // Nothing is left behind it.
  }
  ROWTIDE_TRY_ASSIGN(const Position high, reader.finish_chunk());
  runtime_.failpoints.hit(Failpoint::kBackfillChunkRead);
  const auto took = runtime_.clock.now() - opened_at;
  runtime_.log.debug("backfill {}: chunk of {}, {} rows in {} ms", job.request_id,
                     job.request.table.qualified_name(), rows,
                     std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  const std::scoped_lock lock(mutex_);
  if (job.generation != generation_) {
    return {};
  }
  Part& part = *job.part;
  part.busy = false;
  part.failures = 0;
  job.backfill->last_error.reset();
  ++job.backfill->chunks_read;
  if (!job.chunk->dropped) {
    job.chunk->read = true;
    job.chunk->high_watermark = high;
    job.chunk->next = next;
    part.read_to = next;
    part.read_whole = !next;
  }
  changed_.notify_all();
  return {};
}

// Of the time since `worked_since` as much again as leaves the stream its share.
void BackfillRunner::rest(std::unique_lock<std::mutex>& lock, MonotonicTime worked_since) {
  const auto now = runtime_.clock.now();
  const double share = pace_.share(now);
  if (share < 1) {
    const std::chrono::duration<double> worked = now - worked_since;
    changed_.wait_for(
        lock, std::min<std::chrono::duration<double>>(worked * (1 - share) / share, kLongestRest),
        [&] { return stopping_; });
  }
}

void BackfillRunner::reshape(Backfill& backfill, Table& table) {
  if (table.state != Table::State::kReady) {
    return;
  }
  for (const auto& part : table.parts) {
    drop_chunks(backfill, *part);
  }
  table.left = parts_left_of(table, sinks_);
  table.parts.clear();
  table.announced = false;
  table.state = Table::State::kBegun;
  runtime_.log.info("backfill {}: table {} has changed its shape", backfill.record.id,
                    table.scan.qualified_name());
  changed_.notify_all();
}

void BackfillRunner::failed(Job& job, const Error& error) {
  const std::scoped_lock lock(mutex_);
  if (job.generation != generation_ || stopping_) {
    return;
  }
  Backfill& backfill = *job.backfill;
  const auto now = runtime_.clock.now();
  const bool gone = error.code == Code::kNotFound && job.table != nullptr;
  if (job.kind == Job::Kind::kRead) {
    Part& part = *job.part;
    part.busy = false;
    if (!job.chunk->dropped) {
      // It is the last: nothing is read behind a chunk that is being read.
      buffered_bytes_ -= std::min(buffered_bytes_, job.chunk->buffered_bytes);
      part.chunks.pop_back();
    }
    part.retry_at = now + pause_after(part.failures++);
  } else if (job.kind == Job::Kind::kPrepare) {
    job.table->busy = false;
    backfill.retry_at = now + pause_after(backfill.failures++);
  } else {
    backfill.busy = false;
    backfill.retry_at = now + pause_after(backfill.failures++);
  }
  if (gone) {
    runtime_.log.warn("backfill {}: table {} is gone", backfill.record.id,
                      job.table->scan.qualified_name());
    for (const auto& part : job.table->parts) {
      drop_chunks(backfill, *part);
    }
    job.table->parts.clear();
    // Whoever was told that it began is told that it has ended.
    const bool begun = !begun_and_unfinished(backfill.record.sinks, job.table->told).empty();
    job.table->announced = true;
    job.table->state = begun ? Table::State::kReady : Table::State::kDone;
    note_due_ = true;
    refresh_flags();
    changed_.notify_all();
    return;
  }
  if (backfill.record.state != BackfillState::kWaiting) {
    return;  // it was failed, or held, while this was under way
  }
  // How long something takes is told again and again, but only once in the log.
  const bool told = backfill.last_error &&
                    (backfill.last_error->message == error.message ||
                     (error.code == Code::kTimeout && backfill.last_error->code == Code::kTimeout));
  backfill.last_error = error;
  if (error.disposition != Disposition::kRetry) {
    backfill.record.state = BackfillState::kFailed;
    backfill.record.failure = error;
    unsaved_.push_back(backfill.record);
    drop_chunks(backfill);
    refresh_flags();
    changed_.notify_all();
  }
  if (!told) {
    Error shown = error;
    const std::string_view outcome =
        backfill.record.state == BackfillState::kFailed ? " failed" : "";
    runtime_.log.error(
        std::move(shown).with_context("backfill " + backfill.record.id + std::string(outcome)));
  }
}

}  // namespace rowtide
