#include "engine/config/config_change.h"

#include <array>
#include <string_view>
#include <utility>

namespace rowtide::config {

Result<void> check_fixed_settings(const DaemonConfig& running, const DaemonConfig& wanted) {
  const std::array<std::pair<std::string_view, bool>, 6> settings = {
      {{"state_dir", running.state_dir == wanted.state_dir},
       {"admin.listen", running.admin.listen == wanted.admin.listen},
       {"admin.token", running.admin.token.reveal() == wanted.admin.token.reveal()},
       {"memory_limit", running.memory_limit_bytes == wanted.memory_limit_bytes},
       {"log.format", running.log.format == wanted.log.format},
       {"log.level", running.log.level == wanted.log.level}}};
  for (const auto& [key, same] : settings) {
    if (!same) {
      // A key that was taken out has no place.
      const auto place = wanted.places.find(key);
      return fail(
          operator_error(Code::kConfig,
                         (place == wanted.places.end() ? std::string(key) : place->second) +
                             ": it cannot change while the daemon runs",
                         "Restart the daemon to change it, or put back what it was started with"));
    }
  }
  return {};
}

}  // namespace rowtide::config
