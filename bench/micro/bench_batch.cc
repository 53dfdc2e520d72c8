// Building batches, and handing them from the reader to lanes through the change log: what every
// row pays between decoder and sink.

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/batch/batch.h"
#include "engine/pipeline/change_log.h"

namespace rowtide {
namespace {

constexpr std::size_t kColumns = 6;
constexpr std::string_view kToken = "7400000000000000000/1/1A2B3C4D";

SchemaPtr orders() {
  auto schema = std::make_shared<TableSchema>();
  schema->table_id = 1;
  schema->schema = "public";
  schema->table = "orders";
  for (std::size_t i = 0; i < kColumns; ++i) {
    schema->columns.push_back(Column{.name = "c" + std::to_string(i),
                                     .type = LogicalType::kText,
                                     .source_type = "text",
                                     .builtin = true});
  }
  schema->key_columns = {0};
  schema->key_is_unique = true;
  return schema;
}

// One transaction of `rows` inserts with two numbers and four texts each.
void add_transaction(BatchBuilder& builder, const SchemaPtr& schema, std::uint64_t commit,
                     std::size_t rows) {
  builder.begin_transaction(
      {.id = "1234", .timeline = 1, .commit = commit, .committed_at_us = 1, .start_token = kToken});
  for (std::size_t row = 0; row < rows; ++row) {
    const std::span<Value> cells = builder.allocate_cells(kColumns);
    cells[0] = Value::integer(static_cast<std::int64_t>(row));
    cells[1] = Value::integer(7);
    for (std::size_t column = 2; column < kColumns; ++column) {
      cells[column] =
          Value::bytes_of(ValueKind::kText, builder.arena().copy("twenty bytes of text"));
    }
    Event event;
    event.op = Op::kCreate;
    event.schema = schema.get();
    event.after = cells;
    builder.add_row(event, schema);
  }
  builder.end_transaction(kToken);
}

void build(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const SchemaPtr schema = orders();
  ByteBudget budget(std::size_t{1} << 30);
  BatchBuilder builder(BatchBuilder::Limits{}, &budget);
  std::uint64_t commit = 0;
  std::int64_t built = 0;
  for (auto _ : state) {
    add_transaction(builder, schema, ++commit, rows);
    built += static_cast<std::int64_t>(rows);
    if (builder.full()) {
      benchmark::DoNotOptimize(builder.take());
    }
  }
  state.SetItemsProcessed(built);
}
BENCHMARK(build)->ArgName("rows_per_transaction")->Arg(1)->Arg(100);

// Reader and lanes on threads of their own; an item is one batch through every lane and back as
// durable. The row's share is this divided by the rows of a batch.
void hand_off(benchmark::State& state) {
  const auto lanes = static_cast<std::size_t>(state.range(0));
  const SchemaPtr schema = orders();
  ByteBudget budget(std::size_t{64} << 20);
  BatchBuilder builder(BatchBuilder::Limits{}, &budget);
  ChangeLog log(lanes, budget);
  log.restart(std::nullopt);
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    log.attach(lane, std::nullopt);
  }
  const auto soon = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(1); };
  std::vector<std::thread> threads;
  threads.reserve(lanes);
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    threads.emplace_back([&, lane] {
      BatchPtr batch;
      ChangeLog::Taken taken = ChangeLog::Taken::kNothing;
      while ((taken = log.next(lane, soon(), batch)) != ChangeLog::Taken::kFinished) {
        if (taken == ChangeLog::Taken::kBatch) {
          log.set_durable(lane, batch->last_position());
          batch.reset();
        }
      }
    });
  }
  std::uint64_t commit = 0;
  for (auto _ : state) {
    add_transaction(builder, schema, ++commit, 1);
    while (!log.wait_for_room(soon())) {
    }
    log.append(builder.take());
  }
  log.finish();
  log.wake();
  for (std::thread& thread : threads) {
    thread.join();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(commit));
}
BENCHMARK(hand_off)->ArgName("lanes")->Arg(1)->Arg(2)->Arg(4)->UseRealTime();

// What a lane pays to step over rows that it does not want.
void filter(benchmark::State& state) {
  const SchemaPtr schema = orders();
  BatchBuilder builder(BatchBuilder::Limits{}, nullptr);
  add_transaction(builder, schema, 1, 4096);
  const BatchPtr batch = builder.take();
  const std::function<bool(const Event&)> odd = [](const Event& event) {
    return (event.row & 1U) != 0;
  };
  for (auto _ : state) {
    benchmark::DoNotOptimize(filtered(batch, std::nullopt, &odd));
  }
  state.SetItemsProcessed(state.iterations() * 4096);
}
BENCHMARK(filter);

}  // namespace
}  // namespace rowtide
