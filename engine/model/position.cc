#include "engine/model/position.h"

#include <charconv>

#include "engine/model/digits.h"

namespace rowtide {
namespace {

bool read_hex(std::string_view text, std::uint64_t& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() && text[0] != '-';
}

}  // namespace

void append_position(std::string& out, const Position& position) {
  char text[kPositionTextBytes];
  char* to = put_hex_digits(text, position.timeline, 8);
  *to++ = '-';
  to = put_hex_digits(to, position.commit, 16);
  *to++ = '-';
  put_hex_digits(to, position.row, 10);
  out.append(text, sizeof(text));
}

std::string to_text(const Position& position) {
  std::string out;
  out.reserve(kPositionTextBytes);
  append_position(out, position);
  return out;
}

Result<Position> parse_position(std::string_view text) {
  std::uint64_t timeline = 0;
  Position position;
  if (text.size() != kPositionTextBytes || text[8] != '-' || text[25] != '-' ||
      !read_hex(text.substr(0, 8), timeline) || !read_hex(text.substr(9, 16), position.commit) ||
      !read_hex(text.substr(26, 10), position.row)) {
    return fail(
        operator_error(Code::kData, "'" + std::string(text.substr(0, 64)) + "' is not a position",
                       "A position reads TTTTTTTT-CCCCCCCCCCCCCCCC-RRRRRRRRRR in hexadecimal"));
  }
  position.timeline = static_cast<std::uint32_t>(timeline);
  return position;
}

}  // namespace rowtide
