#include "sinks/format/json_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sinks/format/utf8.h"

namespace rowtide {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101U;
constexpr std::uint64_t kHighBits = 0x8080808080808080U;

std::uint64_t load8(const char* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The high bit of each byte that is zero in `word`, exact for the lowest one that is set.
constexpr std::uint64_t zero_bytes(std::uint64_t word) noexcept {
  return (word - kOnes) & ~word & kHighBits;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr char kHexDigits[] = "0123456789abcdef";

void put_escape(TextWriter& out, unsigned char c) {
  switch (c) {
    case '"':
      return out.put("\\\"");
    case '\\':
      return out.put("\\\\");
    case '\b':
      return out.put("\\b");
    case '\f':
      return out.put("\\f");
    case '\n':
      return out.put("\\n");
    case '\r':
      return out.put("\\r");
    case '\t':
      return out.put("\\t");
    default:
      out.put("\\u00");
      out.put(kHexDigits[c >> 4U]);
      out.put(kHexDigits[c & 0xFU]);
  }
}

// Writes the multi-byte sequence, or its replacement, at the start of `rest` and says how many
// bytes it took.
std::size_t put_non_ascii(TextWriter& out, std::string_view rest) {
  const std::size_t length = utf8_sequence_bytes(rest);
  if (length == 0) {
    out.put(kReplacement);
    return 1;
  }
  out.put(rest.substr(0, length));
  return length;
}

// Up to seven bytes, with spaces behind them.
std::uint64_t load_tail(const char* from, std::size_t count) noexcept {
  std::uint64_t word = 0;
  unsigned shift = 0;
  const auto take = [&](auto part) {
    std::memcpy(&part, from, sizeof part);
    word |= std::uint64_t{part} << shift;
    shift += static_cast<unsigned>(8 * sizeof part);
    from += sizeof part;
  };
  if ((count & 4U) != 0) {
    take(std::uint32_t{});
  }
  if ((count & 2U) != 0) {
    take(std::uint16_t{});
  }
  if ((count & 1U) != 0) {
    take(std::uint8_t{});
  }
  return word | (kOnes * ' ') << shift;
}

// The bytes that cannot be copied as they are: controls, quote, backslash and non-ASCII.
struct StringRules {
  // Only the lowest mark is exact, which is all that is used.
  static constexpr std::uint64_t special(std::uint64_t word) noexcept {
    return ((word - kOnes * 0x20) | zero_bytes(word ^ (kOnes * '"')) |
            zero_bytes(word ^ (kOnes * '\\')) | word) &
           kHighBits;
  }
#ifdef __SSE2__
  // One bit per byte, the lowest for the first; every mark is exact.
  static unsigned special16(__m128i bytes) noexcept {
    // As signed numbers, controls and non-ASCII bytes are the ones below a space.
    const __m128i below = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(below, _mm_or_si128(quote, backslash))));
  }
#endif
};

// The same of text that is JSON already: controls and non-ASCII.
struct TextRules {
  static constexpr std::uint64_t special(std::uint64_t word) noexcept {
    return ((word - kOnes * 0x20) | word) & kHighBits;
  }
#ifdef __SSE2__
  static unsigned special16(__m128i bytes) noexcept {
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' '))));
  }
#endif
};

// Copies bytes of `text` from `from` on up to the first special one and returns its index. Needs
// room for the rest of the text and eight bytes more.
template <class Rules>
std::size_t copy_plain(TextWriter& out, std::string_view text, std::size_t from) {
  char* to = out.cursor();
#ifdef __SSE2__
  for (; text.size() - from >= 16; to += 16, from += 16) {
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
    if (const unsigned marks = Rules::special16(bytes); marks != 0) {
      const auto plain = static_cast<std::size_t>(std::countr_zero(marks));
      out.advance_to(to + plain);
      return from + plain;
    }
  }
#endif
  while (from < text.size()) {
    const std::size_t count = std::min<std::size_t>(text.size() - from, 8);
    const std::uint64_t word =
        count == 8 ? load8(text.data() + from) : load_tail(text.data() + from, count);
    std::memcpy(to, &word, sizeof word);
    if (const std::uint64_t marks = Rules::special(word); marks != 0) {
      const auto plain = static_cast<std::size_t>(std::countr_zero(marks)) / 8;
      out.advance_to(to + plain);
      return from + plain;
    }
    to += count;
    from += count;
  }
  out.advance_to(to);
  return from;
}

