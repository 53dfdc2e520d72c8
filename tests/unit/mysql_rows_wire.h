#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/batch/batch.h"
#include "sources/mysql/row_event.h"
#include "sources/mysql/table_shape.h"

namespace rowtide::mysql {

std::string little_endian(std::uint64_t value, std::size_t size_bytes);
// With a length of one byte in front.
std::string counted(std::string_view text);

// The bytes of a TABLE_MAP event of the table shop.orders.
struct MapBytes {
  struct ColumnBytes {
    std::uint8_t type = 3;
    std::string meta;
    std::string name;
  };
  std::vector<ColumnBytes> columns;
  // Optional metadata behind the names, as on the wire; "" = none.
  std::string metadata;
  bool with_names = true;
  std::uint64_t table_id = 7;
  std::string table = "orders";

  std::string bytes() const;
};

// One field of optional metadata.
std::string metadata_field(std::uint8_t kind, std::string_view value);

// id int, v varchar(20) in utf8mb4, j json, n int; the key is id.
MapBytes orders();

// A rows event of version 2; `present` has a byte per image.
std::string rows_bytes(std::uint64_t columns, std::string_view present, std::string_view rows);

inline constexpr std::uint8_t kWriteRows = 30;
inline constexpr std::uint8_t kUpdateRows = 31;
inline constexpr std::uint8_t kDeleteRows = 32;
inline constexpr std::uint8_t kPartialRows = 39;

// Keeps what it was told, and counts how often it was asked.
class FakeCatalog final : public ColumnCatalog {
 public:
  Result<TableColumns> columns(std::string_view, std::string_view) override {
    ++asked;
    return answer;
  }
  Result<TableColumns> answer = TableColumns{};
  int asked = 0;
};

// Everything that an event of shop.orders holds, or the first error.
Result<BatchPtr> decode(std::string_view map, std::uint8_t type, std::string_view body,
                        const ShapeCache::Options& options = {}, ColumnCatalog* catalog = nullptr);

// One cell for people: "5", "'text'", "null", "absent", "unchanged".
std::string show(const Value& value);
std::string show(std::span<const Value> cells);

}  // namespace rowtide::mysql
