#pragma once

#include <memory>
#include <optional>
#include <span>

#include "engine/api/sink.h"
#include "engine/base/failpoints.h"
#include "sinks/warehouse/marker.h"
#include "sinks/warehouse/replacements.h"
#include "sinks/warehouse/settings.h"
#include "sinks/warehouse/sql_backend.h"
#include "sinks/warehouse/table_runs.h"
#include "sinks/warehouse/tables.h"

namespace rowtide::warehouse {

// Applies changes to a destination that speaks SQL, in transactions that hold data and marker.
//
// Thread: one lane. Lifecycle: open -> (begin -> apply* -> commit)* -> close, and again from open.
// After an error only close() is allowed.
class SqlDestination {
 public:
  SqlDestination(SqlBackend& backend, const Dialect& dialect, Mode mode, Failpoints& failpoints);

  Result<std::optional<ResumePoint>> open(const LaneContext& context, Deadline until);

  // Opens a transaction unless one is open; false when somebody else holds the destination.
  Result<bool> begin(Deadline until);
  bool in_transaction() const noexcept { return in_transaction_; }
  // True when the changes of `runs` need the open transaction to be committed first.
  bool needs_commit_before(std::span<const TableRun> runs) const;
  // True for a message that changes what later rows are done to: it is applied, and committed, by
  // itself.
  bool is_control(const Event& event) const;
  // Precondition: in_transaction().
  Result<void> control(const Event& event);
  // Precondition: in_transaction().
  Result<void> apply(std::span<const TableRun> runs);
  // Precondition: in_transaction().
  Result<void> commit(const ResumePoint& point);
  void close() noexcept;

 private:
  Result<void> mirror(const TableRun& run);
  Result<void> mirror(TargetTable& table, const TableSchema& schema,
                      std::span<const EventRef> events);
  Result<void> append(TargetTable& table, const TableRun& run);

  SqlBackend& backend_;
  const Dialect& dialect_;
  const Mode mode_;
  Failpoints& failpoints_;
  Marker marker_;
  Tables tables_;
  Replacements replacements_;
  bool in_transaction_ = false;
};

}  // namespace rowtide::warehouse
