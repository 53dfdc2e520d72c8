#include "sources/mysql/schema_announcements.h"

#include <memory>

namespace rowtide::mysql {

SchemaAnnouncements::SchemaAnnouncements(const std::map<std::uint64_t, TableSchema>& before) {
  for (const auto& [table_id, schema] : before) {
    announced_.emplace(table_id, std::make_shared<const TableSchema>(schema));
  }
}

bool SchemaAnnouncements::due(const SchemaPtr& schema) {
  auto& last = announced_[schema->table_id];
  if (last == schema) {
    return false;
  }
  if (last == nullptr || *last != *schema) {
    return true;
  }
  // Equal, made anew: the next look need not compare.
  last = schema;
  return false;
}

void SchemaAnnouncements::announced(const SchemaPtr& schema) {
  auto& last = announced_[schema->table_id];
  untaken_.try_emplace(schema->table_id, last);
  last = schema;
}

SchemaPtr SchemaAnnouncements::latest(std::uint64_t table_id) const {
  const auto found = announced_.find(table_id);
  return found == announced_.end() ? nullptr : found->second;
}

void SchemaAnnouncements::reset() {
  for (auto& [table_id, before] : untaken_) {
    announced_[table_id] = std::move(before);
  }
  untaken_.clear();
}

}  // namespace rowtide::mysql
