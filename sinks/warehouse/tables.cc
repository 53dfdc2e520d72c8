#include "sinks/warehouse/tables.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sinks/warehouse/check.h"
#include "sinks/warehouse/history.h"
#include "sinks/warehouse/type_fit.h"

namespace rowtide::warehouse {
namespace {

std::string quoted_list(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    out += (out.empty() ? "" : ", ") + quoted(name);
  }
  return out;
}

std::vector<std::string> key_names(const TableSchema& schema) {
  std::vector<std::string> names;
  for (const auto column : schema.key_columns) {
    names.push_back(schema.columns[column].name);
  }
  return names;
}

bool is_own_table(const Dialect& dialect, const TableSchema& schema) {
  const auto table = dialect.folded(schema.table);
  return dialect.folded(schema.schema) == "rowtide" &&
         (table == "markers" || table == "replacements");
}

}  // namespace

std::string Tables::known_name(const TableSchema& schema) const {
  std::string name = dialect_.folded(schema.schema);
  name.push_back('\0');
  return name + dialect_.folded(schema.table);
}

std::string Tables::target_of(const TableSchema& schema) const {
  return dialect_.traits().catalog_prefix + quoted(schema.schema) + "." + quoted(schema.table);
}

Result<void> Tables::forget(const TableSchema& schema) {
  const auto at = known_.find(known_name(schema));
  if (at == known_.end()) {
    return {};
  }
  for (const auto& stage : {at->second->rows_stage, at->second->keys_stage}) {
    if (!stage.empty()) {
      ROWTIDE_TRY(backend_.run("DROP TABLE " + dialect_.traits().temporary_prefix + stage));
    }
  }
  known_.erase(at);
  return {};
}

Result<void> Tables::drop(const TableSchema& table) {
  ROWTIDE_TRY(forget(table));
  ROWTIDE_TRY(backend_.run("DROP TABLE IF EXISTS " + target_of(table)));
  return {};
}

Result<void> Tables::replace(const TableSchema& live, const TableSchema& copy) {
  ROWTIDE_TRY(forget(live));
  ROWTIDE_TRY(forget(copy));
  if (dialect_.traits().renames_into_place) {
    ROWTIDE_TRY(backend_.run("DROP TABLE IF EXISTS " + target_of(live)));
    ROWTIDE_TRY(
        backend_.run("ALTER TABLE " + target_of(copy) + " RENAME TO " + quoted(live.table)));
    return {};
  }
  ROWTIDE_TRY_ASSIGN(const auto stored, stored_columns(copy));
  std::vector<std::string> names;
  names.reserve(stored.size());
  for (const auto& column : stored) {
    names.push_back(column.name);
  }
  const std::string columns = quoted_list(names);
  ROWTIDE_TRY(backend_.run("DELETE FROM " + target_of(live)));
  ROWTIDE_TRY(backend_.run(fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", target_of(live),
                                       columns, columns, target_of(copy))));
  return drop(copy);
}

bool Tables::alters_written(const TableSchema& schema) const {
  const auto at = known_.find(known_name(schema));
  return at != known_.end() && at->second->written && !(at->second->schema == schema);
}

void Tables::committed() {
  for (auto& [name, table] : known_) {
    table->written = false;
    // Stages that stay have emptied themselves.
    table->rows_stage_used = false;
    table->keys_stage_used = false;
  }
}

Result<TargetTable*> Tables::prepare(const TableSchema& schema, bool alter) {
  auto& slot = known_[known_name(schema)];
  if (slot != nullptr && slot->schema == schema) {
    return slot.get();
  }
  if (slot != nullptr &&
      (slot->schema.schema != schema.schema || slot->schema.table != schema.table)) {
    return fail(operator_error(
        Code::kSchema,
        fmt::format("tables {} and {} have one name in the destination, which does not tell upper "
                    "from lower case",
                    slot->schema.qualified_name(), schema.qualified_name()),
        "Leave one of them out with the sink's tables filter"));
  }
  ROWTIDE_TRY(check_names(schema));
  ROWTIDE_TRY(check_keyed(schema, mode_));
  auto table = std::make_unique<TargetTable>();
  table->schema = schema;
  table->target = target_of(schema);
  table->written = slot != nullptr && slot->written;
  const auto needed = needed_columns(schema);
  ROWTIDE_TRY_ASSIGN(const auto stored, stored_columns(schema));
  if (stored.empty()) {
    ROWTIDE_TRY(create(*table, needed));
  } else {
    ROWTIDE_TRY(follow(*table, needed, stored, alter));
    ROWTIDE_TRY(check_key(*table));
  }
  // The stages of the old shape go with it.
  for (const auto& stage : slot == nullptr ? std::vector<std::string>()
                                           : std::vector{slot->rows_stage, slot->keys_stage}) {
    if (!stage.empty()) {
      ROWTIDE_TRY(backend_.run("DROP TABLE " + dialect_.traits().temporary_prefix + stage));
    }
  }
  slot = std::move(table);
  return slot.get();
}

