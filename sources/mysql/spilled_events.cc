#include "sources/mysql/spilled_events.h"

#include <fmt/format.h>

#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {
namespace {

// The server still has the whole transaction, so reading it anew mends what no operator could.
Error spoiled_block(std::uint64_t sequence, std::string_view what) {
  return retry_error(
      Code::kCorrupt,
      fmt::format("block {} of a prepared transaction {}: asking the server for it again", sequence,
                  what));
}

}  // namespace

Result<void> SpilledEvents::append(const BinlogEvent& event, Failpoints& failpoints) {
  const auto size_bytes = static_cast<std::uint32_t>(event.body.size());
  tail_.append(reinterpret_cast<const char*>(&size_bytes), sizeof(size_bytes));
  tail_ += static_cast<char>(event.header.type);
  tail_ += event.body;
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

Result<bool> SpilledEvents::next(BinlogEvent& event) {
  while (true) {
    const std::string& block = reading_tail_ ? tail_ : reading_;
    if (read_at_ < block.size()) {
      WireReader in(std::string_view(block).substr(read_at_));
      const auto size_bytes = in.u32();
      event.header = {};
      event.header.type = static_cast<EventType>(in.u8());
      event.body = in.take(size_bytes);
      if (!in.ok()) {
        return fail(spoiled_block(next_block_ - 1, "ends inside an event"));
      }
      read_at_ += in.offset();
      return true;
    }
    if (reading_tail_) {
      return false;
    }
    read_at_ = 0;
    if (next_block_ == blocks_) {
      reading_ = std::string();
      reading_tail_ = true;
      continue;
    }
    auto read = store_->read(pipeline_, key_, next_block_);
    if (!read) {
      const bool damaged = read.error().code == Code::kCorrupt;
      return fail(damaged ? spoiled_block(next_block_, "is damaged") : std::move(read).error());
    }
    // Without its events the next block would follow on as if nothing were missing.
    if (read->size() < kBlockBytes) {
      return fail(spoiled_block(next_block_, "is too short"));
    }
    reading_ = std::move(*read);
    ++next_block_;
  }
}

Result<void> SpilledEvents::drop() {
  tail_ = std::string();
  reading_ = std::string();
  if (blocks_ == 0) {
    return {};
  }
  blocks_ = 0;
  return store_->drop(pipeline_, key_);
}

}  // namespace rowtide::mysql
