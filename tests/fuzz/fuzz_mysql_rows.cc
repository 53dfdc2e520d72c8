// The binary log of a hostile server: table maps, with a catalog that fits them or does not, and
// rows events of the table that was described last.
//
// Input: a byte of flags (1 = MariaDB, 2 = no catalog, 4 = replace bad text), then events, each a
// byte of type (19 = a table map), a length of two bytes and that many bytes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/batch/batch.h"
#include "sources/mysql/row_event.h"
#include "sources/mysql/table_shape.h"

namespace rowtide::mysql {
namespace {

constexpr std::uint8_t kTableMap = 19;
// What a hostile event may be turned into before the batch is thrown away.
constexpr std::size_t kBatchBytes = std::size_t{1} << 20;

// Types that the log shows as others, and those without names.
class HostileCatalog final : public ColumnCatalog {
 public:
  Result<TableColumns> columns(std::string_view, std::string_view) override {
    TableColumns answer;
    const char* types[] = {
        "uuid",      "inet6", "inet4", "json", "vector(3)", "enum('a','b''c')", "int(10) unsigned",
        "binary(16)"};
    for (const char* type : types) {
      CatalogColumn column;
      column.name = static_cast<char>('a' + answer.columns.size());
      column.column_type = type;
      answer.columns.push_back(std::move(column));
    }
    answer.primary_key = {0, 9};
    return answer;
  }
};

// Reads every byte that a cell points to, so that a sanitizer sees a view that left its arena.
std::uint64_t touch(std::span<const Value> cells) {
  std::uint64_t sum = 0;
  for (const Value& cell : cells) {
    sum += static_cast<std::uint64_t>(cell.kind());
    if (cell.has_bytes()) {
      for (const char c : cell.bytes()) {
        sum += static_cast<unsigned char>(c);
      }
    }
  }
  return sum;
}

class Log {
 public:
  explicit Log(unsigned flags)
      : cache_({.decode = {.replace_bad_text = (flags & 4U) != 0}, .is_mariadb = (flags & 1U) != 0},
               (flags & 2U) != 0 ? nullptr : &catalog_, {}) {
    builder_.begin_transaction({});
  }

  std::uint64_t sum() const { return sum_; }

  void receive(std::uint8_t type, std::string_view body) {
    if (type != kTableMap) {
      rows(type, body);
      return;
    }
    sum_ += parse_table_map_name(body).has_value();
    if (const auto shape = cache_.shape(body)) {
      shape_ = *shape;
    }
    const auto skip = cache_.shape_to_skip(body);
    skip_shape_ = skip ? *skip : nullptr;
  }

 private:
  void rows(std::uint8_t type, std::string_view body) {
    const auto parsed = parse_rows_event(type, body);
    if (!parsed) {
      return;
    }
    for (const TableShape* shape : {shape_, skip_shape_}) {
      if (shape == nullptr) {
        continue;
      }
      auto reader = RowReader::create(*shape, *parsed);
      if (reader) {
        read(*reader, shape == shape_);
      }
    }
  }

  void read(RowReader& reader, bool keep) {
    for (;;) {
      const auto more = reader.next(builder_, keep);
      if (!more || !*more) {
        break;
      }
      if (builder_.full()) {
        take();
      }
    }
    if (builder_.can_cut()) {
      take();
    }
  }

  void take() {
    const BatchPtr batch = builder_.take();
    for (const Event& event : batch->events()) {
      sum_ += touch(event.before) + touch(event.after);
    }
  }

  HostileCatalog catalog_;
  ShapeCache cache_;
  BatchBuilder builder_{{.batch_bytes = kBatchBytes, .batch_events = 8192}, nullptr};
  const TableShape* shape_ = nullptr;
  const TableShape* skip_shape_ = nullptr;
  std::uint64_t sum_ = 0;
};

}  // namespace
}  // namespace rowtide::mysql

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rowtide::mysql;
  WireReader input(std::string_view(reinterpret_cast<const char*>(data), size));
  Log log(input.u8());
  while (!input.at_end()) {
    const std::uint8_t type = input.u8();
    const std::size_t length = input.u16();
    // A copy of its own size, so that a sanitizer sees a read past the event's end.
    const std::string_view bytes = input.take(std::min(length, input.remaining()));
    const std::vector<char> event(bytes.begin(), bytes.end());
    log.receive(type, {event.data(), event.size()});
  }
  // The sum is used, so the compiler cannot leave out the reads.
  return log.sum() == UINT64_MAX ? -1 : 0;
}
