#include "sources/mysql/charset.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "sources/mysql/multi_byte_charset.h"
#include "sources/mysql/utf8_check.h"

namespace rowtide::mysql {
namespace {

#include "sources/mysql/charset_tables.inc"

constexpr std::uint32_t kReplacement = 0xFFFD;

constexpr Charset single_byte(std::string_view name, const std::uint16_t* table,
                              std::uint8_t table_first = 0x80) {
  return {name, CharsetKind::kSingleByte, 1, table, table_first};
}

constexpr Charset kCharsets[] = {
    {"binary", CharsetKind::kBinary, 1},
    {"utf8mb4", CharsetKind::kUtf8, 4},
    {"utf8mb3", CharsetKind::kUtf8, 3},
    single_byte("latin1", kLatin1),
    {"ascii", CharsetKind::kAscii, 1},
    {"ucs2", CharsetKind::kUcs2, 2},
    {"utf16", CharsetKind::kUtf16, 4},
    {"utf16le", CharsetKind::kUtf16Le, 4},
    {"utf32", CharsetKind::kUtf32, 4},
    single_byte("armscii8", kArmscii8),
    single_byte("cp1250", kCp1250),
    single_byte("cp1251", kCp1251),
    single_byte("cp1256", kCp1256),
    single_byte("cp1257", kCp1257),
    single_byte("cp850", kCp850),
    single_byte("cp852", kCp852),
    single_byte("cp866", kCp866),
    single_byte("dec8", kDec8),
    single_byte("geostd8", kGeostd8),
    single_byte("greek", kGreek),
    single_byte("hebrew", kHebrew),
    single_byte("hp8", kHp8),
    single_byte("keybcs2", kKeybcs2),
    single_byte("koi8r", kKoi8r),
    single_byte("koi8u", kKoi8u),
    single_byte("latin2", kLatin2),
    single_byte("latin5", kLatin5),
    single_byte("latin7", kLatin7),
    single_byte("macce", kMacce),
    single_byte("macroman", kMacroman),
    single_byte("swe7", kSwe7, 0),
    single_byte("tis620", kTis620),
    {"big5", CharsetKind::kMultiByte, 2},
    {"cp932", CharsetKind::kMultiByte, 2},
    {"eucjpms", CharsetKind::kMultiByte, 3},
    {"euckr", CharsetKind::kMultiByte, 2},
    {"gb18030", CharsetKind::kMultiByte, 4},
    {"gb2312", CharsetKind::kMultiByte, 2},
    {"gbk", CharsetKind::kMultiByte, 2},
    {"sjis", CharsetKind::kMultiByte, 2},
    {"ujis", CharsetKind::kMultiByte, 3},
};

struct CollationRange {
  std::uint16_t first;
  std::uint16_t last;
  std::string_view charset;
};

// Sorted by id. MariaDB's NOPAD collations are 1024 above the ones that they come from.
constexpr CollationRange kCollations[] = {
    {1, 1, "big5"},        {2, 2, "latin2"},      {3, 3, "dec8"},        {4, 4, "cp850"},
    {5, 5, "latin1"},      {6, 6, "hp8"},         {7, 7, "koi8r"},       {8, 8, "latin1"},
    {9, 9, "latin2"},      {10, 10, "swe7"},      {11, 11, "ascii"},     {12, 12, "ujis"},
    {13, 13, "sjis"},      {14, 14, "cp1251"},    {15, 15, "latin1"},    {16, 16, "hebrew"},
    {18, 18, "tis620"},    {19, 19, "euckr"},     {20, 20, "latin7"},    {21, 21, "latin2"},
    {22, 22, "koi8u"},     {23, 23, "cp1251"},    {24, 24, "gb2312"},    {25, 25, "greek"},
    {26, 26, "cp1250"},    {27, 27, "latin2"},    {28, 28, "gbk"},       {29, 29, "cp1257"},
    {30, 30, "latin5"},    {31, 31, "latin1"},    {32, 32, "armscii8"},  {33, 33, "utf8mb3"},
    {34, 34, "cp1250"},    {35, 35, "ucs2"},      {36, 36, "cp866"},     {37, 37, "keybcs2"},
    {38, 38, "macce"},     {39, 39, "macroman"},  {40, 40, "cp852"},     {41, 42, "latin7"},
    {43, 43, "macce"},     {44, 44, "cp1250"},    {45, 46, "utf8mb4"},   {47, 49, "latin1"},
    {50, 52, "cp1251"},    {53, 53, "macroman"},  {54, 55, "utf16"},     {56, 56, "utf16le"},
    {57, 57, "cp1256"},    {58, 59, "cp1257"},    {60, 61, "utf32"},     {62, 62, "utf16le"},
    {63, 63, "binary"},    {64, 64, "armscii8"},  {65, 65, "ascii"},     {66, 66, "cp1250"},
    {67, 67, "cp1256"},    {68, 68, "cp866"},     {69, 69, "dec8"},      {70, 70, "greek"},
    {71, 71, "hebrew"},    {72, 72, "hp8"},       {73, 73, "keybcs2"},   {74, 74, "koi8r"},
    {75, 75, "koi8u"},     {76, 76, "utf8mb3"},   {77, 77, "latin2"},    {78, 78, "latin5"},
    {79, 79, "latin7"},    {80, 80, "cp850"},     {81, 81, "cp852"},     {82, 82, "swe7"},
    {83, 83, "utf8mb3"},   {84, 84, "big5"},      {85, 85, "euckr"},     {86, 86, "gb2312"},
    {87, 87, "gbk"},       {88, 88, "sjis"},      {89, 89, "tis620"},    {90, 90, "ucs2"},
    {91, 91, "ujis"},      {92, 93, "geostd8"},   {94, 94, "latin1"},    {95, 96, "cp932"},
    {97, 98, "eucjpms"},   {99, 99, "cp1250"},    {101, 124, "utf16"},   {128, 151, "ucs2"},
    {159, 159, "ucs2"},    {160, 183, "utf32"},   {192, 215, "utf8mb3"}, {223, 223, "utf8mb3"},
    {224, 247, "utf8mb4"}, {248, 250, "gb18030"}, {255, 511, "utf8mb4"}, {576, 607, "utf8mb3"},
    {608, 639, "utf8mb4"}, {640, 671, "ucs2"},    {672, 703, "utf16"},   {736, 767, "utf32"},
};

constexpr std::uint16_t kNoPad = 1024;
// MariaDB's collations after Unicode 14: 256 of each set.
constexpr std::uint16_t kUca1400 = 2048;
constexpr std::string_view kUca1400Charsets[] = {"utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"};

// Reads one character of a set with units of a fixed size; the bytes that it took, 0 where there is
// none.
std::size_t read_utf16(std::string_view text, bool little_endian, std::uint32_t& code_point) {
  const auto unit = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(text[at]);
    const auto second = static_cast<unsigned char>(text[at + 1]);
    return little_endian ? static_cast<std::uint32_t>(second << 8 | first)
                         : static_cast<std::uint32_t>(first << 8 | second);
  };
  if (text.size() < 2) {
    return 0;
  }
  code_point = unit(0);
  if (code_point < 0xD800 || code_point > 0xDFFF) {
    return 2;
  }
  if (code_point > 0xDBFF || text.size() < 4) {
    return 0;
  }
  const std::uint32_t low = unit(2);
  if (low < 0xDC00 || low > 0xDFFF) {
    return 0;
  }
  code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
  return 4;
}

std::size_t read_utf32(std::string_view text, std::uint32_t& code_point) {
  if (text.size() < 4) {
    return 0;
  }
  std::uint32_t big_endian = 0;
  std::memcpy(&big_endian, text.data(), sizeof(big_endian));
  code_point = __builtin_bswap32(big_endian);
  return code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF) ? 4 : 0;
}

