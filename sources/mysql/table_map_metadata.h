#pragma once

#include "engine/base/error.h"
#include "sources/mysql/table_map.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {

// Reads what follows the columns of a TABLE_MAP event into them: names, signs, character sets,
// labels, the key. Code::kProtocol when it does not fit them.
Result<void> read_optional_metadata(TableMap& map, const MapDialect& dialect, WireReader& in);

}  // namespace rowtide::mysql
