#include "sources/postgres/starter_config.h"

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "engine/client/postgres_client.h"
#include "engine/config/starter_text.h"
#include "engine/model/table_filter.h"
#include "sources/postgres/catalog.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/preflight.h"

namespace rowtide::postgres {
namespace {

using config::one_line;
using config::pipeline_name;
using config::size_text;
using config::yaml_text;

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
    remark += ", " + size_text(static_cast<std::uint64_t>(size->second));
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
    const std::string pattern = exact_pattern({table.schema, table.table});
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
  const PostgresSourceConfig source;
  const Findings findings = preflight(connection.get(), source, effective_names(source, name));

  const char* version = PQparameterStatus(connection.get(), "server_version");
  config::Starter starter;
  starter.title = fmt::format("database {} on PostgreSQL {}", one_line(database),
                              version == nullptr ? "" : version);
  append_problems(starter.problems, findings);
  starter.pipeline = name;
  starter.source_type = "postgres";
  starter.url = clean.text;
  starter.has_password = clean.had_password;
  append_tables(starter.tables, tables, sizes, findings);
  return config::starter_document(starter);
}

}  // namespace rowtide::postgres
