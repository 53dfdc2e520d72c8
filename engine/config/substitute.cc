#include "engine/config/substitute.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "engine/config/scalar.h"

namespace rowtide::config {
namespace {

// A secret is short; a larger file is the wrong file.
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 10;

constexpr std::string_view kForms =
    "Write ${env:NAME} or ${file:/path}; a dollar sign itself is written $$";

std::unexpected<Error> bad(std::string what, std::string_view remedy) {
  return fail(operator_error(Code::kConfig, std::move(what), std::string(remedy)));
}

Result<std::string> one_line(std::string value, const std::string& origin) {
  if (value.empty()) {
    return bad(origin + " is empty", "Give it a value, or remove the key that uses it");
  }
  if (value.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos) {
    return bad(origin + " holds more than one line",
               "Put the value alone on one line, without line breaks inside");
  }
  return value;
}

Result<std::string> from_environment(std::string_view name) {
  const auto name_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (name.empty() || !std::ranges::all_of(name, name_character)) {
    return bad(fmt::format("{} is not the name of an environment variable", quote(name)), kForms);
  }
  const std::string variable(name);
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr) {
    return bad(fmt::format("environment variable {} is not set", variable),
               fmt::format("Set {} in the environment of the daemon", variable));
  }
  return one_line(value, fmt::format("environment variable {}", variable));
}

Result<std::string> from_file(std::string_view path) {
  const std::string origin = fmt::format("file {}", quote(path));
  if (!path.starts_with('/')) {
    return bad(origin + " is not an absolute path", "Write the path from the root: ${file:/path}");
  }
  const std::filesystem::path name(path);
  std::error_code status;
  const auto kind = std::filesystem::status(name, status).type();
  if (kind == std::filesystem::file_type::not_found) {
    return bad(origin + " does not exist", "Create the file, or correct the path");
  }
  // Reading a pipe or a device could wait for ever.
  if (status || kind != std::filesystem::file_type::regular) {
    return bad(origin + " is not a readable regular file",
               "Point to a regular file that the user of the daemon may read");
  }
  std::ifstream in(name, std::ios::binary);
  std::string value(kMaxFileBytes + 1, '\0');
  in.read(value.data(), static_cast<std::streamsize>(value.size()));
  if (!in && !in.eof()) {
    return bad(origin + " cannot be read", "Let the user of the daemon read the file");
  }
  value.resize(static_cast<std::size_t>(in.gcount()));
  if (value.size() > kMaxFileBytes) {
    return bad(origin + " is larger than 64 KiB", "Point to a file that holds the value alone");
  }
  if (value.ends_with('\n')) {
    value.pop_back();
    if (value.ends_with('\r')) {
      value.pop_back();
    }
  }
  return one_line(std::move(value), origin);
}

Result<std::string> resolve(std::string_view reference) {
  if (reference.starts_with("env:")) {
    return from_environment(reference.substr(4));
  }
  if (reference.starts_with("file:")) {
    return from_file(reference.substr(5));
  }
  return bad(
      fmt::format("{} is not a known substitution", quote(fmt::format("${{{}}}", reference))),
      kForms);
}

}  // namespace

Result<Substituted> substitute(std::string_view text) {
  Substituted out;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$$")) {
      out.text += '$';
      at += 2;
    } else if (rest.starts_with("${")) {
      const std::size_t close = rest.find('}');
      if (close == std::string_view::npos) {
        return bad("\"${\" has no closing \"}\"", kForms);
      }
      ROWTIDE_TRY_ASSIGN(const std::string value, resolve(rest.substr(2, close - 2)));
      out.text += value;
      out.changed = true;
      at += close + 1;
    } else {
      out.text += rest.front();
      ++at;
    }
  }
  return out;
}

}  // namespace rowtide::config
