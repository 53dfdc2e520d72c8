#include "sources/mysql/multi_byte_charset.h"

#include <cstring>
#include <mutex>
#include <span>

#include <iconv.h>

namespace rowtide::mysql {
namespace {

struct CodeOverride {
  std::uint32_t code;
  std::uint16_t unicode;
};

#include "sources/mysql/multi_byte_overrides.inc"

constexpr std::uint8_t kThreeByteLead = 0x8f;
constexpr std::size_t kTwoByteCodes = 0x10000;
// Codes of four bytes that lie in the Basic Multilingual Plane, and where the others begin.
constexpr std::size_t kBmpFourByteCodes = 39'420;
constexpr std::size_t kSupplementaryCode = 189'000;
constexpr std::uint32_t kSupplementaryPlanes = 0x100000;

struct Recipe {
  std::string_view charset;
  const char* library_name;
  // The set has characters of one byte above 0x7f (half-width katakana).
  bool one_byte = false;
  bool three_bytes = false;
  bool four_bytes = false;
  std::span<const CodeOverride> overrides = {};
};

constexpr Recipe kRecipes[] = {
    {.charset = "big5", .library_name = "BIG5", .overrides = kBig5Overrides},
    {.charset = "cp932", .library_name = "CP932", .one_byte = true},
    {.charset = "eucjpms", .library_name = "EUC-JP-MS", .three_bytes = true},
    {.charset = "euckr", .library_name = "UHC"},
    {.charset = "gb18030",
     .library_name = "GB18030",
     .four_bytes = true,
     .overrides = kGb18030Overrides},
    {.charset = "gb2312", .library_name = "GB2312"},
    {.charset = "gbk", .library_name = "GBK"},
    {.charset = "sjis", .library_name = "SJIS", .one_byte = true, .overrides = kSjisOverrides},
    {.charset = "ujis",
     .library_name = "EUC-JP-MS",
     .three_bytes = true,
     .overrides = kUjisOverrides},
};

class Converter {
 public:
  explicit Converter(const char* charset) : handle_(iconv_open("UTF-16LE", charset)) {}
  ~Converter() {
    if (ok()) {
      iconv_close(handle_);
    }
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  bool ok() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  // What the bytes are if they are exactly one character of the Basic Multilingual Plane, else 0.
  std::uint16_t character(std::span<const std::uint8_t> bytes) {
    char in[4];
    char out[16];
    std::memcpy(in, bytes.data(), bytes.size());
    char* from = in;
    char* to = out;
    std::size_t in_left = bytes.size();
    std::size_t out_left = sizeof(out);
    iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    if (iconv(handle_, &from, &in_left, &to, &out_left) != 0 ||
        iconv(handle_, nullptr, nullptr, &to, &out_left) != 0 || sizeof(out) - out_left != 2) {
      return 0;
    }
    std::uint16_t unit = 0;
    std::memcpy(&unit, out, sizeof(unit));
    return unit;
  }

 private:
  iconv_t handle_;
};

std::size_t four_byte_index(std::string_view code) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(code[i]); };
  return (((at(0) - 0x81U) * 10U + (at(1) - 0x30U)) * 126U + (at(2) - 0x81U)) * 10U +
         (at(3) - 0x30U);
}

bool is_four_byte_code(std::string_view text) {
  const auto within = [&](std::size_t i, unsigned first, unsigned last) {
    const auto byte = static_cast<unsigned char>(text[i]);
    return byte >= first && byte <= last;
  };
  return text.size() >= 4 && within(0, 0x81, 0xfe) && within(1, 0x30, 0x39) &&
         within(2, 0x81, 0xfe) && within(3, 0x30, 0x39);
}

std::vector<std::uint16_t> four_byte_table(Converter& converter) {
  std::vector<std::uint16_t> table(kBmpFourByteCodes);
  for (std::size_t i = 0; i < table.size(); ++i) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(0x81 + i / 12'600),
                                  static_cast<std::uint8_t>(0x30 + i / 1'260 % 10),
                                  static_cast<std::uint8_t>(0x81 + i / 10 % 126),
                                  static_cast<std::uint8_t>(0x30 + i % 10)};
    table[i] = converter.character(bytes);
  }
  return table;
}

}  // namespace

