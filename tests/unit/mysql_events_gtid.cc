#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "sources/mysql/gtid_set.h"
#include "sources/mysql/mariadb_gtid.h"
#include "tests/unit/mysql_events_wire.h"

namespace rowtide::mysql {
namespace {

constexpr std::string_view kA = "267ec25e-e4db-11f1-94e3-02fc00000001";
constexpr std::string_view kB = "367ec25e-e4db-11f1-94e3-02fc00000001";

Uuid uuid(std::string_view text) {
  return *parse_uuid(text);
}

std::string canonical(std::string_view text) {
  const auto set = GtidSet::parse(text);
  return set ? std::string(set->text()) : "error: " + set.error().message;
}

TEST(GtidSet, PrintsWhatTheServerReadsAndMergesWhatItShows) {
  const std::string a(kA);
  const std::string b(kB);
  EXPECT_EQ(canonical(""), "");
  EXPECT_EQ(canonical(a + ":1"), a + ":1");
  EXPECT_EQ(canonical(a + ":1-5:7,\n" + b + ":9"), a + ":1-5:7," + b + ":9");
  EXPECT_EQ(canonical(b + ":9, " + a + ":7:1-5"), a + ":1-5:7," + b + ":9");
  EXPECT_EQ(canonical(a + ":1-2:3-4:4-9"), a + ":1-9");
  EXPECT_EQ(canonical(a + ":1-3," + a + ":2-5"), a + ":1-5");
  EXPECT_EQ(canonical("267EC25E-E4DB-11F1-94E3-02FC00000001:4"), a + ":4");
  EXPECT_EQ(canonical(a), "");
}

TEST(GtidSet, KeepsTagsApart) {
  const std::string a(kA);
  const std::string text = a + ":1-6:a_tag:1:tag:1-2," + std::string(kB) + ":9:x1:5:1000";
  EXPECT_EQ(canonical(text), text);
  const auto set = GtidSet::parse(text);
  ASSERT_TRUE(set);
  EXPECT_EQ(set->count(), 6U + 1 + 2 + 1 + 2);
  EXPECT_TRUE(set->contains(uuid(kA), "tag", 2));
  EXPECT_FALSE(set->contains(uuid(kA), "tag", 3));
  EXPECT_FALSE(set->contains(uuid(kB), "x1", 9));
  EXPECT_TRUE(set->contains(uuid(kB), "", 9));
}

TEST(GtidSet, RefusesWhatIsNoSet) {
  const std::string a(kA);
  for (const auto& text : {std::string("x"), a + ":0", a + ":5-3", a + ":1-", a + ":-3",
                           a + ":9223372036854775807", a + "0:1", a + ":1:Tag!", a + ":1a"}) {
    EXPECT_FALSE(GtidSet::parse(text)) << text;
  }
}

TEST(GtidSet, EncodesForTheDumpAsTheServerWants) {
  const auto plain = GtidSet::parse(std::string(kA) + ":1-5:7");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->encode(),
            wire::bytes("0100000000000000 267ec25ee4db11f194e302fc00000001 0200000000000000"
                        "0100000000000000 0600000000000000 0700000000000000 0800000000000000"));
  const auto tagged = GtidSet::parse(std::string(kA) + ":3:tag:1");
  ASSERT_TRUE(tagged);
  EXPECT_EQ(tagged->encode(),
            wire::bytes("0102000000000001"
                        "267ec25ee4db11f194e302fc00000001 00 0100000000000000 0300000000000000"
                        "0400000000000000"
                        "267ec25ee4db11f194e302fc00000001 06746167 0100000000000000"
                        "0100000000000000 0200000000000000"));
  EXPECT_EQ(GtidSet().encode(), wire::bytes("0000000000000000"));
}

TEST(GtidSet, NeverEncodesAServerWithoutIntervals) {
  // The bytes crash a server; it is the set of nothing, and sent as that.
  const auto set = GtidSet::decode(
      wire::bytes("0100000000000000 267ec25ee4db11f194e302fc00000001 0000000000000000"));
  ASSERT_TRUE(set);
  EXPECT_TRUE(set->empty());
  EXPECT_EQ(set->encode(), wire::bytes("0000000000000000"));
  EXPECT_EQ(GtidSet::parse(std::string(kA) + ":")->encode(), wire::bytes("0000000000000000"));
}

TEST(GtidSet, DecodesWhatItEncodes) {
  for (const auto& text :
       {std::string(), std::string(kA) + ":1-5:7",
        std::string(kA) + ":1:a:2-3," + std::string(kB) + ":9223372036854775806"}) {
    const auto set = GtidSet::parse(text);
    ASSERT_TRUE(set);
    const auto again = GtidSet::decode(set->encode());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->text(), text);
    EXPECT_EQ(again->count(), set->count());
  }
  const auto whole = GtidSet::parse(std::string(kA) + ":1-5:7")->encode();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(GtidSet::decode(std::string_view(whole).substr(0, size))) << size;
  }
  EXPECT_FALSE(GtidSet::decode(whole + "x"));
  EXPECT_FALSE(GtidSet::decode(
      wire::bytes("0100000000000000 267ec25ee4db11f194e302fc00000001 0100000000000000"
                  "0500000000000000 0500000000000000")));
}

