#include "sources/mysql/table_shape.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sources/mysql/column_shape.h"

namespace rowtide::mysql {
namespace {

constexpr std::size_t kTableIdBytes = 6;
constexpr std::string_view kSequenceColumns[] = {
    "next_not_cached_value", "minimum_value", "maximum_value",
    "start_value",           "increment",     "cache_size",
    "cycle_option",          "cycle_count"};

std::string display_name(const TableMap& map) {
  return fmt::format("{}.{}", map.database, map.table);
}

// MINIMAL metadata: names, labels and signs are only in the catalog, which must be of the same
// shape.
Error lacks_names(const TableMap& map, std::string_view why) {
  return operator_error(
      Code::kSchema,
      fmt::format("table {}: the binary log has no column names, and {}", display_name(map), why),
      "SET GLOBAL binlog_row_metadata = 'FULL' on the source, so that the log describes each table "
      "as it was; rows logged before that need the table as it was then");
}

bool looks_like_sequence(const TableMap& map) {
  return std::ranges::equal(map.columns, kSequenceColumns, {},
                            [](const MapColumn& column) { return column.name; });
}

void set_key(const TableMap& map, const TableColumns& catalog, TableSchema& schema) {
  if (map.has_names) {
    schema.key_columns = map.key_columns;
  } else {
    schema.key_columns = catalog.primary_key;
  }
  schema.key_is_unique = !schema.key_columns.empty();
  if (schema.key_columns.empty()) {
    // Images of a table without a key are whole, so that all columns tell rows apart.
    schema.key_columns.resize(schema.columns.size());
    for (std::uint32_t i = 0; i < schema.key_columns.size(); ++i) {
      schema.key_columns[i] = i;
    }
  }
}

const Column* known_column(const TableSchema* known, std::string_view name) {
  if (known == nullptr) {
    return nullptr;
  }
  const auto found = std::ranges::find(known->columns, name, &Column::name);
  return found == known->columns.end() ? nullptr : &*found;
}

const CatalogColumn* catalog_column(const TableMap& map, const TableColumns& catalog,
                                    std::size_t index) {
  if (!map.has_names) {
    return &catalog.columns[index];
  }
  const auto found =
      std::ranges::find(catalog.columns, map.columns[index].name, &CatalogColumn::name);
  return found == catalog.columns.end() ? nullptr : &*found;
}

// Columns of which the map says another sign than the catalog.
std::size_t wrong_signs(const TableMap& map, const TableColumns& catalog) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < map.columns.size(); ++i) {
    const CatalogColumn* column = catalog_column(map, catalog, i);
    const bool is_year = map.columns[i].type == ColumnType::kYear;
    wrong += column != nullptr && !is_year && column->is_unsigned != map.columns[i].is_unsigned
                 ? 1U
                 : 0U;
  }
  return wrong;
}

// Where the map can be read in two ways, the one that fits the catalog better.
void settle_signs(TableMap& map, const TableColumns& catalog, bool year_has_sign) {
  const std::size_t wrong = wrong_signs(map, catalog);
  set_signs(map, !year_has_sign);
  if (wrong_signs(map, catalog) >= wrong) {
    set_signs(map, year_has_sign);
  }
}

Result<void> check_minimal(const TableMap& map, const TableColumns& catalog) {
  if (catalog.columns.empty()) {
    return fail(lacks_names(map, "the table is not there any more"));
  }
  if (catalog.columns.size() != map.columns.size()) {
    return fail(lacks_names(map, fmt::format("the table had {} columns when the row was logged, "
                                             "and has {} now",
                                             map.columns.size(), catalog.columns.size())));
  }
  return {};
}

Result<std::unique_ptr<const TableShape>> make_shape(TableMap& map, const TableColumns& catalog,
                                                     const TableSchema* known,
                                                     const ShapeCache::Options& options) {
  if (!map.has_names) {
    ROWTIDE_TRY(check_minimal(map, catalog));
  }
  if (!map.signs_are_certain) {
    settle_signs(map, catalog, options.year_has_sign);
  }
  auto shape = std::make_unique<TableShape>();
  shape->options = options.decode;
  auto schema = std::make_shared<TableSchema>();
  schema->table_id = stable_table_id(map.database, map.table);
  schema->schema = map.database;
  schema->table = map.table;
  for (std::size_t i = 0; i < map.columns.size(); ++i) {
    ColumnSources sources{.map = &map.columns[i],
                          .catalog = catalog_column(map, catalog, i),
                          .known = known_column(known, map.columns[i].name),
                          .has_names = map.has_names,
                          .has_signedness = map.has_signedness,
                          .is_mariadb = options.is_mariadb};
    auto column = shape_column(sources);
    if (!column) {
      return fail(std::move(column).error().with_context(
          fmt::format("table {}, column {}", display_name(map),
                      map.has_names ? std::string(map.columns[i].name) : std::to_string(i + 1))));
    }
    if (column->decoder.codec == Codec::kJson) {
      shape->json_columns.push_back(static_cast<std::uint32_t>(i));
    }
    shape->columns.push_back(std::move(column->decoder));
    schema->columns.push_back(std::move(column->column));
  }
  set_key(map, catalog, *schema);
  shape->is_key.resize(schema->columns.size());
  for (const std::uint32_t column : schema->key_columns) {
    if (column >= schema->columns.size()) {
      return fail(lacks_names(map, "its key names a column that it does not have"));
    }
    shape->is_key[column] = true;
  }
  shape->is_sequence = catalog.sequence || (options.is_mariadb && catalog.columns.empty() &&
                                            map.has_names && looks_like_sequence(map));
  shape->schema = std::move(schema);
  return shape;
}

