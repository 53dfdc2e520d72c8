#pragma once

#include <string_view>

#include <rocksdb/status.h>

#include "engine/base/error.h"

namespace rowtide {

// A failed RocksDB call as our error. `action` reads "cannot <action>", `path` is the state
// directory. Precondition: !status.ok().
Error store_error(const rocksdb::Status& status, std::string_view action, std::string_view path);

}  // namespace rowtide
