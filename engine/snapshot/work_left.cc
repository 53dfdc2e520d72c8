#include "engine/snapshot/work_left.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace rowtide {
namespace {

using Json = nlohmann::json;

constexpr char kSeparator = '#';

Error unknown_form() {
  return operator_error(Code::kData, "a stored position names backfills in an unknown form",
                        "It was written by another version or edited: see rowtide offsets show");
}

Json spec_json(const BackfillSpec& spec) {
  Json json = {{"tables", spec.tables}};
  if (!spec.filter.where.empty()) {
    json["where"] = spec.filter.where;
  }
  if (!spec.filter.columns.empty()) {
    json["columns"] = spec.filter.columns;
  }
  if (spec.replace) {
    json["replace"] = true;
  }
  return json;
}

BackfillSpec spec_of(const Json& json) {
  BackfillSpec spec;
  spec.tables = json.at("tables").get<std::vector<std::string>>();
  spec.filter.where = json.value("where", "");
  spec.filter.columns = json.value("columns", std::vector<std::string>());
  spec.replace = json.value("replace", false);
  return spec;
}

Json part_json(const PartLeft& part) {
  Json json = {{"sinks", part.sinks}};
  if (part.after) {
    json["after"] = *part.after;
  }
  if (part.up_to) {
    json["up_to"] = *part.up_to;
  }
  if (!part.keys.empty()) {
    json["keys"] = part.keys;
  }
  return json;
}

PartLeft part_of(const Json& json) {
  PartLeft part;
  part.sinks = json.at("sinks").get<std::vector<std::string>>();
  if (json.contains("after")) {
    part.after = json["after"].get<ScanKey>();
  }
  if (json.contains("up_to")) {
    part.up_to = json["up_to"].get<ScanKey>();
  }
  part.keys = json.value("keys", std::vector<ScanKey>());
  return part;
}

void put_told(const Told& told, Json& json) {
  if (!told.unstarted.empty()) {
    json["unstarted"] = told.unstarted;
  }
  if (!told.finished.empty()) {
    json["finished"] = told.finished;
  }
}

Told told_of(const Json& json) {
  return {json.value("unstarted", std::vector<std::string>()),
          json.value("finished", std::vector<std::string>())};
}

Json backfill_json(const BackfillLeft& backfill) {
  Json json = {{"id", backfill.id},
               {"spec", spec_json(backfill.spec)},
               {"sinks", backfill.sinks},
               {"created", backfill.created_at_us},
               {"rows", backfill.rows_delivered}};
  if (backfill.initial) {
    json["initial"] = true;
  }
  if (backfill.captured_before) {
    json["before"] = *backfill.captured_before;
  }
  if (backfill.done) {
    json["done"] = true;
    return json;
  }
  put_told(backfill.told, json);
  if (backfill.untouched_from) {
    json["untouched"] = *backfill.untouched_from;
  }
  for (const TableLeft& table : backfill.tables) {
    Json parts = Json::array();
    for (const PartLeft& part : table.parts) {
      parts.push_back(part_json(part));
    }
    json["tables"].push_back(
        {{"name", table.name}, {"rows", table.rows_delivered}, {"parts", std::move(parts)}});
    put_told(table.told, json["tables"].back());
  }
  return json;
}

BackfillLeft backfill_of(const Json& json) {
  BackfillLeft backfill;
  backfill.id = json.at("id").get<std::string>();
  backfill.spec = spec_of(json.at("spec"));
  backfill.sinks = json.at("sinks").get<std::vector<std::string>>();
  backfill.created_at_us = json.at("created").get<std::int64_t>();
  backfill.rows_delivered = json.at("rows").get<std::uint64_t>();
  backfill.initial = json.value("initial", false);
  if (json.contains("before")) {
    backfill.captured_before = json["before"].get<std::vector<std::string>>();
  }
  backfill.done = json.value("done", false);
  backfill.told = told_of(json);
  backfill.untouched_from = json.contains("untouched")
                                ? std::optional(json["untouched"].get<std::string>())
                                : std::nullopt;
  for (const Json& entry : json.value("tables", Json::array())) {
    TableLeft table;
    table.name = entry.at("name").get<std::string>();
    table.rows_delivered = entry.at("rows").get<std::uint64_t>();
    for (const Json& part : entry.at("parts")) {
      table.parts.push_back(part_of(part));
    }
    table.told = told_of(entry);
    backfill.tables.push_back(std::move(table));
  }
  return backfill;
}

}  // namespace

std::string token_suffix(const WorkLeft& work) {
  if (work.empty()) {
    return {};
  }
  Json json = Json::array();
  for (const BackfillLeft& backfill : work) {
    json.push_back(backfill_json(backfill));
  }
  return kSeparator + json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::pair<std::string_view, std::string_view> split_token(std::string_view token) {
  const auto at = std::min(token.find(kSeparator), token.size());
  return {token.substr(0, at), token.substr(at)};
}

Result<WorkLeft> parse_work_left(std::string_view suffix) {
  WorkLeft work;
  if (suffix.empty()) {
    return work;
  }
  try {
    if (suffix.front() != kSeparator) {
      return fail(unknown_form());
    }
    const Json json = Json::parse(suffix.substr(1));
    for (const Json& entry : json.get_ref<const Json::array_t&>()) {
      work.push_back(backfill_of(entry));
    }
  } catch (const Json::exception&) {
    return fail(unknown_form());
  }
  return work;
}

std::optional<std::vector<PartLeft>> parts_left(const BackfillLeft& backfill,
                                                std::string_view table, std::string_view sink) {
  std::vector<PartLeft> parts;
  if (backfill.done) {
    return parts;
  }
  const auto begun = std::ranges::find(backfill.tables, table, &TableLeft::name);
  if (begun == backfill.tables.end()) {
    const bool untouched = backfill.untouched_from && table >= *backfill.untouched_from;
    return untouched ? std::nullopt : std::optional(parts);
  }
  for (const PartLeft& part : begun->parts) {
    if (std::ranges::find(part.sinks, sink) != part.sinks.end()) {
      parts.push_back(PartLeft{part.after, part.up_to, {std::string(sink)}, part.keys});
    }
  }
  return parts;
}

}  // namespace rowtide
