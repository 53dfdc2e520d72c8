#include "engine/snapshot/captured.h"

#include <algorithm>

namespace rowtide {
namespace {

bool excludes(const std::string& pattern) {
  return pattern.starts_with('!');
}

}  // namespace

bool may_bring_tables(std::span<const std::string> before, std::span<const std::string> now) {
  // A list without a pattern that names something takes whatever it does not exclude, so it has to
  // come from one of its kind.
  const bool takes_the_rest = std::ranges::all_of(now, excludes);
  if (takes_the_rest != std::ranges::all_of(before, excludes)) {
    return true;
  }
  // The last pattern that fits decides. When `now` is `before` without some patterns that name
  // tables, and with some exclusions more, a table that it takes was taken by the same pattern.
  auto at = before.begin();
  for (const std::string& pattern : now) {
    auto next = at;
    while (next != before.end() && *next != pattern && !excludes(*next)) {
      ++next;
    }
    const bool found = next != before.end() && *next == pattern;
    if (found) {
      at = next + 1;
    } else if (!excludes(pattern)) {
      return true;
    }
  }
  return std::any_of(at, before.end(), excludes);
}

std::vector<std::string> new_patterns(std::span<const std::string> before,
                                      std::span<const std::string> now) {
  std::vector<std::string> patterns;
  for (const std::string& pattern : now) {
    if (!excludes(pattern) && std::ranges::find(before, pattern) == before.end()) {
      patterns.push_back(pattern);
    }
  }
  for (const std::string& pattern : before) {
    if (excludes(pattern) && std::ranges::find(now, pattern) == now.end()) {
      patterns.push_back(pattern.substr(1));
    }
  }
  return patterns;
}

bool takes(const TableFilter& patterns, const ScanTable& table) {
  return patterns.matches(table.schema, table.table) ||
         std::ranges::any_of(table.above, [&](const auto& name) {
           return patterns.matches(name.first, name.second);
         });
}

}  // namespace rowtide
