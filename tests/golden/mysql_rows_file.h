#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "sources/mysql/column_catalog.h"

namespace rowtide::mysql {

// What make_mysql_rows.py recorded of one table: events as they were logged, and the server's own
// text of the rows in them.
struct RecordedTable {
  struct LogEvent {
    // 19 is a table map.
    std::uint8_t type = 0;
    std::string body;
  };
  // One image of one row. Cells are text, or hex of text and bytes, or "\N".
  struct Image {
    char letter = 'c';
    bool before = false;
    std::vector<std::string> cells;
  };

  std::string name;
  TableColumns catalog;
  std::vector<LogEvent> events;
  std::vector<Image> images;
};

struct RowsRecording {
  bool is_mariadb = false;
  std::vector<RecordedTable> tables;
};

Result<RowsRecording> read_rows_recording(const std::filesystem::path& path);

}  // namespace rowtide::mysql
