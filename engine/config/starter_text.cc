#include "engine/config/starter_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>

#include <fmt/format.h>

namespace rowtide::config {
namespace {

std::string environment_name(std::string_view pipeline) {
  std::string name;
  for (const char c : pipeline) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name + "_PASSWORD";
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  return out;
}

std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (std::iscntrl(static_cast<unsigned char>(c)) != 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::string pipeline_name(std::string_view database) {
  std::string name;
  for (const char c : database) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && std::isalnum(byte) != 0;
    name.push_back(plain ? static_cast<char>(std::tolower(byte)) : '-');
  }
  return name;
}

std::string starter_document(const Starter& starter) {
  const std::string password =
      starter.has_password
          ? fmt::format("      password: ${{env:{}}}\n", environment_name(starter.pipeline))
          : "";
  return fmt::format(
      "# Rowtide: {}.\n"
      "# Check it with \"rowtide check FILE\", run it with \"rowtided --config FILE\".\n"
      "{}"
      "\nstate_dir: ./rowtide-state\n"
      "admin: {{listen: \"127.0.0.1:7070\"}}\n"
      "memory_limit: 256MiB\n"
      "pipelines:\n"
      "  - name: {}\n"
      "    source:\n"
      "      type: {}\n"
      "      url: {}\n"
      "{}{}"
      "    snapshot: initial  # the rows that exist already, then changes; never = changes only\n"
      "    sinks:\n"
      "      - name: warehouse\n"
      "        type: duckdb\n"
      "        path: {}\n"
      "        mode: mirror  # the current state of every table; history keeps every change\n",
      starter.title, starter.problems, yaml_text(starter.pipeline), starter.source_type,
      yaml_text(starter.url), password, starter.tables,
      yaml_text("./" + starter.pipeline + ".duckdb"));
}

}  // namespace rowtide::config
