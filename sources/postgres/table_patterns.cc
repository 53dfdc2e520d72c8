#include "sources/postgres/table_patterns.h"

#include <algorithm>

namespace rowtide::postgres {

Result<TablePatterns> TablePatterns::parse(std::span<const std::string> patterns) {
  TablePatterns result;
  ROWTIDE_TRY_ASSIGN(result.filter_, TableFilter::parse(patterns));
  if (patterns.empty()) {
    return result;
  }
  result.text_.clear();
  for (const std::string& pattern : patterns) {
    result.text_ += (result.text_.empty() ? "" : ", ") + pattern;
  }
  const auto excludes = [](const std::string& pattern) { return pattern.starts_with('!'); };
  result.everything_ = std::ranges::find(patterns, "*.*") != patterns.end() &&
                       std::ranges::none_of(patterns, excludes);
  return result;
}

bool TablePatterns::matches(std::string_view schema, std::string_view table) const {
  return !is_system_schema(schema) && filter_.matches(schema, table);
}

bool is_system_schema(std::string_view schema) noexcept {
  return schema == "information_schema" || schema.starts_with("pg_");
}

}  // namespace rowtide::postgres
