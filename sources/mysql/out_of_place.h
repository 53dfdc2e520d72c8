#pragma once

#include <string_view>

#include <fmt/format.h>

#include "engine/base/error.h"

namespace rowtide::mysql {

// An event that cannot follow what came before it. Reading the log anew shows whether it is so.
inline Error out_of_place(std::string_view what) {
  return retry_error(Code::kProtocol,
                     fmt::format("the binary log has a {} event out of place", what));
}

}  // namespace rowtide::mysql
