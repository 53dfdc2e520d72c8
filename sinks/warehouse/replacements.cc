#include "sinks/warehouse/replacements.h"

#include <array>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/api/backfill.h"

namespace rowtide::warehouse {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kCopySuffix = "__rowtide_new";
// The shortest limit that a destination sets for a name.
constexpr std::size_t kMaxNameBytes = 63;

std::string table_of_replacements(const Dialect& dialect) {
  return dialect.traits().catalog_prefix + "\"rowtide\".\"replacements\"";
}

}  // namespace

bool Replacements::concerns(const Event& event) {
  if (event.op != Op::kMessage || event.message_prefix != kBackfillEventPrefix) {
    return false;
  }
  const Json content = Json::parse(event.message_content, nullptr, false);
  if (!content.is_object() || !content.value("replace", false)) {
    return false;
  }
  const std::string what = content.value("event", "");
  return what == "cancelled" || (content.contains("table") && what != "chunk");
}

Result<void> Replacements::open(const LaneContext& context) {
  context_ = context;
  under_way_.clear();
  ROWTIDE_TRY_ASSIGN(const auto found,
                     backend_.run(dialect_.catalog_queries("rowtide", "replacements").columns));
  table_known_ = !found.rows.empty();
  if (!table_known_) {
    return {};
  }
  ROWTIDE_TRY_ASSIGN(
      const auto rows,
      backend_.run(fmt::format("SELECT source_table, backfill, copy_schema, copy_table FROM {} "
                               "WHERE pipeline = {} AND sink = {}",
                               table_of_replacements(dialect_), literal(context_.pipeline),
                               literal(context_.sink))));
  for (const auto& row : rows.rows) {
    Replacement& replacement = under_way_[row[0].value_or("")];
    replacement.backfill = row[1].value_or("");
    replacement.stored_schema = row[2].value_or("");
    replacement.stored_table = row[3].value_or("");
  }
  return {};
}

Result<void> Replacements::follow(const Event& event) {
  const Json content = Json::parse(event.message_content, nullptr, false);
  const std::string backfill = content.value("backfill", "");
  const std::string table = content.value("table", "");
  const std::string what = content.value("event", "");
  if (what == "cancelled") {
    return drop_all_of(backfill);
  }
  if (what == "started") {
    return begin(backfill, table);
  }
  return what == "finished" ? swap(table) : Result<void>();
}

Result<void> Replacements::make_table() {
  if (table_known_) {
    return {};
  }
  const std::string text = dialect_.traits().text_type;
  ROWTIDE_TRY(backend_.run(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (pipeline {} NOT NULL, sink {} NOT NULL, "
                  "source_table {} NOT NULL, backfill {} NOT NULL, copy_schema {}, copy_table {})",
                  table_of_replacements(dialect_), text, text, text, text, text, text)));
  table_known_ = true;
  return {};
}

Result<void> Replacements::begin(const std::string& backfill, const std::string& table) {
  ROWTIDE_TRY(make_table());
  // What another backfill left of it is of no use.
  if (const auto at = under_way_.find(table); at != under_way_.end()) {
    ROWTIDE_TRY(drop_copy(at->second));
    ROWTIDE_TRY(forget(table));
  }
  ROWTIDE_TRY(backend_.run(
      fmt::format("INSERT INTO {} (pipeline, sink, source_table, backfill) VALUES ({}, {}, {}, {})",
                  table_of_replacements(dialect_), literal(context_.pipeline),
                  literal(context_.sink), literal(table), literal(backfill))));
  under_way_[table].backfill = backfill;
  return {};
}

TableSchema Replacements::copy_of(const TableSchema& schema) {
  TableSchema copy = schema;
  copy.table += kCopySuffix;
  if (copy.table.size() > kMaxNameBytes) {
    TableSchema name_only;
    name_only.schema = schema.schema;
    name_only.table = schema.table;
    copy.table = fmt::format("rowtide_new_{:016x}", content_hash(name_only));
  }
  return copy;
}

Result<TargetTable*> Replacements::fit(const TableSchema& schema) {
  const auto at = under_way_.find(schema.qualified_name());
  if (at == under_way_.end()) {
    return nullptr;
  }
  Replacement& replacement = at->second;
  const TableSchema copy = copy_of(schema);
  if (replacement.stored_table.empty()) {
    // Nobody else's: a copy that was not noted is none of ours, and would be filled twice.
    ROWTIDE_TRY(tables_.drop(copy));
    ROWTIDE_TRY(backend_.run(fmt::format("UPDATE {} SET copy_schema = {}, copy_table = {} WHERE {}",
                                         table_of_replacements(dialect_), literal(copy.schema),
                                         literal(copy.table), where(at->first))));
    replacement.stored_schema = copy.schema;
    replacement.stored_table = copy.table;
  }
  replacement.shape = schema;
  return tables_.fit(copy);
}

Result<TargetTable*> Replacements::lay_out(const TableSchema& schema) {
  if (!under_way_.contains(schema.qualified_name())) {
    return nullptr;
  }
  return tables_.lay_out(copy_of(schema));
}

bool Replacements::alters_written(const TableSchema& schema) const {
  return under_way_.contains(schema.qualified_name()) && tables_.alters_written(copy_of(schema));
}

Result<void> Replacements::swap(const std::string& table) {
  const auto at = under_way_.find(table);
  if (at == under_way_.end()) {
    return {};
  }
  const Replacement replacement = at->second;
  if (replacement.stored_table.empty()) {
    // Nothing was ever said of the table to this sink, which leaves it out.
    return forget(table);
  }
  TableSchema live;
  if (replacement.shape) {
    live = *replacement.shape;
  } else {
    live.schema = replacement.stored_schema;
    live.table = table.substr(live.schema.size() + 1);
  }
  TableSchema copy = live;
  copy.table = replacement.stored_table;
  ROWTIDE_TRY(tables_.replace(live, copy));
  return forget(table);
}

Result<void> Replacements::drop_all_of(const std::string& backfill) {
  std::vector<std::string> names;
  for (const auto& [table, replacement] : under_way_) {
    if (replacement.backfill == backfill) {
      names.push_back(table);
    }
  }
  for (const auto& table : names) {
    ROWTIDE_TRY(drop_copy(under_way_.at(table)));
    ROWTIDE_TRY(forget(table));
  }
  return {};
}

Result<void> Replacements::drop_copy(const Replacement& replacement) {
  if (replacement.stored_table.empty()) {
    return {};
  }
  TableSchema copy;
  copy.schema = replacement.stored_schema;
  copy.table = replacement.stored_table;
  return tables_.drop(copy);
}

Result<void> Replacements::forget(const std::string& table) {
  ROWTIDE_TRY(backend_.run(
      fmt::format("DELETE FROM {} WHERE {}", table_of_replacements(dialect_), where(table))));
  under_way_.erase(table);
  return {};
}

std::string Replacements::where(std::string_view table) const {
  return fmt::format("pipeline = {} AND sink = {} AND source_table = {}",
                     literal(context_.pipeline), literal(context_.sink), literal(table));
}

}  // namespace rowtide::warehouse
