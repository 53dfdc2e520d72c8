#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/model/table_schema.h"

namespace rowtide::postgres {

// The oids of builtin types that code names; they are fixed by the server's sources (pg_type.dat).
namespace oid {
inline constexpr std::uint32_t kBool = 16, kBytea = 17, kChar = 18, kName = 19, kInt8 = 20,
                               kInt2 = 21, kInt4 = 23, kText = 25, kOid = 26, kTid = 27, kXid = 28,
                               kCid = 29, kJson = 114, kXml = 142, kPoint = 600, kLseg = 601,
                               kPath = 602, kBox = 603, kPolygon = 604, kLine = 628, kCidr = 650,
                               kFloat4 = 700, kFloat8 = 701, kCircle = 718, kMacaddr8 = 774,
                               kMacaddr = 829, kInet = 869, kBpchar = 1042, kVarchar = 1043,
                               kDate = 1082, kTime = 1083, kTimestamp = 1114, kTimestamptz = 1184,
                               kInterval = 1186, kTimetz = 1266, kBit = 1560, kVarbit = 1562,
                               kNumeric = 1700, kRefcursor = 1790, kRecord = 2249, kUuid = 2950,
                               kPgLsn = 3220, kJsonb = 3802, kXid8 = 5069;
}  // namespace oid

enum class TypeKind : std::uint8_t {
  kBase,
  kEnum,
  kDomain,
  kArray,
  kComposite,
  kRange,
  kMultirange,
  kPseudo,
};

// One row of pg_type, as far as decoding needs it.
struct TypeInfo {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  TypeKind kind = TypeKind::kBase;
  // Array: element type; domain: base type; range: subtype; multirange: its range type. Else 0.
  std::uint32_t element = 0;
  std::int32_t domain_typmod = -1;
  // typdelim: what separates elements in the text of an array of this type.
  char delimiter = ',';
  // Composite: names and type oids of the live attributes, in order.
  std::vector<std::pair<std::string, std::uint32_t>> attributes;
};

// Every type that one server connection has met. Starts with the builtin types; the source adds
// others from the server's catalog before it decodes a relation that uses them. Not thread safe.
// Pointers that find() returned stay valid as long as the catalog does.
class TypeCatalog {
 public:
  TypeCatalog();

  // Replaces the type of the same oid. Builtin types cannot be replaced: such a call does nothing.
  void add(TypeInfo type);
  const TypeInfo* find(std::uint32_t oid) const;
  // True for types that every server has; oids from 16384 on are created by users and extensions.
  static constexpr bool builtin(std::uint32_t oid) { return oid != 0 && oid < kFirstUserOid; }

  // Follows domains down to the type that is stored; an unknown oid is returned as it is.
  std::uint32_t base_of(std::uint32_t oid) const;

  static constexpr std::uint32_t kFirstUserOid = 16384;

 private:
  std::unordered_map<std::uint32_t, TypeInfo> types_;
};

// What the server's format_type(oid, typmod) prints, with an empty search_path apart from
// pg_catalog: "numeric(12,2)", "timestamp(3) with time zone", "integer[]", "shop.\"Mood\"[]".
// "???" for a type that the catalog does not hold. Modifiers of types that an extension brings are
// left out: only the extension knows how they print.
std::string format_type(const TypeCatalog& catalog, std::uint32_t oid, std::int32_t typmod);

// What cells of the type decode to, domains as their base type.
LogicalType logical_type(const TypeCatalog& catalog, std::uint32_t oid);

// Precision and scale of numeric(p,s); 0 and 0 when the type has no declared limits. The scale may
// be negative (servers from 15 on).
struct DecimalLimits {
  std::int32_t precision = 0;
  std::int32_t scale = 0;
};
DecimalLimits decimal_limits(const TypeCatalog& catalog, std::uint32_t oid, std::int32_t typmod);

}  // namespace rowtide::postgres
