#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <rocksdb/db.h>

#include "engine/api/state_store.h"
#include "engine/base/log.h"
#include "offsets/spill_areas.h"

namespace rowtide {

// StateStore in a RocksDB database at `path`, and SpillStore in another below it.
//
// Both belong to the store, and the directory to this process, for as long as the store lives.
// Thread safe. After a failed write the next one opens the database anew, so a disk that has room
// again needs no restart.
class RocksStore final : public StateStore, public SpillStore {
 public:
  // Makes the directory where it is missing. What was spilled before is gone afterwards. Errors:
  // kLocked (another process holds it), kNewerFormat, kCorrupt, kPermission, kReadOnly, kDiskFull,
  // kConfig (the path is not a directory).
  static Result<std::unique_ptr<RocksStore>> open(const std::string& path, Log log);
  ~RocksStore() override;
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  Result<PipelineState> load(std::string_view pipeline) override;
  Result<Epoch> begin_epoch(std::string_view pipeline, Epoch floor) override;
  Result<void> commit(std::span<const Commit> commits) override;
  Result<void> set_lane(std::string_view pipeline, std::string_view sink,
                        const LaneState& state) override;
  Result<void> erase_lane(std::string_view pipeline, std::string_view sink) override;
  Result<void> put_backfill(std::string_view pipeline, std::string_view id,
                            std::string_view record) override;

  Result<void> append(std::string_view pipeline, std::uint64_t transaction, std::uint64_t sequence,
                      std::string_view block) override {
    return spill_->append(pipeline, transaction, sequence, block);
  }
  Result<std::string> read(std::string_view pipeline, std::uint64_t transaction,
                           std::uint64_t sequence) override {
    return spill_->read(pipeline, transaction, sequence);
  }
  Result<void> drop(std::string_view pipeline, std::uint64_t transaction) override {
    return spill_->drop(pipeline, transaction);
  }
  Result<void> clear(std::string_view pipeline) override { return spill_->clear(pipeline); }

 private:
  RocksStore(std::string path, Log log) : path_(std::move(path)), log_(std::move(log)) {}

  // All of these need mutex_.
  Result<void> open_database();
  void close_database();
  Result<void> ensure_open();
  Result<void> check_format();
  Result<std::optional<std::string>> get(const std::string& key);
  Result<void> write(rocksdb::WriteBatch& batch);
  Result<void> load_lanes(std::string_view pipeline, PipelineState& state);
  Result<void> load_backfills(std::string_view pipeline, PipelineState& state);
  Result<void> load_captured(std::string_view pipeline, PipelineState& state);
  Result<void> load_schemas(std::string_view pipeline, PipelineState& state);
  Error in_pipeline(Error error, std::string_view pipeline) const;

  // The content stored last for a table; the pointer spares hashing the same schema again.
  struct StoredSchema {
    SchemaPtr schema;
    std::uint64_t content_hash = 0;
  };
  using TableKey = std::pair<std::string, std::uint64_t>;
  // Adds the schemas of a commit that are not stored yet to `batch` and to `added`.
  void put_new_schemas(const Commit& commit, rocksdb::WriteBatch& batch,
                       std::map<TableKey, StoredSchema>& added);

  const std::string path_;
  const Log log_;
  std::unique_ptr<SpillAreas> spill_;
  std::mutex mutex_;
  std::unique_ptr<rocksdb::DB> database_;  // null after an opening that failed
  // A write failed: this database is not written to again.
  bool broken_ = false;
  std::map<TableKey, StoredSchema> stored_schemas_;
};

}  // namespace rowtide
