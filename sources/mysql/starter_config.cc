#include "sources/mysql/starter_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "sources/mysql/catalog.h"
#include "sources/mysql/mysql_config.h"
#include "sources/mysql/preflight.h"
#include "sources/mysql/sql_session.h"

namespace rowtide::mysql {
namespace {

// Names from a database may hold anything; a comment must stay on its line.
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
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

// One part of a tables pattern that means exactly this name.
std::string pattern_part(const std::string& name) {
  if (name.find_first_of(".*?\"!") == std::string::npos) {
    return name;
  }
  std::string out = "\"";
  for (const char c : name) {
    out += c == '"' ? "\"\"" : std::string(1, c);
  }
  return out + "\"";
}

std::string percent_encoded(std::string_view text, std::string_view allowed) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte < 0x80 && std::isalnum(byte) != 0) ||
                       std::string_view("-._~").find(c) != std::string_view::npos ||
                       allowed.find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned>(byte));
  }
  return out;
}

std::string url_without_password(const ServerAddress& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  const std::string host = ipv6 ? "[" + address.host + "]" : percent_encoded(address.host, "");
  return fmt::format(
      "mysql://{}@{}{}/{}{}", percent_encoded(address.user, ""), host,
      address.socket.empty() ? fmt::format(":{}", address.port) : "",
      percent_encoded(address.database, ""),
      address.socket.empty() ? "" : "?socket=" + percent_encoded(address.socket, "/"));
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::string table_remark(const TableInfo& table) {
  std::string remark = table.estimated_rows ? fmt::format("about {} rows", *table.estimated_rows)
                                            : std::string("rows unknown");
  if (table.size_bytes) {
    remark += ", " + size_text(*table.size_bytes);
  }
  if (table.primary_key.empty()) {
    return remark + ", no primary key";
  }
  return remark + fmt::format(", key {}", fmt::join(table.primary_key, ", "));
}

void append_finding(std::string& out, const Finding& finding, std::string_view indent) {
  out += fmt::format("{}#   {}: {}\n{}#     fix: {}\n", indent, one_line(finding.subject),
                     one_line(finding.message), indent, one_line(finding.fix));
}

void append_problems(std::string& out, const Findings& findings) {
  bool any = false;
  for (const Finding& finding : findings) {
    if (finding.severity == Finding::Severity::kOk || finding.subject.starts_with("table ")) {
      continue;
    }
    if (!any) {
      out += "#\n# Before it runs:\n";
      any = true;
    }
    append_finding(out, finding, "");
  }
}

void append_tables(std::string& out, const std::vector<TableInfo>& tables,
                   const Findings& findings) {
  out += "      tables:\n";
  for (const TableInfo& table : tables) {
    const bool keyed = !table.primary_key.empty();
    const std::string pattern = pattern_part(table.database) + "." + pattern_part(table.table);
    out += fmt::format("        {}- {}  # {}\n", keyed ? "" : "# ", yaml_text(pattern),
                       one_line(table_remark(table)));
    if (!keyed) {
      out += "        #   without a key only mode: history can hold it\n";
    }
    for (const Finding& finding : findings) {
      if (finding.subject == "table " + table.display_name() &&
          finding.severity != Finding::Severity::kOk) {
        append_finding(out, finding, "        ");
      }
    }
  }
  if (std::ranges::all_of(tables, [](const TableInfo& t) { return t.primary_key.empty(); })) {
    out += "        - \"*.*\"  # no table with a key is there yet\n";
  }
}

std::string pipeline_name(const ServerAddress& address) {
  std::string name;
  for (const char c : address.database.empty() ? std::string("mysql") : address.database) {
    const auto byte = static_cast<unsigned char>(c);
    name.push_back(byte < 0x80 && std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte))
                                                          : '-');
  }
  return name;
}

std::string environment_name(const std::string& pipeline) {
  std::string name;
  for (const char c : pipeline) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name + "_PASSWORD";
}

}  // namespace

Result<std::string> starter_config(const std::string& url) {
  MysqlSourceConfig config;
  config.url = url;
  ROWTIDE_TRY(config.validate());
  ROWTIDE_TRY_ASSIGN(const ConnectOptions options, connect_options(config));
  ROWTIDE_TRY_ASSIGN(const auto captured, CapturedTables::parse(config));
  ROWTIDE_TRY_ASSIGN(const auto session, SqlSession::connect(options));
  ROWTIDE_TRY_ASSIGN(const auto tables, load_tables(*session, captured));
  const std::string name = pipeline_name(options.address);
  const Findings findings = preflight(*session, config, name);

  std::string out = fmt::format(
      "# Rowtide: {} on {}.\n"
      "# Check it with \"rowtide check FILE\", run it with \"rowtided --config FILE\".\n",
      options.address.database.empty() ? "every database"
                                       : "database " + one_line(options.address.database),
      session->server().display_name());
  append_problems(out, findings);
  out += fmt::format(
      "\nstate_dir: ./rowtide-state\n"
      "admin: {{listen: \"127.0.0.1:7070\"}}\n"
      "memory_limit: 256MiB\n"
      "pipelines:\n"
      "  - name: {}\n"
      "    source:\n"
      "      type: mysql\n"
      "      url: {}\n",
      yaml_text(name), yaml_text(url_without_password(options.address)));
  if (!options.address.password.empty()) {
    out += fmt::format("      password: ${{env:{}}}\n", environment_name(name));
  }
  append_tables(out, tables, findings);
  out += fmt::format(
      "    snapshot: initial  # the rows that exist already, then changes; never = changes only\n"
      "    sinks:\n"
      "      - name: warehouse\n"
      "        type: duckdb\n"
      "        path: {}\n"
      "        mode: mirror  # the current state of every table; history keeps every change\n",
      yaml_text("./" + name + ".duckdb"));
  return out;
}

}  // namespace rowtide::mysql
