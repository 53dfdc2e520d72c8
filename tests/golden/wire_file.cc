#include "tests/golden/wire_file.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>

#include <fmt/format.h>

namespace rowtide::postgres {
namespace {

Error broken(std::string_view what, std::string_view line) {
  return fatal_error(Code::kData, fmt::format("{}: {}", what, line.substr(0, 80)));
}

template <class Number>
bool parse(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t to = text.find(separator); to != std::string::npos;
       to = text.find(separator, from)) {
    parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  parts.push_back(text.substr(from));
  return parts;
}

// Undoes COPY's backslash escapes, three octal digits included.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char escaped = text[++i];
    constexpr std::string_view kLetters = "bfnrtv";
    constexpr std::string_view kMeanings = "\b\f\n\r\t\v";
    if (const auto letter = kLetters.find(escaped); letter != std::string_view::npos) {
      out.push_back(kMeanings[letter]);
    } else if (escaped >= '0' && escaped <= '3' && i + 2 < text.size()) {
      out.push_back(
          static_cast<char>((escaped - '0') * 64 + (text[i + 1] - '0') * 8 + (text[i + 2] - '0')));
      i += 2;
    } else {
      out.push_back(escaped);
    }
  }
  return out;
}

std::optional<TypeKind> kind_named(const std::string& name) {
  static const std::map<std::string, TypeKind> kKinds = {{"base", TypeKind::kBase},
                                                         {"enum", TypeKind::kEnum},
                                                         {"domain", TypeKind::kDomain},
                                                         {"array", TypeKind::kArray},
                                                         {"composite", TypeKind::kComposite},
                                                         {"range", TypeKind::kRange},
                                                         {"multirange", TypeKind::kMultirange}};
  const auto found = kKinds.find(name);
  return found == kKinds.end() ? std::nullopt : std::optional(found->second);
}

Result<void> add_type(const std::string& line, TypeCatalog& catalog) {
  const std::vector<std::string> words = split(line, ' ');
  TypeInfo type;
  if (words.size() != 8 || !parse(words[1], type.oid) || !parse(words[5], type.element) ||
      !parse(words[6], type.domain_typmod)) {
    return fail(broken("not a type line", line));
  }
  const std::optional<TypeKind> kind = kind_named(words[4]);
  if (!kind) {
    return fail(broken("unknown kind of type", line));
  }
  type.schema = unescape(words[2]);
  type.name = unescape(words[3]);
  type.kind = *kind;
  if (words[7] != "-") {
    for (const std::string& attribute : split(words[7], ',')) {
      const std::vector<std::string> parts = split(attribute, ':');
      std::uint32_t attribute_oid = 0;
      if (parts.size() != 2 || !parse(parts[1], attribute_oid)) {
        return fail(broken("not an attribute list", line));
      }
      type.attributes.emplace_back(parts[0], attribute_oid);
    }
  }
  catalog.add(std::move(type));
  return {};
}

Result<std::vector<std::string>> read_lines(const std::filesystem::path& path) {
  ROWTIDE_TRY_ASSIGN(const std::string text, read_text_file(path));
  std::vector<std::string> lines = split(text, '\n');
  std::erase_if(lines, [](const std::string& line) { return line.empty() || line[0] == '#'; });
  return lines;
}

}  // namespace

Result<std::string> read_text_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(fatal_error(Code::kNotFound, "cannot open " + path.string()));
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::string> from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    std::uint8_t byte = 0;
    const std::string_view pair = hex.substr(i, 2);
    const auto [end, error] = std::from_chars(pair.data(), pair.data() + pair.size(), byte, 16);
    if (error != std::errc() || pair.size() != 2 || end != pair.data() + 2) {
      return fail(broken("not hexadecimal", hex));
    }
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

Result<WireFile> read_wire_file(const std::filesystem::path& path) {
  ROWTIDE_TRY_ASSIGN(const std::vector<std::string> lines, read_lines(path));
  WireFile file;
  for (const std::string& line : lines) {
    if (line.starts_with("type ")) {
      ROWTIDE_TRY(add_type(line, file.catalog));
    } else {
      ROWTIDE_TRY_ASSIGN(std::string message, from_hex(line));
      file.messages.push_back(std::move(message));
    }
  }
  return file;
}

Result<CellCorpus> read_cell_corpus(const std::filesystem::path& path) {
  ROWTIDE_TRY_ASSIGN(const std::vector<std::string> lines, read_lines(path));
  CellCorpus corpus;
  for (const std::string& line : lines) {
    if (line.starts_with("type ")) {
      ROWTIDE_TRY(add_type(line, corpus.catalog));
      continue;
    }
    const std::vector<std::string> fields = split(line, '\t');
    CorpusCell cell;
    if (fields.size() != 6 || fields[0] != "cell" || !parse(fields[1], cell.type_oid) ||
        !parse(fields[2], cell.typmod)) {
      return fail(broken("not a cell line", line));
    }
    cell.declared_type = fields[3];
    ROWTIDE_TRY_ASSIGN(cell.binary, from_hex(fields[4]));
    cell.text = unescape(fields[5]);
    corpus.cells.push_back(std::move(cell));
  }
  return corpus;
}

}  // namespace rowtide::postgres
