// Any bytes as a configuration file: either settings, or one error with a place; never a crash, a
// hang or an exception.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/assert.h"
#include "engine/config/daemon_config.h"
#include "tests/unit/config_fake_schemas.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto sources = rowtide::config::fake::sources();
  static const auto sinks = rowtide::config::fake::sinks();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = rowtide::config::load_config_text(text, "fuzz", sources, sinks);
  if (config) {
    ROWTIDE_ASSERT(!config->state_dir.empty() && !config->pipelines.empty());
  } else {
    ROWTIDE_ASSERT(config.error().message.starts_with("fuzz:"));
    ROWTIDE_ASSERT(!config.error().remedy.empty());
  }
  return 0;
}
