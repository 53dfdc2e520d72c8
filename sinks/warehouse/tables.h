#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/model/table_schema.h"
#include "sinks/warehouse/settings.h"
#include "sinks/warehouse/sql_backend.h"

namespace rowtide::warehouse {

// One table of the destination as it is laid out now.
struct TargetTable {
  // The source's shape that the table was last fitted to.
  TableSchema schema;
  // "catalog"."schema"."table", quoted.
  std::string target;
  // Per source column: the destination's type of it.
  std::vector<std::string> types;
  // Names of the temporary tables; empty while they do not exist.
  std::string rows_stage;
  std::string keys_stage;
  bool rows_stage_used = false;
  bool keys_stage_used = false;
  // The open transaction has changed rows of it.
  bool written = false;
};

// Creates the destination's tables when they are first seen and follows the shape of the source's:
// new columns are added, types widened; a column that vanished stays, without values in new rows; a
// renamed column is a new one. Whatever cannot be followed without losing a value is an error that
// says what to do.
class Tables {
 public:
  Tables(SqlBackend& backend, const Dialect& dialect, Mode mode)
      : backend_(backend), dialect_(dialect), mode_(mode) {}

  // The table altered so that it takes rows of `schema`, inside the open transaction. Valid until
  // the next call of fit or lay_out for the table.
  Result<TargetTable*> fit(const TableSchema& schema) { return prepare(schema, true); }
  // The same without altering anything: for rows of a shape that the table was fitted to before it
  // was fitted to a newer one.
  Result<TargetTable*> lay_out(const TableSchema& schema) { return prepare(schema, false); }
  // Drops the table with this name, if there is one, and forgets it.
  Result<void> drop(const TableSchema& table);
  // Puts the rows of `copy`, which is gone afterwards, in the place of those of `live`; both in the
  // open transaction.
  Result<void> replace(const TableSchema& live, const TableSchema& copy);
  // True when fit(schema) would alter a table that the open transaction has changed rows of.
  bool alters_written(const TableSchema& schema) const;
  // Says that the open transaction was committed.
  void committed();
  // Forgets everything, e.g. because a transaction was rolled back.
  void reset() { known_.clear(); }

 private:
  struct ColumnSpec {
    std::string name;
    std::string type;
  };
  using StoredColumns = std::vector<ColumnSpec>;

  Result<TargetTable*> prepare(const TableSchema& schema, bool alter);
  std::string known_name(const TableSchema& schema) const;
  std::string target_of(const TableSchema& schema) const;
  Result<void> forget(const TableSchema& schema);
  Result<void> check_names(const TableSchema& schema) const;
  std::vector<ColumnSpec> needed_columns(const TableSchema& schema) const;
  Result<StoredColumns> stored_columns(const TableSchema& schema);
  Result<void> create(TargetTable& table, const std::vector<ColumnSpec>& needed);
  Result<void> create_schema(const TableSchema& schema);
  Result<void> follow(TargetTable& table, const std::vector<ColumnSpec>& needed,
                      const StoredColumns& stored, bool alter);
  Result<std::string> follow_column(const TargetTable& table, const ColumnSpec& needed,
                                    const StoredColumns& stored, bool alter);
  Result<void> check_key(const TargetTable& table);

  SqlBackend& backend_;
  const Dialect& dialect_;
  const Mode mode_;
  // By folded name. Elements keep their address.
  std::map<std::string, std::unique_ptr<TargetTable>> known_;
};

}  // namespace rowtide::warehouse
