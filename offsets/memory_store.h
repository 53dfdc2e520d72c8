#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "engine/api/state_store.h"

namespace rowtide {

// StateStore and SpillStore that forget everything with the process: for tests and for pipelines
// whose every position lies in a sink. Thread safe.
class MemoryStore final : public StateStore, public SpillStore {
 public:
  Result<PipelineState> load(std::string_view pipeline) override;
  Result<Epoch> begin_epoch(std::string_view pipeline, Epoch floor) override;
  Result<void> commit(std::span<const Commit> commits) override;
  Result<void> set_lane(std::string_view pipeline, std::string_view sink,
                        const LaneState& state) override;
  Result<void> erase_lane(std::string_view pipeline, std::string_view sink) override;
  Result<void> put_backfill(std::string_view pipeline, std::string_view id,
                            std::string_view record) override;

  Result<void> append(std::string_view pipeline, std::uint64_t transaction, std::uint64_t sequence,
                      std::string_view block) override;
  Result<std::string> read(std::string_view pipeline, std::uint64_t transaction,
                           std::uint64_t sequence) override;
  Result<void> drop(std::string_view pipeline, std::uint64_t transaction) override;
  Result<void> clear(std::string_view pipeline) override;

  // Blocks held, for tests that look for leaks.
  std::size_t spilled_blocks() const;

 private:
  using BlockKey = std::tuple<std::string, std::uint64_t, std::uint64_t>;

  mutable std::mutex mutex_;
  std::map<std::string, PipelineState, std::less<>> pipelines_;
  std::map<BlockKey, std::string> blocks_;
};

}  // namespace rowtide
