#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "engine/base/clock.h"
#include "engine/snapshot/backfill_record.h"
#include "engine/snapshot/window.h"
#include "engine/snapshot/work_left.h"

namespace rowtide {

// The state of the backfills of one pipeline while it runs. Plain data and what can be told from it
// alone; guarded by its owner.

// Rows of one snapshot on their way into the stream.
struct Chunk {
  explicit Chunk(SchemaPtr schema) : window(std::move(schema)) {}

  Window window;
  std::deque<ChunkSlice> slices;
  std::size_t buffered_bytes = 0;
  // It is of no use any more; its reader may not have noticed yet.
  bool dropped = false;
  std::uint64_t rows_delivered = 0;
  // The reader has given its snapshot back; what follows is known from here on.
  bool read = false;
  // Rows may be handed out when the stream stands here; a chunk without a window: at once.
  std::optional<Position> high_watermark;
  bool immediate = false;
  // Where the next chunk begins; nullopt = the part ends with this one.
  std::optional<ScanKey> next;
};

// A range of one table that is read in order, or some of its rows.
struct Part {
  std::optional<ScanKey> delivered_to;  // handed to the stream up to here
  std::optional<ScanKey> read_to;       // read, or being read, up to here
  std::optional<ScanKey> up_to;
  // Instead of a range: rows that moved while the table is read, and were not handed out since.
  std::vector<ScanKey> keys;
  std::uint64_t lanes = 0;
  bool read_whole = false;
  bool busy = false;             // a worker reads a chunk of it
  std::uint64_t limit_rows = 0;  // of the next chunk
  int failures = 0;
  MonotonicTime retry_at{};
  std::uint64_t served = 0;  // when it last handed out rows, to take turns
  std::deque<std::shared_ptr<Chunk>> chunks;
};

struct Table {
  enum class State : std::uint8_t {
    kUntouched,
    kBegun,  // was begun in an earlier run: `left` says what remains
    kReady,  // `parts` are being read; without any, only its end is still to be told
    kDone,
  };
  ScanTable scan;
  State state = State::kUntouched;
  std::vector<PartLeft> left;
  bool busy = false;  // a worker prepares it
  bool announced = false;
  SchemaPtr schema;
  std::function<ScanKey(std::span<const Value>)> key_of;
  std::uint64_t rows_delivered = 0;
  Told told;
  std::optional<MonotonicTime> started_at;
  // Workers hold on to a part while it is busy; one that is no longer here is of no use to them.
  std::vector<std::shared_ptr<Part>> parts;
};

// A row that moved to another key without all of its values, of a table whose keys cannot be told
// yet; see brings_values_along().
struct MovedRow {
  std::uint64_t table_id = 0;
  std::vector<Value> cells;
  Arena arena{std::size_t{1} << 10};
};

struct Backfill {
  BackfillRecord record;
  // What each sink had left when the stream started.
  std::vector<BackfillLeft> left_by_sink;
  bool planned = false;
  bool busy = false;  // a worker looks its tables up
  std::vector<std::unique_ptr<Table>> tables;
  Told told;
  // Every row was handed out, in this position at the latest.
  bool done = false;
  std::optional<Position> done_at;
  // Every sink has all of it, and the store is being told.
  bool ending = false;
  std::deque<MovedRow> moved;
  int failures = 0;
  MonotonicTime retry_at{};
  std::optional<Error> last_error;
  std::uint64_t rows_before_run = 0;
  std::uint64_t rows_delivered = 0;
  std::uint64_t rows_outdated = 0;
  std::uint64_t chunks_read = 0;
  std::uint64_t chunks_discarded = 0;
  std::optional<MonotonicTime> running_since;
};

// Names and bits of lanes.
std::uint64_t lanes_of(std::span<const std::string> sinks, std::span<const std::string> all);
std::vector<std::string> sinks_of(std::uint64_t lanes, std::span<const std::string> all);

// All of a backfill, for every sink that it is for.
BackfillLeft all_left(const BackfillRecord& record);

// What is left of a backfill now, for the token: one entry, or one per sink before it is planned.
void append_left(const Backfill& backfill, std::span<const std::string> sinks, WorkLeft& out);

// One more row of `parts`' table to read. It goes with others that no chunk was begun for, before
// all ranges: a table whose rows move all the time would else never come to its end, and its token
// would name each of them.
void add_row(std::vector<std::shared_ptr<Part>>& parts, ScanKey key, std::uint64_t lanes);

// What is left of a table that is being read, as parts_from() takes it.
std::vector<PartLeft> parts_left_of(const Table& table, std::span<const std::string> sinks);

// The sinks that have something of a backfill still to get; of those that know that it began.
std::vector<std::string> unfinished(const std::vector<std::string>& sinks, const Told& told);
std::vector<std::string> begun_and_unfinished(const std::vector<std::string>& sinks,
                                              const Told& told);

// Sets what the sinks were told from what each has left.
void adopt_told(Backfill& backfill);

// Sets the tables' states from what each sink has left.
void adopt_tables(Backfill& backfill, std::vector<ScanTable> tables);

// The parts of a table from what is left of it. Sinks that stand at different places of one range
// share what lies behind the furthest; `order` sorts keys as the table does.
std::vector<std::shared_ptr<Part>> parts_from(
    const std::vector<PartLeft>& left, std::span<const std::string> sinks,
    const std::function<Result<std::vector<std::size_t>>(std::span<const ScanKey>)>& order,
    Result<void>& outcome);

// One part per piece between the cuts.
std::vector<std::shared_ptr<Part>> parts_between(const std::vector<ScanKey>& cuts,
                                                 std::uint64_t lanes);

}  // namespace rowtide
