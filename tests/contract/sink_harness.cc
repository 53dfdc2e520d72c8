#include "tests/contract/sink_harness.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sinks/format/value_text.h"

namespace rowtide::test {
namespace {

using CellText = std::pair<std::string, std::optional<std::string>>;

std::optional<std::string> cell_text(const Value& value) {
  return value.is_null() ? std::nullopt : std::optional(value_text(value));
}

std::vector<CellText> key_cells(const Event& event, bool of_before) {
  std::vector<CellText> cells;
  for (const auto column : event.schema->key_columns) {
    const auto& value = of_before && !event.before.empty() && event.before[column].is_known()
                            ? event.before[column]
                            : key_cell(event, column);
    cells.emplace_back(event.schema->columns[column].name, cell_text(value));
  }
  return cells;
}

std::string event_line(const Batch& batch, const Event& event) {
  std::vector<CellText> cells;
  if (event.op == Op::kDelete) {
    cells = key_cells(event, false);
  } else {
    for (std::size_t i = 0; i < event.after.size(); ++i) {
      cells.emplace_back(event.schema->columns[i].name, cell_text(event.after[i]));
    }
  }
  return std::string(1, op_letter(event.op)) + " " + to_text(batch.position_of(event)) + " " +
         row_line(event.schema->qualified_name(), cells);
}

// The current rows of every table.
class Rows {
 public:
  void apply(const Event& event) {
    const std::string table = event.schema->qualified_name();
    if (event.op == Op::kSchema) {
      columns_[table] = event.schema->columns;
      return;
    }
    auto& rows = tables_[table];
    if (event.op == Op::kTruncate) {
      rows.clear();
      return;
    }
    columns_[table] = event.schema->columns;
    const auto old_key = row_line(table, key_cells(event, true));
    auto old = rows.extract(old_key);
    if (event.op == Op::kDelete) {
      return;
    }
    std::map<std::string, std::optional<std::string>> row;
    if (!old.empty()) {
      row = std::move(old.mapped());
    }
    for (std::size_t i = 0; i < event.after.size(); ++i) {
      if (event.after[i].is_known()) {
        row[event.schema->columns[i].name] = cell_text(event.after[i]);
      }
    }
    rows[row_line(table, key_cells(event, false))] = std::move(row);
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const auto& [table, rows] : tables_) {
      for (const auto& [key, row] : rows) {
        std::vector<CellText> cells;
        for (const auto& column : columns_.at(table)) {
          const auto found = row.find(column.name);
          cells.emplace_back(column.name, found == row.end() ? std::nullopt : found->second);
        }
        all.push_back(row_line(table, cells));
      }
    }
    std::ranges::sort(all);
    return all;
  }

 private:
  std::map<std::string, std::vector<Column>> columns_;
  std::map<std::string, std::map<std::string, std::map<std::string, std::optional<std::string>>>>
      tables_;
};

bool is_row(Op op) {
  return op == Op::kCreate || op == Op::kUpdate || op == Op::kDelete || op == Op::kRead;
}

}  // namespace

std::string row_line(const std::string& qualified_table,
                     const std::vector<std::pair<std::string, std::optional<std::string>>>& cells) {
  std::string line = qualified_table;
  for (const auto& [name, text] : cells) {
    line.append("|").append(name).append("=").append(text ? *text : "NULL");
  }
  return line;
}

std::vector<std::string> expected_lines(Keeps keeps, const std::vector<BatchPtr>& batches,
                                        const std::optional<ResumePoint>& until) {
  std::vector<std::string> lines;
  Rows rows;
  for (const auto& batch : batches) {
    for (const auto& event : batch->events()) {
      if (event.op == Op::kMessage || !until || batch->position_of(event) > until->position) {
        continue;
      }
      rows.apply(event);
      if (keeps == Keeps::kEvents && is_row(event.op)) {
        lines.push_back(event_line(*batch, event));
      }
    }
  }
  switch (keeps) {
    case Keeps::kNothing:
      return {};
    case Keeps::kEvents:
      return lines;
    case Keeps::kRows:
      return rows.lines();
  }
  return {};
}

std::vector<std::string> expected_lines(Keeps keeps, const std::vector<BatchPtr>& batches) {
  return expected_lines(keeps, batches,
                        ResumePoint{{UINT32_MAX, UINT64_MAX, kWholeTransaction}, std::string()});
}

void SinkContract::SetUp() {
  sink_.reset();
  std::string why_not;
  subject_ = GetParam().create(why_not);
  if (subject_ == nullptr) {
    GTEST_SKIP() << why_not;
  }
  restart();
}

void SinkContract::restart() {
  if (sink_ != nullptr) {
    sink_->close();
  }
  sink_.reset();
  auto made = make_another();
  ASSERT_TRUE(made) << made.error().to_text();
  sink_ = std::move(made->sink);
}

LaneContext SinkContract::context(std::uint64_t epoch) {
  LaneContext made;
  made.pipeline = "shop";
  made.sink = "out";
  made.epoch = Epoch(epoch);
  return made;
}

Result<std::optional<ResumePoint>> SinkContract::open(std::uint64_t epoch) {
  return sink_->open(context(epoch));
}

std::optional<ResumePoint> SinkContract::opened(std::uint64_t epoch) {
  auto result = open(epoch);
  EXPECT_TRUE(result) << result.error().to_text();
  return result ? *result : std::nullopt;
}

void SinkContract::submit(const BatchPtr& batch) {
  const auto submitted = sink_->submit(batch, soon());
  ASSERT_TRUE(submitted) << submitted.error().to_text();
}

void SinkContract::submit_behind(const std::optional<ResumePoint>& marker,
                                 const std::vector<BatchPtr>& batches) {
  for (const auto& batch : batches) {
    if (!marker) {
      submit(batch);
    } else if (batch->last_position() > marker->position) {
      submit(filtered(batch, marker->position, nullptr));
    }
  }
}

DurableReport SinkContract::poll() {
  auto report = sink_->poll_durable(soon());
  EXPECT_TRUE(report) << report.error().to_text();
  return report ? *std::move(report) : DurableReport{};
}

DurableReport SinkContract::flush_and_poll() {
  const auto flushed = sink_->flush(soon());
  EXPECT_TRUE(flushed) << flushed.error().to_text();
  return poll();
}

void SinkContract::expect_held(const std::vector<BatchPtr>& batches) {
  expect_held_until(batches,
                    ResumePoint{{UINT32_MAX, UINT64_MAX, kWholeTransaction}, std::string()});
}

void SinkContract::expect_held_until(const std::vector<BatchPtr>& batches,
                                     const std::optional<ResumePoint>& until) {
  const auto expected = expected_lines(keeps(), batches, until);
  auto held = subject_->read_back();
  if (keeps_marker() || keeps() == Keeps::kNothing) {
    EXPECT_EQ(held, expected);
    return;
  }
  // At least once: repeats are allowed, gaps are not.
  for (const auto& line : expected) {
    EXPECT_NE(std::ranges::find(held, line), held.end()) << "missing: " << line.substr(0, 200);
  }
}

}  // namespace rowtide::test
