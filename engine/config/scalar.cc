#include "engine/config/scalar.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace rowtide::config {
namespace {

constexpr std::size_t kMaxQuotedBytes = 60;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end])) {
    ++end;
  }
  return end - at;
}

bool is_based_integer(std::string_view text) {
  const auto all = [&](auto accept) {
    return text.size() > 2 && std::ranges::all_of(text.substr(2), accept);
  };
  if (text.starts_with("0x")) {
    return all(
        [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
  }
  return text.starts_with("0o") && all([](char c) { return c >= '0' && c <= '7'; });
}

// [-+]? ( "." digits | digits ( "." digits? )? ) ( [eE] [-+]? digits )?
bool is_decimal(std::string_view text) {
  std::size_t at = 0;
  const std::size_t whole = digits_at(text, at);
  at += whole;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = digits_at(text, at + 1);
    at += 1 + fraction;
  }
  if (whole + fraction == 0) {
    return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
      ++at;
    }
    const std::size_t exponent = digits_at(text, at);
    if (exponent == 0) {
      return false;
    }
    at += exponent;
  }
  return at == text.size();
}

// The length of the UTF-8 character at the start of `text`; 0 when it is not one.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return 0;
    }
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  const bool bad_second = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
                          (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
  return bad_second ? 0 : length;
}

}  // namespace

ScalarKind scalar_kind(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 6> kBooleans{"true",  "True",  "TRUE",
                                                      "false", "False", "FALSE"};
  constexpr std::array<std::string_view, 6> kSpecial{".inf", ".Inf", ".INF",
                                                     ".nan", ".NaN", ".NAN"};
  if (std::ranges::find(kBooleans, text) != kBooleans.end()) {
    return ScalarKind::kBoolean;
  }
  if (is_based_integer(text)) {
    return ScalarKind::kNumber;
  }
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    text.remove_prefix(1);
  }
  const bool special = std::ranges::find(kSpecial, text) != kSpecial.end();
  return special || is_decimal(text) ? ScalarKind::kNumber : ScalarKind::kText;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(text.substr(at)));
    if (at + length > kMaxQuotedBytes) {
      break;
    }
    const auto first = static_cast<std::uint8_t>(text[at]);
    const bool printable = first >= 0x20 && first != 0x7F && (length > 1 || first < 0x80);
    out += printable ? text.substr(at, length) : std::string_view("?");
    at += length;
  }
  out += at < text.size() ? "...\"" : "\"";
  return out;
}

std::string_view::size_type find_bad_byte(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    const bool control =
        (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
    const std::size_t length = control ? 0 : utf8_length(text.substr(at));
    if (length == 0) {
      return at;
    }
    at += length;
  }
  return std::string_view::npos;
}

}  // namespace rowtide::config
