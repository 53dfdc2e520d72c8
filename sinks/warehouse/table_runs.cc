#include "sinks/warehouse/table_runs.h"

#include <string>
#include <unordered_map>

namespace rowtide::warehouse {
namespace {

class Sorter {
 public:
  void add(const Batch& batch, const Event& event) {
    if (event.op == Op::kMessage || event.schema == nullptr) {
      return;
    }
    TableRun& run = runs_[run_of(event.schema)];
    if (event.op != Op::kSchema) {
      run.events.push_back({&batch, &event});
    }
  }

  std::vector<TableRun> take() { return std::move(runs_); }

 private:
  // The current run of a table; a new one when its shape differs from the run's.
  std::size_t run_of(const TableSchema* schema) {
    if (schema == last_schema_) {
      return last_run_;
    }
    std::string name = schema->schema;
    name.push_back('\0');
    name += schema->table;
    auto [at, added] = current_.try_emplace(std::move(name), runs_.size());
    if (added || !(*runs_[at->second].schema == *schema)) {
      at->second = runs_.size();
      runs_.push_back({schema, {}});
    }
    last_schema_ = schema;
    last_run_ = at->second;
    return last_run_;
  }

  std::vector<TableRun> runs_;
  std::unordered_map<std::string, std::size_t> current_;
  const TableSchema* last_schema_ = nullptr;
  std::size_t last_run_ = 0;
};

}  // namespace

std::vector<TableRun> sort_by_table(std::span<const Slice> slices) {
  Sorter sorter;
  for (const Slice& slice : slices) {
    for (const Event& event :
         slice.batch->events().subspan(slice.first_event, slice.end_event - slice.first_event)) {
      sorter.add(*slice.batch, event);
    }
  }
  return sorter.take();
}

}  // namespace rowtide::warehouse