std::unique_ptr<const MultiByteTable> make_multi_byte_table(std::string_view charset) {
  const Recipe* recipe = nullptr;
  for (const Recipe& candidate : kRecipes) {
    recipe = candidate.charset == charset ? &candidate : recipe;
  }
  if (recipe == nullptr) {
    return nullptr;
  }
  Converter converter(recipe->library_name);
  if (!converter.ok()) {
    return nullptr;
  }
  auto table = std::make_unique<MultiByteTable>();
  table->two_bytes_.resize(kTwoByteCodes);
  if (recipe->three_bytes) {
    table->three_bytes_.resize(kTwoByteCodes);
  }
  for (unsigned lead = 0x80; lead < 0x100; ++lead) {
    const auto first = static_cast<std::uint8_t>(lead);
    if (recipe->one_byte) {
      table->one_byte_[lead] = converter.character(std::span(&first, 1));
    }
    for (unsigned trail = 0x30; trail < 0x100; ++trail) {
      const auto second = static_cast<std::uint8_t>(trail);
      const std::uint8_t bytes[] = {kThreeByteLead, first, second};
      table->two_bytes_[lead << 8 | trail] = converter.character(std::span(bytes).subspan(1));
      if (recipe->three_bytes) {
        table->three_bytes_[lead << 8 | trail] = converter.character(bytes);
      }
    }
  }
  if (recipe->four_bytes) {
    table->four_bytes_ = four_byte_table(converter);
  }
  for (const CodeOverride& put_right : recipe->overrides) {
    table->put_right(put_right.code, put_right.unicode);
  }
  return table;
}

void MultiByteTable::put_right(std::uint32_t code, std::uint16_t unicode) {
  if (code > 0xffffff) {
    const char bytes[] = {static_cast<char>(code >> 24), static_cast<char>(code >> 16),
                          static_cast<char>(code >> 8), static_cast<char>(code)};
    four_bytes_.at(four_byte_index({bytes, sizeof(bytes)})) = unicode;
  } else {
    (code > 0xffff ? three_bytes_ : two_bytes_).at(code & 0xffff) = unicode;
  }
}

std::size_t MultiByteTable::read(std::string_view text, std::uint32_t& code_point) const noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  code_point = lead < 0x80 ? lead : one_byte_[lead];
  if (lead < 0x80 || code_point != 0) {
    return 1;
  }
  if (!four_bytes_.empty() && is_four_byte_code(text)) {
    const std::size_t index = four_byte_index(text);
    if (index >= kSupplementaryCode && index - kSupplementaryCode < kSupplementaryPlanes) {
      code_point = 0x10000 + static_cast<std::uint32_t>(index - kSupplementaryCode);
    } else if (index < four_bytes_.size()) {
      code_point = four_bytes_[index];
    }
    return code_point == 0 ? 0 : 4;
  }
  if (lead == kThreeByteLead && !three_bytes_.empty()) {
    code_point = text.size() < 3 ? 0 : three_bytes_[std::size_t{at(1)} << 8U | at(2)];
    return code_point == 0 ? 0 : 3;
  }
  code_point = text.size() < 2 ? 0 : two_bytes_[std::size_t{lead} << 8U | at(1)];
  return code_point == 0 ? 0 : 2;
}

const MultiByteTable* multi_byte_table(std::string_view charset) {
  struct Slot {
    std::once_flag once;
    std::unique_ptr<const MultiByteTable> table;
  };
  // Not state but constants that are too large to be made before they are needed.
  static Slot slots[std::size(kRecipes)];
  for (std::size_t i = 0; i < std::size(kRecipes); ++i) {
    if (kRecipes[i].charset == charset) {
      std::call_once(slots[i].once, [&] { slots[i].table = make_multi_byte_table(charset); });
      return slots[i].table.get();
    }
  }
  return nullptr;
}

}  // namespace rowtide::mysql
