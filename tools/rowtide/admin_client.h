#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/secret.h"
#include "engine/control/admin_listener.h"

namespace rowtide {

// Asks a daemon's admin API. A daemon that cannot be reached is Code::kConnection; what the daemon
// refuses is the error that it sent.
// Thread: one. Every call opens a connection of its own and blocks.
class AdminClient {
 public:
  AdminClient(AdminAddress address, Secret token);

  Result<nlohmann::ordered_json> get(const std::string& path) const;
  Result<nlohmann::ordered_json> post(const std::string& path,
                                      const nlohmann::ordered_json& body) const;
  Result<nlohmann::ordered_json> put(const std::string& path,
                                     const nlohmann::ordered_json& body) const;

  // Gives each line of a streamed answer to `on_line` until it returns false or the stream ends.
  Result<void> stream(const std::string& path,
                      const std::function<bool(std::string_view line)>& on_line) const;

 private:
  AdminAddress address_;
  Secret token_;
};

// `text` with everything percent-encoded that is not plain in a path segment.
std::string path_segment(std::string_view text);

}  // namespace rowtide
