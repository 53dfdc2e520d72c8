#pragma once

#include <string>
#include <string_view>

#include "engine/model/value.h"
#include "sources/mysql/column_decoder.h"

namespace rowtide::mysql {

// How a column is asked for, so that its cells come without loss: `name` is the quoted name. What
// the server's own text leaves out (digits of a FLOAT, which label an enum has) is asked for as a
// number.
std::string cell_expression(const ColumnDecoder& column, const std::string& name);

// The value of a cell that came as the answer to cell_expression(): exactly what decode_cell()
// makes of the same cell in the binary log.
CellError decode_text_cell(const ColumnDecoder& column, std::string_view text,
                           DecodeContext& context, Value& out);

}  // namespace rowtide::mysql
