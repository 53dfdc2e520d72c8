#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/config/node.h"

namespace rowtide::config {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
constexpr int kMaxDepth = 32;

// Parses one YAML document, then substitutes ${...} in its text leaves. `file` only names the
// source in messages. Refused, because they make a file mean something else than it shows: repeated
// keys, anchors, aliases, merge keys, tags, a second document, keys that are not text.
Result<Node> load_yaml(std::string_view text, const std::string& file);

}  // namespace rowtide::config
