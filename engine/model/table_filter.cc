#include "engine/model/table_filter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace rowtide {
namespace {

constexpr std::size_t kMaxPatternBytes = 1024;
// What a name without quotes cannot hold.
constexpr std::string_view kNeverBare = "\"!, \t\r\n";

std::unexpected<Error> bad(const std::string& pattern, std::string_view why) {
  return fail(operator_error(
      Code::kConfig, "table pattern \"" + pattern.substr(0, 200) + "\": " + std::string(why),
      "Write SCHEMA.TABLE, such as public.orders, public.* or !public.audit; "
      "put names with other characters in double quotes"));
}

// Reads the quoted name at the start of `rest`, which begins with a quote, and leaves what follows
// it; nullopt when the closing quote is missing.
std::optional<std::string> take_quoted(std::string_view& rest) {
  std::string name;
  for (std::size_t at = 1; at < rest.size(); ++at) {
    if (rest[at] != '"') {
      name += rest[at];
    } else if (at + 1 < rest.size() && rest[at + 1] == '"') {
      name += '"';
      ++at;
    } else {
      rest.remove_prefix(at + 1);
      return name;
    }
  }
  return std::nullopt;
}

// The bytes of the UTF-8 character at the start of `text`, which is not empty.
std::size_t character_bytes(std::string_view text) {
  std::size_t bytes = 1;
  while (bytes < text.size() && (static_cast<std::uint8_t>(text[bytes]) & 0xC0) == 0x80) {
    ++bytes;
  }
  return bytes;
}

// On a mismatch only the last '*' can help, by taking one character more: no recursion, and at most
// pattern times name steps.
bool wildcard_match(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::optional<std::size_t> star;
  std::size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      n += character_bytes(name.substr(n));
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star) {
      star_name += character_bytes(name.substr(star_name));
      p = *star + 1;
      n = star_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

bool TableFilter::Part::matches(std::string_view name) const {
  return literal ? text == name : wildcard_match(text, name);
}

Result<TableFilter::Part> TableFilter::take_part(const std::string& whole, std::string_view& rest) {
  Part part;
  if (rest.starts_with('"')) {
    std::optional<std::string> name = take_quoted(rest);
    if (!name) {
      return bad(whole, "a quoted name has no closing quote");
    }
    part = Part{.text = std::move(*name), .literal = true};
  } else {
    const std::size_t end = std::min(rest.find('.'), rest.size());
    part.text = rest.substr(0, end);
    rest.remove_prefix(end);
    if (part.text.find_first_of(kNeverBare) != std::string::npos) {
      return bad(whole, "a quote, blank, comma or ! stands inside a name without quotes");
    }
  }
  if (part.text.empty()) {
    return bad(whole, "a name is missing");
  }
  return part;
}

Result<TableFilter::Pattern> TableFilter::parse_pattern(const std::string& text) {
  if (text.size() > kMaxPatternBytes) {
    return bad(text, "it is longer than 1024 bytes");
  }
  Pattern out;
  std::string_view rest = text;
  if (rest.starts_with('!')) {
    out.exclude = true;
    rest.remove_prefix(1);
  }
  ROWTIDE_TRY_ASSIGN(out.schema, take_part(text, rest));
  if (!rest.starts_with('.')) {
    return bad(text, rest.empty() ? "it has no schema, only one name"
                                  : "a dot is missing after the quoted schema");
  }
  rest.remove_prefix(1);
  ROWTIDE_TRY_ASSIGN(out.table, take_part(text, rest));
  if (!rest.empty()) {
    return bad(text, "something follows the table");
  }
  return out;
}

Result<TableFilter> TableFilter::parse(std::span<const std::string> patterns) {
  TableFilter out;
  for (const std::string& text : patterns) {
    ROWTIDE_TRY_ASSIGN(Pattern pattern, parse_pattern(text));
    out.patterns_.push_back(std::move(pattern));
  }
  out.otherwise_ = std::ranges::all_of(out.patterns_, &Pattern::exclude);
  return out;
}

bool TableFilter::matches(std::string_view schema, std::string_view table) const {
  for (auto at = patterns_.rbegin(); at != patterns_.rend(); ++at) {
    if (at->schema.matches(schema) && at->table.matches(table)) {
      return !at->exclude;
    }
  }
  return otherwise_;
}

std::string exact_pattern(const TableName& name) {
  const auto part = [](const std::string& text) {
    const bool means_itself = text.find_first_of(".*?") == std::string::npos;
    if (means_itself && text.find_first_of(kNeverBare) == std::string::npos) {
      return text;
    }
    std::string quoted = "\"";
    for (const char c : text) {
      quoted += c == '"' ? "\"\"" : std::string(1, c);
    }
    return quoted + '"';
  };
  return part(name.first) + '.' + part(name.second);
}

}  // namespace rowtide
