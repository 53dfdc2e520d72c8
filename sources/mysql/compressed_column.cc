#include "sources/mysql/compressed_column.h"

#include <cstddef>
#include <cstdint>

#include <zlib.h>

namespace rowtide::mysql {
namespace {

constexpr unsigned kMethodZlib = 8;
constexpr unsigned kRawDeflate = 0x08;
constexpr unsigned kLengthBytes = 0x07;
// No deflate stream grows by more than this.
constexpr std::uint64_t kMaxRatio = 1032;
constexpr int kWindowBits = 15;

bool inflate_into(std::string_view packed, bool raw, char* out, std::size_t size_bytes) {
  z_stream stream = {};
  if (inflateInit2(&stream, raw ? -kWindowBits : kWindowBits) != Z_OK) {
    return false;
  }
  // zlib does not write to its input, but its type says so.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out);
  stream.avail_out = static_cast<uInt>(size_bytes);
  const int status = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return status == Z_STREAM_END && stream.avail_out == 0;
}

}  // namespace

bool decompress_cell(std::string_view cell, Arena& arena, std::string_view& plain) {
  if (cell.empty()) {
    plain = cell;
    return true;
  }
  const unsigned header = static_cast<unsigned char>(cell.front());
  cell.remove_prefix(1);
  const unsigned method = header >> 4;
  if (method == 0) {
    plain = cell;
    return true;
  }
  const std::size_t length_bytes = header & kLengthBytes;
  if (method != kMethodZlib || length_bytes == 0 || length_bytes > 4 ||
      length_bytes > cell.size()) {
    return false;
  }
  std::uint64_t size_bytes = 0;
  for (const char c : cell.substr(0, length_bytes)) {
    size_bytes = size_bytes << 8 | static_cast<unsigned char>(c);
  }
  cell.remove_prefix(length_bytes);
  if (size_bytes > cell.size() * kMaxRatio) {
    return false;
  }
  char* out = arena.allocate(size_bytes);
  plain = {out, size_bytes};
  return inflate_into(cell, (header & kRawDeflate) != 0, out, size_bytes);
}

}  // namespace rowtide::mysql
