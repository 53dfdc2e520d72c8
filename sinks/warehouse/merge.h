#pragma once

#include <string>
#include <vector>

#include "engine/base/failpoints.h"
#include "sinks/warehouse/collapse.h"
#include "sinks/warehouse/sql_backend.h"
#include "sinks/warehouse/tables.h"

namespace rowtide::warehouse {

// Brings collapsed changes into one table with set-based statements, inside the open transaction:
// what they need to know is loaded into temporary tables and merged from there.
//
// The order makes every statement see the rows that it means: rows that keep some of their values
// are updated in place; rows that move fetch theirs while they are still under their old key; then
// rows are deleted; then complete rows come in. Where the destination cannot upsert, a complete row
// needs only its key to be looked up: the row that has it is deleted, and the new one is appended
// to the table without a detour. So the rows of a first load cost little more than the append.
class Merge {
 public:
  // `filling`: rows that the changes mean may not be there yet, and then come whole later.
  Merge(SqlBackend& backend, const Dialect& dialect, TargetTable& table, bool filling,
        Failpoints& failpoints);

  Result<void> run(const Collapse& changes);

 private:
  using Rows = std::vector<const MergedRow*>;
  // Rows whose changes know the same columns.
  struct Group {
    std::vector<std::uint32_t> known;
    Rows rows;
  };

  static std::vector<Group> group_by_known(const Rows& rows);
  Result<void> make_rows_stage();
  Result<void> make_keys_stage();
  Result<void> drop_stages();
  Result<void> stage_full(const Rows& rows);
  // Adds complete rows to the table itself, in which no row has their keys.
  Result<void> append(const Rows& rows);
  Result<void> load_rows(const Rows& rows, const std::vector<std::uint32_t>& columns);
  // Loads the keys to look up (o0, o1, ...) and, for moves, the keys they become (n0, n1, ...).
  Result<void> load_keys(const Rows& rows, bool moves);
  Result<void> update_in_place(const Group& group);
  Result<void> fetch_moved(const Group& group);
  Result<void> remove(bool listed, bool replaced);
  Result<void> insert_staged();
  Result<void> check_matched(const StatementResult& result, std::size_t expected) const;

  // "t"."id" = s.c0 AND ... over the key columns; `prefix` names the stage and its columns.
  std::string key_match(std::string_view prefix) const;
  std::string stage(const std::string& name) const;
  std::string column(std::uint32_t index) const;

  SqlBackend& backend_;
  const Dialect& dialect_;
  TargetTable& table_;
  const bool filling_;
  Failpoints& failpoints_;
};

}  // namespace rowtide::warehouse
