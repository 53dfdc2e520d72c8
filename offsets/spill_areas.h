#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rocksdb/db.h>

#include "engine/api/state_store.h"

namespace rowtide {

// SpillStore in a RocksDB database of its own, apart from the positions: a disk that a huge
// transaction has filled must not stop them, and nothing here is worth a log or a sync.
//
// A transaction lives in one column family, called an area. Once an area has lost its last
// transaction it is dropped as a whole, which gives its files back at once without reading a byte
// of them; deleting keys would leave the room taken until a compaction.
//
// Thread safe, as SpillStore asks.
class SpillAreas final : public SpillStore {
 public:
  // Empties the directory first. Precondition: no other process uses it.
  static Result<std::unique_ptr<SpillAreas>> open(std::string path);
  ~SpillAreas() override;

  Result<void> append(std::string_view pipeline, std::uint64_t transaction, std::uint64_t sequence,
                      std::string_view block) override;
  Result<std::string> read(std::string_view pipeline, std::uint64_t transaction,
                           std::uint64_t sequence) override;
  Result<void> drop(std::string_view pipeline, std::uint64_t transaction) override;
  Result<void> clear(std::string_view pipeline) override;

 private:
  struct Area;
  using AreaPtr = std::shared_ptr<Area>;
  using TransactionKey = std::pair<std::string, std::uint64_t>;

  explicit SpillAreas(std::string path) : path_(std::move(path)) {}

  AreaPtr find_area(std::string_view pipeline, std::uint64_t transaction);
  Result<AreaPtr> find_or_assign_area(std::string_view pipeline, std::uint64_t transaction);

  // These need mutex_.
  // Makes an empty database. Precondition: no transaction is spilled.
  Result<void> start_over();
  // An idle area, else a new one, else the one with the fewest transactions.
  Result<AreaPtr> choose_area();

  const std::string path_;
  std::mutex mutex_;
  std::shared_ptr<rocksdb::DB> database_;
  std::vector<AreaPtr> areas_;
  std::map<TransactionKey, AreaPtr> area_of_;
  std::uint64_t areas_made_ = 0;
  // A write has failed since the database was made.
  std::atomic<bool> broken_{false};
};

}  // namespace rowtide
