#pragma once

#include <string>
#include <utility>

namespace rowtide {

// A password or token. It has no formatter and no stream operator: what cannot be printed cannot
// leak into a log. reveal() is called only where the value goes onto the wire.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  bool empty() const noexcept { return value_.empty(); }
  const std::string& reveal() const noexcept { return value_; }

 private:
  std::string value_;
};

}  // namespace rowtide
