#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/api/backfill.h"
#include "engine/api/chunk_reader.h"
#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "engine/batch/batch.h"
#include "engine/model/table_filter.h"
#include "engine/snapshot/backfill_event.h"
#include "engine/snapshot/backfill_plan.h"
#include "engine/snapshot/stream_pace.h"

namespace rowtide {

struct BackfillSettings {
  // Connections that read side by side.
  std::size_t workers = 2;
  std::uint64_t chunk_rows = 50'000;
  // Rows that were read and wait for the stream. A chunk that is being read may go over it.
  std::size_t buffer_bytes = std::size_t{32} << 20;
  // 0 = as fast as it goes.
  std::uint64_t rows_per_second = 0;
  // No chunk is begun while the source works for more sessions of others; 0 = no limit.
  std::uint64_t max_load = 0;
  // Says in the stream where backfills and tables begin and end; see backfill_event.h.
  bool events = true;
  // The patterns of the source's tables, to tell which are new; nullopt = the source has none.
  std::optional<std::vector<std::string>> captured = std::nullopt;
};

// Runs the backfills of one pipeline, one after the other, beside its stream.
//
// Workers read chunks, each under a window that is open from before its barrier until its last row
// is handed out; the reader thread shows every batch of the stream to the windows, and takes rows
// whose high watermark the stream has reached, between two transactions. See
// engine/ARCHITECTURE.md, "Backfill".
//
// Lifecycle: construct -> start -> stop, once. The source, the store and the sinks' order outlive
// it and stay as they are. Threads: as said at each method; owns its workers.
class BackfillRunner {
 public:
  using Connect = std::function<std::unique_ptr<ChunkReader>()>;

  // `sinks`: names in the order of the lanes, at most kMaxLanes. `initial`: sinks that hold nothing
  // yet get a backfill of every table, and the others one of the tables that came into the
  // configuration since it was noted last.
  BackfillRunner(std::string pipeline, BackfillSettings settings, bool initial,
                 std::vector<std::string> sinks, StateStore& store, Connect connect,
                 Runtime runtime);
  ~BackfillRunner();
  BackfillRunner(const BackfillRunner&) = delete;
  BackfillRunner& operator=(const BackfillRunner&) = delete;

  // Takes over what the store holds and starts the workers, which wait for stream_opened().
  Result<void> start(const PipelineState& state);
  // Ends the workers; what was read and not handed out is forgotten. May be called again.
  void stop();

  // --- Reader thread.

  // The stream starts (again): everything that was read is forgotten and what is left is counted
  // from the token that each lane stands at; nullopt = it stands nowhere yet. Notes what is
  // captured before any of it can be delivered, which may take as long as the store.
  Result<void> restart(std::span<const std::optional<std::string>> tokens, BatchBuilder& builder);
  // Notes a backfill of those of the tables that no other one is going to read.
  Result<void> note_joining(std::span<const TableName> tables);
  // From here on everything that changes is in the stream.
  void stream_opened();
  // A batch of the stream goes on its way.
  void observe(const Batch& batch);
  // True while rows, or a note for the token, could be taken soon.
  bool waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  // The next rows for the stream, which stands at `at` between two transactions; nullptr = none.
  BatchPtr next(const Position& at, std::string_view source_token, BatchBuilder& builder);

  // --- Committer thread: where each lane stands is stored.
  void stored(const std::map<std::string, LaneState>& lanes);

  // --- Any thread.
  Result<std::string> add(const BackfillSpec& spec);
  Result<void> act(std::string_view id, BackfillControl::Action action);
  std::vector<BackfillStatus> status() const;
  // True once the stream has started and no backfill is left.
  bool finished() const;

 private:
  struct Job;

  void work();
  bool next_job(Job& job);
  void plan(ChunkReader& reader, Job& job);
  void prepare(ChunkReader& reader, Job& job);
  void read_chunk(ChunkReader& reader, Job& job);
  Result<void> read_rows(ChunkReader& reader, Job& job);
  void measure_load(ChunkReader& reader, Job& job);
  void rest(std::unique_lock<std::mutex>& lock, MonotonicTime worked_since);
  void failed(Job& job, const Error& error);

