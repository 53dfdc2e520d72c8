#include "offsets/spill_areas.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "offsets/keys.h"
#include "offsets/rocks_errors.h"
#include "offsets/rocks_options.h"

namespace rowtide {
namespace {

// More transactions at a time share areas.
constexpr std::size_t kMostAreas = 16;
// An area that has taken less is emptied and used again, which spares small transactions the
// milliseconds that dropping and making a column family takes.
constexpr std::uint64_t kRecycleBytes = std::uint64_t{16} << 20;

rocksdb::WriteOptions unlogged() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

}  // namespace

struct SpillAreas::Area {
  Area(std::shared_ptr<rocksdb::DB> owner, rocksdb::ColumnFamilyHandle* made)
      : database(std::move(owner)), handle(made) {}
  ~Area() {
    // The last user of a dropped area lets its files go. A handle can always be given back.
    database->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  Area(const Area&) = delete;
  Area& operator=(const Area&) = delete;

  std::shared_ptr<rocksdb::DB> database;
  rocksdb::ColumnFamilyHandle* handle;
  std::size_t transactions = 0;  // guarded by SpillAreas::mutex_
  std::atomic<std::uint64_t> bytes{0};
};

Result<std::unique_ptr<SpillAreas>> SpillAreas::open(std::string path) {
  std::unique_ptr<SpillAreas> areas(new SpillAreas(std::move(path)));
  const std::lock_guard lock(areas->mutex_);
  ROWTIDE_TRY(areas->start_over());
  return areas;
}

SpillAreas::~SpillAreas() = default;

Result<void> SpillAreas::start_over() {
  areas_.clear();
  database_.reset();
  std::error_code code;
  std::filesystem::remove_all(path_, code);
  rocksdb::Options options(spill_database_options(), spill_family_options());
  rocksdb::DB* database = nullptr;
  if (const auto status = rocksdb::DB::Open(options, path_, &database); !status.ok()) {
    broken_ = true;
    return fail(store_error(status, "make room for spilled transactions", path_));
  }
  database_.reset(database);
  broken_ = false;
  return {};
}

SpillAreas::AreaPtr SpillAreas::find_area(std::string_view pipeline, std::uint64_t transaction) {
  const std::lock_guard lock(mutex_);
  const auto found = area_of_.find(TransactionKey(pipeline, transaction));
  return found == area_of_.end() ? nullptr : found->second;
}

Result<SpillAreas::AreaPtr> SpillAreas::find_or_assign_area(std::string_view pipeline,
                                                            std::uint64_t transaction) {
  const std::lock_guard lock(mutex_);
  TransactionKey key(pipeline, transaction);
  if (const auto found = area_of_.find(key); found != area_of_.end()) {
    return found->second;
  }
  ROWTIDE_TRY_ASSIGN(auto area, choose_area());
  ++area->transactions;
  area_of_.emplace(std::move(key), area);
  return area;
}

Result<SpillAreas::AreaPtr> SpillAreas::choose_area() {
  // RocksDB finds out by itself, after some seconds, that a full disk has room again. With nothing
  // to lose, starting over is faster and mends whatever else is wrong.
  if (broken_ && area_of_.empty()) {
    ROWTIDE_TRY(start_over());
  }
  const auto least =
      std::ranges::min_element(areas_, {}, [](const AreaPtr& area) { return area->transactions; });
  if (least != areas_.end() && ((*least)->transactions == 0 || areas_.size() >= kMostAreas)) {
    return *least;
  }
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  const auto name = "area" + std::to_string(++areas_made_);
  if (const auto status = database_->CreateColumnFamily(spill_family_options(), name, &handle);
      !status.ok()) {
    broken_ = true;
    return fail(store_error(status, "make room for spilled transactions", path_));
  }
  return areas_.emplace_back(std::make_shared<Area>(database_, handle));
}

Result<void> SpillAreas::append(std::string_view pipeline, std::uint64_t transaction,
                                std::uint64_t sequence, std::string_view block) {
  ROWTIDE_TRY_ASSIGN(const auto area, find_or_assign_area(pipeline, transaction));
  const auto key = spill_key(pipeline, transaction, sequence);
  const auto status = area->database->Put(unlogged(), area->handle, key,
                                          rocksdb::Slice(block.data(), block.size()));
  if (!status.ok()) {
    broken_ = true;
    return fail(store_error(status, "spill a transaction", path_));
  }
  area->bytes += key.size() + block.size();
  return {};
}

Result<std::string> SpillAreas::read(std::string_view pipeline, std::uint64_t transaction,
                                     std::uint64_t sequence) {
  rocksdb::Status status = rocksdb::Status::NotFound();
  std::string block;
  if (const auto area = find_area(pipeline, transaction); area != nullptr) {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    status = area->database->Get(options, area->handle, spill_key(pipeline, transaction, sequence),
                                 &block);
  }
  if (status.IsNotFound()) {
    return fail(retry_error(Code::kNotFound, "spilled transaction " + std::to_string(transaction) +
                                                 " of pipeline " + std::string(pipeline) +
                                                 " has no block " + std::to_string(sequence)));
  }
  if (!status.ok()) {
    return fail(store_error(status, "read a spilled transaction", path_));
  }
  return block;
}

Result<void> SpillAreas::drop(std::string_view pipeline, std::uint64_t transaction) {
  AreaPtr area;
  bool whole_area = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = area_of_.find(TransactionKey(pipeline, transaction));
    if (found == area_of_.end()) {
      return {};
    }
    area = std::move(found->second);
    area_of_.erase(found);
    --area->transactions;
    if (broken_ && area_of_.empty()) {
      area.reset();
      return start_over();
    }
    whole_area = area->transactions == 0 && area->bytes >= kRecycleBytes;
    if (whole_area) {
      std::erase(areas_, area);
    }
  }
  const auto status = whole_area
                          ? area->database->DropColumnFamily(area->handle)
                          : area->database->DeleteRange(unlogged(), area->handle,
                                                        spill_key(pipeline, transaction, 0),
                                                        spill_end_key(pipeline, transaction));
  // In a broken database the blocks are unreachable from now on and go when it starts over.
  if (!status.ok() && !broken_.exchange(true)) {
    return fail(store_error(status, "drop a spilled transaction", path_));
  }
  return {};
}

Result<void> SpillAreas::clear(std::string_view pipeline) {
  std::vector<std::uint64_t> transactions;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = area_of_.lower_bound(TransactionKey(pipeline, 0));
         at != area_of_.end() && at->first.first == pipeline; ++at) {
      transactions.push_back(at->first.second);
    }
  }
  for (const auto transaction : transactions) {
    ROWTIDE_TRY(drop(pipeline, transaction));
  }
  return {};
}

}  // namespace rowtide
