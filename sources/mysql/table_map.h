#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace rowtide::mysql {

// Type bytes of TABLE_MAP, those of columns that a table can have. A parsed map holds the real type
// of what the wire calls STRING: kEnum, kSet or kString.
enum class ColumnType : std::uint8_t {
  kTiny = 1,
  kShort = 2,
  kLong = 3,
  kFloat = 4,
  kDouble = 5,
  kTimestamp = 7,
  kLongLong = 8,
  kInt24 = 9,
  kDate = 10,
  kTime = 11,
  kDatetime = 12,
  kYear = 13,
  kNewDate = 14,
  kVarchar = 15,
  kBit = 16,
  kTimestamp2 = 17,
  kDatetime2 = 18,
  kTime2 = 19,
  kBlobCompressed = 140,
  kVarcharCompressed = 141,
  kVector = 242,
  kJson = 245,
  kNewDecimal = 246,
  kEnum = 247,
  kSet = 248,
  kBlob = 252,
  kString = 254,
  kGeometry = 255,
};

// One column as the map tells it. With binlog_row_metadata=MINIMAL there is no name, no label and
// no key.
struct MapColumn {
  ColumnType type = ColumnType::kLong;
  bool nullable = false;
  // Of a number; a YEAR counts as unsigned.
  bool is_unsigned = false;
  // False also where the map does not say: before MySQL 8.0.23 and MariaDB.
  bool invisible = false;
  // Bytes: the most that kString, kVarchar and kVarcharCompressed hold; the size of the length
  // prefix of blobs, JSON, geometry and vectors; the storage size of kEnum and kSet.
  std::uint16_t size_bytes = 0;
  // kNewDecimal.
  std::uint8_t precision = 0;
  std::uint8_t scale = 0;
  // Digits of the fraction of kTime2, kDatetime2 and kTimestamp2.
  std::uint8_t fraction_digits = 0;
  // kBit.
  std::uint8_t bits = 0;
  // Collation id of character columns, enums and sets; 63 = binary, 0 = the map does not say.
  std::uint16_t collation = 0;
  // kGeometry: 0 geometry, 1 point .. 7 geometry collection.
  std::uint8_t geometry_type = 0;
  // kVector; 0 = the map does not say.
  std::uint32_t vector_dimension = 0;
  // UTF-8, as all names of the servers.
  std::string_view name;
  // kEnum and kSet, in the column's own character set.
  std::vector<std::string_view> labels;
};

struct TableMap {
  std::uint64_t table_id = 0;
  std::uint16_t flags = 0;
  std::string_view database;
  std::string_view table;
  std::vector<MapColumn> columns;
  // True with binlog_row_metadata=FULL: names, labels and the key are there. (A map with FULL
  // metadata has a name for each column; a key only if the table has one.)
  bool has_names = false;
  bool has_signedness = false;
  // The bits that say which numbers are unsigned, as they are in the map.
  std::string_view sign_bits;
  bool signs_are_certain = true;
  // Indexes of the primary key's columns, in the order of the key.
  std::vector<std::uint32_t> key_columns;
};

// The id that rows events refer to: stable from the map to the end of its statement only. This
// value says "no table": such a rows event ends a statement.
inline constexpr std::uint64_t kNoTableId = 0xffffff;

// The most columns that a server allows is 4,096 (MariaDB: 4,096 too, InnoDB 1,017); more is taken
// as damage.
inline constexpr std::size_t kMaxColumns = 4096;

// What servers do differently in optional metadata.
struct MapDialect {
  // MariaDB counts geometry among the columns with a character set.
  bool geometry_has_charset = false;
  // Newer servers and MariaDB have a sign bit for YEAR, MySQL 8.0.15 has none.
  bool year_has_sign = true;
};

// `body` is a TABLE_MAP event behind its header and without checksum. Views point into it. A length
// that leaves it, a type that no table has, or metadata that does not fit is Code::kProtocol.
// Optional metadata of unknown kind is skipped, as the server's own replicas do.
// Signs are read with `year_has_sign`, unless their number of bytes or a bit beyond the last column
// proves it wrong; `signs_are_certain` says whether nothing else could be meant.
Result<TableMap> parse_table_map(std::string_view body, const MapDialect& dialect);
// Reads the signs again, by the other count.
void set_signs(TableMap& map, bool year_has_sign);

// The front of a map only: enough to know whether its table is wanted.
struct TableMapName {
  std::uint64_t table_id = 0;
  std::string_view database;
  std::string_view table;
};
Result<TableMapName> parse_table_map_name(std::string_view body);

}  // namespace rowtide::mysql
