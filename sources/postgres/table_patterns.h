#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/model/table_filter.h"

namespace rowtide::postgres {

// The `tables` key of a source: a TableFilter over every table but the system's own. Immutable,
// cheap to copy.
class TablePatterns {
 public:
  TablePatterns() = default;

  static Result<TablePatterns> parse(std::span<const std::string> patterns);

  bool matches(std::string_view schema, std::string_view table) const;
  // True when no table of a user is left out, now or later.
  bool everything() const noexcept { return everything_; }
  // The patterns as they were written, for messages.
  const std::string& text() const noexcept { return text_; }

 private:
  TableFilter filter_;
  bool everything_ = true;
  std::string text_ = "*.*";
};

// True for the schemas that belong to the server itself.
bool is_system_schema(std::string_view schema) noexcept;

}  // namespace rowtide::postgres
