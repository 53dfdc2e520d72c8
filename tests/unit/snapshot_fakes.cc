#include "tests/unit/snapshot_fakes.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

namespace rowtide::test {
namespace {

Column text_column(const std::string& name) {
  Column column;
  column.name = name;
  column.source_type = "text";
  return column;
}

std::int64_t number(const ScanKey& key) {
  return std::stoll(key.front());
}

}  // namespace

FakeTable& FakeShop::add_table(const std::string& name, std::int64_t rows, std::vector<int> cuts) {
  FakeTable& table = tables["public." + name];
  table.scan.table_id = 100 + tables.size();
  table.scan.schema = "public";
  table.scan.table = name;
  table.scan.estimated_rows = static_cast<double>(rows);
  Column id = text_column("id");
  id.type = LogicalType::kInt64;
  id.source_type = "bigint";
  table.schema = make_schema(table.scan.table_id, "public", name,
                             {id, text_column("name"), text_column("note")}, {0});
  for (std::int64_t i = 1; i <= rows; ++i) {
    table.rows[i] = {"name-" + std::to_string(i), "note-" + std::to_string(i)};
  }
  for (const int cut : cuts) {
    table.cuts.push_back({std::to_string(cut)});
  }
  return table;
}

std::size_t FakeShop::rows_read_now() const {
  const std::scoped_lock lock(mutex);
  return rows_read;
}

std::size_t FakeShop::chunk_count() const {
  const std::scoped_lock lock(mutex);
  return chunks.size();
}

std::vector<std::string> FakeShop::prepared_now() const {
  const std::scoped_lock lock(mutex);
  return prepared;
}

Result<std::vector<ScanTable>> FakeChunkReader::tables(std::span<const std::string> patterns) {
  if (shop_.on_tables) {
    ROWTIDE_TRY(shop_.on_tables());
  }
  const std::scoped_lock lock(shop_.mutex);
  std::vector<ScanTable> found;
  for (const auto& [name, table] : shop_.tables) {
    if (patterns.empty() || std::ranges::find(patterns, name) != patterns.end()) {
      found.push_back(table.scan);
    }
  }
  return found;
}

Result<ScanPlan> FakeChunkReader::plan(const ScanTable& table, const ScanFilter& /*filter*/,
                                       std::size_t /*parts*/) {
  if (shop_.on_plan) {
    ROWTIDE_TRY(shop_.on_plan(table));
  }
  const std::scoped_lock lock(shop_.mutex);
  shop_.prepared.push_back(table.table);
  const FakeTable& known = shop_.tables.at(table.qualified_name());
  ScanPlan plan;
  plan.schema = known.schema;
  plan.cuts = known.cuts;
  if (table.method == ScanMethod::kKeyRange) {
    plan.key_of = [](std::span<const Value> cells) {
      return ScanKey{std::to_string(cells[0].integer())};
    };
  }
  return plan;
}

Result<std::vector<std::size_t>> FakeChunkReader::order(const ScanTable& /*table*/,
                                                        std::span<const ScanKey> keys) {
  std::vector<std::size_t> sorted;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    sorted.push_back(i);
  }
  std::ranges::sort(sorted, {}, [&](std::size_t i) { return number(keys[i]); });
  return sorted;
}

// Takes all rows at once, as a snapshot does; read() hands them out.
Result<void> FakeChunkReader::open_chunk(const ChunkRequest& request, Deadline /*until*/) {
  if (shop_.on_open) {
    ROWTIDE_TRY(shop_.on_open(request));
  }
  const std::scoped_lock lock(shop_.mutex);
  request_ = request;
  slices_.clear();
  shop_.chunks.push_back(request);
  high_ = TestBatches::end_of(shop_.committed);
  const FakeTable& table = shop_.tables.at(request.table.qualified_name());
  const bool whole = request.table.method == ScanMethod::kWhole;
  std::set<std::int64_t> asked;
  for (const ScanKey& key : request.keys) {
    asked.insert(number(key));
  }
  TestBatches building;
  std::uint64_t taken = 0;
  std::size_t in_slice = 0;
  std::optional<ScanKey> place;
  const auto end_slice = [&] {
    if (in_slice > 0) {
      slices_.push_back({building.commit().take(), whole ? std::nullopt : place});
      in_slice = 0;
    }
  };
  bool more = false;
  for (const auto& [id, texts] : table.rows) {
    const bool behind = !request.after || id > number(*request.after);
    const bool within = !request.up_to || id <= number(*request.up_to);
    if (asked.empty() ? !(behind && within) : !asked.contains(id)) {
      continue;
    }
    if (!whole && asked.empty() && taken == request.limit_rows) {
      more = true;
      break;
    }
    if (in_slice == 0) {
      building.begin();
    }
    building.read(table.schema, {id, texts.first, texts.second});
    place = ScanKey{std::to_string(id)};
    ++taken;
    if (++in_slice == shop_.rows_per_slice) {
      end_slice();
    }
  }
  end_slice();
  slices_.push_back({nullptr, more ? place : std::nullopt});
  return {};
}

Result<ChunkSlice> FakeChunkReader::read() {
  if (shop_.on_read) {
    ROWTIDE_TRY(shop_.on_read(request_));
  }
  const std::scoped_lock lock(shop_.mutex);
  ChunkSlice slice = std::move(slices_.front());
  slices_.pop_front();
  shop_.rows_read += slice.rows != nullptr ? slice.rows->events().size() : 0;
  return slice;
}

Result<Position> FakeChunkReader::finish_chunk() {
  return high_;
}

void Gate::pass() {
  std::unique_lock lock(mutex_);
  ++came_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return open_; });
}

bool Gate::reached(int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return came_ >= count; });
}

void Gate::open() {
  const std::scoped_lock lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

}  // namespace rowtide::test
