#include <gtest/gtest.h>

#include "engine/snapshot/backfill_record.h"
#include "engine/snapshot/work_left.h"

namespace rowtide::test {
namespace {

using Parts = std::vector<PartLeft>;

BackfillLeft everything_left() {
  BackfillLeft left;
  left.id = "shop-7";
  left.spec.tables = {"public.o*", "sales.\"Odd # Name\""};
  left.spec.filter.where = "region = 'süd' AND note <> '\"'";
  left.spec.filter.columns = {"id", "größe"};
  left.spec.replace = true;
  left.initial = true;
  left.sinks = {"lake", "warehouse"};
  left.created_at_us = 1'795'000'000'123'456;
  left.rows_delivered = 12'345'678'901;
  return left;
}

void expect_same(const BackfillLeft& got, const BackfillLeft& want) {
  EXPECT_EQ(got.id, want.id);
  EXPECT_EQ(got.spec.tables, want.spec.tables);
  EXPECT_EQ(got.spec.filter.where, want.spec.filter.where);
  EXPECT_EQ(got.spec.filter.columns, want.spec.filter.columns);
  EXPECT_EQ(got.spec.replace, want.spec.replace);
  EXPECT_EQ(got.initial, want.initial);
  EXPECT_EQ(got.sinks, want.sinks);
  EXPECT_EQ(got.created_at_us, want.created_at_us);
  EXPECT_EQ(got.rows_delivered, want.rows_delivered);
  EXPECT_EQ(got.done, want.done);
  EXPECT_EQ(got.untouched_from, want.untouched_from);
  EXPECT_EQ(got.tables, want.tables);
  EXPECT_EQ(got.captured_before, want.captured_before);
  EXPECT_EQ(got.told, want.told);
}

// Through a whole token and back.
void expect_round_trip(const WorkLeft& work) {
  const std::string token = "7301/1/16B3748" + token_suffix(work);
  const auto [source, suffix] = split_token(token);
  EXPECT_EQ(source, "7301/1/16B3748");
  const auto parsed = parse_work_left(suffix);
  ASSERT_TRUE(parsed) << parsed.error().to_text();
  ASSERT_EQ(parsed->size(), work.size());
  for (std::size_t i = 0; i < work.size(); ++i) {
    expect_same((*parsed)[i], work[i]);
  }
}

TEST(WorkLeftTokens, SayNothingWhenNothingIsLeft) {
  EXPECT_EQ(token_suffix({}), "");
  const auto parsed = parse_work_left("");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->empty());
}

TEST(WorkLeftTokens, HoldABackfillThatHasNotBegun) {
  expect_round_trip({everything_left()});
}

TEST(WorkLeftTokens, HoldWhereTheUntouchedTablesBegin) {
  auto left = everything_left();
  left.untouched_from = "public.öl";
  expect_round_trip({left});
  left.untouched_from.reset();
  expect_round_trip({left});
}

TEST(WorkLeftTokens, HoldABackfillWhoseRowsWereAllHandedOut) {
  auto left = everything_left();
  left.done = true;
  left.untouched_from.reset();
  expect_round_trip({left});
}

TEST(WorkLeftTokens, HoldPartsWithAndWithoutBounds) {
  auto left = everything_left();
  left.untouched_from = "public.z";
  left.tables = {
      TableLeft{"public.a", 5, {PartLeft{std::nullopt, std::nullopt, {"lake", "warehouse"}}}},
      TableLeft{"public.b",
                7,
                {PartLeft{ScanKey{"10"}, std::nullopt, {"lake"}},
                 PartLeft{std::nullopt, ScanKey{"10"}, {"warehouse"}},
                 PartLeft{ScanKey{"10", "x"}, ScanKey{"20"}, {"lake", "warehouse"}},
                 PartLeft{ScanKey{}, ScanKey{""}, {"lake"}},
                 PartLeft{{}, {}, {"lake"}, {ScanKey{"11", "x"}, ScanKey{"12", "y"}}}}},
      TableLeft{"public.nothing left", 9, {}}};
  expect_round_trip({left});
}

TEST(WorkLeftTokens, HoldWhomNothingWasToldAndWhomTheEnd) {
  auto left = everything_left();
  left.told = {{"lake"}, {"warehouse"}};
  left.tables = {TableLeft{"public.a", 5, {}, {{}, {"lake"}}},
                 TableLeft{"public.b", 7, {}, {{"lake"}, {}}},
                 TableLeft{"public.c", 9, {}, {{"lake"}, {"warehouse"}}}};
  expect_round_trip({left});
}

TEST(WorkLeftTokens, HoldWhatWasCapturedBefore) {
  auto left = everything_left();
  left.captured_before = {"public.a", "!public.b"};
  expect_round_trip({left});
  left.captured_before = std::vector<std::string>();
  expect_round_trip({left});
}

TEST(WorkLeftTokens, HoldKeysOfAnyText) {
  auto left = everything_left();
  left.tables = {TableLeft{"public.a",
                           0,
                           {PartLeft{ScanKey{"quote \" and \\", "hash # {}[],:", "line\nend\t"},
                                     ScanKey{"日本語", "\xF0\x9F\x98\x80", "'"},
                                     {"lake"}}}}};
  expect_round_trip({left});
}

TEST(WorkLeftTokens, HoldSeveralBackfillsInOrder) {
  auto second = everything_left();
  second.id = "shop-8";
  second.initial = false;
  second.spec = {};
  expect_round_trip({everything_left(), second});
}

TEST(WorkLeftTokens, AreSplitAtTheFirstSeparator) {
  using Split = std::pair<std::string_view, std::string_view>;
  EXPECT_EQ(split_token("token-1"), (Split{"token-1", ""}));
  EXPECT_EQ(split_token("token-1#[]"), (Split{"token-1", "#[]"}));
  EXPECT_EQ(split_token("token-1#[\"#\"]"), (Split{"token-1", "#[\"#\"]"}));
  EXPECT_EQ(split_token("#[]"), (Split{"", "#[]"}));
  EXPECT_EQ(split_token(""), (Split{"", ""}));
}

TEST(WorkLeftTokens, ThatAreDamagedAreToldApart) {
  const std::string whole = token_suffix({everything_left()});
  for (const std::string& damaged :
       {std::string("#"), std::string("#5"), std::string("#[5]"), std::string("#[{}]"),
        std::string("#[{\"id\":7}]"), whole.substr(0, whole.size() - 1), whole + "]",
        whole.substr(0, whole.size() / 2)}) {
    const auto parsed = parse_work_left(damaged);
    ASSERT_FALSE(parsed) << damaged;
    EXPECT_EQ(parsed.error().code, Code::kData);
    EXPECT_EQ(parsed.error().disposition, Disposition::kOperator);
  }
}

TEST(PartsLeft, OfABackfillThatHasNotBegunAreAll) {
  EXPECT_EQ(parts_left(everything_left(), "public.a", "lake"), std::nullopt);
}

TEST(PartsLeft, OfADoneBackfillAreNone) {
  auto left = everything_left();
  left.done = true;
  EXPECT_EQ(parts_left(left, "public.a", "lake"), Parts{});
}

TEST(PartsLeft, OfTablesFollowTheOrderOfTheirNames) {
  auto left = everything_left();
  left.untouched_from = "public.m";
  EXPECT_EQ(parts_left(left, "public.lz", "lake"), Parts{});
  EXPECT_EQ(parts_left(left, "public.m", "lake"), std::nullopt);
  EXPECT_EQ(parts_left(left, "public.n", "lake"), std::nullopt);
  left.untouched_from.reset();
  EXPECT_EQ(parts_left(left, "public.n", "lake"), Parts{});
}

TEST(PartsLeft, OfABegunTableAreThoseOfTheSink) {
  auto left = everything_left();
  left.untouched_from = "public.a";
  left.tables = {TableLeft{"public.b",
                           0,
                           {PartLeft{ScanKey{"1"}, ScanKey{"5"}, {"lake"}},
                            PartLeft{{}, {}, {"queue", "lake"}, {ScanKey{"9"}}},
                            PartLeft{ScanKey{"5"}, std::nullopt, {"lake", "warehouse"}}}}};
  EXPECT_EQ(parts_left(left, "public.b", "lake"), (Parts{{ScanKey{"1"}, ScanKey{"5"}, {"lake"}},
                                                         {{}, {}, {"lake"}, {ScanKey{"9"}}},
                                                         {ScanKey{"5"}, std::nullopt, {"lake"}}}));
  EXPECT_EQ(parts_left(left, "public.b", "warehouse"),
            (Parts{{ScanKey{"5"}, std::nullopt, {"warehouse"}}}));
  EXPECT_EQ(parts_left(left, "public.b", "queue"), (Parts{{{}, {}, {"queue"}, {ScanKey{"9"}}}}));
}

BackfillRecord some_record() {
  BackfillRecord record;
  record.id = "shop-3";
  record.spec = everything_left().spec;
  record.initial = true;
  record.sinks = {"lake"};
  record.created_at_us = 17;
  record.ended_at_us = 18;
  record.rows_delivered = 19;
  return record;
}

TEST(BackfillRecords, ComeBackAsTheyWere) {
  using enum BackfillState;
  for (const auto state : {kWaiting, kRunning, kPaused, kFinished, kCancelled, kFailed}) {
    auto record = some_record();
    record.state = state;
    record.spec.replace = state == kPaused;
    if (state == kFailed) {
      record.failure = operator_error(Code::kPermission, "permission denied", "Grant SELECT");
    }
    const auto decoded = decode_record(encode_record(record));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->id, record.id);
    EXPECT_EQ(decoded->spec.tables, record.spec.tables);
    EXPECT_EQ(decoded->spec.filter.where, record.spec.filter.where);
    EXPECT_EQ(decoded->spec.filter.columns, record.spec.filter.columns);
    EXPECT_EQ(decoded->spec.replace, record.spec.replace);
    EXPECT_TRUE(decoded->initial);
    EXPECT_EQ(decoded->sinks, record.sinks);
    EXPECT_EQ(decoded->created_at_us, 17);
    EXPECT_EQ(decoded->ended_at_us, 18);
    EXPECT_EQ(decoded->rows_delivered, 19U);
    // Whether one runs is known while it does, and only then.
    EXPECT_EQ(decoded->state, state == kRunning ? kWaiting : state);
    ASSERT_EQ(decoded->failure.has_value(), state == kFailed);
    if (state == kFailed) {
      EXPECT_EQ(decoded->failure->code, Code::kPermission);
      EXPECT_EQ(decoded->failure->to_text(), record.failure->to_text());
    }
  }
}

TEST(BackfillRecords, ThatAreDamagedAreCorrupt) {
  const std::string whole = encode_record(some_record());
  for (const auto& damaged : {std::string(), std::string("{}"), whole.substr(1)}) {
    const auto decoded = decode_record(damaged);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Code::kCorrupt);
  }
}

}  // namespace
}  // namespace rowtide::test
