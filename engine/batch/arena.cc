#include "engine/batch/arena.h"

#include <algorithm>

namespace rowtide {

void Arena::add_block(std::size_t at_least_bytes) {
  // A batch that stays small stays small in memory too: blocks double up to the usual size.
  const std::size_t usual =
      std::min(block_bytes_, kFirstBlockBytes << std::min<std::size_t>(blocks_.size(), 8));
  const std::size_t size = std::max(usual, at_least_bytes + 16);
  blocks_.push_back(std::unique_ptr<char[]>(new char[size]));
  current_ = blocks_.back().get();
  capacity_ = size;
  used_ = 0;
  reserved_bytes_ += size;
}

}  // namespace rowtide
