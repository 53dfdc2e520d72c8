#include "sinks/warehouse/merge.h"

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

namespace rowtide::warehouse {
namespace {

std::vector<const Value*> starts_of(const std::vector<const MergedRow*>& rows) {
  std::vector<const Value*> starts;
  starts.reserve(rows.size());
  for (const auto* row : rows) {
    starts.push_back(row->cells.data());
  }
  return starts;
}

}  // namespace

Merge::Merge(SqlBackend& backend, const Dialect& dialect, TargetTable& table, bool filling,
             Failpoints& failpoints)
    : backend_(backend),
      dialect_(dialect),
      table_(table),
      filling_(filling),
      failpoints_(failpoints) {}

Result<void> Merge::run(const Collapse& changes) {
  table_.written = true;
  if (changes.truncated()) {
    ROWTIDE_TRY(backend_.run("TRUNCATE TABLE " + table_.target));
  }
  const auto merged = changes.rows();
  Rows deleted;
  Rows full;
  Rows partial;
  Rows moved;
  for (const auto& row : merged) {
    switch (row.kind) {
      case MergedRow::Kind::kDelete:
        deleted.push_back(&row);
        break;
      case MergedRow::Kind::kFull:
        full.push_back(&row);
        break;
      case MergedRow::Kind::kPartial:
        partial.push_back(&row);
        break;
      case MergedRow::Kind::kMoved:
        moved.push_back(&row);
        break;
    }
  }
  for (const auto& group : group_by_known(partial)) {
    ROWTIDE_TRY(update_in_place(group));
  }
  const bool upserts = dialect_.traits().upserts;
  const bool staged = !moved.empty() || (upserts && !full.empty());
  if (staged) {
    ROWTIDE_TRY(make_rows_stage());
  }
  for (const auto& group : group_by_known(moved)) {
    ROWTIDE_TRY(load_rows(group.rows, group.known));
    ROWTIDE_TRY(fetch_moved(group));
  }
  if (upserts) {
    ROWTIDE_TRY(stage_full(full));
  } else if (!changes.truncated()) {
    // Complete rows go straight into the table once no row has their keys.
    deleted.insert(deleted.end(), full.begin(), full.end());
  }
  if (!deleted.empty()) {
    ROWTIDE_TRY(load_keys(deleted, false));
  }
  ROWTIDE_TRY(remove(!deleted.empty(), staged && !upserts));
  failpoints_.hit(Failpoint::kSinkMidWrite);
  if (staged) {
    ROWTIDE_TRY(insert_staged());
  }
  if (!upserts) {
    ROWTIDE_TRY(append(full));
  }
  return drop_stages();
}

std::vector<Merge::Group> Merge::group_by_known(const Rows& rows) {
  std::map<std::vector<std::uint32_t>, Rows> groups;
  std::vector<std::uint32_t> known;
  for (const auto* row : rows) {
    known.clear();
    for (std::uint32_t i = 0; i < row->cells.size(); ++i) {
      if (row->cells[i].is_known()) {
        known.push_back(i);
      }
    }
    groups[known].push_back(row);
  }
  std::vector<Group> out;
  for (auto& [columns, members] : groups) {
    out.push_back({columns, std::move(members)});
  }
  return out;
}

Result<void> Merge::make_rows_stage() {
  const auto& traits = dialect_.traits();
  if (!table_.rows_stage.empty()) {
    if (table_.rows_stage_used) {
      ROWTIDE_TRY(backend_.run("TRUNCATE TABLE " + stage(table_.rows_stage)));
    }
    table_.rows_stage_used = true;
    return {};
  }
  table_.rows_stage = fmt::format("rowtide_rows_{:x}", content_hash(table_.schema));
  std::string columns;
  for (std::uint32_t i = 0; i < table_.types.size(); ++i) {
    columns += fmt::format("{}c{} {}", i == 0 ? "" : ", ", i, table_.types[i]);
  }
  ROWTIDE_TRY(backend_.run("CREATE TEMP TABLE " + table_.rows_stage + " (" + columns + ")" +
                           traits.temporary_suffix));
  table_.rows_stage_used = true;
  return {};
}

Result<void> Merge::make_keys_stage() {
  const auto& traits = dialect_.traits();
  if (!table_.keys_stage.empty()) {
    if (table_.keys_stage_used) {
      ROWTIDE_TRY(backend_.run("TRUNCATE TABLE " + stage(table_.keys_stage)));
    }
    table_.keys_stage_used = true;
    return {};
  }
  table_.keys_stage = fmt::format("rowtide_keys_{:x}", content_hash(table_.schema));
  std::string columns;
  for (const char side : {'o', 'n'}) {
    for (std::size_t i = 0; i < table_.schema.key_columns.size(); ++i) {
      columns += fmt::format("{}{}{} {}", columns.empty() ? "" : ", ", side, i,
                             table_.types[table_.schema.key_columns[i]]);
    }
  }
  ROWTIDE_TRY(backend_.run("CREATE TEMP TABLE " + table_.keys_stage + " (" + columns + ")" +
                           traits.temporary_suffix));
  table_.keys_stage_used = true;
  return {};
}

Result<void> Merge::drop_stages() {
  if (!dialect_.traits().drops_stages) {
    return {};
  }
  for (auto* name : {&table_.rows_stage, &table_.keys_stage}) {
    if (!name->empty()) {
      ROWTIDE_TRY(backend_.run("DROP TABLE " + stage(*name)));
      name->clear();
    }
  }
  table_.rows_stage_used = false;
  table_.keys_stage_used = false;
  return {};
}

Result<void> Merge::stage_full(const Rows& rows) {
  if (rows.empty()) {
    return {};
  }
  std::vector<std::uint32_t> every(table_.schema.columns.size());
  std::iota(every.begin(), every.end(), 0U);
  return load_rows(rows, every);
}

Result<void> Merge::append(const Rows& rows) {
  if (rows.empty()) {
    return {};
  }
  std::vector<LoadColumn> columns;
  for (std::uint32_t i = 0; i < table_.schema.columns.size(); ++i) {
    const std::string& name = table_.schema.columns[i].name;
    columns.push_back({name, i, name});
  }
  const auto cells = starts_of(rows);
  const std::string label = table_.schema.qualified_name();
  return backend_.load({label, false, table_.schema.schema, table_.schema.table, columns, cells});
}

Result<void> Merge::load_rows(const Rows& rows, const std::vector<std::uint32_t>& columns) {
  std::vector<LoadColumn> load_columns;
  for (const auto index : columns) {
    load_columns.push_back({fmt::format("c{}", index), index, table_.schema.columns[index].name});
  }
  const auto cells = starts_of(rows);
  const std::string label = table_.schema.qualified_name();
  return backend_.load({label, true, {}, table_.rows_stage, load_columns, cells});
}

Result<void> Merge::load_keys(const Rows& rows, bool moves) {
  ROWTIDE_TRY(make_keys_stage());
  const auto& keys = table_.schema.key_columns;
  std::vector<LoadColumn> columns;
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    columns.push_back({fmt::format("o{}", i), i, table_.schema.columns[keys[i]].name});
  }
  const auto width = static_cast<std::uint32_t>(keys.size());
  for (std::uint32_t i = 0; moves && i < width; ++i) {
    columns.push_back({fmt::format("n{}", i), width + i, table_.schema.columns[keys[i]].name});
  }
  std::vector<Value> cells;
  cells.reserve(rows.size() * columns.size());
  std::vector<const Value*> starts;
  starts.reserve(rows.size());
  for (const auto* row : rows) {
    starts.push_back(cells.data() + cells.size());
    for (const auto key : keys) {
      cells.push_back(moves ? row->source[key] : row->cells[key]);
    }
    for (std::size_t i = 0; moves && i < keys.size(); ++i) {
      cells.push_back(row->cells[keys[i]]);
    }
  }
  const std::string label = table_.schema.qualified_name();
  return backend_.load({label, true, {}, table_.keys_stage, columns, starts});
}

