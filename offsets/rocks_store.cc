#include "offsets/rocks_store.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include <rocksdb/write_batch.h>

#include "offsets/keys.h"
#include "offsets/records.h"
#include "offsets/rocks_errors.h"
#include "offsets/rocks_options.h"

namespace rowtide {
namespace {

rocksdb::WriteOptions synced() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

Error directory_error(const std::string& path, const std::error_code& code) {
  const std::string message = "cannot make the state directory " + path + ": " + code.message();
  if (code == std::errc::no_space_on_device) {
    return retry_error(Code::kDiskFull, message, "Free space on its file system");
  }
  if (code == std::errc::read_only_file_system) {
    return operator_error(Code::kReadOnly, message,
                          "Mount its file system for writing, or choose another state_dir");
  }
  if (code == std::errc::permission_denied || code == std::errc::operation_not_permitted) {
    return operator_error(Code::kPermission, message,
                          "Make the directory and give it to the daemon's user");
  }
  return operator_error(Code::kConfig, message, "Set state_dir to a directory that can be made");
}

Result<void> make_directory(const std::string& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (std::filesystem::is_directory(status)) {
    return {};
  }
  if (std::filesystem::exists(status)) {
    return fail(operator_error(Code::kConfig, "the state directory " + path + " is not a directory",
                               "Set state_dir to a directory, or move the file away"));
  }
  std::filesystem::create_directories(path, code);
  if (code) {
    return fail(directory_error(path, code));
  }
  return {};
}

// A name with a NUL could reach into another pipeline's keys.
Result<void> check_name(std::string_view name) {
  if (name.empty() || name.find('\0') != std::string_view::npos) {
    return fail(operator_error(Code::kConfig,
                               "a pipeline or sink name is empty or holds a NUL byte",
                               "Give it a name of letters, digits and dashes"));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::string& path, Log log) {
  ROWTIDE_TRY(make_directory(path));
  std::unique_ptr<RocksStore> store(new RocksStore(path, std::move(log)));
  {
    const std::lock_guard lock(store->mutex_);
    ROWTIDE_TRY(store->open_database());
    ROWTIDE_TRY(store->check_format());
  }
  ROWTIDE_TRY_ASSIGN(store->spill_, SpillAreas::open(path + "/spill"));
  return store;
}

RocksStore::~RocksStore() {
  const std::lock_guard lock(mutex_);
  // The spill goes first: the state's lock is what keeps other processes out of it.
  spill_.reset();
  close_database();
}

Result<void> RocksStore::open_database() {
  rocksdb::DB* database = nullptr;
  if (const auto opened = rocksdb::DB::Open(state_options(), path_, &database); !opened.ok()) {
    return fail(store_error(opened, "open it", path_));
  }
  database_.reset(database);
  broken_ = false;
  return {};
}

void RocksStore::close_database() {
  if (database_ == nullptr) {
    return;
  }
  if (const auto status = database_->Close(); !status.ok() && !broken_) {
    log_.warn("state directory {}: closing failed: {}", path_, status.ToString());
  }
  database_.reset();
}

// RocksDB's own way out of a full disk (Resume) keeps the log file in which the write failed, and
// the next write to that aborts the process in builds with assertions, such as Debian's.
Result<void> RocksStore::ensure_open() {
  if (broken_) {
    close_database();
  }
  if (database_ == nullptr) {
    ROWTIDE_TRY(open_database());
    log_.info("state directory {}: opened again", path_);
  }
  return {};
}

Result<void> RocksStore::check_format() {
  ROWTIDE_TRY_ASSIGN(const auto record, get(std::string(kFormatKey)));
  if (record) {
    ROWTIDE_TRY_ASSIGN(const auto format, decode_format(kFormatKey, *record));
    if (format > kStoreFormat) {
      return fail(
          operator_error(Code::kNewerFormat,
                         "state directory " + path_ + " has format " + std::to_string(format) +
                             ", and this build knows formats up to " + std::to_string(kStoreFormat),
                         "Start the newer build of Rowtide that wrote it"));
    }
    return {};
  }
  const std::unique_ptr<rocksdb::Iterator> all(database_->NewIterator(rocksdb::ReadOptions()));
  all->SeekToFirst();
  if (all->Valid()) {
    return fail(operator_error(Code::kCorrupt,
                               "state directory " + path_ + " does not say which format it has",
                               std::string(rebuild_remedy())));
  }
  if (!all->status().ok()) {
    return fail(store_error(all->status(), "read it", path_));
  }
  rocksdb::WriteBatch batch;
  batch.Put(std::string(kFormatKey), encode_format(kFormatKey, kStoreFormat))
      .PermitUncheckedError();
  return write(batch);
}

Result<std::optional<std::string>> RocksStore::get(const std::string& key) {
  ROWTIDE_TRY(ensure_open());
  std::string record;
  const auto status = database_->Get(rocksdb::ReadOptions(), key, &record);
  if (status.IsNotFound()) {
    return std::nullopt;
  }
  if (!status.ok()) {
    return fail(store_error(status, "read it", path_));
  }
  return record;
}

Result<void> RocksStore::write(rocksdb::WriteBatch& batch) {
  ROWTIDE_TRY(ensure_open());
  if (const auto status = database_->Write(synced(), &batch); !status.ok()) {
    broken_ = true;
    return fail(store_error(status, "write to it", path_));
  }
  return {};
}

Error RocksStore::in_pipeline(Error error, std::string_view pipeline) const {
  return std::move(error)
      .with_context("pipeline " + std::string(pipeline))
      .with_context("state directory " + path_);
}

Result<PipelineState> RocksStore::load(std::string_view pipeline) {
  ROWTIDE_TRY(check_name(pipeline));
  const std::lock_guard lock(mutex_);
  PipelineState state;
  const auto key = epoch_key(pipeline);
  ROWTIDE_TRY_ASSIGN(const auto record, get(key));
  if (record) {
    auto epoch = decode_epoch(key, *record);
    if (!epoch) {
      return fail(in_pipeline(std::move(epoch).error(), pipeline));
    }
    state.epoch = *epoch;
  }
  ROWTIDE_TRY(load_lanes(pipeline, state));
  ROWTIDE_TRY(load_schemas(pipeline, state));
  ROWTIDE_TRY(load_backfills(pipeline, state));
  ROWTIDE_TRY(load_captured(pipeline, state));
  return state;
}

Result<void> RocksStore::load_lanes(std::string_view pipeline, PipelineState& state) {
  const auto prefix = lane_prefix(pipeline);
  const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(rocksdb::ReadOptions()));
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    const auto key = at->key().ToStringView();
    const auto sink = name_of_key(prefix, key);
    auto lane = decode_lane(key, at->value().ToStringView());
    if (!lane) {
      return fail(in_pipeline(std::move(lane).error(), pipeline));
    }
    if (!sink) {
      return fail(in_pipeline(operator_error(Code::kCorrupt, "a lane's key is malformed",
                                             std::string(rebuild_remedy())),
                              pipeline));
    }
    state.lanes.emplace(*sink, *std::move(lane));
  }
  if (!at->status().ok()) {
    return fail(store_error(at->status(), "read it", path_));
  }
  return {};
}

Result<void> RocksStore::load_schemas(std::string_view pipeline, PipelineState& state) {
  const auto prefix = schema_prefix(pipeline);
  const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(rocksdb::ReadOptions()));
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    const auto key = at->key().ToStringView();
    const auto table_id = table_of_schema_key(prefix, key);
    auto decoded = decode_schema_record(key, at->value().ToStringView());
    if (!decoded) {
      return fail(in_pipeline(std::move(decoded).error(), pipeline));
    }
    if (!table_id || decoded->schema.table_id != *table_id) {
      return fail(
          in_pipeline(operator_error(Code::kCorrupt, "a schema is stored under another table",
                                     std::string(rebuild_remedy())),
                      pipeline));
    }
    stored_schemas_.try_emplace(TableKey(pipeline, *table_id),
                                StoredSchema{nullptr, decoded->content_hash});
    state.schemas.emplace(*table_id, std::move(decoded->schema));
  }
  if (!at->status().ok()) {
    return fail(store_error(at->status(), "read it", path_));
  }
  return {};
}

