#pragma once

#include "engine/model/event.h"

namespace rowtide {

// Whether an event counts as a delivered row; messages and schema announcements do not.
constexpr bool is_row_change(Op op) noexcept {
  return op != Op::kMessage && op != Op::kSchema;
}

}  // namespace rowtide
