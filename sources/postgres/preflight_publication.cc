#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/preflight_parts.h"

namespace rowtide::postgres {
namespace {

std::vector<TableInfo> publishable_of(const std::vector<TableInfo>& tables) {
  std::vector<TableInfo> out;
  std::ranges::copy_if(tables, std::back_inserter(out),
                       [](const TableInfo& table) { return table.publishable(); });
  return out;
}

// Tables that the role cannot put into a publication because another role owns them.
std::string not_owned(const std::vector<TableInfo>& tables) {
  for (const TableInfo& table : tables) {
    if (!table.owned) {
      return fmt::format("table {} belongs to {}", table.display_name(), table.owner);
    }
  }
  return {};
}

void judge_missing(const PreflightState& state, const PostgresSourceConfig& config,
                   const Names& names, Findings& findings) {
  const ServerInfo& server = state.server;
  const std::string subject = "publication " + names.publication;
  const std::vector<TableInfo> tables = publishable_of(state.selected);
  if (tables.empty()) {
    return;  // already an error of the tables
  }
  const bool all = wants_all_tables(server, state.patterns);
  const std::string statement =
      create_publication_sql(server, config, names.publication, all, tables) + ";";
  if (server.in_recovery) {
    add_error(findings, subject, "does not exist, and a standby cannot create it",
              "On the primary: " + statement);
  } else if (!config.create) {
    add_error(findings, subject, "does not exist, and source.create is false", statement);
  } else if (!server.may_create_in_database) {
    add_error(
        findings, subject,
        fmt::format("does not exist, and role {} may not create it", server.role),
        fmt::format("GRANT CREATE ON DATABASE {} TO {}; -- or as the tables' owner: {}",
                    quote_identifier(server.database), quote_identifier(server.role), statement));
  } else if (const std::string other = not_owned(tables); !other.empty() && !server.superuser) {
    add_error(findings, subject, fmt::format("does not exist, and {}", other),
              "As the tables' owner or a superuser: " + statement);
  } else {
    add_ok(findings, subject, "will be created: " + statement);
  }
}

void judge_actions(const PublicationInfo& publication, const Names& names, Findings& findings) {
  std::string missing;
  const auto want = [&](bool has, const char* name) {
    if (!has) {
      missing += (missing.empty() ? "" : ", ") + std::string(name);
    }
  };
  want(publication.inserts, "insert");
  want(publication.updates, "update");
  want(publication.deletes, "delete");
  want(publication.truncates, "truncate");
  if (!missing.empty()) {
    add_warning(findings, "publication " + names.publication,
                fmt::format("does not publish {}: the copy will differ from the source", missing),
                fmt::format("ALTER PUBLICATION {} SET (publish = 'insert, update, delete, "
                            "truncate');",
                            quote_identifier(names.publication)));
  }
}

void judge_uncovered(const PreflightState& state, const PostgresSourceConfig& config,
                     const Names& names, Findings& findings) {
  const std::string subject = "publication " + names.publication;
  if (state.uncovered.empty()) {
    add_ok(findings, subject, "covers every captured table");
    return;
  }
  const std::string statement = add_tables_sql(names.publication, state.uncovered) + ";";
  const bool may =
      config.create && !state.server.in_recovery &&
      (state.server.superuser || (state.publication->owned && not_owned(state.uncovered).empty()));
  if (may) {
    add_ok(findings, subject, "will be extended: " + statement);
  } else {
    add_error(findings, subject,
              fmt::format("lacks {} captured table(s), the first is {}", state.uncovered.size(),
                          state.uncovered.front().display_name()),
              state.server.in_recovery ? "On the primary: " + statement : statement);
  }
}

}  // namespace

void judge_publication(const PreflightState& state, const PostgresSourceConfig& config,
                       const Names& names, Findings& findings) {
  if (!state.publication) {
    judge_missing(state, config, names, findings);
    return;
  }
  judge_uncovered(state, config, names, findings);
  judge_actions(*state.publication, names, findings);
  const bool partitions =
      std::ranges::any_of(state.selected, [](const TableInfo& table) { return table.partitioned; });
  if (partitions && state.publication->via_root != config.publish_via_partition_root) {
    add_warning(
        findings, "publication " + names.publication,
        fmt::format("publish_via_partition_root is {}, the configuration says {}",
                    state.publication->via_root, config.publish_via_partition_root),
        fmt::format("ALTER PUBLICATION {} SET (publish_via_partition_root = {});",
                    quote_identifier(names.publication), config.publish_via_partition_root));
  }
  if (partitions && state.publication->via_root) {
    add_ok(findings, "publication " + names.publication,
           "publishes via the partition root: TRUNCATE of a single partition is not delivered");
  }
}

}  // namespace rowtide::postgres
