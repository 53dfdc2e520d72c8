// The small parts of the configuration: units, scalars, suggestions, addresses, nodes.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/config/listen_address.h"
#include "engine/config/nearest.h"
#include "engine/config/node.h"
#include "engine/config/scalar.h"
#include "engine/config/units.h"
#include "engine/config/yaml_loader.h"

namespace rowtide::config {
namespace {

using std::chrono::milliseconds;

TEST(Units, SizesAreReadByPowersOfTwoAndTen) {
  EXPECT_EQ(*parse_size_bytes("10B"), 10U);
  EXPECT_EQ(*parse_size_bytes("1KB"), 1'000U);
  EXPECT_EQ(*parse_size_bytes("512KiB"), 524'288U);
  EXPECT_EQ(*parse_size_bytes("1GB"), 1'000'000'000U);
  EXPECT_EQ(*parse_size_bytes("16777215TiB"), 16777215ULL << 40U);
  EXPECT_FALSE(parse_size_bytes("16777216TiB").has_value());
  EXPECT_FALSE(parse_size_bytes("").has_value());
  EXPECT_FALSE(parse_size_bytes("+1B").has_value());
}

TEST(Units, DurationsAreReadAsMilliseconds) {
  EXPECT_EQ(*parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(*parse_duration("10s"), milliseconds(10'000));
  EXPECT_EQ(*parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(*parse_duration("2h"), milliseconds(7'200'000));
  EXPECT_FALSE(parse_duration("9223372036854775807h").has_value());
  EXPECT_FALSE(parse_duration("1 s").has_value());
}

TEST(Units, AreWrittenAsTheyAreRead) {
  for (const std::string text : {"0B", "10B", "1KB", "64MiB", "3GiB", "1TiB"}) {
    EXPECT_EQ(format_size_bytes(*parse_size_bytes(text)), text);
  }
  for (const std::string text : {"0ms", "500ms", "10s", "5m", "2h"}) {
    EXPECT_EQ(format_duration(*parse_duration(text)), text);
  }
}

TEST(Scalar, NumbersAreThoseOfTheYamlCoreSchema) {
  for (const std::string text : {"0", "-1", "+12", "1.5", ".5", "1.", "1e9", "-1.5E-3", "0x1F",
                                 "0o17", ".inf", "-.INF", ".nan"}) {
    EXPECT_EQ(scalar_kind(text), ScalarKind::kNumber) << text;
  }
  for (const std::string text :
       {"", "-", ".", "e5", "1e", "1_0", "0x", "0xg", "0o8", "1.2.3", "1:30", "inf", "yes"}) {
    EXPECT_EQ(scalar_kind(text), ScalarKind::kText) << text;
  }
  EXPECT_EQ(scalar_kind("true"), ScalarKind::kBoolean);
  EXPECT_EQ(scalar_kind("FALSE"), ScalarKind::kBoolean);
  EXPECT_EQ(scalar_kind("tRue"), ScalarKind::kText);
}

TEST(Scalar, QuotedTextIsCutAtACharacterAndHasNoControlCharacters) {
  EXPECT_EQ(quote("a\nb\x7F"), "\"a?b?\"");
  EXPECT_EQ(quote("\xFFz"), "\"?z\"");
  const std::string cut = quote(std::string(59, 'a') + "\xC3\xA9");
  EXPECT_EQ(cut, "\"" + std::string(59, 'a') + "...\"");
}

TEST(Scalar, BadBytesAreFound) {
  EXPECT_EQ(find_bad_byte("a\tb\r\n\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), std::string::npos);
  EXPECT_EQ(find_bad_byte("ab\x01"), 2U);
  EXPECT_EQ(find_bad_byte("a\xC0\x80"), 1U);          // overlong
  EXPECT_EQ(find_bad_byte("a\xED\xA0\x80"), 1U);      // surrogate
  EXPECT_EQ(find_bad_byte("a\xF4\x90\x80\x80"), 1U);  // beyond Unicode
  EXPECT_EQ(find_bad_byte("a\xE2\x82"), 1U);          // cut off
}

TEST(Nearest, FindsTypingMistakesAndNothingElse) {
  const std::vector<std::string> known{"url", "password", "slot", "publication", "tables"};
  EXPECT_EQ(nearest("ulr", known), "url");
  EXPECT_EQ(nearest("Password", known), "password");
  EXPECT_EQ(nearest("publicaton", known), "publication");
  EXPECT_EQ(nearest("table", known), "tables");
  EXPECT_EQ(nearest("xyz", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(100, 'u'), known), "");
}

TEST(ListenAddress, IsSplitIntoHostAndPort) {
  const auto address = parse_listen_address("[fe80::1]:7070");
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->host, "fe80::1");
  EXPECT_EQ(address->port, 7070);
  EXPECT_FALSE(address->is_local());
  EXPECT_EQ(parse_listen_address("unix:a.sock")->unix_path, "a.sock");
  for (const std::string text : {"", ":", ":80", "host:", "host:0", "host:65536", "host:8x",
                                 "host:-1", "[host]:80", "[::1:80", "a b:80", "http://host:80"}) {
    EXPECT_FALSE(parse_listen_address(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_listen_address("unix:/" + std::string(107, 'p')).has_value());
}

TEST(Node, KnowsPlaceAndPath) {
  const auto root = load_yaml("a:\n  - b: one\n  - [x, \"y\"]\n", "f.yaml");
  ASSERT_TRUE(root.has_value()) << root.error().to_text();
  ASSERT_EQ(root->kind(), Node::Kind::kMap);
  const Node* list = root->find("a");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items().size(), 2U);
  const Node* b = list->items()[0].find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->where(), "f.yaml:2:8: a[0].b");
  EXPECT_EQ(b->key_error("k", "").message, "f.yaml:2:5: a[0].b: k");
  EXPECT_EQ(b->text(), "one");
  EXPECT_FALSE(b->quoted());
  const Node& y = list->items()[1].items()[1];
  EXPECT_EQ(y.path(), "a[1][1]");
  EXPECT_TRUE(y.quoted());
  EXPECT_EQ(y.line(), 3);
  EXPECT_EQ(y.column(), 9);
  EXPECT_EQ(root->find("b"), nullptr);
}

TEST(Node, OutlivesTheTreeThatItCameFrom) {
  Node kept;
  {
    const auto root = load_yaml("a: {b: {c: 1}}\n", "f.yaml");
    ASSERT_TRUE(root.has_value());
    kept = *root->find("a")->find("b")->find("c");
  }
  EXPECT_EQ(kept.where(), "f.yaml:1:12: a.b.c");
}

TEST(Node, OfADefaultIsNothing) {
  const Node node;
  EXPECT_EQ(node.kind(), Node::Kind::kNull);
  EXPECT_EQ(node.text(), "");
  EXPECT_TRUE(node.items().empty());
  EXPECT_EQ(node.find("x"), nullptr);
  EXPECT_EQ(node.path(), "");
}

}  // namespace
}  // namespace rowtide::config
