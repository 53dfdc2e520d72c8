#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/model/table_schema.h"
#include "sources/mysql/column_catalog.h"
#include "sources/mysql/column_decoder.h"
#include "sources/mysql/table_map.h"

namespace rowtide::mysql {

// How the values of one table map are read. Immutable; lives as long as its cache, or until
// forget() of its table.
struct TableShape {
  SchemaPtr schema;
  // One per column of the schema and of the rows, in their order.
  std::vector<ColumnDecoder> columns;
  // The schema's key_columns as flags, one per column.
  std::vector<bool> is_key;
  // Indexes of the JSON columns, which the diffs of partial updates count.
  std::vector<std::uint32_t> json_columns;
  DecodeOptions options;
  // Rows of a MariaDB sequence: not data, to be left out.
  bool is_sequence = false;
};

// The id that a table keeps whatever the server calls it: a hash of its name, never 0.
std::uint64_t stable_table_id(std::string_view database, std::string_view table);

// The shapes of every table map seen, by content. The servers repeat a map for each statement, with
// a new table id after each restart, so that the id is no part of the content. Reader thread only.
class ShapeCache {
 public:
  struct Options {
    DecodeOptions decode = {};
    bool is_mariadb = false;
    // False for a MySQL that is known to be no newer than 8.0.15; see MapDialect. Asked only where
    // neither the map nor the catalog decides.
    bool year_has_sign = true;
  };

  // `known` holds the schemas that were announced before, by table id: until forget() of a table
  // its entry decides what the map leaves open (a uuid is a binary(16) on the wire), since the
  // catalog may be ahead of the log. `catalog` outlives the cache; null = the log only.
  ShapeCache(Options options, ColumnCatalog* catalog, std::map<std::uint64_t, TableSchema> known);

  // `table_map_body` as for parse_table_map. Asks the catalog the first time that it sees this
  // content. Code::kSchema with a remedy when the map lacks names (binlog_row_metadata=MINIMAL) and
  // the catalog does not fit it, kUnsupported for a column that cannot be read.
  Result<const TableShape*> shape(std::string_view table_map_body);
  // The same for a table of which no row is wanted: its shape can only skip rows, and the catalog
  // is not asked.
  Result<const TableShape*> shape_to_skip(std::string_view table_map_body);

  // A DDL statement on this table is in the log here (or one that may be on any table of the
  // database, or anywhere: empty names). Shapes of it become invalid; the catalog is asked anew.
  void forget(std::string_view database, std::string_view table);

 private:
  struct Entry {
    std::string database;
    std::string table;
    std::unique_ptr<const TableShape> shape;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view content) const noexcept {
      return std::hash<std::string_view>()(content);
    }
  };
  using Shapes = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  Result<const TableShape*> find(Shapes& shapes, std::string_view body, bool wanted);
  Result<TableColumns> ask_catalog(const TableMap& map);

  Options options_;
  ColumnCatalog* catalog_;
  std::map<std::uint64_t, TableSchema> known_;
  Shapes shapes_;
  Shapes skip_shapes_;
};

// The shape of a table whose map is at hand; the signs of the map may be settled by the catalog.
// Errors as ShapeCache::shape.
Result<std::unique_ptr<const TableShape>> make_table_shape(TableMap& map,
                                                           const TableColumns& catalog,
                                                           const TableSchema* known,
                                                           const ShapeCache::Options& options);

}  // namespace rowtide::mysql