Result<void> RocksStore::load_backfills(std::string_view pipeline, PipelineState& state) {
  const auto prefix = backfill_prefix(pipeline);
  const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(rocksdb::ReadOptions()));
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    const auto key = at->key().ToStringView();
    auto record = decode_backfill(key, at->value().ToStringView());
    if (!record) {
      return fail(in_pipeline(std::move(record).error(), pipeline));
    }
    state.backfills.emplace(name_of_key(prefix, key).value_or(""), *std::move(record));
  }
  if (!at->status().ok()) {
    return fail(store_error(at->status(), "read it", path_));
  }
  return {};
}

Result<void> RocksStore::load_captured(std::string_view pipeline, PipelineState& state) {
  const auto key = captured_key(pipeline);
  ROWTIDE_TRY_ASSIGN(const auto record, get(key));
  if (!record) {
    return {};
  }
  auto captured = decode_captured(key, *record);
  if (!captured) {
    return fail(in_pipeline(std::move(captured).error(), pipeline));
  }
  state.captured = *std::move(captured);
  return {};
}

Result<void> RocksStore::put_backfill(std::string_view pipeline, std::string_view id,
                                      std::string_view record) {
  ROWTIDE_TRY(check_name(pipeline));
  ROWTIDE_TRY(check_name(id));
  const auto key = backfill_key(pipeline, id);
  rocksdb::WriteBatch batch;
  if (record.empty()) {
    batch.Delete(key).PermitUncheckedError();
  } else {
    batch.Put(key, encode_backfill(key, record)).PermitUncheckedError();
  }
  const std::lock_guard lock(mutex_);
  return write(batch);
}