// Only what is needed to go past a row.
std::unique_ptr<const TableShape> make_skip_shape(const TableMap& map) {
  auto shape = std::make_unique<TableShape>();
  auto schema = std::make_shared<TableSchema>();
  schema->table_id = stable_table_id(map.database, map.table);
  schema->schema = map.database;
  schema->table = map.table;
  shape->schema = std::move(schema);
  for (std::size_t i = 0; i < map.columns.size(); ++i) {
    shape->columns.push_back(wire_layout(map.columns[i]));
    if (map.columns[i].type == ColumnType::kJson) {
      shape->json_columns.push_back(static_cast<std::uint32_t>(i));
    }
  }
  shape->is_key.resize(shape->columns.size());
  return shape;
}

}  // namespace

std::uint64_t stable_table_id(std::string_view database, std::string_view table) {
  // FNV-1a with a byte between the names that neither can hold.
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto mix = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3U; };
  for (const char c : database) {
    mix(static_cast<unsigned char>(c));
  }
  mix(0);
  for (const char c : table) {
    mix(static_cast<unsigned char>(c));
  }
  return hash == 0 ? 1 : hash;
}

Result<std::unique_ptr<const TableShape>> make_table_shape(TableMap& map,
                                                           const TableColumns& catalog,
                                                           const TableSchema* known,
                                                           const ShapeCache::Options& options) {
  return make_shape(map, catalog, known, options);
}

ShapeCache::ShapeCache(Options options, ColumnCatalog* catalog,
                       std::map<std::uint64_t, TableSchema> known)
    : options_(options), catalog_(catalog), known_(std::move(known)) {}

Result<const TableShape*> ShapeCache::shape(std::string_view table_map_body) {
  return find(shapes_, table_map_body, true);
}

Result<const TableShape*> ShapeCache::shape_to_skip(std::string_view table_map_body) {
  return find(skip_shapes_, table_map_body, false);
}

Result<TableColumns> ShapeCache::ask_catalog(const TableMap& map) {
  TableColumns columns;
  if (catalog_ == nullptr) {
    return columns;
  }
  auto answer = catalog_->columns(map.database, map.table);
  if (answer) {
    return answer;
  }
  // Dropped or renamed since: what the log says must do.
  if (answer.error().code == Code::kNotFound) {
    return columns;
  }
  return fail(std::move(answer).error().with_context("columns of " + display_name(map)));
}

Result<const TableShape*> ShapeCache::find(Shapes& shapes, std::string_view body, bool wanted) {
  const std::string_view content = body.substr(std::min(body.size(), kTableIdBytes));
  if (const auto found = shapes.find(content); found != shapes.end()) [[likely]] {
    return found->second.shape.get();
  }
  const MapDialect dialect{.geometry_has_charset = options_.is_mariadb,
                           .year_has_sign = options_.year_has_sign};
  ROWTIDE_TRY_ASSIGN(TableMap map, parse_table_map(body, dialect));
  std::unique_ptr<const TableShape> shape;
  if (wanted) {
    ROWTIDE_TRY_ASSIGN(const TableColumns catalog, ask_catalog(map));
    const auto known = known_.find(stable_table_id(map.database, map.table));
    ROWTIDE_TRY_ASSIGN(
        shape,
        make_shape(map, catalog, known == known_.end() ? nullptr : &known->second, options_));
  } else {
    shape = make_skip_shape(map);
  }
  const auto added = shapes.emplace(
      content, Entry{std::string(map.database), std::string(map.table), std::move(shape)});
  return added.first->second.shape.get();
}

void ShapeCache::forget(std::string_view database, std::string_view table) {
  const auto concerned = [&](std::string_view its_database, std::string_view its_table) {
    return (database.empty() || database == its_database) && (table.empty() || table == its_table);
  };
  const auto stale = [&](const auto& entry) {
    return concerned(entry.second.database, entry.second.table);
  };
  std::erase_if(shapes_, stale);
  std::erase_if(skip_shapes_, stale);
  std::erase_if(known_, [&](const auto& entry) {
    return concerned(entry.second.schema, entry.second.table);
  });
}

}  // namespace rowtide::mysql
