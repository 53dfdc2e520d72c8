#include <algorithm>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/preflight_parts.h"

namespace rowtide::postgres {
namespace {

std::string subject_of(const TableInfo& table) {
  return "table " + table.display_name();
}

std::string identity_full_sql(const TableInfo& table) {
  return "ALTER TABLE " + table.sql_name() + " REPLICA IDENTITY FULL;";
}

std::string why_no_identity(const TableInfo& table) {
  switch (table.identity) {
    case ReplicaIdentity::kNothing:
      return "replica identity is NOTHING";
    case ReplicaIdentity::kIndex:
      return "the index of its replica identity is gone";
    default:
      return table.primary_key.empty() ? "it has no primary key" : "its primary key is deferrable";
  }
}

// A server refuses UPDATE and DELETE of a published table without identity, in the application that
// runs them. A publication that already does so is the operator's; making one is not ours to do.
void judge_identity(const PreflightState& state, const TableInfo& table, const Names& names,
                    Findings& findings) {
  if (table.has_identity()) {
    return;
  }
  const bool published = std::ranges::none_of(state.uncovered, [&](const TableInfo& missing) {
    return missing.relation_id == table.relation_id ||
           std::ranges::find(table.ancestors, missing.relation_id) != table.ancestors.end();
  });
  const bool changes =
      !state.publication || state.publication->updates || state.publication->deletes;
  if (!changes) {
    add_ok(findings, subject_of(table), "no replica identity; only inserts are published");
    return;
  }
  const std::string message =
      fmt::format("{}: once published, UPDATE and DELETE of this table fail on the server",
                  why_no_identity(table));
  if (state.publication && published) {
    add_warning(findings, subject_of(table), message, identity_full_sql(table));
  } else {
    add_error(findings, subject_of(table), message,
              identity_full_sql(table) +
                  fmt::format(" -- or leave it out: tables: [\"!{}\"]; or create publication {} "
                              "yourself with publish = 'insert'",
                              table.display_name(), quote_identifier(names.publication)));
  }
}

void judge_column_list(const PreflightState& state, const TableInfo& table, const Names& names,
                       Findings& findings) {
  const auto found = std::ranges::find(state.publication_tables, table.relation_id,
                                       &PublicationTable::relation_id);
  if (found == state.publication_tables.end()) {
    return;
  }
  if (found->has_row_filter) {
    add_ok(findings, subject_of(table),
           "the publication has a row filter: rows enter and leave the copy as it says");
  }
  if (found->columns.empty()) {
    return;
  }
  if (table.identity == ReplicaIdentity::kFull) {
    add_error(findings, subject_of(table),
              "replica identity FULL beside a column list: UPDATE and DELETE fail on the server",
              "ALTER TABLE " + table.sql_name() + " REPLICA IDENTITY DEFAULT;");
    return;
  }
  const auto& identity =
      table.identity == ReplicaIdentity::kIndex ? table.identity_index : table.primary_key;
  for (const std::string& column : identity) {
    if (std::ranges::find(found->columns, column) == found->columns.end()) {
      std::string list;
      for (const std::string& name : found->columns) {
        list += quote_identifier(name) + ", ";
      }
      add_error(findings, subject_of(table),
                fmt::format("the publication's column list lacks key column {}: UPDATE and DELETE "
                            "fail on the server",
                            quote_identifier(column)),
                fmt::format("ALTER PUBLICATION {} DROP TABLE {}; ALTER PUBLICATION {} ADD TABLE {} "
                            "({}{});",
                            quote_identifier(names.publication), table.sql_name(),
                            quote_identifier(names.publication), table.sql_name(), list,
                            quote_identifier(column)));
      return;
    }
  }
}

void judge_generated(const PreflightState& state, const TableInfo& table,
                     const PostgresSourceConfig& config, const Names& names, Findings& findings) {
  if (table.stored_generated_columns.empty()) {
    return;
  }
  const bool modern = state.server.major() >= 18;
  const bool publishes = modern && (state.publication ? state.publication->stored_generated_columns
                                                      : config.generated_columns);
  if (publishes) {
    return;
  }
  if (modern && table.identity == ReplicaIdentity::kFull) {
    add_error(findings, subject_of(table),
              "replica identity FULL and a stored generated column that is not published: UPDATE "
              "and DELETE fail on the server",
              state.publication
                  ? fmt::format("ALTER PUBLICATION {} SET (publish_generated_columns = stored);",
                                quote_identifier(names.publication))
                  : "Set source.generated_columns: true");
    return;
  }
  add_warning(findings, subject_of(table),
              fmt::format("generated column {} is not captured",
                          quote_identifier(table.stored_generated_columns.front())),
              modern ? fmt::format("ALTER PUBLICATION {} SET (publish_generated_columns = stored);",
                                   quote_identifier(names.publication))
                     : "Upgrade to PostgreSQL 18, or make it an ordinary column");
}

}  // namespace

void judge_tables(const PreflightState& state, const PostgresSourceConfig& config,
                  const Names& names, Findings& findings) {
  std::size_t usable = 0;
  for (const TableInfo& table : state.selected) {
    if (table.foreign) {
      add_warning(findings, subject_of(table), "is a foreign table and is not captured",
                  fmt::format("Leave it out: tables: [\"!{}\"]", table.display_name()));
    } else if (table.unlogged) {
      add_warning(findings, subject_of(table), "is unlogged and is not captured",
                  "ALTER TABLE " + table.sql_name() + " SET LOGGED;");
    } else {
      ++usable;
      judge_column_list(state, table, names, findings);
    }
    if (table.publishable() && !table.readable) {
      add_warning(findings, subject_of(table),
                  fmt::format("role {} cannot read it; streaming works, a snapshot does not",
                              state.server.role),
                  fmt::format("GRANT USAGE ON SCHEMA {} TO {}; GRANT SELECT ON {} TO {};",
                              quote_identifier(table.schema), quote_identifier(state.server.role),
                              table.sql_name(), quote_identifier(state.server.role)));
    }
  }
  if (usable == 0) {
    add_error(findings, "tables",
              fmt::format("no table of database {} matches {}", state.server.database,
                          state.patterns.text()),
              "Correct source.tables, or create the tables first");
    return;
  }
  add_ok(findings, "tables", fmt::format("{} captured", usable));
  for (const TableInfo& table : with_leaves(state.all_tables, state.selected)) {
    if (table.publishable()) {
      judge_identity(state, table, names, findings);
      judge_generated(state, table, config, names, findings);
    }
  }
}

}  // namespace rowtide::postgres
