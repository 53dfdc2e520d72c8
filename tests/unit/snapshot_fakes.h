#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "tests/support/test_batches.h"

namespace rowtide::test {

// A table of a fake database: id int64 (key), name text, note text.
struct FakeTable {
  ScanTable scan;
  SchemaPtr schema;
  // Name and note by id.
  std::map<std::int64_t, std::pair<std::string, std::string>> rows;
  std::vector<ScanKey> cuts;
};

// Tables beside a stream, and how reading them behaves. Thread safe through `mutex`; the hooks are
// called without it, set before the runner starts, and an error of one is the outcome of the call.
struct FakeShop {
  mutable std::mutex mutex;
  std::map<std::string, FakeTable> tables;
  // The last transaction that is committed; see TestBatches.
  std::uint64_t committed = 1;
  std::size_t rows_per_slice = 2;

  std::function<Result<void>()> on_tables;
  std::function<Result<void>(const ScanTable&)> on_plan;
  std::function<Result<void>(const ChunkRequest&)> on_open;
  // Before each slice and before the end.
  std::function<Result<void>(const ChunkRequest&)> on_read;
  std::function<Result<std::uint64_t>()> on_load;

  std::size_t rows_read = 0;
  std::vector<ChunkRequest> chunks;
  std::vector<std::string> prepared;

  FakeTable& add_table(const std::string& name, std::int64_t rows, std::vector<int> cuts = {});
  // With the mutex taken inside.
  std::size_t rows_read_now() const;
  std::size_t chunk_count() const;
  std::vector<std::string> prepared_now() const;
};

class FakeChunkReader final : public ChunkReader {
 public:
  explicit FakeChunkReader(FakeShop& shop) : shop_(shop) {}

  Result<std::vector<ScanTable>> tables(std::span<const std::string> patterns) override;
  Result<ScanPlan> plan(const ScanTable& table, const ScanFilter& filter,
                        std::size_t parts) override;
  Result<std::uint64_t> load() override { return shop_.on_load ? shop_.on_load() : 0; }
  Result<std::vector<std::size_t>> order(const ScanTable& table,
                                         std::span<const ScanKey> keys) override;
  Result<void> open_chunk(const ChunkRequest& request, Deadline until) override;
  Result<ChunkSlice> read() override;
  Result<Position> finish_chunk() override;

 private:
  FakeShop& shop_;
  ChunkRequest request_;
  std::deque<ChunkSlice> slices_;
  Position high_;
};

// Something that threads wait for until the test opens it.
class Gate {
 public:
  void pass();
  // True once as many have come.
  bool reached(int count);
  void open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int came_ = 0;
  bool open_ = false;
};

}  // namespace rowtide::test
