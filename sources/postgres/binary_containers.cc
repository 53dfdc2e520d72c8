#include "sources/postgres/binary_containers.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace rowtide::postgres {
namespace {

constexpr std::int32_t kNullLength = -1;
// The server's MAXDIM.
constexpr std::size_t kMostDimensions = 6;

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Puts out[start..] between quotes. Quotes and backslashes in it are `doubled`, or else escaped
// with a backslash each.
void quote_from(std::string& out, std::size_t start, bool doubled) {
  const std::string plain = out.substr(start);
  out.resize(start);
  out.push_back('"');
  for (const char c : plain) {
    if (c == '"' || c == '\\') {
      out.push_back(doubled ? c : '\\');
    }
    out.push_back(c);
  }
  out.push_back('"');
}

void quote_element(std::string& out, std::size_t start, char delimiter) {
  const std::string_view text = std::string_view(out).substr(start);
  const bool spells_null =
      text.size() == 4 && std::ranges::equal(text, std::string_view("null"), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
      });
  const bool special = std::ranges::any_of(text, [delimiter](char c) {
    return c == delimiter || c == '"' || c == '\\' || c == '{' || c == '}' || is_space(c);
  });
  if (text.empty() || spells_null || special) {
    quote_from(out, start, false);
  }
}

// `brackets` are the characters of the container that also need quotes.
void quote_member(std::string& out, std::size_t start, std::string_view brackets) {
  const std::string_view text = std::string_view(out).substr(start);
  if (text.empty() || std::ranges::any_of(text, [brackets](char c) {
        return c == '"' || c == '\\' || c == ',' || brackets.contains(c) || is_space(c);
      })) {
    quote_from(out, start, true);
  }
}

struct Dimension {
  std::size_t size = 0;
  std::int32_t lower_bound = 1;
};

class ArrayWriter {
 public:
  ArrayWriter(const TypeCatalog& catalog, const TypeInfo& element, int depth, Cursor& in,
              std::string& out)
      : catalog_(catalog), element_(element), depth_(depth), in_(in), out_(out) {}

  bool write(std::size_t dimension_count) {
    if (!read_dimensions(dimension_count)) {
      return false;
    }
    const auto dimensions = std::span(dimensions_).first(dimension_count);
    if (std::ranges::any_of(dimensions, [](const Dimension& d) { return d.size == 0; })) {
      out_ += "{}";
      return true;
    }
    if (std::ranges::any_of(dimensions, [](const Dimension& d) { return d.lower_bound != 1; })) {
      for (const Dimension& dimension : dimensions) {
        fmt::format_to(std::back_inserter(out_), "[{}:{}]", dimension.lower_bound,
                       dimension.lower_bound + static_cast<std::int64_t>(dimension.size) - 1);
      }
      out_.push_back('=');
    }
    return write_level(dimensions);
  }

 private:
  bool read_dimensions(std::size_t count) {
    // Every element takes at least its length field, so sizes that the bytes cannot hold are lies.
    std::size_t elements = 1;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int32_t size = in_.i32_be();
      const std::int32_t lower_bound = in_.i32_be();
      if (!in_.ok() || size < 0 || static_cast<std::size_t>(size) > in_.remaining() / 4) {
        return false;
      }
      dimensions_[i] = {static_cast<std::size_t>(size), lower_bound};
      elements *= dimensions_[i].size;
      if (elements > in_.remaining() / 4) {
        return false;
      }
    }
    return true;
  }

  bool write_level(std::span<const Dimension> dimensions) {
    out_.push_back('{');
    for (std::size_t i = 0; i < dimensions.front().size; ++i) {
      if (i > 0) {
        out_.push_back(element_.delimiter);
      }
      const bool written =
          dimensions.size() > 1 ? write_level(dimensions.subspan(1)) : write_element();
      if (!written) {
        return false;
      }
    }
    out_.push_back('}');
    return true;
  }

  bool write_element() {
    const std::int32_t size_bytes = in_.i32_be();
    if (in_.ok() && size_bytes == kNullLength) {
      out_ += "NULL";
      return true;
    }
    if (size_bytes < 0) {
      return false;
    }
    const std::string_view bytes = in_.take(static_cast<std::size_t>(size_bytes));
    const std::size_t start = out_.size();
    if (!in_.ok() || !append_nested_form(catalog_, element_.oid, depth_ + 1, bytes, out_)) {
      return false;
    }
    quote_element(out_, start, element_.delimiter);
    return true;
  }

  const TypeCatalog& catalog_;
  const TypeInfo& element_;
  int depth_;
  Cursor& in_;
  std::string& out_;
  std::array<Dimension, kMostDimensions> dimensions_;
};

}  // namespace

