#pragma once

#include <cstdint>
#include <string>

#include "engine/base/cursor.h"
#include "sources/postgres/type_catalog.h"

namespace rowtide::postgres {

// Text forms of values that hold other values, with the server's quoting. Contract as in
// binary_forms.h; `depth` counts the nesting, which the caller limits.

// Int32 dimensions, Int32 flags, element oid, then size and lower bound per dimension, then Int32
// length (-1 = NULL) and bytes per element.
bool append_array_form(const TypeCatalog& catalog, const TypeInfo& type, int depth, Cursor& in,
                       std::string& out);
// Int32 field count, then type oid, Int32 length and bytes per field.
bool append_composite_form(const TypeCatalog& catalog, const TypeInfo& type, int depth, Cursor& in,
                           std::string& out);
// A byte of flags, then Int32 length and bytes per bound that is there.
bool append_range_form(const TypeCatalog& catalog, const TypeInfo& type, int depth, Cursor& in,
                       std::string& out);
// Int32 range count, then Int32 length and bytes per range.
bool append_multirange_form(const TypeCatalog& catalog, const TypeInfo& type, int depth, Cursor& in,
                            std::string& out);

// append_text_form() at a given depth of nesting.
bool append_nested_form(const TypeCatalog& catalog, std::uint32_t type_oid, int depth,
                        std::string_view cell, std::string& out);

}  // namespace rowtide::postgres
