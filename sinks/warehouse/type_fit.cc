#include "sinks/warehouse/type_fit.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace rowtide::warehouse {
namespace {

enum class Family : std::uint8_t { kInteger, kUnsigned, kDecimal, kFloat, kText, kTimed, kOther };

// A type taken apart: "numeric(12,2)" is kDecimal, name "numeric", first 12, second 2.
struct Shape {
  Family family = Family::kOther;
  std::string name;
  // Bits of integers and floats; precision, length or fraction digits of the others.
  std::optional<int> first;
  int second = 0;
};

constexpr int kMaxDuckdbDecimalDigits = 38;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

// Cuts "(12,2)" out of the name.
void cut_arguments(Shape& shape) {
  const auto open = shape.name.find('(');
  const auto close = shape.name.find(')', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) {
    return;
  }
  const char* at = shape.name.data() + open + 1;
  const char* end = shape.name.data() + close;
  int first = 0;
  const auto parsed = std::from_chars(at, end, first);
  if (parsed.ec != std::errc()) {
    return;
  }
  if (parsed.ptr < end && *parsed.ptr == ',' &&
      std::from_chars(parsed.ptr + 1, end, shape.second).ptr != end) {
    return;
  }
  shape.first = first;
  shape.name.erase(open, close - open + 1);
}

Shape parse_shape(std::string_view type) {
  Shape shape;
  shape.name = lower(type);
  if (shape.name.ends_with("[]")) {
    return shape;
  }
  cut_arguments(shape);
  const auto is = [&](auto... names) { return ((shape.name == names) || ...); };
  const auto fixed = [&](Family family, int bits) {
    shape.family = family;
    shape.first = bits;
  };
  if (is("smallint")) {
    fixed(Family::kInteger, 16);
  } else if (is("integer")) {
    fixed(Family::kInteger, 32);
  } else if (is("bigint")) {
    fixed(Family::kInteger, 64);
  } else if (is("ubigint")) {
    fixed(Family::kUnsigned, 64);
  } else if (is("real", "float")) {
    fixed(Family::kFloat, 32);
  } else if (is("double precision", "double")) {
    fixed(Family::kFloat, 64);
  } else if (is("numeric", "decimal")) {
    shape.family = Family::kDecimal;
  } else if (is("text", "varchar", "character varying")) {
    shape.family = Family::kText;
  } else if (shape.name.starts_with("time") || is("interval", "bit varying")) {
    shape.family = Family::kTimed;
  }
  return shape;
}

int decimal_digits(const Shape& integer) {
  if (integer.family == Family::kUnsigned) {
    return 20;
  }
  return *integer.first == 16 ? 5 : *integer.first == 32 ? 10 : 19;
}

// The decimal that holds every value of both, or text where DuckDB has none so wide.
TypeFit join_decimals(const Shape& at_hand, const Shape& needed, std::string_view at_hand_text,
                      std::string_view needed_text) {
  if (!at_hand.first) {
    return {Fit::kHolds, std::string(at_hand_text)};
  }
  if (!needed.first) {
    return {Fit::kWiden, std::string(needed_text)};
  }
  const int scale = std::max(at_hand.second, needed.second);
  const int whole = std::max(*at_hand.first - at_hand.second, *needed.first - needed.second);
  if (scale == at_hand.second && whole == *at_hand.first - at_hand.second) {
    return {Fit::kHolds, std::string(at_hand_text)};
  }
  if (needed.name == "decimal") {
    return {Fit::kWiden, whole + scale > kMaxDuckdbDecimalDigits
                             ? std::string("VARCHAR")
                             : fmt::format("DECIMAL({},{})", whole + scale, scale)};
  }
  return {Fit::kWiden, fmt::format("numeric({},{})", whole + scale, scale)};
}

// Types of one family that differ in one limit only; no limit is the widest.
TypeFit compare_limits(const Shape& at_hand, const Shape& needed, std::string_view at_hand_text,
                       std::string_view needed_text) {
  if (!at_hand.first || (needed.first && *at_hand.first >= *needed.first)) {
    return {Fit::kHolds, std::string(at_hand_text)};
  }
  return {Fit::kWiden, std::string(needed_text)};
}

}  // namespace

TypeFit compare_types(std::string_view at_hand_text, std::string_view needed_text) {
  const Shape at_hand = parse_shape(at_hand_text);
  const Shape needed = parse_shape(needed_text);
  const TypeFit holds{Fit::kHolds, std::string(at_hand_text)};
  const TypeFit widen{Fit::kWiden, std::string(needed_text)};
  if (lower(at_hand_text) == lower(needed_text)) {
    return holds;
  }
  const bool was_whole = at_hand.family == Family::kInteger || at_hand.family == Family::kUnsigned;
  if (at_hand.family == needed.family) {
    switch (at_hand.family) {
      case Family::kDecimal:
        return join_decimals(at_hand, needed, at_hand_text, needed_text);
      case Family::kInteger:
      case Family::kFloat:
      case Family::kText:
        return compare_limits(at_hand, needed, at_hand_text, needed_text);
      case Family::kTimed:
        return at_hand.name == needed.name
                   ? compare_limits(at_hand, needed, at_hand_text, needed_text)
                   : TypeFit{};
      case Family::kUnsigned:
      case Family::kOther:
        return {};
    }
  }
  if (at_hand.family == Family::kInteger && needed.family == Family::kUnsigned) {
    // The source holds no negative value any more; if the destination does, its ALTER says so.
    return widen;
  }
  if (was_whole && needed.family == Family::kDecimal) {
    return widen;
  }
  if (at_hand.family == Family::kDecimal && needed.family == Family::kInteger) {
    const bool fits = !at_hand.first || *at_hand.first - at_hand.second >= decimal_digits(needed);
    return fits ? holds : TypeFit{};
  }
  if (needed.family == Family::kText && !needed.first &&
      (was_whole || at_hand.family == Family::kDecimal || at_hand.name == "uuid")) {
    return widen;
  }
  if (at_hand.name == "varchar" && needed.family == Family::kDecimal) {
    // DuckDB keeps decimals without limits as text; the same column may get limits later.
    return holds;
  }
  return {};
}

}  // namespace rowtide::warehouse
