#include "sources/postgres/relation_cache.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sources/postgres/catalog.h"
#include "sources/postgres/value_decode_binary.h"

namespace rowtide::postgres {

Result<std::unique_ptr<RelationDecoder>> make_decoder(const RelationMessage& relation,
                                                      const TypeCatalog& types,
                                                      const CatalogConnection& catalog) {
  ROWTIDE_TRY_ASSIGN(auto decoder, RelationDecoder::create(relation, types));
  if (decoder->replica_identity() == 'f' || decoder->replica_identity() == 'n') {
    ROWTIDE_TRY_ASSIGN(PGconn * connection, catalog());
    ROWTIDE_TRY_ASSIGN(const auto key, load_primary_key(connection, relation.relation_id));
    // The catalog is "now" and may be ahead of the stream: a key over columns that this version of
    // the table lacks says nothing about it.
    const auto present = [&](const std::string& name) {
      return std::ranges::any_of(relation.columns,
                                 [&](const RelationColumn& column) { return column.name == name; });
    };
    const bool usable = std::ranges::all_of(key, present);
    ROWTIDE_TRY(decoder->set_primary_key(usable ? key : std::vector<std::string>()));
  }
  return decoder;
}

RelationCache::RelationCache(TablePatterns patterns, std::map<std::uint64_t, TableSchema> announced,
                             Catalog catalog)
    : patterns_(std::move(patterns)),
      catalog_(std::move(catalog)),
      announced_(std::move(announced)) {}

void RelationCache::reset() {
  for (auto& [id, before] : untaken_) {
    announced_.erase(id);
    if (before) {
      announced_.emplace(id, *std::move(before));
    }
  }
  untaken_.clear();
  relations_.clear();
  last_ = nullptr;
  needs_text_ = false;
}

Result<void> RelationCache::describe(std::string_view message, bool in_stream) {
  ROWTIDE_TRY_ASSIGN(const RelationMessage relation, parse_relation(message, in_stream));
  // The server repeats identical descriptions after unrelated DDL; only content counts.
  const std::string_view content = message.substr(in_stream ? 5 : 1);
  Relation& known = relations_[relation.relation_id];
  if (known.decoder != nullptr && known.message == content) {
    return {};
  }
  last_ = nullptr;
  ROWTIDE_TRY(learn_types(relation));
  ROWTIDE_TRY_ASSIGN(auto decoder, make_decoder(relation, types_, catalog_));
  ROWTIDE_TRY_ASSIGN(known.wanted, is_wanted(relation));
  known.message = content;
  known.decoder = std::move(decoder);
  const auto before = announced_.find(relation.relation_id);
  known.announce = before == announced_.end() || !(before->second == *known.decoder->schema());
  if (known.wanted && !known.decoder->binary_supported()) {
    needs_text_ = true;
  }
  return {};
}

Result<void> RelationCache::describe_type(std::string_view message, bool in_stream) {
  ROWTIDE_TRY_ASSIGN(const TypeMessage type, parse_type(message, in_stream));
  type_names_.insert_or_assign(type.type_oid,
                               std::pair(std::string(type.schema), std::string(type.name)));
  return {};
}

Result<Relation*> RelationCache::find(std::uint32_t relation_id) {
  if (last_ != nullptr && last_id_ == relation_id) [[likely]] {
    return last_;
  }
  const auto found = relations_.find(relation_id);
  if (found == relations_.end() || found->second.decoder == nullptr) {
    return fail(fatal_error(
        Code::kProtocol,
        fmt::format("the stream has a row of relation {} that it never described", relation_id)));
  }
  last_id_ = relation_id;
  last_ = &found->second;
  return last_;
}

void RelationCache::announced(Relation& relation) {
  relation.announce = false;
  const auto& schema = *relation.decoder->schema();
  const auto before = announced_.find(schema.table_id);
  untaken_.try_emplace(schema.table_id,
                       before == announced_.end() ? std::nullopt : std::optional(before->second));
  announced_.insert_or_assign(schema.table_id, schema);
}

Result<bool> RelationCache::binary_possible(std::string_view publication) {
  ROWTIDE_TRY_ASSIGN(PGconn * connection, catalog_());
  auto columns = query(
      connection,
      "SELECT DISTINCT a.atttypid FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = "
      "p.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename JOIN "
      "pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE "
      "p.pubname = " +
          quote_literal(publication));
  if (!columns) {
    return fail(std::move(columns).error());
  }
  std::vector<std::uint32_t> types;
  for (int row = 0; row < columns->rows(); ++row) {
    types.push_back(static_cast<std::uint32_t>(columns->integer(row, 0)));
  }
  ROWTIDE_TRY(load_types(connection, types, types_));
  return std::ranges::all_of(
      types, [&](std::uint32_t type) { return binary_supported(types_, types_.base_of(type)); });
}

Result<void> RelationCache::learn_types(const RelationMessage& relation) {
  std::vector<std::uint32_t> unknown;
  for (const auto& column : relation.columns) {
    if (types_.find(column.type_oid) == nullptr) {
      unknown.push_back(column.type_oid);
    }
  }
  if (unknown.empty()) {
    return {};
  }
  ROWTIDE_TRY_ASSIGN(PGconn * connection, catalog_());
  ROWTIDE_TRY(load_types(connection, unknown, types_));
  // A type dropped since this place of the log: the stream still told its name, and its values come
  // as text.
  for (const auto type : unknown) {
    const auto named = type_names_.find(type);
    if (types_.find(type) == nullptr && named != type_names_.end()) {
      TypeInfo info;
      info.oid = type;
      info.schema = named->second.first;
      info.name = named->second.second;
      types_.add(std::move(info));
    }
  }
  return {};
}

Result<bool> RelationCache::is_wanted(const RelationMessage& relation) {
  if (patterns_.everything() || patterns_.matches(relation.schema, relation.table)) {
    return true;
  }
  // A leaf partition is wanted when a table above it is.
  ROWTIDE_TRY_ASSIGN(PGconn * connection, catalog_());
  ROWTIDE_TRY_ASSIGN(const auto above, partition_ancestors(connection, relation.relation_id));
  return std::ranges::any_of(
      above, [&](const auto& name) { return patterns_.matches(name.first, name.second); });
}

}  // namespace rowtide::postgres
