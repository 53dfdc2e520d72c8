#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/model/table_schema.h"
#include "engine/model/value.h"

namespace rowtide {

enum class Op : std::uint8_t { kCreate, kUpdate, kDelete, kRead, kTruncate, kMessage, kSchema };

// 'c', 'u', 'd', 'r', 't', 'm', 's': the letters of the flat JSON contract.
char op_letter(Op op) noexcept;

// What `before` holds: nothing, the key columns only (others are kAbsent), or the whole old row.
enum class BeforeImage : std::uint8_t { kNone, kKey, kFull };

// One change of one row, or one truncate, message or schema announcement. A view: cells and bytes
// live in the batch's arena, the schema in the batch's table list.
struct Event {
  Op op = Op::kCreate;
  BeforeImage before_image = BeforeImage::kNone;
  // Index into Batch::transactions().
  std::uint32_t transaction = 0;
  // Row index in the transaction. A message or schema event carries the index of the row change
  // that follows it (kWholeTransaction at the transaction's end) and is never cut apart from it.
  std::uint64_t row = 0;
  // Never null except for kMessage.
  const TableSchema* schema = nullptr;
  // One cell per column of the schema, or empty. An update whose key did not change and whose old
  // row was not sent has an empty `before`.
  std::span<const Value> before;
  std::span<const Value> after;
  // kMessage only.
  std::string_view message_prefix;
  std::string_view message_content;
};

// The cells that identify the row after the change (for a delete: the row that went away). A key
// column that the new image leaves unchanged is found in `before`.
inline const Value& key_cell(const Event& event, std::uint32_t column) {
  if (!event.after.empty() && event.after[column].is_known()) {
    return event.after[column];
  }
  return event.before[column];
}

}  // namespace rowtide
