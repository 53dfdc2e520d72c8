#include "sources/postgres/starter_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/catalog.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/preflight.h"

namespace rowtide::postgres {
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
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

// One part of a tables pattern that means exactly this name.
std::string pattern_part(const std::string& name) {
  const bool plain = name.find_first_of(".*?\"!") == std::string::npos;
  return plain ? name : quote_identifier(name);
}

struct CleanUrl {
  std::string text;
  bool had_password = false;
};

struct OptionsDeleter {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using ConnectionWords = std::unique_ptr<PQconninfoOption, OptionsDeleter>;

ConnectionWords parse_words(const std::string& url) {
  return ConnectionWords(PQconninfoParse(url.c_str(), nullptr));
}

// libpq marks secrets with "*".
bool holds_secret(const ConnectionWords& words) {
  for (const PQconninfoOption* option = words.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != '\0' && option->dispchar[0] == '*') {
      return true;
    }
  }
  return false;
}

// postgresql://user:password@host -> postgresql://user@host; anything else as it is.
std::string cut_password(std::string url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) {
    return url;
  }
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(url.find_first_of("/?", begin), url.size());
  const std::size_t at = url.rfind('@', end);
  const std::size_t colon = url.find(':', begin);
  if (at != std::string::npos && at > begin && colon < at) {
    url.erase(colon, at - colon);
  }
  return url;
}

// The url without its password; in key=value words where cutting it out is not enough.
Result<CleanUrl> without_password(const std::string& url) {
  const ConnectionWords options = parse_words(url);
  if (options == nullptr) {
    return fail(operator_error(Code::kConfig, "the url is not one that PostgreSQL understands",
                               "Write postgresql://user@host:port/database"));
  }
  if (!holds_secret(options)) {
    return CleanUrl{url, false};
  }
  std::string cut = cut_password(url);
  if (const ConnectionWords rest = parse_words(cut); rest != nullptr && !holds_secret(rest)) {
    return CleanUrl{std::move(cut), true};
  }
  std::string words;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || *option->val == '\0' || option->dispchar[0] == '*') {
      continue;
    }
    std::string value;
    for (const char* c = option->val; *c != '\0'; ++c) {
      if (*c == '\'' || *c == '\\') {
        value.push_back('\\');
      }
      value.push_back(*c);
    }
    words += fmt::format("{}{}='{}'", words.empty() ? "" : " ", option->keyword, value);
  }
  return CleanUrl{std::move(words), true};
}

std::string size_text(std::int64_t bytes) {
  constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

using Sizes = std::unordered_map<std::uint32_t, std::int64_t>;

Result<Sizes> load_sizes(PGconn* connection, const std::vector<TableInfo>& tables) {
  std::vector<std::uint32_t> oids;
  for (const TableInfo& table : tables) {
    oids.push_back(table.relation_id);
  }
  const std::array<std::optional<std::string>, 1> parameters{oid_array(oids)};
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     query(connection,
                           "SELECT t.oid, CASE WHEN c.relkind = 'p' THEN\n"
                           "  (SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(p.relid))\n"
                           "   FROM pg_catalog.pg_partition_tree(t.oid) p)::pg_catalog.int8\n"
                           "  ELSE pg_catalog.pg_total_relation_size(t.oid) END\n"
                           "FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS t(oid)\n"
                           "  JOIN pg_catalog.pg_class c ON c.oid = t.oid",
                           parameters));
  Sizes sizes;
  for (int row = 0; row < rows.rows(); ++row) {
    sizes.emplace(static_cast<std::uint32_t>(rows.integer(row, 0)), rows.integer(row, 1));
  }
  return sizes;
}

std::string table_remark(const TableInfo& table, const Sizes& sizes) {
  std::string remark = table.estimated_rows < 0
                           ? std::string("never analyzed")
                           : fmt::format("about {:.0f} rows", table.estimated_rows);
  if (const auto size = sizes.find(table.relation_id); size != sizes.end()) {
    remark += ", " + size_text(size->second);
  }
  if (table.primary_key.empty()) {
    return remark + ", no primary key";
  }
  remark += ", key (";
  for (const std::string& column : table.primary_key) {
    remark += (column == table.primary_key.front() ? "" : ", ") + column;
  }
  return remark + ")";
}

