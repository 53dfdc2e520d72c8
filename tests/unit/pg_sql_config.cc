#include <algorithm>

#include <gtest/gtest.h>

#include "sources/postgres/postgres_config.h"
#include "sources/postgres/table_patterns.h"

namespace rowtide::postgres {
namespace {

TablePatterns patterns(std::vector<std::string> texts) {
  auto parsed = TablePatterns::parse(texts);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().to_text());
  return parsed ? *parsed : TablePatterns();
}

TEST(TablePatterns, TakeEverythingButTheSystemWhenEmpty) {
  const auto all = patterns({});
  EXPECT_TRUE(all.matches("public", "orders"));
  EXPECT_FALSE(all.matches("pg_catalog", "pg_class"));
  EXPECT_FALSE(all.matches("information_schema", "tables"));
  EXPECT_FALSE(all.matches("pg_temp_3", "x"));
  EXPECT_TRUE(all.everything());
}

TEST(TablePatterns, ExcludeAfterIncluding) {
  const auto some = patterns({"public.*", "!public.audit", "!*.tmp_?"});
  EXPECT_TRUE(some.matches("public", "orders"));
  EXPECT_FALSE(some.matches("public", "audit"));
  EXPECT_FALSE(some.matches("public", "tmp_1"));
  EXPECT_TRUE(some.matches("public", "tmp_12"));
  EXPECT_FALSE(some.matches("shop", "orders"));
  EXPECT_FALSE(some.everything());
}

TEST(TablePatterns, IncludeEverythingElseWhenOnlyExcluding) {
  const auto rest = patterns({"!public.audit"});
  EXPECT_TRUE(rest.matches("shop", "orders"));
  EXPECT_FALSE(rest.matches("public", "audit"));
  EXPECT_FALSE(rest.everything());
}

TEST(TablePatterns, ReadQuotedPartsLiterally) {
  const auto odd = patterns({R"("odd.schema"."a*b""c")"});
  EXPECT_TRUE(odd.matches("odd.schema", "a*b\"c"));
  EXPECT_FALSE(odd.matches("odd.schema", "axb\"c"));
}

TEST(TablePatterns, MatchStarsWithinNames) {
  const auto stars = patterns({"s*.o*r*s"});
  EXPECT_TRUE(stars.matches("shop", "orders"));
  EXPECT_TRUE(stars.matches("s", "ors"));
  EXPECT_FALSE(stars.matches("shop", "order"));
}

TEST(TablePatterns, AreEverythingWhenOneIncludesAll) {
  EXPECT_TRUE(patterns({"*.*"}).everything());
  EXPECT_FALSE(patterns({"*.*", "!a.b"}).everything());
}

TEST(TablePatterns, RefuseWhatIsNotSchemaDotTable) {
  for (const char* bad : {"orders", "a.b.c", ".x", "x.", "", "!", "\"a.b", "\"a\"b.c"}) {
    const std::vector<std::string> texts = {bad};
    const auto parsed = TablePatterns::parse(texts);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Code::kConfig);
    EXPECT_FALSE(parsed.error().remedy.empty());
  }
}

TEST(Names, ComeFromThePipelineInSlotCharacters) {
  PostgresSourceConfig config;
  const Names names = effective_names(config, "Shop-eu.1");
  EXPECT_EQ(names.slot, "rowtide_shop_eu_1");
  EXPECT_EQ(names.publication, "rowtide_shop_eu_1");
  config.slot = "mine";
  EXPECT_EQ(effective_names(config, "x").slot, "mine");
  EXPECT_EQ(effective_names(config, "x").publication, "rowtide_x");
  EXPECT_EQ(effective_names({}, std::string(100, 'p')).slot.size(), 63U);
}

TEST(Lsn, ReadsAndWritesTheServersForm) {
  EXPECT_EQ(parse_lsn("0/16B3748").value(), 0x16B3748U);
  EXPECT_EQ(parse_lsn("A/0").value(), std::uint64_t{10} << 32);
  EXPECT_EQ(lsn_text((std::uint64_t{10} << 32) | 0xFF), "A/FF");
  for (const char* bad : {"", "/", "1", "1/", "/1", "g/1", "1/1 ", "123456789/0"}) {
    EXPECT_FALSE(parse_lsn(bad)) << bad;
  }
}

TEST(PostgresSourceConfig, RefusesWhatCannotWork) {
  PostgresSourceConfig config;
  EXPECT_FALSE(config.validate());
  config.url = "postgresql://localhost/shop";
  EXPECT_TRUE(config.validate());
  config.slot = "Not-A-Slot";
  EXPECT_FALSE(config.validate());
  config.slot = "";
  config.start = "yesterday";
  EXPECT_FALSE(config.validate());
  config.start = "0/10";
  EXPECT_TRUE(config.validate());
  config.tables = {"orders"};
  EXPECT_FALSE(config.validate());
}

TEST(PostgresSourceConfig, DescribesEveryKeyOnce) {
  PostgresSourceConfig config;
  config::ObjectSpec spec;
  describe(spec, config);
  std::vector<std::string> keys;
  for (const auto& field : spec.fields()) {
    EXPECT_FALSE(field.doc().empty()) << field.key();
    EXPECT_EQ(std::ranges::count(keys, field.key()), 0) << field.key();
    keys.push_back(field.key());
  }
  for (const char* key : {"url", "password", "tables", "slot", "publication", "start"}) {
    EXPECT_EQ(std::ranges::count(keys, key), 1) << key;
  }
}

}  // namespace
}  // namespace rowtide::postgres
