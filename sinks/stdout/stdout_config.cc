#include "sinks/stdout/stdout_config.h"

namespace rowtide {

void describe(config::ObjectSpec& spec, StdoutConfig& config) {
  describe(spec, config.format);
}

}  // namespace rowtide