void append_tables(std::string& out, const std::vector<TableInfo>& tables, const Sizes& sizes,
                   const Findings& findings) {
  out += "      tables:\n";
  bool any = false;
  for (const TableInfo& table : tables) {
    const std::string subject = "table " + table.display_name();
    const bool mirrors = !table.primary_key.empty() || !table.identity_index.empty();
    std::string problems;
    bool usable = table.publishable() && mirrors;
    for (const Finding& finding : findings) {
      if (finding.subject == subject && finding.severity != Finding::Severity::kOk) {
        usable = usable && finding.severity != Finding::Severity::kError;
        problems += fmt::format("        #   {}\n        #   fix: {}\n", one_line(finding.message),
                                one_line(finding.fix));
      }
    }
    if (!mirrors && problems.empty()) {
      problems = "        #   without a key only mode: history can hold it\n";
    }
    const std::string pattern = pattern_part(table.schema) + "." + pattern_part(table.table);
    out += fmt::format("        {}- {}  # {}\n{}", usable ? "" : "# ", yaml_text(pattern),
                       one_line(table_remark(table, sizes)), problems);
    any = any || usable;
  }
  if (!any) {
    out += "        - \"public.*\"  # nothing can be captured yet; see above\n";
  }
}

void append_problems(std::string& out, const Findings& findings) {
  bool any = false;
  for (const Finding& finding : findings) {
    if (finding.severity == Finding::Severity::kOk || finding.subject.starts_with("table ") ||
        finding.subject.starts_with("publication ")) {
      continue;
    }
    if (!any) {
      out += "#\n# Before it can run:\n";
      any = true;
    }
    out += fmt::format("#   {}: {}\n#     fix: {}\n", one_line(finding.subject),
                       one_line(finding.message), one_line(finding.fix));
  }
}

std::string pipeline_name(const std::string& database) {
  std::string name;
  for (const char c : database) {
    const auto lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    name.push_back(std::isalnum(static_cast<unsigned char>(lower)) != 0 ? lower : '-');
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
  ROWTIDE_TRY_ASSIGN(const auto clean, without_password(url));
  ConnectOptions options;
  options.url = url;
  ROWTIDE_TRY_ASSIGN(const auto connection, connect(options));
  ROWTIDE_TRY_ASSIGN(const auto all, load_tables(connection.get()));
  const std::vector<TableInfo> tables = select_tables(all, TablePatterns());
  ROWTIDE_TRY_ASSIGN(const auto sizes, load_sizes(connection.get(), tables));

  const std::string database = PQdb(connection.get());
  const std::string name = pipeline_name(database);
  PostgresSourceConfig config;
  const Findings findings = preflight(connection.get(), config, effective_names(config, name));

  const char* version = PQparameterStatus(connection.get(), "server_version");
  std::string out = fmt::format(
      "# Rowtide: database {} on PostgreSQL {}.\n"
      "# Check it with \"rowtide check FILE\", run it with \"rowtided --config FILE\".\n",
      one_line(database), version == nullptr ? "" : version);
  append_problems(out, findings);
  out += fmt::format(
      "\nstate_dir: ./rowtide-state\n"
      "admin: {{listen: \"127.0.0.1:7070\"}}\n"
      "memory_limit: 256MiB\n"
      "pipelines:\n"
      "  - name: {}\n"
      "    source:\n"
      "      type: postgres\n"
      "      url: {}\n",
      yaml_text(name), yaml_text(clean.text));
  if (clean.had_password) {
    out += fmt::format("      password: ${{env:{}}}\n", environment_name(name));
  }
  append_tables(out, tables, sizes, findings);
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

}  // namespace rowtide::postgres
