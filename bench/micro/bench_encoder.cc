// What one event costs to encode: the lane thread's largest share.

#include <string>

#include <benchmark/benchmark.h>

#include "sinks/format/flat_json.h"
#include "sinks/format/json_writer.h"
#include "sinks/format/value_text.h"
#include "tests/support/test_batches.h"

namespace rowtide {
namespace {

using test::TestBatches;

// Six columns of everyday types: about 330 bytes of flat JSON.
SchemaPtr six_columns() {
  const auto column = [](std::string name, LogicalType type, std::string source_type) {
    Column made;
    made.name = std::move(name);
    made.type = type;
    made.source_type = std::move(source_type);
    return made;
  };
  return test::make_schema(1, "public", "orders",
                           {column("id", LogicalType::kInt64, "bigint"),
                            column("customer_id", LogicalType::kInt64, "bigint"),
                            column("amount", LogicalType::kDecimal, "numeric(12,2)"),
                            column("status", LogicalType::kText, "text"),
                            column("created_at", LogicalType::kTimestampTz, "timestamptz"),
                            column("note", LogicalType::kText, "text")},
                           {0});
}

BatchPtr thousand_rows() {
  const auto schema = six_columns();
  TestBatches batches;
  batches.begin();
  for (int i = 0; i < 1000; ++i) {
    batches.insert(schema, {1'000'000 + i, 42 + i, "1234.50", "shipped",
                            std::int64_t{1'795'000'000'123'456} + i, "left at the front door"});
  }
  batches.commit();
  return batches.take();
}

void flat_json_six_columns(benchmark::State& state) {
  const auto batch = thousand_rows();
  const auto encoder = make_flat_json("shop", {});
  std::string out;
  std::size_t bytes = 0;
  for (auto _ : state) {
    out.clear();
    for (const auto& event : batch->events()) {
      encoder->encode(*batch, event, out);
    }
    benchmark::DoNotOptimize(out.data());
    bytes += out.size();
  }
  state.SetItemsProcessed(state.iterations() * 1000);
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(flat_json_six_columns);

void json_string(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  std::string out;
  for (auto _ : state) {
    out.clear();
    TextWriter writer(out);
    put_json_string(writer, text);
    benchmark::DoNotOptimize(writer.cursor());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(json_string)->Arg(8)->Arg(64)->Arg(4096);

void value_text_row(benchmark::State& state) {
  const auto batch = thousand_rows();
  std::string out;
  for (auto _ : state) {
    out.clear();
    TextWriter writer(out);
    for (const auto& event : batch->events()) {
      for (const auto& cell : event.after) {
        put_value_text(writer, cell);
        writer.put('\t');
      }
    }
    benchmark::DoNotOptimize(writer.cursor());
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(value_text_row);

}  // namespace
}  // namespace rowtide
