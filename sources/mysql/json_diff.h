#pragma once

#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace rowtide::mysql {

// Applies what a partial update logs of one JSON column to the document before it, and appends the
// text of the result to `out`, as append_json_text does. `diffs` is empty when the column did not
// change. Code::kProtocol when the diffs or the document are damaged or do not fit each other.
Result<void> append_patched_json(std::string_view document, std::string_view diffs,
                                 std::string& out);

}  // namespace rowtide::mysql
