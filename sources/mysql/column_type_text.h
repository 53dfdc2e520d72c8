#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sources/mysql/charset.h"
#include "sources/mysql/table_map.h"

namespace rowtide::mysql {

// The type of a column in the server's words, as far as the log tells it: "int unsigned",
// "varchar(20)", "enum('a','b')", "datetime(6)". `labels` are in UTF-8; `charset` is null where the
// column has none.
std::string column_type_text(const MapColumn& column, const Charset* charset,
                             std::span<const std::string> labels);

// A COLUMN_TYPE of the catalog without what the log does not tell and what changes no value:
// display widths, ZEROFILL, the comment of COMPRESSED. What is left equals column_type_text of the
// same column.
std::string comparable_type(std::string_view column_type);

bool is_geometry_type(std::string_view comparable_type);

// The labels of "enum('a','b')" or "set('a','b')"; nothing when it is neither.
std::optional<std::vector<std::string>> labels_of_type(std::string_view column_type);

}  // namespace rowtide::mysql
