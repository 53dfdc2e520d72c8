#include "sinks/postgres/postgres_config.h"

namespace rowtide::postgres {

void describe(config::ObjectSpec& spec, PostgresSinkConfig& config) {
  spec.text("url", config.url, "where the database is: postgresql://user@host:5432/database")
      .required();
  spec.secret("password", config.password, "the user's password; wins over one in the url");
  warehouse::describe(spec, config.settings);
}

Result<void> PostgresSinkConfig::validate() const {
  if (url.empty()) {
    return fail(operator_error(Code::kConfig, "url is empty",
                               "Set url to postgresql://user@host:5432/database"));
  }
  return {};
}

}  // namespace rowtide::postgres