  // Stores what is captured from here on, and in the same write the backfill of what is new.
  Result<void> note_captured(const std::vector<WorkLeft>& left,
                             const std::vector<std::string>& empty_sinks);
  std::vector<std::string> sinks_for_new(const std::vector<WorkLeft>& left,
                                         const std::vector<std::string>& empty_sinks) const;
  // Leaves out the tables that are not new to this backfill, or newer than it.
  Result<void> keep_new(const Backfill& backfill, std::vector<ScanTable>& tables) const;

  // Whether the backfill is still to look the table up, or has found it.
  bool will_read(const Backfill& backfill, const TableName& table) const;

  Backfill* find(std::string_view id);
  std::shared_ptr<Backfill> current() const;
  void adopt_left(Backfill& backfill, const std::vector<WorkLeft>& left);
  void add_missing(const std::vector<WorkLeft>& left, std::vector<std::string> empty_sinks);
  void refresh_flags();
  std::vector<std::string> forget_ended();
  Backfill& add_backfill(BackfillRecord record);
  // Without mutex_: a store that hangs must not keep status from answering.
  Result<void> put_record(const BackfillRecord& record);
  // Writes what changed on the side. A backfill ends only with its record: until then the tokens
  // say that it is done, so that a crash in between reads nothing again.
  void save_records(std::unique_lock<std::mutex>& lock);
  void drop_chunks(Backfill& backfill);
  void drop_chunks(Backfill& backfill, Part& part);
  // The part whose turn it is to hand rows out; nullptr when none can.
  std::pair<Table*, Part*> ready_part(Backfill& backfill, const Position& at);
  void fill_slice(Backfill& backfill, Table& table, Part& part, Slice& slice);
  // What sinks have to be told before anything else, and what when nothing is left: sets `slice`.
  bool tell_cancelled(Slice& slice);
  bool tell_started(Backfill& backfill, Slice& slice);
  bool tell_finished(Backfill& backfill, Slice& slice);
  bool tell_of_table(Backfill& backfill, Table& table, Slice& slice);
  void add_message(Slice& slice, const Backfill& backfill, BackfillEvent event, const Table* table,
                   std::uint64_t rows) const;
  bool has_to_tell(const Backfill& backfill) const;
  BatchPtr hand_out(Slice slice, std::string_view source_token, BatchBuilder& builder);
  // What was read of a table that the stream has emptied since.
  void drop_rows(Backfill& backfill, Chunk& chunk);
  // Rows of a table that have to be read wherever they are now.
  void note_moved(const Batch& batch, Backfill& backfill);
  // The table has another shape than its chunks: it goes on from where it is with the new one.
  void reshape(Backfill& backfill, Table& table);
  bool over_rate();
  // With a limit on the load: whether it was measured just now, and what it holds back.
  bool load_is_known() const;
  bool is_held() const { return settings_.max_load > 0 && load_.value_or(0) > settings_.max_load; }
  void settle_done(Backfill& backfill);
  WorkLeft work_left() const;
  std::shared_ptr<const FillingTables> filling() const;
  BackfillStatus status_of(const Backfill& backfill) const;

  const std::string pipeline_;
  const BackfillSettings settings_;
  const bool initial_;
  const std::vector<std::string> sinks_;
  StateStore& store_;
  const Connect connect_;
  const Runtime runtime_;
  StreamPace pace_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // In the order in which they run; guarded by mutex_, as all below.
  std::vector<std::shared_ptr<Backfill>> backfills_;
  std::vector<BackfillRecord> unsaved_;
  // As it is stored.
  std::optional<std::vector<std::string>> captured_;
  std::uint64_t last_number_ = 0;
  // Steps with every restart: what a worker brings from an earlier one is of no use.
  std::uint64_t generation_ = 0;
  // How often an operator let one go on.
  std::uint64_t resumes_ = 0;
  bool opened_ = false;
  bool stopping_ = false;
  // The token does not say yet what work_left() says.
  bool note_due_ = false;
  std::size_t buffered_bytes_ = 0;
  std::uint32_t timeline_ = 0;
  // What the source said of its load the last time, and when.
  std::optional<std::uint64_t> load_;
  MonotonicTime load_at_{};
  bool measuring_ = false;
  double allowance_rows_ = 0;
  MonotonicTime allowance_at_{};
  std::uint64_t turn_ = 0;
  std::atomic<bool> waiting_{false};
  // Some backfill has not ended, or the token does not say so yet.
  std::atomic<bool> active_{false};
  std::vector<std::thread> workers_;
};

}  // namespace rowtide
