#include "tests/golden/mysql_rows_file.h"

#include <algorithm>
#include <charconv>
#include <fstream>

namespace rowtide::mysql {
namespace {

constexpr std::uint8_t kTableMap = 19;

// Puts "(76x3)" back as "767676".
std::string expanded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto times = text.find('x');
    const auto close = text.find(')');
    if (text.front() != '(' || times != 3 || close == std::string_view::npos) {
      out.push_back(text.front());
      text.remove_prefix(1);
      continue;
    }
    std::size_t count = 0;
    std::from_chars(text.data() + times + 1, text.data() + close, count);
    for (std::size_t i = 0; i < count; ++i) {
      out += text.substr(1, 2);
    }
    text.remove_prefix(close + 1);
  }
  return out;
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const auto end = std::min(text.find(separator, start), text.size());
    parts.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

bool read_column(const std::string& rest, TableColumns& catalog) {
  const auto parts = split(rest, '\t');
  if (parts.size() != 5) {
    return false;
  }
  CatalogColumn column;
  column.name = parts[0];
  column.column_type = parts[1];
  column.charset = parts[2];
  column.is_unsigned = parts[3] == "1";
  column.json = parts[4] == "1" || parts[1] == "json";
  catalog.columns.push_back(std::move(column));
  return true;
}

void read_key(const std::string& rest, TableColumns& catalog) {
  for (const std::string& name : split(rest, '\t')) {
    const auto found = std::ranges::find(catalog.columns, name, &CatalogColumn::name);
    if (found != catalog.columns.end()) {
      catalog.primary_key.push_back(static_cast<std::uint32_t>(found - catalog.columns.begin()));
    }
  }
}

// "c after CELL TAB CELL ..".
bool read_image(char letter, const std::string& rest, RecordedTable& table) {
  const auto space = rest.find(' ');
  if (space == std::string::npos) {
    return false;
  }
  RecordedTable::Image image;
  image.letter = letter;
  image.before = rest.substr(0, space) == "before";
  image.cells = split(std::string_view(rest).substr(space + 1), '\t');
  std::ranges::transform(image.cells, image.cells.begin(), expanded);
  table.images.push_back(std::move(image));
  return true;
}

bool read_line(const std::string& line, RowsRecording& recording) {
  const auto space = line.find(' ');
  const std::string word = line.substr(0, space);
  const std::string rest = space == std::string::npos ? std::string() : line.substr(space + 1);
  if (word == "server") {
    recording.is_mariadb = rest == "MariaDB";
    return true;
  }
  if (word == "table") {
    recording.tables.push_back({.name = rest, .catalog = {}, .events = {}, .images = {}});
    return true;
  }
  if (recording.tables.empty()) {
    return false;
  }
  RecordedTable& table = recording.tables.back();
  if (word == "column") {
    return read_column(rest, table.catalog);
  }
  if (word == "key") {
    read_key(rest, table.catalog);
  } else if (word == "map") {
    table.events.push_back({kTableMap, from_hex(expanded(rest))});
  } else if (word == "rows") {
    const auto parts = split(rest, ' ');
    const int type = parts.size() == 2 ? std::atoi(parts[0].c_str()) : 0;
    table.events.push_back({static_cast<std::uint8_t>(type), from_hex(expanded(parts.back()))});
    return type != 0;
  } else {
    return word.size() == 1 && read_image(word.front(), rest, table);
  }
  return true;
}

}  // namespace

Result<RowsRecording> read_rows_recording(const std::filesystem::path& path) {
  RowsRecording recording;
  std::ifstream in(path);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (!line.empty() && line.front() != '#' && !read_line(line, recording)) {
      return fail(fatal_error(
          Code::kData, path.string() + ": line " + std::to_string(number) + " is not understood"));
    }
  }
  return recording;
}

}  // namespace rowtide::mysql