Result<void> Merge::update_in_place(const Group& group) {
  ROWTIDE_TRY(make_rows_stage());
  ROWTIDE_TRY(load_rows(group.rows, group.known));
  const auto& keys = table_.schema.key_columns;
  std::string set;
  for (const auto index : group.known) {
    if (std::ranges::find(keys, index) == keys.end()) {
      set += fmt::format("{}{} = s.c{}", set.empty() ? "" : ", ", column(index), index);
    }
  }
  std::string sql;
  if (set.empty()) {
    // Nothing but unchanged columns: only make sure that the row is there.
    sql = fmt::format("SELECT count(*) FROM {} AS t JOIN {} AS s ON {}", table_.target,
                      stage(table_.rows_stage), key_match("s.c"));
    ROWTIDE_TRY_ASSIGN(auto counted, backend_.run(sql));
    counted.affected_rows = std::stoll(counted.rows.at(0).at(0).value_or("0"));
    return check_matched(counted, group.rows.size());
  }
  sql = fmt::format("UPDATE {} AS t SET {} FROM {} AS s WHERE {}", table_.target, set,
                    stage(table_.rows_stage), key_match("s.c"));
  ROWTIDE_TRY_ASSIGN(const auto updated, backend_.run(sql));
  return check_matched(updated, group.rows.size());
}

