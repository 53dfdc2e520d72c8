#include "engine/snapshot/backfill_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <ranges>
#include <utility>

namespace rowtide {
namespace {

// Of one part: what one statement looks up, and a token can name.
constexpr std::size_t kRowsTogether = 200;

std::shared_ptr<Part> new_part(std::optional<ScanKey> after, std::optional<ScanKey> up_to,
                               std::uint64_t lanes) {
  auto part = std::make_shared<Part>();
  part->delivered_to = after;
  part->read_to = std::move(after);
  part->up_to = std::move(up_to);
  part->lanes = lanes;
  return part;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

TableLeft table_left(const Table& table, std::span<const std::string> sinks) {
  TableLeft left;
  left.name = table.scan.qualified_name();
  left.rows_delivered = table.rows_delivered;
  left.parts = table.state == Table::State::kReady ? parts_left_of(table, sinks) : table.left;
  left.told = table.told;
  return left;
}

}  // namespace

std::uint64_t lanes_of(std::span<const std::string> sinks, std::span<const std::string> all) {
  std::uint64_t lanes = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::ranges::find(sinks, all[i]) != sinks.end()) {
      lanes |= std::uint64_t{1} << i;
    }
  }
  return lanes;
}

std::vector<std::string> sinks_of(std::uint64_t lanes, std::span<const std::string> all) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (((lanes >> i) & 1U) != 0) {
      names.push_back(all[i]);
    }
  }
  return names;
}

BackfillLeft all_left(const BackfillRecord& record) {
  BackfillLeft left;
  left.id = record.id;
  left.spec = record.spec;
  left.initial = record.initial;
  left.captured_before = record.captured_before;
  left.sinks = record.sinks;
  left.created_at_us = record.created_at_us;
  left.told.unstarted = record.sinks;
  return left;
}

void append_left(const Backfill& backfill, std::span<const std::string> sinks, WorkLeft& out) {
  if (!backfill.planned && !backfill.done) {
    out.insert(out.end(), backfill.left_by_sink.begin(), backfill.left_by_sink.end());
    return;
  }
  BackfillLeft left = all_left(backfill.record);
  left.rows_delivered = backfill.rows_before_run + backfill.rows_delivered;
  left.done = backfill.done;
  left.told = backfill.told;
  left.untouched_from.reset();
  for (const auto& table : backfill.tables) {
    if (table->state == Table::State::kUntouched) {
      left.untouched_from = table->scan.qualified_name();
      break;
    }
    if (table->state != Table::State::kDone) {
      left.tables.push_back(table_left(*table, sinks));
    }
  }
  out.push_back(std::move(left));
}

std::vector<PartLeft> parts_left_of(const Table& table, std::span<const std::string> sinks) {
  std::vector<PartLeft> left;
  for (const auto& part : table.parts) {
    left.push_back(
        PartLeft{part->delivered_to, part->up_to, sinks_of(part->lanes, sinks), part->keys});
  }
  return left;
}

void add_row(std::vector<std::shared_ptr<Part>>& parts, ScanKey key, std::uint64_t lanes) {
  for (const auto& part : parts) {
    const bool open = !part->keys.empty() && part->chunks.empty() && part->lanes == lanes;
    if (open && std::ranges::find(part->keys, key) != part->keys.end()) {
      return;
    }
    if (open && part->keys.size() < kRowsTogether) {
      part->keys.push_back(std::move(key));
      return;
    }
  }
  auto part = new_part(std::nullopt, std::nullopt, lanes);
  part->keys.push_back(std::move(key));
  parts.insert(parts.begin(), std::move(part));
}

std::vector<std::string> unfinished(const std::vector<std::string>& sinks, const Told& told) {
  std::vector<std::string> names;
  std::ranges::copy_if(sinks, std::back_inserter(names),
                       [&](const std::string& sink) { return !holds(told.finished, sink); });
  return names;
}

std::vector<std::string> begun_and_unfinished(const std::vector<std::string>& sinks,
                                              const Told& told) {
  auto names = unfinished(sinks, told);
  std::erase_if(names, [&](const std::string& sink) { return holds(told.unstarted, sink); });
  return names;
}

void adopt_told(Backfill& backfill) {
  backfill.told = {};
  for (const BackfillLeft& left : backfill.left_by_sink) {
    for (const std::string& sink : left.sinks) {
      if (left.done || holds(left.told.finished, sink)) {
        backfill.told.finished.push_back(sink);
      } else if (holds(left.told.unstarted, sink)) {
        backfill.told.unstarted.push_back(sink);
      }
    }
  }
}

