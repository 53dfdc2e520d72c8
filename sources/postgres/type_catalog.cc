#include "sources/postgres/type_catalog.h"

#include <cstdint>
#include <string_view>
#include <utility>

namespace rowtide::postgres {
namespace {

struct BuiltinType {
  std::uint32_t oid;
  TypeKind kind;
  std::uint32_t element;
  std::string_view name;
};

// pg_type of a PostgreSQL server without its pseudo-types and its catalogs' row types. int2vector
// and oidvector print as "1 2", not as arrays, and so are base types here.
constexpr BuiltinType kBuiltinTypes[] = {
    {16, TypeKind::kBase, 0, "bool"},
    {17, TypeKind::kBase, 0, "bytea"},
    {18, TypeKind::kBase, 0, "char"},
    {19, TypeKind::kBase, 0, "name"},
    {20, TypeKind::kBase, 0, "int8"},
    {21, TypeKind::kBase, 0, "int2"},
    {22, TypeKind::kBase, 0, "int2vector"},
    {23, TypeKind::kBase, 0, "int4"},
    {24, TypeKind::kBase, 0, "regproc"},
    {25, TypeKind::kBase, 0, "text"},
    {26, TypeKind::kBase, 0, "oid"},
    {27, TypeKind::kBase, 0, "tid"},
    {28, TypeKind::kBase, 0, "xid"},
    {29, TypeKind::kBase, 0, "cid"},
    {30, TypeKind::kBase, 0, "oidvector"},
    {114, TypeKind::kBase, 0, "json"},
    {142, TypeKind::kBase, 0, "xml"},
    {143, TypeKind::kArray, 142, "_xml"},
    {194, TypeKind::kBase, 0, "pg_node_tree"},
    {199, TypeKind::kArray, 114, "_json"},
    {271, TypeKind::kArray, 5069, "_xid8"},
    {600, TypeKind::kBase, 0, "point"},
    {601, TypeKind::kBase, 0, "lseg"},
    {602, TypeKind::kBase, 0, "path"},
    {603, TypeKind::kBase, 0, "box"},
    {604, TypeKind::kBase, 0, "polygon"},
    {628, TypeKind::kBase, 0, "line"},
    {629, TypeKind::kArray, 628, "_line"},
    {650, TypeKind::kBase, 0, "cidr"},
    {651, TypeKind::kArray, 650, "_cidr"},
    {700, TypeKind::kBase, 0, "float4"},
    {701, TypeKind::kBase, 0, "float8"},
    {718, TypeKind::kBase, 0, "circle"},
    {719, TypeKind::kArray, 718, "_circle"},
    {774, TypeKind::kBase, 0, "macaddr8"},
    {775, TypeKind::kArray, 774, "_macaddr8"},
    {790, TypeKind::kBase, 0, "money"},
    {791, TypeKind::kArray, 790, "_money"},
    {829, TypeKind::kBase, 0, "macaddr"},
    {869, TypeKind::kBase, 0, "inet"},
    {1000, TypeKind::kArray, 16, "_bool"},
    {1001, TypeKind::kArray, 17, "_bytea"},
    {1002, TypeKind::kArray, 18, "_char"},
    {1003, TypeKind::kArray, 19, "_name"},
    {1005, TypeKind::kArray, 21, "_int2"},
    {1006, TypeKind::kBase, 0, "_int2vector"},
    {1007, TypeKind::kArray, 23, "_int4"},
    {1008, TypeKind::kArray, 24, "_regproc"},
    {1009, TypeKind::kArray, 25, "_text"},
    {1010, TypeKind::kArray, 27, "_tid"},
    {1011, TypeKind::kArray, 28, "_xid"},
    {1012, TypeKind::kArray, 29, "_cid"},
    {1013, TypeKind::kBase, 0, "_oidvector"},
    {1014, TypeKind::kArray, 1042, "_bpchar"},
    {1015, TypeKind::kArray, 1043, "_varchar"},
    {1016, TypeKind::kArray, 20, "_int8"},
    {1017, TypeKind::kArray, 600, "_point"},
    {1018, TypeKind::kArray, 601, "_lseg"},
    {1019, TypeKind::kArray, 602, "_path"},
    {1020, TypeKind::kArray, 603, "_box"},
    {1021, TypeKind::kArray, 700, "_float4"},
    {1022, TypeKind::kArray, 701, "_float8"},
    {1027, TypeKind::kArray, 604, "_polygon"},
    {1028, TypeKind::kArray, 26, "_oid"},
    {1033, TypeKind::kBase, 0, "aclitem"},
    {1034, TypeKind::kArray, 1033, "_aclitem"},
    {1040, TypeKind::kArray, 829, "_macaddr"},
    {1041, TypeKind::kArray, 869, "_inet"},
    {1042, TypeKind::kBase, 0, "bpchar"},
    {1043, TypeKind::kBase, 0, "varchar"},
    {1082, TypeKind::kBase, 0, "date"},
    {1083, TypeKind::kBase, 0, "time"},
    {1114, TypeKind::kBase, 0, "timestamp"},
    {1115, TypeKind::kArray, 1114, "_timestamp"},
    {1182, TypeKind::kArray, 1082, "_date"},
    {1183, TypeKind::kArray, 1083, "_time"},
    {1184, TypeKind::kBase, 0, "timestamptz"},
    {1185, TypeKind::kArray, 1184, "_timestamptz"},
    {1186, TypeKind::kBase, 0, "interval"},
    {1187, TypeKind::kArray, 1186, "_interval"},
    {1231, TypeKind::kArray, 1700, "_numeric"},
    {1263, TypeKind::kArray, 2275, "_cstring"},
    {1266, TypeKind::kBase, 0, "timetz"},
    {1270, TypeKind::kArray, 1266, "_timetz"},
    {1560, TypeKind::kBase, 0, "bit"},
    {1561, TypeKind::kArray, 1560, "_bit"},
    {1562, TypeKind::kBase, 0, "varbit"},
    {1563, TypeKind::kArray, 1562, "_varbit"},
    {1700, TypeKind::kBase, 0, "numeric"},
    {1790, TypeKind::kBase, 0, "refcursor"},
    {2201, TypeKind::kArray, 1790, "_refcursor"},
    {2202, TypeKind::kBase, 0, "regprocedure"},
    {2203, TypeKind::kBase, 0, "regoper"},
    {2204, TypeKind::kBase, 0, "regoperator"},
    {2205, TypeKind::kBase, 0, "regclass"},
    {2206, TypeKind::kBase, 0, "regtype"},
    {2207, TypeKind::kArray, 2202, "_regprocedure"},
    {2208, TypeKind::kArray, 2203, "_regoper"},
    {2209, TypeKind::kArray, 2204, "_regoperator"},
    {2210, TypeKind::kArray, 2205, "_regclass"},
    {2211, TypeKind::kArray, 2206, "_regtype"},
    {2249, TypeKind::kPseudo, 0, "record"},
    {2275, TypeKind::kPseudo, 0, "cstring"},
    {2287, TypeKind::kPseudo, 0, "_record"},
    {2949, TypeKind::kArray, 2970, "_txid_snapshot"},
    {2950, TypeKind::kBase, 0, "uuid"},
    {2951, TypeKind::kArray, 2950, "_uuid"},
    {2970, TypeKind::kBase, 0, "txid_snapshot"},
    {3220, TypeKind::kBase, 0, "pg_lsn"},
    {3221, TypeKind::kArray, 3220, "_pg_lsn"},
    {3361, TypeKind::kBase, 0, "pg_ndistinct"},
    {3402, TypeKind::kBase, 0, "pg_dependencies"},
    {3614, TypeKind::kBase, 0, "tsvector"},
    {3615, TypeKind::kBase, 0, "tsquery"},
    {3642, TypeKind::kBase, 0, "gtsvector"},
    {3643, TypeKind::kBase, 0, "_tsvector"},
    {3644, TypeKind::kBase, 0, "_gtsvector"},
    {3645, TypeKind::kArray, 3615, "_tsquery"},
    {3734, TypeKind::kBase, 0, "regconfig"},
    {3735, TypeKind::kArray, 3734, "_regconfig"},
    {3769, TypeKind::kBase, 0, "regdictionary"},
    {3770, TypeKind::kArray, 3769, "_regdictionary"},
    {3802, TypeKind::kBase, 0, "jsonb"},
    {3807, TypeKind::kArray, 3802, "_jsonb"},
    {3904, TypeKind::kRange, 23, "int4range"},
    {3905, TypeKind::kArray, 3904, "_int4range"},
    {3906, TypeKind::kRange, 1700, "numrange"},
    {3907, TypeKind::kArray, 3906, "_numrange"},
    {3908, TypeKind::kRange, 1114, "tsrange"},
    {3909, TypeKind::kArray, 3908, "_tsrange"},
    {3910, TypeKind::kRange, 1184, "tstzrange"},
    {3911, TypeKind::kArray, 3910, "_tstzrange"},
    {3912, TypeKind::kRange, 1082, "daterange"},
    {3913, TypeKind::kArray, 3912, "_daterange"},
    {3926, TypeKind::kRange, 20, "int8range"},
    {3927, TypeKind::kArray, 3926, "_int8range"},
    {4072, TypeKind::kBase, 0, "jsonpath"},
    {4073, TypeKind::kArray, 4072, "_jsonpath"},
    {4089, TypeKind::kBase, 0, "regnamespace"},
    {4090, TypeKind::kArray, 4089, "_regnamespace"},
    {4096, TypeKind::kBase, 0, "regrole"},
    {4097, TypeKind::kArray, 4096, "_regrole"},
    {4191, TypeKind::kBase, 0, "regcollation"},
    {4192, TypeKind::kArray, 4191, "_regcollation"},
    {4451, TypeKind::kMultirange, 3904, "int4multirange"},
    {4532, TypeKind::kMultirange, 3906, "nummultirange"},
    {4533, TypeKind::kMultirange, 3908, "tsmultirange"},
    {4534, TypeKind::kMultirange, 3910, "tstzmultirange"},
    {4535, TypeKind::kMultirange, 3912, "datemultirange"},
    {4536, TypeKind::kMultirange, 3926, "int8multirange"},
    {4600, TypeKind::kBase, 0, "pg_brin_bloom_summary"},
    {4601, TypeKind::kBase, 0, "pg_brin_minmax_multi_summary"},
    {5017, TypeKind::kBase, 0, "pg_mcv_list"},
    {5038, TypeKind::kBase, 0, "pg_snapshot"},
    {5039, TypeKind::kArray, 5038, "_pg_snapshot"},
    {5069, TypeKind::kBase, 0, "xid8"},
    {6150, TypeKind::kArray, 4451, "_int4multirange"},
    {6151, TypeKind::kArray, 4532, "_nummultirange"},
    {6152, TypeKind::kArray, 4533, "_tsmultirange"},
    {6153, TypeKind::kArray, 4534, "_tstzmultirange"},
    {6155, TypeKind::kArray, 4535, "_datemultirange"},
    {6157, TypeKind::kArray, 4536, "_int8multirange"},
};

// Deeper chains of domains are legal but nobody has them; a catalog that is wrong could be a loop.
constexpr int kMostDomains = 32;

}  // namespace

TypeCatalog::TypeCatalog() {
  types_.reserve(std::size(kBuiltinTypes) * 2);
  for (const BuiltinType& builtin_type : kBuiltinTypes) {
    TypeInfo type;
    type.oid = builtin_type.oid;
    type.schema = "pg_catalog";
    type.name = builtin_type.name;
    type.kind = builtin_type.kind;
    type.element = builtin_type.element;
    // Boxes print with commas inside.
    type.delimiter = builtin_type.oid == oid::kBox ? ';' : ',';
    types_.emplace(type.oid, std::move(type));
  }
}

void TypeCatalog::add(TypeInfo type) {
  const auto existing = types_.find(type.oid);
  if (existing == types_.end()) {
    const std::uint32_t type_oid = type.oid;
    types_.emplace(type_oid, std::move(type));
  } else if (!builtin(type.oid)) {
    existing->second = std::move(type);
  }
}

const TypeInfo* TypeCatalog::find(std::uint32_t type_oid) const {
  const auto found = types_.find(type_oid);
  return found == types_.end() ? nullptr : &found->second;
}

std::uint32_t TypeCatalog::base_of(std::uint32_t type_oid) const {
  for (int i = 0; i < kMostDomains; ++i) {
    const TypeInfo* type = find(type_oid);
    if (type == nullptr || type->kind != TypeKind::kDomain) {
      break;
    }
    type_oid = type->element;
  }
  return type_oid;
}

LogicalType logical_type(const TypeCatalog& catalog, std::uint32_t type_oid) {
  switch (const std::uint32_t base = catalog.base_of(type_oid)) {
    case oid::kBool:
      return LogicalType::kBoolean;
    case oid::kInt2:
      return LogicalType::kInt16;
    case oid::kInt4:
      return LogicalType::kInt32;
    case oid::kInt8:
    case oid::kOid:
    case oid::kXid:
    case oid::kCid:
      return LogicalType::kInt64;
    case oid::kFloat4:
      return LogicalType::kFloat32;
    case oid::kFloat8:
      return LogicalType::kFloat64;
    case oid::kNumeric:
      return LogicalType::kDecimal;
    case oid::kDate:
      return LogicalType::kDate;
    case oid::kTime:
      return LogicalType::kTime;
    case oid::kTimestamp:
      return LogicalType::kTimestamp;
    case oid::kTimestamptz:
      return LogicalType::kTimestampTz;
    case oid::kUuid:
      return LogicalType::kUuid;
    case oid::kBytea:
      return LogicalType::kBytes;
    case oid::kText:
    case oid::kVarchar:
    case oid::kBpchar:
    case oid::kName:
    case oid::kChar:
    case oid::kXml:
      return LogicalType::kText;
    case oid::kJson:
    case oid::kJsonb:
      return LogicalType::kJson;
    default: {
      // The extension's type has another oid in every database; its values are plain text.
      const TypeInfo* type = catalog.find(base);
      const bool citext = type != nullptr && type->kind == TypeKind::kBase &&
                          !TypeCatalog::builtin(base) && type->name == "citext";
      return citext ? LogicalType::kText : LogicalType::kLiteral;
    }
  }
}

DecimalLimits decimal_limits(const TypeCatalog& catalog, std::uint32_t type_oid,
                             std::int32_t typmod) {
  for (int i = 0; i < kMostDomains; ++i) {
    const TypeInfo* type = catalog.find(type_oid);
    if (type == nullptr || type->kind != TypeKind::kDomain) {
      break;
    }
    typmod = typmod < 0 ? type->domain_typmod : typmod;
    type_oid = type->element;
  }
  // The modifier is precision and 11 bits of signed scale, plus the size of a varlena header.
  constexpr std::int32_t kHeaderBytes = 4;
  if (type_oid != oid::kNumeric || typmod < kHeaderBytes) {
    return {};
  }
  const std::int32_t packed = typmod - kHeaderBytes;
  return {(packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024};
}

}  // namespace rowtide::postgres
