#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "engine/base/runtime.h"
#include "sources/mysql/chunk_session.h"
#include "sources/mysql/delivered_state.h"
#include "sources/mysql/mysql_config.h"
#include "sources/mysql/scan_catalog.h"

namespace rowtide::mysql {

// Reads tables in chunks on connections of its own: see ChunkReader for threads, lifecycle and the
// order that keeps the rows from being older than the stream. finish_chunk() returns when the
// stream has come to where the chunk was read, since a place in the server's files is all that is
// certain to lie behind what was seen.
class MysqlChunkReader final : public ChunkReader {
 public:
  // `config` outlives the reader.
  MysqlChunkReader(const MysqlSourceConfig& config, ConnectOptions connect, CapturedTables captured,
                   std::shared_ptr<DeliveredState> delivered, const Runtime& runtime);

  Result<std::vector<ScanTable>> tables(std::span<const std::string> patterns) override;
  Result<ScanPlan> plan(const ScanTable& table, const ScanFilter& filter,
                        std::size_t parts) override;
  // Sessions that run a statement; those that read chunks do not count.
  Result<std::uint64_t> load() override;
  Result<std::vector<std::size_t>> order(const ScanTable& table,
                                         std::span<const ScanKey> keys) override;
  Result<void> open_chunk(const ChunkRequest& request, Deadline until) override;
  Result<ChunkSlice> read() override;
  Result<Position> finish_chunk() override;

 private:
  struct Chunk {
    ScanRelation relation;
    ScanMethod method = ScanMethod::kKeyRange;
    // Indexes of the columns that are read, in the order of the cells.
    std::vector<std::uint32_t> outputs;
    BatchBuilder builder;
    std::uint64_t limit_rows = 0;
    std::uint64_t rows_read = 0;
    // The last row that was read, in the slice being built.
    std::span<const Value> last_row;
    // Behind that row, once its slice was handed out.
    std::optional<ScanKey> place;
    std::string scratch;
  };

  Result<void> connect();
  // Gives up the chunk and the connections.
  void drop() noexcept;
  Error give_up(Error error);
  Result<ScanRelation> relation_of(const ScanTable& table);
  Result<ScanPlan> make_plan(const ScanTable& table, const ScanFilter& filter, std::size_t parts);
  Result<std::uint64_t> count_active();
  Result<std::vector<std::size_t>> make_order(const ScanTable& table,
                                              std::span<const ScanKey> keys);
  Result<void> start_chunk(const ChunkRequest& request, Deadline until);
  Result<void> limit_by_key(const ChunkRequest& request, ScanQuery& query) const;
  Result<ChunkSlice> read_slice();
  Result<void> take_row(RowQuery::Cells cells);
  Result<Position> end_chunk();

  const MysqlSourceConfig& config_;
  const CapturedTables captured_;
  const std::shared_ptr<DeliveredState> delivered_;
  const Runtime runtime_;
  ChunkSession session_;
  std::optional<Chunk> chunk_;
};

}  // namespace rowtide::mysql