Result<void> Tables::check_names(const TableSchema& schema) const {
  const std::string label = schema.qualified_name();
  ROWTIDE_TRY(dialect_.check_name("schema of table " + label, schema.schema));
  ROWTIDE_TRY(dialect_.check_name("table " + label, schema.table));
  if (is_own_table(dialect_, schema)) {
    return fail(operator_error(Code::kSchema,
                               "table " + label + " has the name of one of Rowtide's own tables",
                               "Leave it out with the sink's tables filter"));
  }
  std::map<std::string, std::string> seen;
  for (const auto& column : schema.columns) {
    ROWTIDE_TRY(dialect_.check_name(fmt::format("column of table {}", label), column.name));
    const auto [at, added] = seen.try_emplace(dialect_.folded(column.name), column.name);
    if (!added) {
      return fail(operator_error(
          Code::kSchema,
          fmt::format("table {}: columns {} and {} have one name in the destination, which does "
                      "not tell upper from lower case",
                      label, at->second, column.name),
          "Rename one of them in the source, or leave the table out with the sink's tables "
          "filter"));
    }
  }
  for (const auto name : kHistoryColumnNames) {
    if (mode_ == Mode::kHistory && seen.contains(dialect_.folded(name))) {
      return fail(operator_error(
          Code::kSchema,
          fmt::format("table {}: column {} has the name of a column that mode history adds", label,
                      name),
          "Rename it in the source, or use mode: mirror"));
    }
  }
  return {};
}

std::vector<Tables::ColumnSpec> Tables::needed_columns(const TableSchema& schema) const {
  std::vector<ColumnSpec> needed;
  needed.reserve(schema.columns.size() + kHistoryColumns);
  for (const auto& column : schema.columns) {
    needed.push_back({column.name, dialect_.column_type(column)});
  }
  if (mode_ == Mode::kHistory) {
    const auto& traits = dialect_.traits();
    const std::array<std::string_view, kHistoryColumns> types = {
        traits.text_type, traits.text_type,        traits.text_type,
        "BIGINT",         traits.timestamptz_type, traits.text_type};
    for (std::size_t i = 0; i < kHistoryColumns; ++i) {
      needed.push_back({std::string(kHistoryColumnNames[i]), std::string(types[i])});
    }
  }
  return needed;
}

Result<Tables::StoredColumns> Tables::stored_columns(const TableSchema& schema) {
  ROWTIDE_TRY_ASSIGN(const auto result,
                     backend_.run(dialect_.catalog_queries(schema.schema, schema.table).columns));
  StoredColumns stored;
  for (const auto& row : result.rows) {
    if (dialect_.folded(row[2].value_or("")) != dialect_.folded(schema.schema) ||
        dialect_.folded(row[3].value_or("")) != dialect_.folded(schema.table)) {
      continue;
    }
    if (row[2].value_or("") != schema.schema || row[3].value_or("") != schema.table) {
      return fail(operator_error(
          Code::kSchema,
          fmt::format("table {}: the destination has {}.{} already, and does not tell upper from "
                      "lower case",
                      schema.qualified_name(), row[2].value_or(""), row[3].value_or("")),
          "Rename that one, or leave this one out with the sink's tables filter"));
    }
    stored.push_back({row[0].value_or(""), row[1].value_or("")});
  }
  return stored;
}

Result<void> Tables::create(TargetTable& table, const std::vector<ColumnSpec>& needed) {
  const auto& traits = dialect_.traits();
  std::string columns;
  for (const auto& column : needed) {
    columns += (columns.empty() ? "" : ", ") + quoted(column.name) + " " + column.type;
  }
  if (traits.upserts && mode_ == Mode::kMirror) {
    columns += ", PRIMARY KEY (" + quoted_list(key_names(table.schema)) + ")";
  }
  ROWTIDE_TRY(create_schema(table.schema));
  ROWTIDE_TRY(backend_.run("CREATE TABLE IF NOT EXISTS " + table.target + " (" + columns + ")"));
  for (std::size_t i = 0; i < table.schema.columns.size(); ++i) {
    table.types.push_back(needed[i].type);
  }
  return {};
}