std::size_t read_character(const Charset& charset, const MultiByteTable* multi_byte,
                           std::string_view text, std::uint32_t& code_point) {
  const auto first = static_cast<unsigned char>(text.front());
  switch (charset.kind) {
    case CharsetKind::kBinary:
    case CharsetKind::kAscii:
      code_point = first;
      return first < 0x80 ? 1 : 0;
    case CharsetKind::kUtf8: {
      const std::size_t size_bytes = utf8_character_bytes(text);
      code_point = utf8_code_point(text.substr(0, size_bytes));
      return size_bytes;
    }
    case CharsetKind::kSingleByte:
      code_point = first < charset.table_first ? first : charset.table[first - charset.table_first];
      return code_point != 0 || first == 0 ? 1 : 0;
    case CharsetKind::kUcs2:
    case CharsetKind::kUtf16:
      return read_utf16(text, false, code_point);
    case CharsetKind::kUtf16Le:
      return read_utf16(text, true, code_point);
    case CharsetKind::kUtf32:
      return read_utf32(text, code_point);
    case CharsetKind::kMultiByte:
      return multi_byte == nullptr ? 0 : multi_byte->read(text, code_point);
  }
  return 0;
}

}  // namespace

const Charset* charset_by_name(std::string_view name) {
  const std::string_view wanted = name == "utf8" ? "utf8mb3" : name;
  const auto* found = std::ranges::find(kCharsets, wanted, &Charset::name);
  return found == std::end(kCharsets) ? nullptr : found;
}

