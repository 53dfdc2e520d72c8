// What one row of a binary log costs to decode: the reader thread's largest share.

#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "engine/base/assert.h"
#include "engine/batch/batch.h"
#include "sources/mysql/row_event.h"
#include "sources/mysql/table_shape.h"

namespace rowtide::mysql {
namespace {

constexpr int kRowsPerEvent = 100;
constexpr std::uint8_t kWriteRows = 30;
constexpr std::uint8_t kUpdateRows = 31;

std::string little_endian(std::uint64_t value, std::size_t size_bytes) {
  return {reinterpret_cast<const char*>(&value), size_bytes};
}

std::string counted(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}

// int, bigint, varchar(100), datetime(6), decimal(12,2) and varchar(200), as FULL metadata has
// them.
std::string orders_map() {
  const std::string types("\x03\x08\x0f\x12\xf6\x0f", 6);
  const std::string meta = little_endian(400, 2) + '\x06' + "\x0c\x02" + little_endian(800, 2);
  const std::string names = counted("id") + counted("customer_id") + counted("status") +
                            counted("created_at") + counted("amount") + counted("note");
  return little_endian(7, 6) + little_endian(1, 2) + counted("shop") + '\0' + counted("orders") +
         '\0' + '\x06' + types + counted(meta) + '\x3e' + '\x01' + counted(std::string(1, '\0')) +
         '\x02' + counted("\x2d") + '\x04' + counted(names) + '\x08' +
         counted(std::string(1, '\0'));
}

std::string order(int row) {
  const std::string_view status = "shipped";
  const std::string_view note = "left at the front door";
  return std::string(1, '\0') + little_endian(1'000'000 + static_cast<std::uint64_t>(row), 4) +
         little_endian(42 + static_cast<std::uint64_t>(row), 8) + little_endian(status.size(), 2) +
         std::string(status) + std::string("\x99\xb8\xe8\xcc\x35\x07\x51\x07", 8) +
         std::string("\x80\x00\x00\x04\xd2\x32", 6) + little_endian(note.size(), 2) +
         std::string(note);
}

std::string rows_event(std::uint8_t type) {
  std::string body = little_endian(7, 6) + little_endian(1, 2) + little_endian(2, 2) + '\x06';
  body += type == kUpdateRows ? "\x3f\x3f" : "\x3f";
  for (int i = 0; i < kRowsPerEvent; ++i) {
    body += type == kUpdateRows ? order(i) + order(i + 1) : order(i);
  }
  return body;
}

void decode_rows(benchmark::State& state, std::uint8_t type) {
  const std::string map = orders_map();
  const std::string event = rows_event(type);
  ShapeCache cache({}, nullptr, {});
  BatchBuilder builder({}, nullptr);
  std::int64_t rows = 0;
  for (auto _ : state) {
    builder.begin_transaction({});
    // As the servers do it: one map, and events of 8 kB.
    const auto shape = cache.shape(map);
    ROWTIDE_ASSERT(shape.has_value());
    for (int i = 0; i < 10; ++i) {
      const auto parsed = parse_rows_event(type, event);
      ROWTIDE_ASSERT(parsed.has_value());
      auto reader = RowReader::create(**shape, *parsed);
      ROWTIDE_ASSERT(reader.has_value());
      for (auto more = reader->next(builder, true); more && *more;
           more = reader->next(builder, true)) {
        ++rows;
      }
    }
    builder.end_transaction({});
    benchmark::DoNotOptimize(builder.take());
  }
  ROWTIDE_ASSERT(rows == static_cast<std::int64_t>(state.iterations()) * 10 * kRowsPerEvent);
  state.SetItemsProcessed(rows);
}

BENCHMARK_CAPTURE(decode_rows, insert_of_six_columns, kWriteRows);
BENCHMARK_CAPTURE(decode_rows, update_of_six_columns, kUpdateRows);

}  // namespace
}  // namespace rowtide::mysql
