#include "sinks/blackhole/blackhole_config.h"

namespace rowtide {

void describe(config::ObjectSpec& spec, BlackholeConfig& config) {
  describe(spec, config.format, true);
}

}  // namespace rowtide
