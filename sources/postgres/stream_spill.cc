#include "sources/postgres/stream_spill.h"

#include <cstring>

#include "engine/base/assert.h"

namespace rowtide::postgres {

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
      ROWTIDE_ASSERT(block.size() - read_at_ >= sizeof(length));
      std::memcpy(&length, block.data() + read_at_, sizeof(length));
      ROWTIDE_ASSERT(block.size() - read_at_ - sizeof(length) >= length);
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
        return fail(std::move(read).error());
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
