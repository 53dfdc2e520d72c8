#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/api/chunk_reader.h"
#include "engine/base/runtime.h"
#include "sources/postgres/chunk_server.h"
#include "sources/postgres/copy_rows.h"
#include "sources/postgres/delivered_transactions.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/scan_catalog.h"

namespace rowtide::postgres {

// Reads tables in chunks on a connection of its own: see ChunkReader for threads, lifecycle and the
// order that keeps the rows from being older than the stream.
//
// A place in a scan by location is the row's location and the name of the table's file: a table
// that was rewritten has its rows elsewhere, and says nothing of it in the stream.
class PostgresChunkReader final : public ChunkReader {
 public:
  // `config` outlives the reader.
  PostgresChunkReader(const PostgresSourceConfig& config, const std::string& publication,
                      std::shared_ptr<DeliveredTransactions> delivered, const Runtime& runtime);

  Result<std::vector<ScanTable>> tables(std::span<const std::string> patterns) override;
  Result<ScanPlan> plan(const ScanTable& table, const ScanFilter& filter,
                        std::size_t parts) override;
  // Client sessions in state active.
  Result<std::uint64_t> load() override;
  Result<std::vector<std::size_t>> order(const ScanTable& table,
                                         std::span<const ScanKey> keys) override;
  Result<void> open_chunk(const ChunkRequest& request, Deadline until) override;
  Result<ChunkSlice> read() override;
  Result<Position> finish_chunk() override;

 private:
  // One field of a COPY row.
  struct Output {
    std::uint32_t column = 0;
    char format = 'b';
  };
  // What a table is called in LOCK TABLE.
  struct LockName {
    std::uint64_t table_id = 0;
    std::string quoted;
    std::string schema;
    std::string table;
  };
  struct Chunk {
    ScanRelation relation;
    ScanMethod method = ScanMethod::kKeyRange;
    std::vector<Output> outputs;
    // Rows hold every column, as the decoder takes them whole.
    bool whole_binary = false;
    std::unique_ptr<CopyRows> rows;
    BatchBuilder builder;
    std::uint64_t limit_rows = 0;
    std::uint64_t rows_read = 0;
    // The last row that was read, in the slice being built.
    std::span<const Value> last_row;
    RowLocation last_location;
    // Behind that row, once its slice was handed out.
    std::optional<ScanKey> place;
    // Where the next chunk begins, for a scan by location.
    std::optional<ScanKey> end;
  };

  // Gives up the chunk and the connection.
  void drop() noexcept;
  // The same after a failure, which it explains.
  Error give_up(Error error);
  Result<std::vector<ScanTable>> load_tables(std::span<const std::string> patterns);
  Result<ScanPlan> make_plan(const ScanTable& table, const ScanFilter& filter, std::size_t parts);
  Result<std::uint64_t> count_active();
  Result<std::vector<std::size_t>> make_order(const ScanTable& table,
                                              std::span<const ScanKey> keys);

  Result<void> start_chunk(const ChunkRequest& request, Deadline until);
  Result<ScanRelation> describe(const ScanTable& table);
  Result<ScanRelation> begin_snapshot(const ScanTable& table, Deadline until);
  Result<LockName> load_lock_name(const ScanTable& table);
  Result<void> limit_by_key(const ChunkRequest& request, ScanQuery& query) const;
  Result<void> limit_by_location(const ChunkRequest& request, ScanQuery& query);
  Result<RowLocation> location_of(const ScanKey& key) const;

  Result<ChunkSlice> read_slice();
  // One more row of the slice; false at the end.
  Result<bool> take_tuple();
  Result<bool> take_fields();
  void add_row(std::span<const Value> cells);
  std::optional<ScanKey> place() const;

  Result<Position> end_chunk();

  const PostgresSourceConfig& config_;
  const std::shared_ptr<DeliveredTransactions> delivered_;
  const Runtime runtime_;

  ChunkServer server_;
  TypeCatalog types_;
  std::optional<LockName> locked_;
  std::optional<Chunk> chunk_;
};

}  // namespace rowtide::postgres
