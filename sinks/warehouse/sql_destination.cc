#include "sinks/warehouse/sql_destination.h"

#include <algorithm>
#include <iterator>

#include "engine/base/assert.h"
#include "sinks/warehouse/collapse.h"
#include "sinks/warehouse/history.h"
#include "sinks/warehouse/merge.h"

namespace rowtide::warehouse {

SqlDestination::SqlDestination(SqlBackend& backend, const Dialect& dialect, Mode mode,
                               Failpoints& failpoints)
    : backend_(backend),
      dialect_(dialect),
      mode_(mode),
      failpoints_(failpoints),
      marker_(backend, dialect),
      tables_(backend, dialect, mode),
      replacements_(backend, dialect, tables_) {}

Result<std::optional<ResumePoint>> SqlDestination::open(const LaneContext& context,
                                                        Deadline until) {
  ROWTIDE_TRY(backend_.open());
  ROWTIDE_TRY_ASSIGN(const bool ready, backend_.acquire(until));
  if (!ready) {
    return fail(retry_error(Code::kLocked, "another process holds the destination",
                            "Close the program that has it open"));
  }
  ROWTIDE_TRY_ASSIGN(auto point, marker_.take_over(context));
  if (mode_ == Mode::kMirror) {
    ROWTIDE_TRY(replacements_.open(context));
  }
  ROWTIDE_TRY(backend_.release());
  return point;
}

Result<bool> SqlDestination::begin(Deadline until) {
  if (in_transaction_) {
    return true;
  }
  ROWTIDE_TRY_ASSIGN(const bool ready, backend_.acquire(until));
  if (!ready) {
    return false;
  }
  ROWTIDE_TRY(backend_.run("BEGIN"));
  in_transaction_ = true;
  return true;
}

bool SqlDestination::needs_commit_before(std::span<const TableRun> runs) const {
  return in_transaction_ && dialect_.traits().alters_before_writes_only &&
         std::ranges::any_of(runs, [&](const TableRun& run) {
           return tables_.alters_written(*run.schema) || replacements_.alters_written(*run.schema);
         });
}

bool SqlDestination::is_control(const Event& event) const {
  // Every change of a history stays: there is nothing to put in its place.
  return mode_ == Mode::kMirror && Replacements::concerns(event);
}

Result<void> SqlDestination::control(const Event& event) {
  ROWTIDE_ASSERT(in_transaction_);
  return replacements_.follow(event);
}

Result<void> SqlDestination::apply(std::span<const TableRun> runs) {
  ROWTIDE_ASSERT(in_transaction_);
  // Shapes first: some destinations cannot alter a table that the transaction has written to. Rows
  // of the older shapes fit into the newest.
  for (const auto& run : runs) {
    ROWTIDE_TRY(tables_.fit(*run.schema));
    ROWTIDE_TRY(replacements_.fit(*run.schema));
  }
  for (const auto& run : runs) {
    if (run.events.empty()) {
      continue;
    }
    if (mode_ == Mode::kMirror) {
      ROWTIDE_TRY(mirror(run));
    } else {
      ROWTIDE_TRY_ASSIGN(TargetTable* const table, tables_.lay_out(*run.schema));
      ROWTIDE_TRY(append(*table, run));
    }
  }
  return {};
}

Result<void> SqlDestination::mirror(const TableRun& run) {
  ROWTIDE_TRY_ASSIGN(TargetTable* const copy, replacements_.lay_out(*run.schema));
  ROWTIDE_TRY_ASSIGN(TargetTable* const table, tables_.lay_out(*run.schema));
  if (copy == nullptr) {
    return mirror(*table, *run.schema, run.events);
  }
  // The copy gets all; the table in use gets what the stream brings.
  ROWTIDE_TRY(mirror(*copy, *run.schema, run.events));
  std::vector<EventRef> changes;
  std::ranges::copy_if(run.events, std::back_inserter(changes),
                       [](const EventRef& ref) { return ref.event->op != Op::kRead; });
  return mirror(*table, *run.schema, changes);
}

Result<void> SqlDestination::mirror(TargetTable& table, const TableSchema& schema,
                                    std::span<const EventRef> events) {
  Collapse changes(schema);
  bool filling = false;
  for (const auto& [batch, event] : events) {
    filling = filling || batch->is_filling(schema.table_id);
    ROWTIDE_TRY(changes.add(*event));
  }
  if (changes.empty()) {
    return {};
  }
  return Merge(backend_, dialect_, table, filling, failpoints_).run(changes);
}

Result<void> SqlDestination::append(TargetTable& table, const TableRun& run) {
  table.written = true;
  Arena arena;
  const auto rows = history_rows(*run.schema, run.events, arena);
  std::vector<LoadColumn> columns;
  for (const auto& column : run.schema->columns) {
    columns.push_back({column.name, static_cast<std::uint32_t>(columns.size()), column.name});
  }
  for (const auto name : kHistoryColumnNames) {
    columns.push_back(
        {std::string(name), static_cast<std::uint32_t>(columns.size()), std::string(name)});
  }
  const std::string label = run.schema->qualified_name();
  ROWTIDE_TRY(backend_.load({label, false, run.schema->schema, run.schema->table, columns, rows}));
  failpoints_.hit(Failpoint::kSinkMidWrite);
  return {};
}

Result<void> SqlDestination::commit(const ResumePoint& point) {
  ROWTIDE_ASSERT(in_transaction_);
  ROWTIDE_TRY(marker_.advance(point));
  failpoints_.hit(Failpoint::kSinkBeforeCommit);
  ROWTIDE_TRY(backend_.run("COMMIT"));
  failpoints_.hit(Failpoint::kSinkAfterCommit);
  in_transaction_ = false;
  tables_.committed();
  return backend_.release();
}

void SqlDestination::close() noexcept {
  in_transaction_ = false;
  tables_.reset();
  backend_.close();
}

}  // namespace rowtide::warehouse
