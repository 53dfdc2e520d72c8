#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "engine/api/state_store.h"
#include "engine/base/error.h"
#include "engine/base/failpoints.h"

namespace rowtide::postgres {

// One transaction that the server sends before it is committed: its raw messages in order, in
// memory while few, else in the spill store, and the subtransactions of it that were rolled back.
// Move only; reader thread.
class SpilledTransaction {
 public:
  SpilledTransaction(std::uint64_t key, std::string pipeline, SpillStore& store)
      : key_(key), pipeline_(std::move(pipeline)), store_(&store) {}

  Result<void> append(std::string_view message, Failpoints& failpoints);
  void abort_subtransaction(std::uint32_t subxid) { aborted_.insert(subxid); }
  bool is_aborted(std::uint32_t subxid) const {
    return !aborted_.empty() && aborted_.contains(subxid);
  }

  // Hands the messages back one by one, in order. The view lives until the next call. False at the
  // end. Must not be mixed with append.
  Result<bool> next(std::string_view& message);
  // Starts over with next().
  void rewind();
  // Gives the room on disk back.
  Result<void> drop();
  std::uint64_t stored_bytes() const noexcept { return stored_bytes_; }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

  std::uint64_t key_;
  std::string pipeline_;
  SpillStore* store_;
  std::unordered_set<std::uint32_t> aborted_;
  std::string tail_;          // messages not in the store: u32 length, bytes
  std::uint64_t blocks_ = 0;  // blocks in the store, numbered from 0
  std::uint64_t stored_bytes_ = 0;
  std::string reading_;  // block that next() hands out
  std::uint64_t next_block_ = 0;
  std::size_t read_at_ = 0;
  bool reading_tail_ = false;
};

}  // namespace rowtide::postgres