const Charset* charset_of_collation(std::uint16_t collation) {
  if (collation >= kUca1400) {
    const std::size_t set = (collation - kUca1400) / 256U;
    return set < std::size(kUca1400Charsets) ? charset_by_name(kUca1400Charsets[set]) : nullptr;
  }
  const std::uint16_t id =
      collation >= kNoPad ? static_cast<std::uint16_t>(collation - kNoPad) : collation;
  const auto* found = std::ranges::lower_bound(kCollations, id, {}, &CollationRange::last);
  return found == std::end(kCollations) || id < found->first ? nullptr
                                                             : charset_by_name(found->charset);
}

bool is_ascii(std::string_view text) noexcept {
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t high_bits = 0;
  for (; left >= sizeof(high_bits); left -= sizeof(high_bits), at += sizeof(high_bits)) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    high_bits |= word;
  }
  for (; left > 0; --left, ++at) {
    high_bits |= static_cast<unsigned char>(*at);
  }
  return (high_bits & 0x8080808080808080U) == 0;
}

bool is_utf8_as_it_is(const Charset& charset, std::string_view text) noexcept {
  switch (charset.kind) {
    case CharsetKind::kUtf8:
      return is_ascii(text) || is_utf8(text);
    case CharsetKind::kSingleByte:
      return charset.table_first >= 0x80 && is_ascii(text);
    case CharsetKind::kBinary:
    case CharsetKind::kAscii:
    case CharsetKind::kMultiByte:
      return is_ascii(text);
    default:
      return text.empty();
  }
}

void append_code_point(std::string& out, std::uint32_t code_point) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

bool append_utf8(const Charset& charset, std::string_view text, bool replace, std::string& out) {
  const MultiByteTable* multi_byte =
      charset.kind == CharsetKind::kMultiByte ? multi_byte_table(charset.name) : nullptr;
  while (!text.empty()) {
    std::uint32_t code_point = 0;
    std::size_t size_bytes = read_character(charset, multi_byte, text, code_point);
    if (size_bytes == 0) {
      if (!replace) {
        return false;
      }
      size_bytes = 1;
      code_point = kReplacement;
    }
    append_code_point(out, code_point);
    text.remove_prefix(size_bytes);
  }
  return true;
}

}  // namespace rowtide::mysql