TEST(GtidSet, IsASubsetOnlyWhenNothingIsMissing) {
  const std::string a(kA);
  const std::string b(kB);
  const auto subset = [](const std::string& x, const std::string& y) {
    return GtidSet::parse(x)->is_subset_of(*GtidSet::parse(y));
  };
  EXPECT_TRUE(subset("", a + ":1"));
  EXPECT_TRUE(subset(a + ":2-3:7", a + ":1-4:6-9"));
  EXPECT_TRUE(subset(a + ":1-4," + b + ":2", a + ":1-4," + b + ":1-2"));
  EXPECT_FALSE(subset(a + ":1-5", a + ":1-4"));
  EXPECT_FALSE(subset(a + ":3-6", a + ":1-4:6-9"));
  EXPECT_FALSE(subset(b + ":1", a + ":1"));
  EXPECT_FALSE(subset(a + ":t:1", a + ":1"));
}

// Any order of additions gives the set, the count and the text that a plain set of numbers gives.
TEST(GtidSet, AddsInAnyOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    GtidSet set;
    std::set<std::pair<int, std::int64_t>> model;
    const int adds = 1 + static_cast<int>(random() % 60);
    std::int64_t next = 95;
    for (int i = 0; i < adds; ++i) {
      const bool run = random() % 2 == 0;
      const int server = static_cast<int>(random() % 2);
      const std::int64_t gno = run ? next++ : 1 + static_cast<std::int64_t>(random() % 120);
      const bool fresh = model.emplace(server, gno).second;
      EXPECT_EQ(set.add(uuid(server == 0 ? kA : kB), "", gno), fresh);
      if (random() % 3 == 0) {
        set.text();
      }
    }
    std::string text;
    for (const int server : {0, 1}) {
      std::string part;
      for (std::int64_t gno = 1; gno <= 200; ++gno) {
        if (!model.contains({server, gno})) {
          continue;
        }
        const auto first = gno;
        while (model.contains({server, gno + 1})) {
          ++gno;
        }
        part += ":" + std::to_string(first) + (gno > first ? "-" + std::to_string(gno) : "");
      }
      if (!part.empty()) {
        text += (text.empty() ? "" : ",") + std::string(server == 0 ? kA : kB) + part;
      }
    }
    ASSERT_EQ(set.text(), text);
    ASSERT_EQ(set.count(), model.size());
  }
}

TEST(MariaDbGtidState, KeepsTheLastOfEachDomain) {
  auto state = MariaDbGtidState::parse("1-2-77, 0-1-8");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->text(), "0-1-8,1-2-77");
  EXPECT_EQ(state->weight(), 85U);
  EXPECT_TRUE(state->add({0, 3, 9}));
  EXPECT_EQ(state->text(), "0-3-9,1-2-77");
  EXPECT_TRUE(state->add({4, 1, 1}));
  EXPECT_EQ(state->text(), "0-3-9,1-2-77,4-1-1");
  EXPECT_EQ(state->weight(), 87U);
  EXPECT_FALSE(state->add({0, 9, 9}));
  EXPECT_FALSE(state->add({1, 2, 1}));
  EXPECT_EQ(state->weight(), 87U);
  EXPECT_EQ(MariaDbGtidState::parse("0-1-8,0-2-5,0-3-11")->text(), "0-3-11");
  EXPECT_EQ(MariaDbGtidState::parse("")->text(), "");
  for (const std::string_view text :
       {"0-1", "0-1-x", "0-1-8-9", "a", "0-1--8", "99999999999-1-1"}) {
    EXPECT_FALSE(MariaDbGtidState::parse(text)) << text;
  }
}

TEST(MariaDbGtidState, IsCoveredByWhatHasComeAsFar) {
  const auto covered = [](std::string_view a, std::string_view b) {
    return MariaDbGtidState::parse(a)->is_covered_by(*MariaDbGtidState::parse(b));
  };
  EXPECT_TRUE(covered("", "0-1-8"));
  EXPECT_TRUE(covered("0-1-8", "0-2-8,1-1-1"));
  EXPECT_FALSE(covered("0-1-9", "0-1-8"));
  EXPECT_FALSE(covered("0-1-8,3-1-1", "0-1-8"));
}

}  // namespace
}  // namespace rowtide::mysql
