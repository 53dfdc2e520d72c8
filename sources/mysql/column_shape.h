#pragma once

#include "engine/base/error.h"
#include "engine/model/table_schema.h"
#include "sources/mysql/column_catalog.h"
#include "sources/mysql/column_decoder.h"
#include "sources/mysql/table_map.h"

namespace rowtide::mysql {

// Everything that is known of one column.
struct ColumnSources {
  const MapColumn* map = nullptr;
  // Null when the catalog has no such column; never null without names.
  const CatalogColumn* catalog = nullptr;
  // As it was announced before; null when it was not.
  const Column* known = nullptr;
  bool has_names = false;
  bool has_signedness = false;
  bool is_mariadb = false;
};

struct ColumnShape {
  Column column;
  ColumnDecoder decoder;
};

// What a column is to the rest of the engine and how its cells are read. Catalog and announcement
// count only as far as they fit what lies on the wire. Code::kSchema when the wire alone is not
// enough and neither fits.
Result<ColumnShape> shape_column(const ColumnSources& sources);

// The layout alone: enough to go past a cell.
ColumnDecoder wire_layout(const MapColumn& column);

}  // namespace rowtide::mysql
