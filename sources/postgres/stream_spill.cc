#include "sources/postgres/stream_spill.h"

#include <cstring>

#include <fmt/format.h>

namespace rowtide::postgres {
namespace {

// The server still has the whole transaction, so reading it anew mends what no operator could.
Error spoiled_block(std::uint64_t sequence, std::string_view what) {
  return retry_error(
      Code::kCorrupt,
      fmt::format(
          "block {} of a spilled transaction {}: asking the server for the transaction again",
          sequence, what));
}

}  // namespace

Result<void> SpilledTransaction::append(std::string_view message, Failpoints& failpoints) {
  const auto length = static_cast<std::uint32_t>(message.size());
  tail_.append(reinterpret_cast<const char*>(&length), sizeof(length));
  tail_.append(message);
  if (tail_.size() < kBlockBytes) {
    return {};
  }
  failpoints.hit(Failpoint::kSourceSpillWrite);
  ROWTIDE_TRY(store_->append(pipeline_, key_, blocks_, tail_));
  ++blocks_;
  stored_bytes_ += tail_.size();
  tail_.clear();
  return {};
}

Result<bool> SpilledTransaction::next(std::string_view& message) {
  while (true) {
    const std::string& block = reading_tail_ ? tail_ : reading_;
    if (read_at_ < block.size()) {
      std::uint32_t length = 0;
      const auto left_bytes = block.size() - read_at_;
      if (left_bytes >= sizeof(length)) {
        std::memcpy(&length, block.data() + read_at_, sizeof(length));
      }
      if (left_bytes < sizeof(length) || left_bytes - sizeof(length) < length) {
        return fail(spoiled_block(next_block_ - 1, "ends inside a message"));
      }
      message = std::string_view(block).substr(read_at_ + sizeof(length), length);
      read_at_ += sizeof(length) + length;
      return true;
    }
    if (reading_tail_) {
      return false;
    }
    read_at_ = 0;
    if (next_block_ < blocks_) {
      auto read = store_->read(pipeline_, key_, next_block_);
      if (!read) {
        const bool damaged = read.error().code == Code::kCorrupt;
        return fail(damaged ? spoiled_block(next_block_, "is damaged") : std::move(read).error());
      }
      // Without its rows the next block would follow on as if nothing were missing.
      if (read->size() < kBlockBytes) {
        return fail(spoiled_block(next_block_, "is too short"));
      }
      reading_ = std::move(*read);
      ++next_block_;
    } else {
      reading_ = std::string();
      reading_tail_ = true;
    }
  }
}

void SpilledTransaction::rewind() {
  reading_ = std::string();
  next_block_ = 0;
  read_at_ = 0;
  reading_tail_ = false;
}

Result<void> SpilledTransaction::drop() {
  tail_ = std::string();
  reading_ = std::string();
  if (blocks_ == 0) {
    return {};
  }
  blocks_ = 0;
  return store_->drop(pipeline_, key_);
}

}  // namespace rowtide::postgres
