#include "tools/rowtide/terminal.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

#include <fmt/format.h>

namespace rowtide {
namespace {

constexpr std::size_t kGap = 2;

std::string_view escape_of(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kDim:
      return "\x1b[2m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kCyan:
      return "\x1b[36m";
  }
  return "";
}

// Columns that UTF-8 text takes, with one for each code point.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string paint(std::string_view text, Colour colour, bool on) {
  if (!on || colour == Colour::kNone) {
    return std::string(text);
  }
  return fmt::format("{}{}\x1b[0m", escape_of(colour), text);
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // C1 control characters are two bytes in UTF-8, and some terminals obey them.
    const bool c1 = byte == 0xC2 && i + 1 < text.size() &&
                    (static_cast<unsigned char>(text[i + 1]) & 0xE0U) == 0x80U;
    if (c1) {
      out.append(fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i])));
    } else if (byte == '\n') {
      out.append("\\n");
    } else if (byte == '\t') {
      out.append("\\t");
    } else if (byte < 0x20 || byte == 0x7F) {
      out.append(fmt::format("\\x{:02x}", byte));
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    return fmt::format("{} B", bytes);
  }
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (amount >= 1023.95 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string format_seconds(double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds)) {
    return "?";
  }
  if (seconds < 59.95) {
    return fmt::format("{:.1f} s", seconds);
  }
  const double capped = std::min(seconds, 1e15);
  const auto whole = static_cast<std::uint64_t>(std::llround(capped));
  if (whole < 3600) {
    return fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  if (whole < 86400) {
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  }
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

void Table::row(std::vector<Cell> cells) {
  for (auto& cell : cells) {
    cell.text = printable(cell.text);
  }
  rows_.push_back({std::move(cells), false});
}

void Table::line(std::string text, Colour colour) {
  rows_.push_back({{Cell{printable(text), colour, false}}, true});
}

void Table::print(std::ostream& out, bool colours) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    if (row.is_line) {
      continue;
    }
    widths.resize(std::max(widths.size(), row.cells.size()));
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row.cells[i].text));
    }
  }
  for (const auto& row : rows_) {
    std::string text;
    std::size_t owed = 0;  // spaces that only a further cell needs
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const Cell& cell = row.cells[i];
      const std::size_t padding = row.is_line ? 0 : widths[i] - width_of(cell.text);
      if (!cell.text.empty()) {
        text.append(owed + (cell.right ? padding : 0), ' ');
        text.append(paint(cell.text, cell.colour, colours));
        owed = 0;
      }
      owed += kGap + (cell.text.empty() || !cell.right ? padding : 0);
    }
    out << text << '\n';
  }
}

}  // namespace rowtide
