#include "sources/mysql/json_text.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "sources/mysql/decimal.h"
#include "sources/mysql/temporal.h"
#include "sources/mysql/utf8_check.h"

namespace rowtide::mysql {
namespace {

constexpr std::uint8_t kOpaqueDate = 10;
constexpr std::uint8_t kOpaqueTime = 11;
constexpr std::uint8_t kOpaqueDatetime = 12;
constexpr std::uint8_t kOpaqueTimestamp = 7;
constexpr std::uint8_t kOpaqueDecimal = 246;
constexpr unsigned kJsonFractionDigits = 6;
// Bytes that make a line of 76 characters.
constexpr std::size_t kBase64LineBytes = 57;
// From so many digits before the point on, or so many zeros behind it, the server prints an
// exponent.
constexpr int kMaxFixedDigits = 15;

template <class Integer>
bool load(std::string_view bytes, Integer& out) {
  if (bytes.size() < sizeof(Integer)) {
    return false;
  }
  std::memcpy(&out, bytes.data(), sizeof(Integer));
  return true;
}

void append_integer(std::string& out, auto value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

template <class Integer>
bool append_number(std::string_view bytes, std::string& out) {
  Integer value = 0;
  if (!load(bytes, value)) {
    return false;
  }
  append_integer(out, value);
  return true;
}

// Seven bits per byte, the lowest first; takes it off `bytes`.
bool take_length(std::string_view& bytes, std::size_t& length) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 5 && i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << (7 * i);
    if ((byte & 0x80U) == 0) {
      bytes.remove_prefix(i + 1);
      length = value;
      return value <= UINT32_MAX;
    }
  }
  return false;
}

template <class Float>
void append_shortest_digits(Float value, std::string& out) {
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific)
                       .ptr;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  if (!std::isfinite(value)) {
    out += text;
    return;
  }
  const std::size_t exponent_at = text.find('e');
  std::string_view mantissa = text.substr(0, exponent_at);
  if (mantissa.front() == '-') {
    out.push_back('-');
    mantissa.remove_prefix(1);
  }
  std::string digits;
  for (const char c : mantissa) {
    if (c != '.') {
      digits.push_back(c);
    }
  }
  int exponent = 0;
  const char* sign = text.data() + exponent_at + 1;
  std::from_chars(*sign == '+' ? sign + 1 : sign, text.data() + text.size(), exponent);
  const int point = exponent + 1;
  const auto count = static_cast<int>(digits.size());
  if (value == 0) {
    out.push_back('0');
  } else if (point > kMaxFixedDigits || point < -kMaxFixedDigits + 1) {
    out.push_back(digits.front());
    if (count > 1) {
      out.push_back('.');
      out.append(digits, 1);
    }
    out.push_back('e');
    append_integer(out, exponent);
  } else if (point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else if (count <= point) {
    out += digits;
    out.append(static_cast<std::size_t>(point - count), '0');
  } else {
    out.append(digits, 0, static_cast<std::size_t>(point));
    out.push_back('.');
    out.append(digits, static_cast<std::size_t>(point));
  }
}

bool append_double(std::string_view bytes, std::string& out) {
  std::uint64_t bits = 0;
  if (!load(bytes, bits)) {
    return false;
  }
  const auto value = std::bit_cast<double>(bits);
  if (!std::isfinite(value)) {
    return false;
  }
  const std::size_t start = out.size();
  append_shortest(value, out);
  // A double stays one when it is read back.
  if (out.find_first_of(".e", start) == std::string::npos) {
    out += ".0";
  }
  return true;
}

bool append_string_value(std::string_view bytes, std::string& out) {
  std::size_t length = 0;
  if (!take_length(bytes, length) || length > bytes.size()) {
    return false;
  }
  return append_json_string(bytes.substr(0, length), out);
}

// The server breaks it into lines, and a line's end in a JSON string is escaped.
void append_base64(std::string_view bytes, std::string& out) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    if (i > 0 && i % kBase64LineBytes == 0) {
      out += "\\n";
    }
    const auto at = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U;
    };
    const std::uint32_t group = at(0) << 16 | at(1) << 8 | at(2);
    out.push_back(kDigits[group >> 18]);
    out.push_back(kDigits[group >> 12 & 63]);
    out.push_back(i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=');
    out.push_back(i + 2 < bytes.size() ? kDigits[group & 63] : '=');
  }
}

bool append_opaque_decimal(std::string_view data, std::string& out) {
  if (data.size() < 2) {
    return false;
  }
  const unsigned precision = static_cast<unsigned char>(data[0]);
  const unsigned scale = static_cast<unsigned char>(data[1]);
  data.remove_prefix(2);
  if (precision == 0 || precision > 65 || scale > precision ||
      data.size() != decimal_size_bytes(precision, scale)) {
    return false;
  }
  std::array<char, kMaxDecimalText> text;
  const std::size_t length = write_decimal(data, precision, scale, text.data());
  out.append(text.data(), length);
  return length > 0;
}