Result<void> Tables::create_schema(const TableSchema& schema) {
  const auto queries = dialect_.catalog_queries(schema.schema, schema.table);
  // Asking first lets a role work that may not create schemas.
  ROWTIDE_TRY_ASSIGN(const auto found, backend_.run(queries.schemas));
  for (const auto& row : found.rows) {
    const std::string name = row[0].value_or("");
    if (name == schema.schema) {
      return {};
    }
    if (dialect_.folded(name) == dialect_.folded(schema.schema)) {
      return fail(operator_error(
          Code::kSchema,
          fmt::format("table {}: the destination has a schema {} already, and does not tell upper "
                      "from lower case",
                      schema.qualified_name(), name),
          "Rename that one, or leave this table out with the sink's tables filter"));
    }
  }
  ROWTIDE_TRY(backend_.run("CREATE SCHEMA IF NOT EXISTS " + dialect_.traits().catalog_prefix +
                           quoted(schema.schema)));
  return {};
}

Result<void> Tables::follow(TargetTable& table, const std::vector<ColumnSpec>& needed,
                            const StoredColumns& stored, bool alter) {
  for (std::size_t i = 0; i < needed.size(); ++i) {
    ROWTIDE_TRY_ASSIGN(auto type, follow_column(table, needed[i], stored, alter));
    if (i < table.schema.columns.size()) {
      table.types.push_back(std::move(type));
    }
  }
  return {};
}

Result<std::string> Tables::follow_column(const TargetTable& table, const ColumnSpec& needed,
                                          const StoredColumns& stored, bool alter) {
  const std::string name = quoted(needed.name);
  const auto at = std::ranges::find_if(stored, [&](const ColumnSpec& other) {
    return dialect_.folded(other.name) == dialect_.folded(needed.name);
  });
  if (at == stored.end()) {
    ROWTIDE_TRY(
        backend_.run("ALTER TABLE " + table.target + " ADD COLUMN " + name + " " + needed.type));
    return needed.type;
  }
  if (!alter) {
    return at->type;
  }
  TypeFit fit = compare_types(at->type, needed.type);
  if (fit.fit == Fit::kWiden) {
    ROWTIDE_TRY(backend_.run("ALTER TABLE " + table.target + " ALTER COLUMN " + name + " TYPE " +
                             fit.type));
  } else if (fit.fit == Fit::kIncompatible) {
    return fail(operator_error(
        Code::kSchema,
        fmt::format("table {}: column {} is {} in the destination and {} in the source, and not "
                    "every value survives the change",
                    table.schema.qualified_name(), needed.name, at->type, needed.type),
        fmt::format("Run ALTER TABLE {} ALTER COLUMN {} TYPE {} with a USING clause of your "
                    "choice, or ALTER TABLE {} RENAME TO {} to start a new table, then resume",
                    table.target, name, needed.type, table.target,
                    quoted(table.schema.table + "_old"))));
  }
  return std::move(fit.type);
}

Result<void> Tables::check_key(const TargetTable& table) {
  if (mode_ != Mode::kMirror) {
    return {};
  }
  const TableSchema& schema = table.schema;
  const std::string sql = dialect_.catalog_queries(schema.schema, schema.table).unique_keys;
  if (sql.empty()) {
    return {};
  }
  ROWTIDE_TRY_ASSIGN(const auto found, backend_.run(sql));
  auto names = key_names(schema);
  std::ranges::sort(names);
  const std::string wanted = fmt::format("{}", fmt::join(names, "\n"));
  for (const auto& row : found.rows) {
    if (row[0] == wanted) {
      return {};
    }
  }
  return fail(operator_error(
      Code::kSchema,
      fmt::format("table {}: the destination has no unique index on the key columns of the source",
                  schema.qualified_name()),
      fmt::format("Run ALTER TABLE {} ADD PRIMARY KEY ({}), after ALTER TABLE {} DROP CONSTRAINT "
                  "for the old primary key if it has one, then resume",
                  table.target, quoted_list(key_names(schema)), table.target)));
}

}  // namespace rowtide::warehouse
