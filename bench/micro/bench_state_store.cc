// The synced commit of positions, alone and shared by several pipelines, and the throughput of the
// spill area. Runs in the current directory, so that it measures the disk that is asked about.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "offsets/rocks_store.h"

namespace rowtide {
namespace {

constexpr const char* kDirectory = "rowtide-bench-state";

std::unique_ptr<RocksStore> open_store(benchmark::State& state) {
  std::error_code failed;
  std::filesystem::remove_all(kDirectory, failed);
  auto store = RocksStore::open(kDirectory, Log::silent());
  if (!store) {
    state.SkipWithError(store.error().to_text().c_str());
    return nullptr;
  }
  return std::move(*store);
}

void commit_positions(benchmark::State& state) {
  auto store = open_store(state);
  if (store == nullptr) {
    return;
  }
  const auto pipelines = static_cast<std::size_t>(state.range(0));
  std::vector<Commit> commits(pipelines);
  for (std::size_t i = 0; i < pipelines; ++i) {
    commits[i].pipeline = "pipeline-" + std::to_string(i);
  }
  std::uint64_t position = 0;
  for (auto _ : state) {
    ++position;
    for (Commit& commit : commits) {
      LaneState lane;
      lane.durable = {{1, position, kWholeTransaction}, "7400000000000000000/1/1A2B3C4D"};
      lane.marker = lane.durable;
      commit.lanes["warehouse"] = lane;
    }
    if (auto done = store->commit(commits); !done) {
      state.SkipWithError(done.error().to_text().c_str());
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  store.reset();
  std::filesystem::remove_all(kDirectory);
}
BENCHMARK(commit_positions)->ArgName("pipelines")->Arg(1)->Arg(16)->UseRealTime();

void spill_and_release(benchmark::State& state) {
  auto store = open_store(state);
  if (store == nullptr) {
    return;
  }
  constexpr std::uint64_t kBlocks = 64;
  const std::string block(std::size_t{256} << 10, 'x');
  std::uint64_t transaction = 0;
  for (auto _ : state) {
    ++transaction;
    for (std::uint64_t i = 0; i < kBlocks; ++i) {
      ignore_error(store->append("bench", transaction, i, block), "read() below notices");
    }
    for (std::uint64_t i = 0; i < kBlocks; ++i) {
      if (auto read = store->read("bench", transaction, i); !read || read->size() != block.size()) {
        state.SkipWithError("a spilled block did not come back");
        return;
      }
    }
    ignore_error(store->drop("bench", transaction), "the directory is removed at the end");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBlocks * block.size()));
  store.reset();
  std::filesystem::remove_all(kDirectory);
}
BENCHMARK(spill_and_release)->UseRealTime();

}  // namespace
}  // namespace rowtide