template <class Float>
void put_float(TextWriter& out, Float value) {
  if (!std::isfinite(value)) [[unlikely]] {
    return out.put(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  }
  out.reserve(32);
  out.advance_to(std::to_chars(out.cursor(), out.cursor() + 32, value).ptr);
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_json_number(std::string_view text) noexcept {
  std::size_t i = !text.empty() && text[0] == '-' ? 1 : 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && is_digit(text[i])) {
      ++i;
    }
    return i > start;
  };
  const bool leading_zero = i < text.size() && text[i] == '0';
  const std::size_t integer_start = i;
  if (!digits() || (leading_zero && i > integer_start + 1)) {
    return false;
  }
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) {
      return false;
    }
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) {
      ++i;
    }
    if (!digits()) {
      return false;
    }
  }
  return i == text.size();
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) noexcept {
  std::size_t i = 0;
  while (i < bytes.size()) {
    if (i + 8 <= bytes.size() && (load8(bytes.data() + i) & kHighBits) == 0) {
      i += 8;
    } else if (static_cast<unsigned char>(bytes[i]) < 0x80) {
      ++i;
    } else if (const auto length = utf8_sequence_bytes(bytes.substr(i)); length != 0) {
      i += length;
    } else {
      return false;
    }
  }
  return true;
}

void put_json_string(TextWriter& out, std::string_view text) {
  out.reserve(text.size() + 16);
  out.put('"');
  std::size_t i = 0;
  while (true) {
    i = copy_plain<StringRules>(out, text, i);
    if (i >= text.size()) {
      break;
    }
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      put_escape(out, c);
      ++i;
    } else {
      i += put_non_ascii(out, text.substr(i));
    }
    out.reserve(text.size() - i + 16);
  }
  out.put('"');
}

void put_json_float64(TextWriter& out, double value) {
  put_float(out, value);
}
void put_json_float32(TextWriter& out, float value) {
  put_float(out, value);
}

void put_json_text(TextWriter& out, std::string_view json) {
  if (json.empty()) {
    return out.put("\"\"");
  }
  out.reserve(json.size() + 16);
  std::size_t i = 0;
  while (true) {
    i = copy_plain<TextRules>(out, json, i);
    if (i >= json.size()) {
      return;
    }
    const auto c = static_cast<unsigned char>(json[i]);
    if (c < 0x80) {
      out.put(' ');
      ++i;
    } else {
      i += put_non_ascii(out, json.substr(i));
    }
    out.reserve(json.size() - i + 16);
  }
}

void put_base64(TextWriter& out, std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out.reserve((bytes.size() + 2) / 3 * 4);
  char* to = out.cursor();
  const auto at = [&](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(bytes[i])};
  };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t triple = at(i) << 16U | at(i + 1) << 8U | at(i + 2);
    *to++ = kAlphabet[triple >> 18U];
    *to++ = kAlphabet[triple >> 12U & 63U];
    *to++ = kAlphabet[triple >> 6U & 63U];
    *to++ = kAlphabet[triple & 63U];
  }
  if (const std::size_t left = bytes.size() - i; left > 0) {
    const std::uint32_t triple = at(i) << 16U | (left == 2 ? at(i + 1) << 8U : 0U);
    *to++ = kAlphabet[triple >> 18U];
    *to++ = kAlphabet[triple >> 12U & 63U];
    *to++ = left == 2 ? kAlphabet[triple >> 6U & 63U] : '=';
    *to++ = '=';
  }
  out.advance_to(to);
}

void put_json_number_or_string(TextWriter& out, std::string_view digits) {
  if (is_json_number(digits)) {
    out.put(digits);
  } else {
    put_json_string(out, digits);
  }
}

}  // namespace rowtide
