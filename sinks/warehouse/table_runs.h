#pragma once

#include <span>
#include <vector>

#include "engine/batch/batch.h"

namespace rowtide::warehouse {

// Consecutive events of one batch.
struct Slice {
  const Batch* batch = nullptr;
  std::uint32_t first_event = 0;
  std::uint32_t end_event = 0;
};

struct EventRef {
  const Batch* batch = nullptr;
  const Event* event = nullptr;
};

// The changes of one table between two changes of its shape, in order. Has no events when only the
// shape became known.
struct TableRun {
  const TableSchema* schema = nullptr;
  std::vector<EventRef> events;
};

// Sorts the changes by table. Runs of one table stay in order; tables do not depend on each other.
// Refers to the batches.
std::vector<TableRun> sort_by_table(std::span<const Slice> slices);

}  // namespace rowtide::warehouse