Result<Epoch> RocksStore::begin_epoch(std::string_view pipeline, Epoch floor) {
  ROWTIDE_TRY(check_name(pipeline));
  const std::lock_guard lock(mutex_);
  const auto key = epoch_key(pipeline);
  ROWTIDE_TRY_ASSIGN(const auto record, get(key));
  Epoch epoch;
  if (record) {
    auto last = decode_epoch(key, *record);
    if (!last) {
      return fail(in_pipeline(std::move(last).error(), pipeline));
    }
    epoch = *last;
  }
  epoch = std::max(Epoch(epoch.value + 1), floor);
  rocksdb::WriteBatch batch;
  batch.Put(key, encode_epoch(key, epoch)).PermitUncheckedError();
  ROWTIDE_TRY(write(batch));
  return epoch;
}

void RocksStore::put_new_schemas(const Commit& commit, rocksdb::WriteBatch& batch,
                                 std::map<TableKey, StoredSchema>& added) {
  for (const auto& schema : commit.schemas) {
    TableKey table(commit.pipeline, schema->table_id);
    const auto pending = added.find(table);
    const auto stored = stored_schemas_.find(table);
    const StoredSchema* last = pending != added.end()            ? &pending->second
                               : stored != stored_schemas_.end() ? &stored->second
                                                                 : nullptr;
    if (last != nullptr && last->schema == schema) {
      continue;
    }
    const auto hash = content_hash(*schema);
    if (last == nullptr || last->content_hash != hash) {
      const auto key = schema_key(commit.pipeline, schema->table_id);
      batch.Put(key, encode_schema_record(key, hash, *schema)).PermitUncheckedError();
    }
    added.insert_or_assign(std::move(table), StoredSchema{schema, hash});
  }
}

Result<void> RocksStore::commit(std::span<const Commit> commits) {
  rocksdb::WriteBatch batch;
  std::map<TableKey, StoredSchema> added;
  const std::lock_guard lock(mutex_);
  for (const auto& commit : commits) {
    ROWTIDE_TRY(check_name(commit.pipeline));
    for (const auto& [sink, lane] : commit.lanes) {
      ROWTIDE_TRY(check_name(sink));
      const auto key = lane_key(commit.pipeline, sink);
      batch.Put(key, encode_lane(key, lane)).PermitUncheckedError();
    }
    put_new_schemas(commit, batch, added);
    for (const auto& [id, record] : commit.backfills) {
      ROWTIDE_TRY(check_name(id));
      const auto key = backfill_key(commit.pipeline, id);
      batch.Put(key, encode_backfill(key, record)).PermitUncheckedError();
    }
    if (commit.captured) {
      const auto key = captured_key(commit.pipeline);
      batch.Put(key, encode_captured(key, *commit.captured)).PermitUncheckedError();
    }
  }
  if (batch.Count() > 0) {
    ROWTIDE_TRY(write(batch));
  }
  // Only now are they stored.
  for (auto& [table, schema] : added) {
    stored_schemas_.insert_or_assign(table, std::move(schema));
  }
  return {};
}

Result<void> RocksStore::set_lane(std::string_view pipeline, std::string_view sink,
                                  const LaneState& state) {
  ROWTIDE_TRY(check_name(pipeline));
  ROWTIDE_TRY(check_name(sink));
  const auto key = lane_key(pipeline, sink);
  rocksdb::WriteBatch batch;
  batch.Put(key, encode_lane(key, state)).PermitUncheckedError();
  const std::lock_guard lock(mutex_);
  return write(batch);
}

Result<void> RocksStore::erase_lane(std::string_view pipeline, std::string_view sink) {
  ROWTIDE_TRY(check_name(pipeline));
  ROWTIDE_TRY(check_name(sink));
  rocksdb::WriteBatch batch;
  batch.Delete(lane_key(pipeline, sink)).PermitUncheckedError();
  const std::lock_guard lock(mutex_);
  return write(batch);
}

}  // namespace rowtide
