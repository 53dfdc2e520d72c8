#pragma once

#include <string_view>

#include "engine/batch/arena.h"

namespace rowtide::mysql {

// The bytes of a cell of a MariaDB COMPRESSED column: nothing for an empty value, else a byte of
// method and then the value as it is (method 0), or its length and a zlib or raw deflate stream.
// `plain` is in the arena or in the cell. False when the cell is damaged, also when it claims to be
// larger than deflate can make it.
bool decompress_cell(std::string_view cell, Arena& arena, std::string_view& plain);

}  // namespace rowtide::mysql
