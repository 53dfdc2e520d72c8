#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

#include "engine/model/table_schema.h"

namespace rowtide::mysql {

// Which shape of each table was announced last, by the table's stable id. Reader thread only.
class SchemaAnnouncements {
 public:
  // `before`: what was announced before this source was made.
  explicit SchemaAnnouncements(const std::map<std::uint64_t, TableSchema>& before);

  // True when `schema` differs from what was announced.
  bool due(const SchemaPtr& schema);
  void announced(const SchemaPtr& schema);
  // The last shape of a table; null when there was none.
  SchemaPtr latest(std::uint64_t table_id) const;

  // All that was handed out has been taken from the builder.
  void taken() { untaken_.clear(); }
  // Forgets the announcements that were dropped with the builder.
  void reset();

 private:
  std::unordered_map<std::uint64_t, SchemaPtr> announced_;
  // What was announced before, of the tables whose announcement may still be in the builder.
  std::map<std::uint64_t, SchemaPtr> untaken_;
};

}  // namespace rowtide::mysql
