#pragma once

#include <string>
#include <vector>

namespace rowtide {

// One thing that a check of a live system found.
struct Finding {
  enum class Severity : unsigned char { kOk, kWarning, kError };
  Severity severity = Severity::kOk;
  // What was looked at: "wal_level", "table public.orders", "role rowtide".
  std::string subject;
  std::string message;
  // The exact statement or edit that mends it; empty for kOk.
  std::string fix;
};

using Findings = std::vector<Finding>;

}  // namespace rowtide
