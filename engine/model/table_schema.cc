#include "engine/model/table_schema.h"

#include <array>

#include <nlohmann/json.hpp>

namespace rowtide {
namespace {

constexpr std::array<std::string_view, 17> kTypeNames = {
    "boolean", "int16",   "int32", "int64", "uint64",    "float32",
    "float64", "decimal", "date",  "time",  "timestamp", "timestamptz",
    "uuid",    "bytes",   "text",  "json",  "literal"};

Error corrupt_schema(std::string what) {
  return operator_error(
      Code::kCorrupt, "stored table schema is damaged: " + std::move(what),
      "Move the state directory away and start again: positions are taken from the "
      "sinks' own markers");
}

}  // namespace

std::string_view to_string(LogicalType type) noexcept {
  return kTypeNames[static_cast<std::size_t>(type)];
}

std::uint64_t content_hash(const TableSchema& schema) {
  // FNV-1a over the stored form: short, stable, and schemas are few.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : encode_schema(schema)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash;
}

std::string encode_schema(const TableSchema& schema) {
  auto columns = nlohmann::json::array();
  for (const auto& column : schema.columns) {
    columns.push_back({{"name", column.name},
                       {"type", to_string(column.type)},
                       {"source_type", column.source_type},
                       {"builtin", column.builtin},
                       {"precision", column.precision},
                       {"scale", column.scale}});
  }
  const nlohmann::json json = {
      {"table_id", schema.table_id}, {"schema", schema.schema},
      {"table", schema.table},       {"columns", std::move(columns)},
      {"key", schema.key_columns},   {"key_is_unique", schema.key_is_unique}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<TableSchema> decode_schema(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return fail(corrupt_schema("not a JSON object"));
  }
  try {
    TableSchema schema;
    schema.table_id = json.at("table_id").get<std::uint64_t>();
    schema.schema = json.at("schema").get<std::string>();
    schema.table = json.at("table").get<std::string>();
    for (const auto& item : json.at("columns")) {
      Column column;
      column.name = item.at("name").get<std::string>();
      const auto type = item.at("type").get<std::string>();
      std::size_t index = 0;
      while (index < kTypeNames.size() && kTypeNames[index] != type) {
        ++index;
      }
      if (index == kTypeNames.size()) {
        return fail(corrupt_schema("unknown type"));
      }
      column.type = static_cast<LogicalType>(index);
      column.source_type = item.at("source_type").get<std::string>();
      column.builtin = item.at("builtin").get<bool>();
      column.precision = item.at("precision").get<std::int32_t>();
      column.scale = item.at("scale").get<std::int32_t>();
      schema.columns.push_back(std::move(column));
    }
    schema.key_columns = json.at("key").get<std::vector<std::uint32_t>>();
    schema.key_is_unique = json.at("key_is_unique").get<bool>();
    for (const auto index : schema.key_columns) {
      if (index >= schema.columns.size()) {
        return fail(corrupt_schema("key column out of range"));
      }
    }
    return schema;
  } catch (const nlohmann::json::exception&) {
    return fail(corrupt_schema("a member is missing or of another type"));
  }
}

}  // namespace rowtide