bool append_array_form(const TypeCatalog& catalog, const TypeInfo& type, int depth, Cursor& in,
                       std::string& out) {
  const std::uint32_t dimension_count = in.u32_be();
  in.u32_be();  // Whether there are NULL elements: their lengths say it again.
  const std::uint32_t element_oid = in.u32_be();
  const TypeInfo* element = catalog.find(type.element);
  if (!in.ok() || element == nullptr || element_oid != type.element ||
      dimension_count > kMostDimensions) {
    return false;
  }
  if (dimension_count == 0) {
    out += "{}";
    return true;
  }
  return ArrayWriter(catalog, *element, depth, in, out).write(dimension_count);
}

bool append_composite_form(const TypeCatalog& catalog, const TypeInfo& /*type*/, int depth,
                           Cursor& in, std::string& out) {
  // The fields are taken as the value itself describes them: the catalog may already be ahead of an
  // ALTER TYPE, or behind it.
  const std::uint32_t field_count = in.u32_be();
  out.push_back('(');
  for (std::uint32_t i = 0; i < field_count; ++i) {
    const std::uint32_t field_oid = in.u32_be();
    const std::int32_t size_bytes = in.i32_be();
    if (!in.ok() || size_bytes < kNullLength) {
      return false;
    }
    if (i > 0) {
      out.push_back(',');
    }
    if (size_bytes == kNullLength) {
      continue;
    }
    const std::string_view bytes = in.take(static_cast<std::size_t>(size_bytes));
    const std::size_t start = out.size();
    if (!in.ok() || !append_nested_form(catalog, field_oid, depth + 1, bytes, out)) {
      return false;
    }
    quote_member(out, start, "()");
  }
  out.push_back(')');
  return in.ok();
}

bool append_range_form(const TypeCatalog& catalog, const TypeInfo& type, int depth, Cursor& in,
                       std::string& out) {
  enum Flag : std::uint8_t {
    kEmpty = 1,
    kLowerIncluded = 2,
    kUpperIncluded = 4,
    kLowerInfinite = 8,
    kUpperInfinite = 16,
  };
  const std::uint8_t flags = in.u8();
  if ((flags & kEmpty) != 0) {
    out += "empty";
    return in.ok();
  }
  const auto append_bound = [&] {
    const std::uint32_t size_bytes = in.u32_be();
    const std::string_view bytes = in.take(size_bytes);
    const std::size_t start = out.size();
    if (!in.ok() || !append_nested_form(catalog, type.element, depth + 1, bytes, out)) {
      return false;
    }
    quote_member(out, start, "()[]");
    return true;
  };
  out.push_back((flags & kLowerIncluded) != 0 ? '[' : '(');
  if ((flags & kLowerInfinite) == 0 && !append_bound()) {
    return false;
  }
  out.push_back(',');
  if ((flags & kUpperInfinite) == 0 && !append_bound()) {
    return false;
  }
  out.push_back((flags & kUpperIncluded) != 0 ? ']' : ')');
  return in.ok();
}

bool append_multirange_form(const TypeCatalog& catalog, const TypeInfo& type, int depth, Cursor& in,
                            std::string& out) {
  const std::uint32_t range_count = in.u32_be();
  out.push_back('{');
  for (std::uint32_t i = 0; i < range_count; ++i) {
    const std::string_view bytes = in.take(in.u32_be());
    if (i > 0) {
      out.push_back(',');
    }
    if (!in.ok() || !append_nested_form(catalog, type.element, depth + 1, bytes, out)) {
      return false;
    }
  }
  out.push_back('}');
  return in.ok();
}

}  // namespace rowtide::postgres
