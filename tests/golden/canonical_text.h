#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/model/event.h"
#include "engine/model/value.h"

namespace rowtide {

// One line per thing, made for comparing with expectations that a person has read: the kind of
// every cell is spelled out, so that null, unchanged and absent, or text and literal, never look
// alike.

// "integer:1", "null", "text:\"a\"", "timestamptz:2024-02-29 12:34:56+00". Bytes beyond a few dozen
// are cut and their number given.
std::string canonical_value(const Value& value);

// "update fx.t before(key) id=integer:1 b=absent after id=integer:3 b=unchanged".
std::string canonical_row(const Event& event);

// "2024-02-29 12:34:56.789" and "16/B374D848".
std::string canonical_time(std::int64_t unix_us);
std::string canonical_lsn(std::uint64_t lsn);

// Quoted, with everything outside printable ASCII escaped.
std::string canonical_bytes(std::string_view bytes);

}  // namespace rowtide
