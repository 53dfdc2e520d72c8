// What one row of the stream costs to decode: the reader thread's largest share.

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/base/assert.h"
#include "engine/batch/batch.h"
#include "sources/postgres/pgoutput_messages.h"
#include "sources/postgres/row_decoder.h"

namespace rowtide::postgres {
namespace {

std::string big_endian(std::uint64_t value, std::size_t size_bytes) {
  std::string out(size_bytes, '\0');
  for (std::size_t i = size_bytes; i-- > 0; value >>= 8) {
    out[i] = static_cast<char>(value & 0xff);
  }
  return out;
}

std::string cell(char format, const std::string& bytes) {
  return format + big_endian(bytes.size(), 4) + bytes;
}

// Six columns of everyday types.
RelationMessage orders() {
  RelationMessage relation;
  relation.relation_id = 1;
  relation.schema = "public";
  relation.table = "orders";
  relation.columns = {{true, "id", oid::kInt8, -1},
                      {false, "customer_id", oid::kInt8, -1},
                      {false, "amount", oid::kNumeric, 786438},
                      {false, "status", oid::kText, -1},
                      {false, "created_at", oid::kTimestamptz, -1},
                      {false, "note", oid::kText, -1}};
  return relation;
}

std::string text_insert(int row) {
  return "I" + big_endian(1, 4) + "N" + big_endian(6, 2) +
         cell('t', std::to_string(1'000'000 + row)) + cell('t', std::to_string(42 + row)) +
         cell('t', "1234.50") + cell('t', "shipped") + cell('t', "2026-11-20 12:48:53.479783+00") +
         cell('t', "left at the front door");
}

std::string binary_insert(int row) {
  const std::string amount = big_endian(0x0002000000000002, 8) + big_endian(0x04d21388, 4);
  return "I" + big_endian(1, 4) + "N" + big_endian(6, 2) +
         cell('b', big_endian(1'000'000 + static_cast<std::uint64_t>(row), 8)) +
         cell('b', big_endian(42 + static_cast<std::uint64_t>(row), 8)) + cell('b', amount) +
         cell('b', "shipped") + cell('b', big_endian(848'494'133'479'783, 8)) +
         cell('b', "left at the front door");
}

void decode_inserts(benchmark::State& state, std::string (*make)(int)) {
  constexpr int kRows = 1000;
  std::vector<std::string> messages;
  for (int i = 0; i < kRows; ++i) {
    messages.push_back(make(i));
  }
  const TypeCatalog catalog;
  auto decoder = RelationDecoder::create(orders(), catalog);
  ROWTIDE_ASSERT(decoder.has_value());
  BatchBuilder builder({}, nullptr);
  std::int64_t rows = 0;
  for (auto _ : state) {
    builder.begin_transaction({});
    for (const std::string& message : messages) {
      const auto row = parse_row(message, false);
      Event event;
      ROWTIDE_ASSERT(row && (*decoder)->decode_row(*row, builder, event));
      builder.add_row(event, (*decoder)->schema());
    }
    builder.end_transaction({});
    benchmark::DoNotOptimize(builder.take());
    rows += kRows;
  }
  state.SetItemsProcessed(rows);
}

BENCHMARK_CAPTURE(decode_inserts, six_columns_text, text_insert);
BENCHMARK_CAPTURE(decode_inserts, six_columns_binary, binary_insert);

}  // namespace
}  // namespace rowtide::postgres
