#include "tests/unit/pg_decode_wire.h"

namespace rowtide::postgres::wire {
namespace {

std::string big_endian(std::uint64_t value, std::size_t size_bytes) {
  std::string out(size_bytes, '\0');
  for (std::size_t i = size_bytes; i-- > 0; value >>= 8) {
    out[i] = static_cast<char>(value & 0xff);
  }
  return out;
}

std::string cell(char format, std::string_view value) {
  return format + u32(value.size()) + std::string(value);
}

}  // namespace

std::string u8(unsigned value) {
  return big_endian(value, 1);
}
std::string u16(std::uint32_t value) {
  return big_endian(value, 2);
}
std::string u32(std::uint64_t value) {
  return big_endian(value, 4);
}
std::string u64(std::uint64_t value) {
  return big_endian(value, 8);
}
std::string text(std::string_view value) {
  return std::string(value) + '\0';
}
std::string text_cell(std::string_view value) {
  return cell('t', value);
}
std::string binary_cell(std::string_view value) {
  return cell('b', value);
}

std::string tuple(std::initializer_list<std::string_view> cells) {
  std::string out = u16(static_cast<std::uint32_t>(cells.size()));
  for (const std::string_view one : cells) {
    out += one;
  }
  return out;
}

}  // namespace rowtide::postgres::wire
