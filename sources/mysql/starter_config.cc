#include "sources/mysql/starter_config.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "engine/config/starter_text.h"
#include "engine/model/table_filter.h"
#include "sources/mysql/catalog.h"
#include "sources/mysql/mysql_config.h"
#include "sources/mysql/preflight.h"
#include "sources/mysql/sql_session.h"

namespace rowtide::mysql {
namespace {

using config::one_line;
using config::pipeline_name;
using config::size_text;
using config::yaml_text;

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
    const std::string pattern = exact_pattern({table.database, table.table});
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

}  // namespace

Result<std::string> starter_config(const std::string& url) {
  MysqlSourceConfig source;
  source.url = url;
  ROWTIDE_TRY(source.validate());
  ROWTIDE_TRY_ASSIGN(const ConnectOptions options, connect_options(source));
  ROWTIDE_TRY_ASSIGN(const auto captured, CapturedTables::parse(source));
  ROWTIDE_TRY_ASSIGN(const auto session, SqlSession::connect(options));
  ROWTIDE_TRY_ASSIGN(const auto tables, load_tables(*session, captured));
  const std::string& database = options.address.database;
  const std::string name = pipeline_name(database.empty() ? "mysql" : database);
  const Findings findings = preflight(*session, source, name);

  config::Starter starter;
  starter.title = fmt::format(
      "{} on {}", database.empty() ? "every database" : "database " + one_line(database),
      session->server().display_name());
  append_problems(starter.problems, findings);
  starter.pipeline = name;
  starter.source_type = "mysql";
  starter.url = url_without_password(options.address);
  starter.has_password = !options.address.password.empty();
  append_tables(starter.tables, tables, findings);
  return config::starter_document(starter);
}

}  // namespace rowtide::mysql
