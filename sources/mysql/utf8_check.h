#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rowtide::mysql {

// The bytes of the well-formed UTF-8 character at the start of `text`, which is not empty; 0 where
// there is none. Overlong forms, surrogates and code points beyond U+10FFFF are not well formed.
inline std::size_t utf8_character_bytes(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xC2 || lead > 0xF4) {
    return 0;
  }
  const std::size_t size_bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < size_bytes) {
    return 0;
  }
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (at(1) < low || at(1) > high) {
    return 0;
  }
  for (std::size_t i = 2; i < size_bytes; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  return size_bytes;
}

// Of the bytes of one well-formed character.
inline std::uint32_t utf8_code_point(std::string_view character) noexcept {
  if (character.size() < 2) {
    return character.empty() ? 0 : static_cast<unsigned char>(character.front());
  }
  // The lead byte has one bit less for each byte that follows it.
  std::uint32_t code_point =
      static_cast<unsigned char>(character.front()) & (0xFFU >> (character.size() + 1));
  for (const char c : character.substr(1)) {
    code_point = code_point << 6 | (static_cast<unsigned char>(c) & 0x3FU);
  }
  return code_point;
}

inline bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t size_bytes = utf8_character_bytes(text);
    if (size_bytes == 0) {
      return false;
    }
    text.remove_prefix(size_bytes);
  }
  return true;
}

}  // namespace rowtide::mysql
