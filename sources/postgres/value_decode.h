#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/batch/arena.h"
#include "engine/model/value.h"
#include "sources/postgres/type_catalog.h"

namespace rowtide::postgres {

// What a cell decoder works with. One per decoding thread; reused from cell to cell.
struct DecodeContext {
  // Outlives the context.
  const TypeCatalog* catalog = nullptr;
  // Receives bytes that are not in the cell as they are. Cells whose value is the cell's own bytes
  // point into the cell: the caller keeps it alive (RelationDecoder copies the tuple first).
  Arena* arena = nullptr;
  // Where text is put together before it is copied into the arena.
  std::string scratch;
};

// Decodes the bytes of one cell that is not NULL. `type_oid` is never a domain's. False = the bytes
// are not a value of the type; `out` is then unspecified.
using CellDecoder = bool (*)(std::string_view cell, std::uint32_t type_oid, DecodeContext& context,
                             Value& out);

}  // namespace rowtide::postgres