void adopt_tables(Backfill& backfill, std::vector<ScanTable> tables) {
  std::ranges::sort(tables, {}, &ScanTable::qualified_name);
  std::vector<std::string> sinks;
  for (const BackfillLeft& left : backfill.left_by_sink) {
    sinks.insert(sinks.end(), left.sinks.begin(), left.sinks.end());
  }
  backfill.tables.clear();
  for (auto& scan : tables) {
    auto table = std::make_unique<Table>();
    const std::string name = scan.qualified_name();
    table->scan = std::move(scan);
    bool untouched = true;
    for (const BackfillLeft& left : backfill.left_by_sink) {
      for (const std::string& sink : left.sinks) {
        auto parts = parts_left(left, name, sink);
        if (!parts) {
          table->told.unstarted.push_back(sink);
          table->left.push_back(PartLeft{std::nullopt, std::nullopt, {sink}, {}});
          continue;
        }
        untouched = false;
        const auto told = std::ranges::find(left.tables, name, &TableLeft::name);
        if (left.done || told == left.tables.end() || holds(told->told.finished, sink)) {
          table->told.finished.push_back(sink);
        } else if (holds(told->told.unstarted, sink)) {
          table->told.unstarted.push_back(sink);
        }
        std::ranges::move(*parts, std::back_inserter(table->left));
      }
      if (const auto begun = std::ranges::find(left.tables, name, &TableLeft::name);
          begun != left.tables.end()) {
        table->rows_delivered = std::max(table->rows_delivered, begun->rows_delivered);
      }
    }
    if (untouched) {
      table->left.clear();
    } else {
      table->state = table->left.empty() ? Table::State::kDone : Table::State::kBegun;
      if (table->left.empty() && !begun_and_unfinished(sinks, table->told).empty()) {
        table->state = Table::State::kReady;
        table->announced = true;
      }
    }
    backfill.tables.push_back(std::move(table));
  }
  // One sink may have begun a table that another has not, behind one that neither has.
  bool later_begun = false;
  for (auto& table : backfill.tables | std::views::reverse) {
    later_begun = later_begun || table->state != Table::State::kUntouched;
    if (later_begun && table->state == Table::State::kUntouched) {
      table->left.push_back(PartLeft{std::nullopt, std::nullopt, backfill.record.sinks, {}});
      table->state = Table::State::kBegun;
    }
  }
  backfill.planned = true;
}

std::vector<std::shared_ptr<Part>> parts_from(
    const std::vector<PartLeft>& left, std::span<const std::string> sinks,
    const std::function<Result<std::vector<std::size_t>>(std::span<const ScanKey>)>& order,
    Result<void>& outcome) {
  std::vector<std::shared_ptr<Part>> parts;
  std::map<std::optional<ScanKey>, std::map<std::optional<ScanKey>, std::uint64_t>> by_end;
  std::map<ScanKey, std::uint64_t> rows;
  for (const PartLeft& part : left) {
    const auto lanes = lanes_of(part.sinks, sinks);
    for (const ScanKey& key : part.keys) {
      rows[key] |= lanes;
    }
    if (part.keys.empty()) {
      by_end[part.up_to][part.after] |= lanes;
    }
  }
  for (const auto& [key, lanes] : rows) {
    add_row(parts, key, lanes);
  }
  for (const auto& [up_to, starts] : by_end) {
    std::vector<ScanKey> keys;
    for (const auto& [after, lanes] : starts) {
      if (after) {
        keys.push_back(*after);
      }
    }
    if (keys.size() > 1) {
      auto sorted = order(keys);
      if (!sorted) {
        outcome = fail(sorted.error());
        return {};
      }
      std::vector<ScanKey> in_order;
      for (const std::size_t index : *sorted) {
        in_order.push_back(keys[index]);
      }
      keys = std::move(in_order);
    }
    std::vector<std::optional<ScanKey>> bounds(keys.begin(), keys.end());
    if (starts.contains(std::nullopt)) {
      bounds.insert(bounds.begin(), std::nullopt);
    }
    std::uint64_t lanes = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      lanes |= starts.at(bounds[i]);
      parts.push_back(new_part(bounds[i], i + 1 < bounds.size() ? bounds[i + 1] : up_to, lanes));
    }
  }
  return parts;
}

std::vector<std::shared_ptr<Part>> parts_between(const std::vector<ScanKey>& cuts,
                                                 std::uint64_t lanes) {
  std::vector<std::shared_ptr<Part>> parts;
  std::optional<ScanKey> after;
  for (const ScanKey& cut : cuts) {
    parts.push_back(new_part(after, cut, lanes));
    after = cut;
  }
  parts.push_back(new_part(after, std::nullopt, lanes));
  return parts;
}

}  // namespace rowtide
