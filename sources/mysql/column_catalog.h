#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace rowtide::mysql {

// What information_schema says of one column.
struct CatalogColumn {
  std::string name;
  std::string data_type;    // "int", "enum", "uuid"
  std::string column_type;  // "int(10) unsigned", "enum('a','b')"
  // Empty for a column without characters.
  std::string charset;
  std::string collation;
  bool nullable = true;
  bool is_unsigned = false;
  bool invisible = false;
  bool generated = false;
  // A column of type json: a MySQL one, or the MariaDB alias for longtext with a json_valid check.
  bool json = false;
};

// What the catalog says of one table now, which may be ahead of the place in the binary log that is
// being decoded: whoever uses it compares number and types of the columns first.
struct TableColumns {
  std::string database;
  std::string table;
  std::vector<CatalogColumn> columns;
  // Indexes into columns, in the order of the key; empty = no primary key.
  std::vector<std::uint32_t> primary_key;
  // A MariaDB SEQUENCE, whose rows are no rows of a table.
  bool sequence = false;
  bool system_versioned = false;
};

// Asks the catalog for one table. An error with Code::kNotFound when there is none of that name.
class ColumnCatalog {
 public:
  virtual ~ColumnCatalog() = default;
  virtual Result<TableColumns> columns(std::string_view database, std::string_view table) = 0;
};

}  // namespace rowtide::mysql
