#include "tools/connectors/connectors.h"
#include "tools/rowtide/hooks.h"

int main(int argc, char** argv) {
  using namespace rowtide;
  ToolHooks hooks;
  hooks.load_config = [](const std::string& path) {
    return config::load_config_file(path, schemas_of(all_sources()), schemas_of(all_sinks()));
  };
  hooks.check = [](const config::DaemonConfig& config, bool connect) {
    return check_config(config, connect);
  };
  hooks.starter_config = [](const std::string& url) { return starter_config(url); };
  hooks.json_schema = [] {
    return config::config_json_schema(schemas_of(all_sources()), schemas_of(all_sinks()));
  };
  return run_tool(argc, argv, hooks);
}
