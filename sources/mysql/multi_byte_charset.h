#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace rowtide::mysql {

// What the codes of one East Asian character set are in Unicode: the C library's conversion, laid
// out as tables, with the codes put right in which the servers differ from it.
class MultiByteTable {
 public:
  // The bytes of the character at the start of `text`, which is not empty; 0 where there is none.
  std::size_t read(std::string_view text, std::uint32_t& code_point) const noexcept;

 private:
  friend std::unique_ptr<const MultiByteTable> make_multi_byte_table(std::string_view charset);

  void put_right(std::uint32_t code, std::uint16_t unicode);

  // By the byte, or by the last two bytes; 0 = undefined.
  std::array<std::uint16_t, 256> one_byte_ = {};
  std::vector<std::uint16_t> two_bytes_;
  // Behind the lead byte 0x8f; empty = the set has none.
  std::vector<std::uint16_t> three_bytes_;
  // GB 18030, counted from 81308130; empty = the set has none.
  std::vector<std::uint16_t> four_bytes_;
};

// Made at the first use, which takes some milliseconds; safe from any thread. Null when the C
// library has no conversion of this set (Debian 13: the package libc-gconv-modules-extra).
const MultiByteTable* multi_byte_table(std::string_view charset);

}  // namespace rowtide::mysql
