#include "engine/model/table_filter.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace rowtide {
namespace {

TableFilter filter(const std::vector<std::string>& patterns) {
  auto parsed = TableFilter::parse(patterns);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().to_text();
  return parsed ? *std::move(parsed) : TableFilter{};
}

TEST(TableFilter, WithoutPatternsWantsEverything) {
  EXPECT_TRUE(TableFilter().matches("public", "orders"));
  EXPECT_TRUE(filter({}).matches("public", "orders"));
}

TEST(TableFilter, WithPatternsWantsOnlyWhatTheyName) {
  const TableFilter wanted = filter({"public.*", "shop.order_?"});
  EXPECT_TRUE(wanted.matches("public", "anything"));
  EXPECT_TRUE(wanted.matches("public", ""));
  EXPECT_TRUE(wanted.matches("shop", "order_1"));
  EXPECT_FALSE(wanted.matches("shop", "order_12"));
  EXPECT_FALSE(wanted.matches("shop", "order_"));
  EXPECT_FALSE(wanted.matches("public2", "anything"));
}

TEST(TableFilter, TakesOneTableByItsExactPattern) {
  EXPECT_EQ(exact_pattern({"public", "Orders_1"}), "public.Orders_1");
  EXPECT_EQ(exact_pattern({"public", "a.b"}), "public.\"a.b\"");
  for (const std::string name :
       {"t*", "?", "!t", "a\"b", "a.b", "a b", "a,b", "a-b", "\xC3\xA4", "\"", "t"}) {
    const TableFilter wanted = filter({exact_pattern({"s", name})});
    EXPECT_TRUE(wanted.matches("s", name)) << name;
    EXPECT_FALSE(wanted.matches("s", name + "x")) << name;
    EXPECT_FALSE(filter({exact_pattern({name, "s"})}).matches("other", "s")) << name;
  }
}

TEST(TableFilter, OfExclusionsAloneStartsFromEverything) {
  const TableFilter wanted = filter({"!public.audit", "!tmp.*"});
  EXPECT_TRUE(wanted.matches("public", "orders"));
  EXPECT_FALSE(wanted.matches("public", "audit"));
  EXPECT_FALSE(wanted.matches("tmp", "x"));
}

TEST(TableFilter, LetsTheLastFittingPatternDecide) {
  const TableFilter wanted = filter({"public.*", "!public.log_*", "public.log_main"});
  EXPECT_TRUE(wanted.matches("public", "orders"));
  EXPECT_FALSE(wanted.matches("public", "log_x"));
  EXPECT_TRUE(wanted.matches("public", "log_main"));
  EXPECT_TRUE(filter({"!public.audit", "public.*"}).matches("public", "audit"));
}

TEST(TableFilter, ComparesCase) {
  EXPECT_FALSE(filter({"public.Orders"}).matches("public", "orders"));
  EXPECT_TRUE(filter({"public.Orders"}).matches("public", "Orders"));
}

TEST(TableFilter, TakesQuotedNamesLiterally) {
  const TableFilter wanted = filter({"\"Weird.Name\".*", "s.\"a*\"\"b c\"", "!\"x!\".\"?\""});
  EXPECT_TRUE(wanted.matches("Weird.Name", "t"));
  EXPECT_TRUE(wanted.matches("s", "a*\"b c"));
  EXPECT_FALSE(wanted.matches("s", "aX\"b c"));
  EXPECT_FALSE(wanted.matches("x!", "?"));
}

TEST(TableFilter, MatchesWildcardsAnywhere) {
  const TableFilter wanted = filter({"*a*.b*c?d*"});
  EXPECT_TRUE(wanted.matches("a", "bcxd"));
  EXPECT_TRUE(wanted.matches("xay", "b_c_c.dzz"));
  EXPECT_TRUE(wanted.matches("a", "bcdcdd"));
  EXPECT_FALSE(wanted.matches("b", "bcxd"));
  EXPECT_FALSE(wanted.matches("a", "bcd"));
}

TEST(TableFilter, CountsACharacterOfSeveralBytesOnce) {
  const TableFilter wanted = filter({"s.caf?", "t.*?"});
  EXPECT_TRUE(wanted.matches("s", "caf\xC3\xA9"));
  EXPECT_FALSE(wanted.matches("s", "caf\xC3\xA9s"));
  EXPECT_TRUE(wanted.matches("t", "\xE2\x82\xAC"));
  EXPECT_FALSE(wanted.matches("t", ""));
}

TEST(TableFilter, IsNotSlowedDownByManyWildcards) {
  std::string stars;
  for (int i = 0; i < 300; ++i) {
    stars += "*a";
  }
  EXPECT_FALSE(filter({"s." + stars + "b"}).matches("s", std::string(10'000, 'a')));
}

TEST(TableFilter, RefusesPatternsThatNameNoTable) {
  for (const std::string text :
       {"", "!", "orders", "*", ".", "a.", ".b", "a.b.c", "a b.c", "a.b,c.d", "!!a.b", "\"a.b",
        "\"a\"b.c", "\"a\"", "a.\"b", "a.\"b\"c", "\"\".b", "a.\"\"", "a\"b\".c"}) {
    const auto parsed = TableFilter::parse(std::span(&text, 1));
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, Code::kConfig);
    EXPECT_TRUE(parsed.error().message.starts_with("table pattern \"" + text + "\": "))
        << parsed.error().message;
    EXPECT_NE(parsed.error().remedy.find("SCHEMA.TABLE"), std::string::npos);
  }
  const std::string long_text = "a." + std::string(2000, 'x');
  EXPECT_FALSE(TableFilter::parse(std::span(&long_text, 1)).has_value());
}

}  // namespace
}  // namespace rowtide