bool append_opaque_temporal(std::uint8_t type, std::string_view data, std::string& out) {
  std::int64_t packed = 0;
  if (data.size() != sizeof(packed) || !load(data, packed)) {
    return false;
  }
  std::array<char, kMaxTemporalText> text;
  std::size_t length = 0;
  if (type == kOpaqueTime) {
    TimeParts time;
    unpack_time(packed, time);
    length = write_time(time, kJsonFractionDigits, text.data());
  } else {
    DatetimeParts parts;
    unpack_datetime(packed, parts);
    length = type == kOpaqueDate ? write_date(parts, text.data())
                                 : write_datetime(parts, kJsonFractionDigits, text.data());
  }
  out.push_back('"');
  out.append(text.data(), length);
  out.push_back('"');
  return true;
}

bool append_opaque(std::string_view bytes, std::string& out) {
  if (bytes.empty()) {
    return false;
  }
  const auto type = static_cast<std::uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  std::size_t length = 0;
  if (!take_length(bytes, length) || length > bytes.size()) {
    return false;
  }
  const std::string_view data = bytes.substr(0, length);
  switch (type) {
    case kOpaqueDecimal:
      return append_opaque_decimal(data, out);
    case kOpaqueDate:
    case kOpaqueTime:
    case kOpaqueDatetime:
    case kOpaqueTimestamp:
      return append_opaque_temporal(type, data, out);
    default:
      out += "\"base64:type";
      append_integer(out, type);
      out.push_back(':');
      append_base64(data, out);
      out.push_back('"');
      return true;
  }
}

bool append_literal(std::string_view bytes, std::string& out) {
  constexpr std::string_view kTexts[] = {"null", "true", "false"};
  if (bytes.empty() || static_cast<unsigned char>(bytes.front()) > 2) {
    return false;
  }
  out += kTexts[static_cast<unsigned char>(bytes.front())];
  return true;
}

bool append_container(const JsonView& value, int depth, std::size_t& budget_bytes,
                      std::string& out) {
  const auto container = JsonContainer::open(value);
  if (!container || depth >= kMaxJsonDepth || container->directory_bytes() > budget_bytes) {
    return false;
  }
  budget_bytes -= container->directory_bytes();
  out.push_back(value.is_object() ? '{' : '[');
  for (std::uint32_t i = 0; i < container->size(); ++i) {
    if (i > 0) {
      out += ", ";
    }
    if (value.is_object()) {
      const auto key = container->key(i);
      if (!key || key->size() > budget_bytes || !append_json_string(*key, out)) {
        return false;
      }
      budget_bytes -= key->size();
      out += ": ";
    }
    const auto element = container->value(i);
    if (!element || !append_json_value(*element, depth + 1, budget_bytes, out)) {
      return false;
    }
  }
  out.push_back(value.is_object() ? '}' : ']');
  return true;
}

bool append_scalar(const JsonView& value, std::string& out) {
  switch (value.type) {
    case JsonType::kLiteral:
      return append_literal(value.bytes, out);
    case JsonType::kInt16:
      return append_number<std::int16_t>(value.bytes, out);
    case JsonType::kUint16:
      return append_number<std::uint16_t>(value.bytes, out);
    case JsonType::kInt32:
      return append_number<std::int32_t>(value.bytes, out);
    case JsonType::kUint32:
      return append_number<std::uint32_t>(value.bytes, out);
    case JsonType::kInt64:
      return append_number<std::int64_t>(value.bytes, out);
    case JsonType::kUint64:
      return append_number<std::uint64_t>(value.bytes, out);
    case JsonType::kDouble:
      return append_double(value.bytes, out);
    case JsonType::kString:
      return append_string_value(value.bytes, out);
    case JsonType::kOpaque:
      return append_opaque(value.bytes, out);
    default:
      return false;
  }
}

}  // namespace

bool append_json_string(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      const std::size_t size_bytes = utf8_character_bytes(text.substr(i));
      if (size_bytes == 0) {
        return false;
      }
      out.append(text, i, size_bytes);
      i += size_bytes;
      continue;
    }
    ++i;
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
    constexpr std::string_view kLetters = "\"\\bfnrt";
    const std::size_t found = c < 0x20 || c == '"' || c == '\\' ? kShort.find(static_cast<char>(c))
                                                                : std::string_view::npos;
    if (found != std::string_view::npos) {
      out.push_back('\\');
      out.push_back(kLetters[found]);
    } else if (c < 0x20) {
      out += "\\u00";
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15U]);
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  out.push_back('"');
  return true;
}

bool append_json_value(const JsonView& value, int depth, std::size_t& budget_bytes,
                       std::string& out) {
  if (value.is_object() || value.is_array()) {
    return append_container(value, depth, budget_bytes, out);
  }
  const std::size_t start = out.size();
  if (!append_scalar(value, out)) {
    return false;
  }
  // What is printed of a scalar is never less than a fraction of its bytes, and the smallest ones
  // stand in directories, which are counted.
  const std::size_t printed = (out.size() - start) / 8;
  if (printed > budget_bytes) {
    return false;
  }
  budget_bytes -= printed;
  return true;
}

bool append_json_text(std::string_view document, std::string& out) {
  std::size_t budget_bytes = 2 * document.size() + 16;
  return append_json_value(json_root(document), 0, budget_bytes, out);
}

void append_shortest(double value, std::string& out) {
  append_shortest_digits(value, out);
}

void append_shortest(float value, std::string& out) {
  append_shortest_digits(value, out);
}

}  // namespace rowtide::mysql
