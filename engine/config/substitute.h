#pragma once

#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace rowtide::config {

struct Substituted {
  std::string text;
  // False when the text held no ${...}; "$$" alone does not count.
  bool changed = false;
};

// Replaces ${env:NAME} by the environment variable and ${file:/path} by the content of the file
// (one line; the line end is cut off); "$$" is a dollar sign. What comes in is not looked at again.
// Errors (Code::kConfig, without a place) never hold the value. Reads the environment, so it is
// called before threads that change it exist.
Result<Substituted> substitute(std::string_view text);

}  // namespace rowtide::config
