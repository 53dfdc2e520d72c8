#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rowtide::mysql {

// How the characters of a set lie in bytes.
enum class CharsetKind : std::uint8_t {
  kBinary,
  kAscii,
  kUtf8,
  // One byte per character, by a table.
  kSingleByte,
  kUcs2,
  kUtf16,
  kUtf16Le,
  kUtf32,
  // The East Asian sets: ASCII below 0x80, two to four bytes above.
  kMultiByte,
};

// A character set of the servers. All of them exist once, for as long as the program runs.
struct Charset {
  // The server's name of it.
  std::string_view name;
  CharsetKind kind = CharsetKind::kBinary;
  // The most bytes that one character takes: the limit of a CHAR(n) is n times this.
  std::uint8_t max_bytes = 1;
  // kSingleByte: what the bytes from table_first on are in Unicode, 0 = undefined; bytes below it
  // are ASCII.
  const std::uint16_t* table = nullptr;
  std::uint8_t table_first = 0x80;
};

// Null for a collation or a name that no server has had so far. The servers share one numbering.
const Charset* charset_of_collation(std::uint16_t collation);
const Charset* charset_by_name(std::string_view name);

bool is_ascii(std::string_view text) noexcept;

// Whether text of this set is its own UTF-8, so that no conversion is due. False costs nothing more
// than a conversion.
bool is_utf8_as_it_is(const Charset& charset, std::string_view text) noexcept;

// Appends `text` in UTF-8 to `out`. What the set does not define becomes U+FFFD when `replace` is
// set; otherwise the answer is false, and `out` holds what came before. kBinary is never defined
// beyond ASCII.
bool append_utf8(const Charset& charset, std::string_view text, bool replace, std::string& out);

// Appends one code point up to U+10FFFF.
void append_code_point(std::string& out, std::uint32_t code_point);

}  // namespace rowtide::mysql
