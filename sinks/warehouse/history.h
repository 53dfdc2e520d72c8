#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "engine/batch/arena.h"
#include "engine/model/table_schema.h"
#include "sinks/warehouse/table_runs.h"

namespace rowtide::warehouse {

// The columns that history mode adds behind the source's.
enum class HistoryColumn : std::uint8_t {
  kOp,
  kPosition,
  kTransaction,
  kRow,
  kCommittedAt,
  kUnchanged,
  kCount,
};
inline constexpr std::size_t kHistoryColumns = static_cast<std::size_t>(HistoryColumn::kCount);
inline constexpr std::array<std::string_view, kHistoryColumns> kHistoryColumnNames = {
    "_op", "_position", "_tx", "_row", "_committed_at", "_unchanged"};

// One row per change: the source's cells, then the history columns. The row of a delete holds what
// is known of the old row, of a truncate nothing. Cells and rows live in `arena` and in the
// batches.
std::vector<const Value*> history_rows(const TableSchema& schema, std::span<const EventRef> events,
                                       Arena& arena);

}  // namespace rowtide::warehouse
