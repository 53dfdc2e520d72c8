#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/batch/batch.h"
#include "engine/model/position.h"
#include "engine/model/table_schema.h"
#include "engine/model/value.h"

namespace rowtide {

// How a table is cut into chunks.
enum class ScanMethod : std::uint8_t {
  // Ranges of the row's key, in the order of its index. Resumable anywhere.
  kKeyRange,
  // Ranges of where the rows lie. Only for a table with a key whose every change carries the whole
  // row: a row that moves between two chunks is then in the stream. Resumable at each range.
  kLocation,
  // The whole table from one snapshot. For a table without a key; starts over after a restart.
  kWhole,
};

std::string_view to_string(ScanMethod method) noexcept;

// A place in a table's scan order: the text of the key columns' values in the key's order (or of
// the first ones of them, which stands behind all rows that begin with them), or of a row location.
using ScanKey = std::vector<std::string>;

// A table that can be read, before anything of it is.
struct ScanTable {
  std::uint64_t table_id = 0;
  std::string schema;
  std::string table;
  ScanMethod method = ScanMethod::kKeyRange;
  // Why this method, for people: "the key follows the rows (correlation 1.00)".
  std::string reason;
  double estimated_rows = 0;
  // Schema and name of each partitioned table above it: patterns may mean it by these, too.
  std::vector<std::pair<std::string, std::string>> above = {};

  std::string qualified_name() const { return schema + "." + table; }
};

// What a backfill asks for beside the table.
struct ScanFilter {
  // A condition in the source's own SQL; empty = every row.
  std::string where;
  // Columns to read; the key's are always read. Empty = every published column.
  std::vector<std::string> columns;
};

struct ScanPlan {
  // As the stream describes the table now; what is not read is kAbsent in the rows.
  SchemaPtr schema;
  // Where to cut the table into parts that are read side by side: ascending, possibly none.
  std::vector<ScanKey> cuts;
  // kKeyRange: the place of a row, from its cells. Any thread.
  std::function<ScanKey(std::span<const Value> cells)> key_of;
};

struct ChunkRequest {
  ScanTable table;
  ScanFilter filter;
  // The rows behind `after`, up to and with `up_to`; nullopt = from the start, to the end.
  std::optional<ScanKey> after;
  std::optional<ScanKey> up_to;
  // Instead of a range: the rows with these keys, in one chunk. For kKeyRange only.
  std::vector<ScanKey> keys = {};
  // Roughly how many rows of a range at most; kWhole ignores it.
  std::uint64_t limit_rows = 50'000;
};

// A part of a chunk, in scan order.
struct ChunkSlice {
  // One transaction of Op::kRead events without `before`; nullptr at the end of the chunk.
  BatchPtr rows;
  // Where the scan goes on behind these rows. At the end of the chunk: nullopt when the request's
  // range is exhausted, else where the next chunk begins.
  std::optional<ScanKey> next;
};

// Reads tables beside the stream on a connection of its own, each chunk in a short transaction.
//
// The order within a chunk is what keeps a backfill from ever writing something older than the
// stream did: open_chunk() first waits until every transaction that the stream had delivered by
// then is visible to a new snapshot, and only then takes the one it reads from; finish_chunk(),
// after the last row, returns a position at or above the commit of everything that snapshot saw.
// The caller watches the stream from before open_chunk() up to that position.
//
// Thread: one worker of a backfill. Lifecycle: tables, plan, load at any time between chunks;
// open_chunk -> read until the slice without rows -> finish_chunk. Any error ends the chunk; the
// next call connects again.
class ChunkReader {
 public:
  virtual ~ChunkReader() = default;

  // The captured tables among those that `patterns` name (all when empty), ordered by name. A
  // pattern that names no captured table is Code::kNotFound.
  virtual Result<std::vector<ScanTable>> tables(std::span<const std::string> patterns) = 0;
  // Looks at a table: its columns, and up to `parts - 1` cuts of about the same size.
  // Code::kNotFound when the table is gone.
  virtual Result<ScanPlan> plan(const ScanTable& table, const ScanFilter& filter,
                                std::size_t parts) = 0;
  // How many sessions of others the server that tables are read on is working for right now; what
  // belongs to Rowtide does not count.
  virtual Result<std::uint64_t> load() = 0;
  // The indexes of `keys` in scan order.
  virtual Result<std::vector<std::size_t>> order(const ScanTable& table,
                                                 std::span<const ScanKey> keys) = 0;
  // The visibility barrier, then the snapshot. Code::kTimeout when delivered transactions stay
  // invisible until `until` (a synchronous standby is stuck): the stream is not affected, try
  // again.
  virtual Result<void> open_chunk(const ChunkRequest& request, Deadline until) = 0;
  virtual Result<ChunkSlice> read() = 0;
  // Gives the snapshot back. The stream has reached the position once it stands at or above it.
  virtual Result<Position> finish_chunk() = 0;
};

}  // namespace rowtide
