#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/api/state_store.h"
#include "engine/base/error.h"
#include "engine/base/failpoints.h"
#include "sources/mysql/binlog_event.h"

namespace rowtide::mysql {

// The events of a transaction that was prepared and waits for its end: in memory while few, else in
// the spill store. Move only; reader thread.
class SpilledEvents {
 public:
  SpilledEvents(std::uint64_t key, std::string pipeline, SpillStore& store)
      : key_(key), pipeline_(std::move(pipeline)), store_(&store) {}

  Result<void> append(const BinlogEvent& event, Failpoints& failpoints);
  // Hands the events back one by one, in order; what a header holds beside the type is not kept.
  // The view lives until the next call. False at the end. Must not be mixed with append.
  Result<bool> next(BinlogEvent& event);
  // Gives the room on disk back.
  Result<void> drop();
  std::uint64_t stored_bytes() const noexcept { return stored_bytes_; }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

  std::uint64_t key_;
  std::string pipeline_;
  SpillStore* store_;
  std::string tail_;          // events not in the store: u32 size of the body, u8 type, body
  std::uint64_t blocks_ = 0;  // blocks in the store, numbered from 0
  std::uint64_t stored_bytes_ = 0;
  std::string reading_;  // block that next() hands out
  std::uint64_t next_block_ = 0;
  std::size_t read_at_ = 0;
  bool reading_tail_ = false;
};

}  // namespace rowtide::mysql
