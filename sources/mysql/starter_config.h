#pragma once

#include <string>

#include "engine/base/error.h"

namespace rowtide::mysql {

// A commented configuration for the server at `url`, as YAML: every table with its size and key,
// what stands in the way of capturing it with the statement that mends it, a DuckDB file as the
// sink. A password in the url is used to connect and replaced by a reference to the environment in
// the text. Changes nothing on the server.
Result<std::string> starter_config(const std::string& url);

}  // namespace rowtide::mysql
