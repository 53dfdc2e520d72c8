#include "offsets/memory_store.h"

#include <algorithm>

namespace rowtide {

Result<PipelineState> MemoryStore::load(std::string_view pipeline) {
  const std::lock_guard lock(mutex_);
  const auto found = pipelines_.find(pipeline);
  return found == pipelines_.end() ? PipelineState{} : found->second;
}

Result<Epoch> MemoryStore::begin_epoch(std::string_view pipeline, Epoch floor) {
  const std::lock_guard lock(mutex_);
  auto& epoch = pipelines_[std::string(pipeline)].epoch;
  epoch = std::max(Epoch(epoch.value + 1), floor);
  return epoch;
}

Result<void> MemoryStore::commit(std::span<const Commit> commits) {
  const std::lock_guard lock(mutex_);
  for (const auto& commit : commits) {
    auto& state = pipelines_[commit.pipeline];
    for (const auto& [sink, lane] : commit.lanes) {
      state.lanes.insert_or_assign(sink, lane);
    }
    for (const auto& schema : commit.schemas) {
      state.schemas.insert_or_assign(schema->table_id, *schema);
    }
    for (const auto& [id, record] : commit.backfills) {
      state.backfills.insert_or_assign(id, record);
    }
    if (commit.captured) {
      state.captured = commit.captured;
    }
  }
  return {};
}

Result<void> MemoryStore::set_lane(std::string_view pipeline, std::string_view sink,
                                   const LaneState& state) {
  const std::lock_guard lock(mutex_);
  pipelines_[std::string(pipeline)].lanes.insert_or_assign(std::string(sink), state);
  return {};
}

Result<void> MemoryStore::erase_lane(std::string_view pipeline, std::string_view sink) {
  const std::lock_guard lock(mutex_);
  pipelines_[std::string(pipeline)].lanes.erase(std::string(sink));
  return {};
}

Result<void> MemoryStore::put_backfill(std::string_view pipeline, std::string_view id,
                                       std::string_view record) {
  const std::lock_guard lock(mutex_);
  auto& backfills = pipelines_[std::string(pipeline)].backfills;
  if (record.empty()) {
    backfills.erase(std::string(id));
  } else {
    backfills.insert_or_assign(std::string(id), std::string(record));
  }
  return {};
}

Result<void> MemoryStore::append(std::string_view pipeline, std::uint64_t transaction,
                                 std::uint64_t sequence, std::string_view block) {
  const std::lock_guard lock(mutex_);
  blocks_.insert_or_assign(BlockKey(pipeline, transaction, sequence), std::string(block));
  return {};
}

Result<std::string> MemoryStore::read(std::string_view pipeline, std::uint64_t transaction,
                                      std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(BlockKey(pipeline, transaction, sequence));
  if (found == blocks_.end()) {
    return fail(retry_error(Code::kNotFound, "the spilled transaction has no such block"));
  }
  return found->second;
}

Result<void> MemoryStore::drop(std::string_view pipeline, std::uint64_t transaction) {
  const std::lock_guard lock(mutex_);
  blocks_.erase(blocks_.lower_bound(BlockKey(pipeline, transaction, 0)),
                blocks_.upper_bound(BlockKey(pipeline, transaction, UINT64_MAX)));
  return {};
}

Result<void> MemoryStore::clear(std::string_view pipeline) {
  const std::lock_guard lock(mutex_);
  blocks_.erase(blocks_.lower_bound(BlockKey(pipeline, 0, 0)),
                blocks_.upper_bound(BlockKey(pipeline, UINT64_MAX, UINT64_MAX)));
  return {};
}

std::size_t MemoryStore::spilled_blocks() const {
  const std::lock_guard lock(mutex_);
  return blocks_.size();
}

}  // namespace rowtide