Result<void> Merge::fetch_moved(const Group& group) {
  ROWTIDE_TRY(load_keys(group.rows, true));
  std::string set;
  auto next_known = group.known.begin();
  for (std::uint32_t i = 0; i < table_.schema.columns.size(); ++i) {
    if (next_known != group.known.end() && *next_known == i) {
      ++next_known;
      continue;
    }
    set += fmt::format("{}c{} = t.{}", set.empty() ? "" : ", ", i, column(i));
  }
  std::string moved_to;
  for (std::size_t i = 0; i < table_.schema.key_columns.size(); ++i) {
    moved_to +=
        fmt::format("{}k.n{} = s.c{}", i == 0 ? "" : " AND ", i, table_.schema.key_columns[i]);
  }
  std::string found_at;
  for (std::size_t i = 0; i < table_.schema.key_columns.size(); ++i) {
    found_at += fmt::format("{}t.{} = k.o{}", i == 0 ? "" : " AND ",
                            column(table_.schema.key_columns[i]), i);
  }
  ROWTIDE_TRY_ASSIGN(
      const auto fetched,
      backend_.run(fmt::format("UPDATE {} AS s SET {} FROM {} AS k JOIN {} AS t ON {} WHERE {}",
                               stage(table_.rows_stage), set, stage(table_.keys_stage),
                               table_.target, found_at, moved_to)));
  if (filling_ && fetched.affected_rows != static_cast<std::int64_t>(group.rows.size())) {
    // What could not be fetched would come in with NULLs.
    ROWTIDE_TRY(backend_.run(fmt::format(
        "DELETE FROM {} AS s USING {} AS k WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS t WHERE "
        "{})",
        stage(table_.rows_stage), stage(table_.keys_stage), moved_to, table_.target, found_at)));
  }
  return check_matched(fetched, group.rows.size());
}

Result<void> Merge::remove(bool listed, bool replaced) {
  if (!listed && !replaced) {
    return {};
  }
  const auto& keys = table_.schema.key_columns;
  std::string gone;
  if (listed) {
    gone = "SELECT ";
    for (std::size_t i = 0; i < keys.size(); ++i) {
      gone += fmt::format("{}o{} AS k{}", i == 0 ? "" : ", ", i, i);
    }
    gone += " FROM " + stage(table_.keys_stage);
  }
  if (replaced) {
    gone += listed ? " UNION ALL SELECT " : "SELECT ";
    for (std::size_t i = 0; i < keys.size(); ++i) {
      gone += fmt::format("{}c{} AS k{}", i == 0 ? "" : ", ", keys[i], i);
    }
    gone += " FROM " + stage(table_.rows_stage);
  }
  std::string match;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    match += fmt::format("{}t.{} = s.k{}", i == 0 ? "" : " AND ", column(keys[i]), i);
  }
  ROWTIDE_TRY(backend_.run(
      fmt::format("DELETE FROM {} AS t USING ({}) AS s WHERE {}", table_.target, gone, match)));
  return {};
}

Result<void> Merge::insert_staged() {
  std::string names;
  std::string cells;
  std::string set;
  const auto& keys = table_.schema.key_columns;
  for (std::uint32_t i = 0; i < table_.schema.columns.size(); ++i) {
    names += (i == 0 ? "" : ", ") + column(i);
    cells += fmt::format("{}c{}", i == 0 ? "" : ", ", i);
    if (std::ranges::find(keys, i) == keys.end()) {
      set += fmt::format("{}{} = EXCLUDED.{}", set.empty() ? "" : ", ", column(i), column(i));
    }
  }
  std::string sql = fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", table_.target, names,
                                cells, stage(table_.rows_stage));
  if (dialect_.traits().upserts) {
    sql += " ON CONFLICT (";
    for (std::size_t i = 0; i < keys.size(); ++i) {
      sql += (i == 0 ? "" : ", ") + column(keys[i]);
    }
    sql += set.empty() ? ") DO NOTHING" : ") DO UPDATE SET " + set;
  }
  ROWTIDE_TRY(backend_.run(sql));
  return {};
}

Result<void> Merge::check_matched(const StatementResult& result, std::size_t expected) const {
  if (filling_ || result.affected_rows == static_cast<std::int64_t>(expected)) {
    return {};
  }
  return fail(operator_error(
      Code::kData,
      fmt::format("table {}: {} changes keep a value that the source did not send, but {} of their "
                  "rows are in the destination",
                  table_.schema.qualified_name(), expected, result.affected_rows),
      "The destination lacks rows of the source: run a snapshot of the table, or let the source "
      "log "
      "complete rows (PostgreSQL: ALTER TABLE ... REPLICA IDENTITY FULL; MySQL: "
      "binlog_row_image=FULL)"));
}

std::string Merge::key_match(std::string_view prefix) const {
  std::string out;
  for (const auto key : table_.schema.key_columns) {
    out += fmt::format("{}t.{} = {}{}", out.empty() ? "" : " AND ", column(key), prefix, key);
  }
  return out;
}

std::string Merge::stage(const std::string& name) const {
  return dialect_.traits().temporary_prefix + name;
}

std::string Merge::column(std::uint32_t index) const {
  return quoted(table_.schema.columns[index].name);
}

}  // namespace rowtide::warehouse
