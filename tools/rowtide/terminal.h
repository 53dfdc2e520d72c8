#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace rowtide {

enum class Colour : std::uint8_t { kNone, kBold, kDim, kRed, kGreen, kYellow, kCyan };

// `text` in `colour` when `on`, else as it is.
std::string paint(std::string_view text, Colour colour, bool on);

// `text` with control characters made visible, so that a row's content can neither break a table
// nor steer the terminal.
std::string printable(std::string_view text);

std::string format_bytes(std::uint64_t bytes);  // "12.4 MiB"
std::string format_count(std::uint64_t count);  // "1,234,567"
std::string format_seconds(double seconds);     // "0.4 s", "3 min 12 s", "2 h 5 min"

// Rows of cells in aligned columns, with free lines between them.
class Table {
 public:
  struct Cell {
    std::string text;
    Colour colour = Colour::kNone;
    bool right = false;
  };

  void row(std::vector<Cell> cells);
  // A line of its own that does not widen any column.
  void line(std::string text, Colour colour = Colour::kNone);
  void print(std::ostream& out, bool colours) const;

 private:
  struct Row {
    std::vector<Cell> cells;
    bool is_line = false;
  };
  std::vector<Row> rows_;
};

}  // namespace rowtide
