#include <gtest/gtest.h>

#include "sources/postgres/type_catalog.h"
#include "sources/postgres/value_decode_binary.h"

namespace rowtide::postgres {
namespace {

TypeInfo user_type(std::uint32_t type_oid, std::string schema, std::string name, TypeKind kind,
                   std::uint32_t element = 0) {
  TypeInfo type;
  type.oid = type_oid;
  type.schema = std::move(schema);
  type.name = std::move(name);
  type.kind = kind;
  type.element = element;
  return type;
}

TEST(TypeCatalogs, KnowEveryBuiltinArrayByItsElement) {
  const TypeCatalog catalog;
  EXPECT_EQ(catalog.find(1007)->element, oid::kInt4);
  EXPECT_EQ(catalog.find(1231)->element, oid::kNumeric);
  EXPECT_EQ(catalog.find(6157)->element, 4536u);
  EXPECT_EQ(catalog.find(1020)->element, oid::kBox);
  EXPECT_EQ(catalog.find(oid::kBox)->delimiter, ';');
  EXPECT_EQ(catalog.find(16384), nullptr);
}

TEST(TypeCatalogs, DoNotLetABuiltinTypeBeReplaced) {
  TypeCatalog catalog;
  catalog.add(user_type(oid::kInt4, "evil", "int4", TypeKind::kEnum));
  EXPECT_EQ(catalog.find(oid::kInt4)->kind, TypeKind::kBase);
  catalog.add(user_type(20000, "s", "old", TypeKind::kEnum));
  const TypeInfo* before = catalog.find(20000);
  catalog.add(user_type(20000, "s", "new", TypeKind::kEnum));
  EXPECT_EQ(before->name, "new");
}

TEST(TypeCatalogs, FollowDomainsToTheStoredType) {
  TypeCatalog catalog;
  catalog.add(user_type(20001, "s", "inner", TypeKind::kDomain, oid::kNumeric));
  catalog.add(user_type(20002, "s", "outer", TypeKind::kDomain, 20001));
  EXPECT_EQ(catalog.base_of(20002), oid::kNumeric);
  EXPECT_EQ(catalog.base_of(29999), 29999u);
  EXPECT_EQ(logical_type(catalog, 20002), LogicalType::kDecimal);
}

TEST(TypeCatalogs, SurviveADomainThatNamesItself) {
  TypeCatalog catalog;
  catalog.add(user_type(20001, "s", "loop", TypeKind::kDomain, 20001));
  EXPECT_EQ(logical_type(catalog, 20001), LogicalType::kLiteral);
  EXPECT_FALSE(binary_supported(catalog, 20001));
}

// Each expectation was printed by format_type() of a server.
TEST(TypeNames, MatchTheServer) {
  TypeCatalog catalog;
  catalog.add(user_type(20001, "shop", "Mood", TypeKind::kEnum));
  catalog.add(user_type(20002, "shop", "_Mood", TypeKind::kArray, 20001));
  catalog.add(user_type(20003, "select", "plain_1", TypeKind::kEnum));
  const std::tuple<std::uint32_t, std::int32_t, const char*> kNames[] = {
      {oid::kBool, -1, "boolean"},
      {oid::kChar, -1, "\"char\""},
      {oid::kBpchar, -1, "bpchar"},
      {oid::kBpchar, 9, "character(5)"},
      {1014, 9, "character(5)[]"},
      {oid::kBit, -1, "\"bit\""},
      {oid::kBit, 5, "bit(5)"},
      {oid::kVarbit, 5, "bit varying(5)"},
      {oid::kNumeric, 655366, "numeric(10,2)"},
      {oid::kNumeric, 198658, "numeric(3,-2)"},
      {oid::kNumeric, 196617, "numeric(3,5)"},
      {oid::kTime, 3, "time(3) without time zone"},
      {oid::kTimetz, 3, "time(3) with time zone"},
      {oid::kTimestamp, 0, "timestamp(0) without time zone"},
      {oid::kTimestamptz, -1, "timestamp with time zone"},
      {oid::kInterval, -1, "interval"},
      {oid::kInterval, 2147418115, "interval(3)"},
      {oid::kInterval, 327679, "interval year"},
      {oid::kInterval, 458751, "interval year to month"},
      {oid::kInterval, 201916415, "interval day to minute"},
      {oid::kInterval, 470286338, "interval day to second(2)"},
      {oid::kInterval, 268435460, "interval second(4)"},
      {30, -1, "oidvector"},
      {1000, -1, "boolean[]"},
      {99999, -1, "???"},
      {20001, -1, "shop.\"Mood\""},
      {20002, -1, "shop.\"Mood\"[]"},
      {20003, -1, "\"select\".plain_1"},
  };
  for (const auto& [type_oid, typmod, name] : kNames) {
    EXPECT_EQ(format_type(catalog, type_oid, typmod), name);
  }
}

TEST(DecimalLimits, ComeFromTheColumnOrItsDomain) {
  TypeCatalog catalog;
  TypeInfo price = user_type(20001, "s", "price", TypeKind::kDomain, oid::kNumeric);
  price.domain_typmod = 655366;
  catalog.add(price);
  EXPECT_EQ(decimal_limits(catalog, 20001, -1).precision, 10);
  EXPECT_EQ(decimal_limits(catalog, 20001, -1).scale, 2);
  EXPECT_EQ(decimal_limits(catalog, oid::kNumeric, 198658).scale, -2);
  EXPECT_EQ(decimal_limits(catalog, oid::kNumeric, -1).precision, 0);
  EXPECT_EQ(decimal_limits(catalog, oid::kInt4, 655366).precision, 0);
}

TEST(BinarySupport, EndsWhereOnlyTheServerCanPrint) {
  TypeCatalog catalog;
  catalog.add(user_type(20001, "s", "hstore", TypeKind::kBase));
  catalog.add(user_type(20002, "s", "citext", TypeKind::kBase));
  TypeInfo pair = user_type(20003, "s", "pair", TypeKind::kComposite);
  pair.attributes = {{"a", oid::kInt4}, {"b", oid::kText}};
  catalog.add(pair);
  catalog.add(user_type(20004, "s", "_pair", TypeKind::kArray, 20003));
  TypeInfo mixed = user_type(20005, "s", "mixed", TypeKind::kComposite);
  mixed.attributes = {{"a", oid::kInt4}, {"b", 20001}};
  catalog.add(mixed);
  for (const std::uint32_t supported :
       {oid::kInt4, oid::kJsonb, oid::kInterval, 4451u, 20002u, 20003u, 20004u}) {
    EXPECT_TRUE(binary_supported(catalog, supported)) << supported;
  }
  // money, tsvector, jsonpath, regclass, int2vector, record, an unknown oid.
  for (const std::uint32_t text_only :
       {790u, 3614u, 4072u, 2205u, 22u, 2249u, 99999u, 20001u, 20005u}) {
    EXPECT_FALSE(binary_supported(catalog, text_only)) << text_only;
  }
}

}  // namespace
}  // namespace rowtide::postgres
