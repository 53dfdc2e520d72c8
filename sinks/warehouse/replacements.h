#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/api/sink.h"
#include "engine/base/error.h"
#include "engine/model/event.h"
#include "engine/model/table_schema.h"
#include "sinks/warehouse/sql_backend.h"
#include "sinks/warehouse/tables.h"

namespace rowtide::warehouse {

// The mirrors that a backfill makes anew beside the ones in use, and then puts in their place.
//
// Which they are is kept in rowtide.replacements of the destination, in the transactions that make,
// fill and swap them: so a restart finds them as the marker left them. A backfill's messages in the
// stream say where it begins and ends.
class Replacements {
 public:
  Replacements(SqlBackend& backend, const Dialect& dialect, Tables& tables)
      : backend_(backend), dialect_(dialect), tables_(tables) {}

  // True for the messages that follow() has to see before any later change is applied.
  static bool concerns(const Event& event);

  // Reads what is under way for this lane; outside of a transaction.
  Result<void> open(const LaneContext& context);
  // Does what a message says, inside the open transaction.
  Result<void> follow(const Event& event);
  // The copy of the table that is being filled, laid out for rows of `schema`; nullptr when the
  // table is not being replaced. Like Tables::fit and Tables::lay_out.
  Result<TargetTable*> fit(const TableSchema& schema);
  Result<TargetTable*> lay_out(const TableSchema& schema);
  // True when fit(schema) would alter a copy that the open transaction has changed rows of.
  bool alters_written(const TableSchema& schema) const;

 private:
  struct Replacement {
    std::string backfill;
    // What is to be replaced, of which the copy has the shape; nullopt while the copy is not made.
    std::optional<TableSchema> shape;
    // The copy that an earlier run made, while this one has not seen the table.
    std::string stored_schema;
    std::string stored_table;
  };

  static TableSchema copy_of(const TableSchema& schema);
  Result<void> make_table();
  Result<void> begin(const std::string& backfill, const std::string& table);
  Result<void> swap(const std::string& table);
  Result<void> drop_all_of(const std::string& backfill);
  Result<void> drop_copy(const Replacement& replacement);
  Result<void> forget(const std::string& table);
  std::string where(std::string_view table) const;

  SqlBackend& backend_;
  const Dialect& dialect_;
  Tables& tables_;
  LaneContext context_;
  bool table_known_ = false;
  // By the qualified name of the source's table.
  std::map<std::string, Replacement, std::less<>> under_way_;
};

}  // namespace rowtide::warehouse
