#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sinks/format/flat_json.h"
#include "tests/support/test_batches.h"

namespace rowtide {
namespace {

using namespace test;  // NOLINT

std::vector<std::string> encoded(const BatchPtr& batch, const ValueJsonOptions& options = {}) {
  const auto encoder = make_flat_json("shop", options);
  std::vector<std::string> lines;
  for (const auto& event : batch->events()) {
    encoder->encode(*batch, event, lines.emplace_back());
  }
  return lines;
}

TEST(FlatJson, AnInsertHasEveryMemberInTheOrderOfTheContract) {
  const auto lines = encoded(TestBatches().orders({7}).take());
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0],
            R"({"op":"c","pipeline":"shop","schema":"public","table":"orders","key":{"id":7},)"
            R"("before":null,"after":{"id":7,"customer":"customer-7","amount":"7.50","paid":true,)"
            R"("note":null},"unchanged":[],"position":"00000001-0000000000000064-0000000001",)"
            R"("tx":"1","row":1,"committed_at":"2026-11-18T11:06:41.123456Z","snapshot":false})");
}

TEST(FlatJson, AbsentNullAndUnchangedStayApart) {
  TestBatches batches;
  batches.begin()
      .update(orders_schema(), {7, "Ann", kUnchangedCell, kAbsentCell, nullptr},
              {7, kAbsentCell, kAbsentCell, kAbsentCell, nullptr}, BeforeImage::kFull)
      .commit();
  const auto event = nlohmann::json::parse(encoded(batches.take())[0]);
  EXPECT_EQ(event["op"], "u");
  EXPECT_EQ(event["before"].dump(), R"({"id":7,"note":null})");
  EXPECT_EQ(event["after"].dump(), R"({"customer":"Ann","id":7,"note":null})");
  EXPECT_EQ(event["unchanged"].dump(), R"(["amount"])");
}

TEST(FlatJson, TheKeyOfAnUpdateIsTheNewOneAndFallsBackToTheOld) {
  TestBatches batches;
  batches.begin()
      .update(items_schema(), {1, 2, "sku", 5}, {1, 9, kAbsentCell, kAbsentCell}, BeforeImage::kKey)
      .update(items_schema(), {kUnchangedCell, 3, "sku", 5}, {1, 2, kAbsentCell, kAbsentCell},
              BeforeImage::kKey)
      .update(items_schema(), {kUnchangedCell, 3, "sku", 5})
      .commit();
  const auto lines = encoded(batches.take());
  EXPECT_EQ(nlohmann::json::parse(lines[0])["key"].dump(), R"({"line":2,"order_id":1})");
  EXPECT_EQ(nlohmann::json::parse(lines[1])["key"].dump(), R"({"line":3,"order_id":1})");
  EXPECT_EQ(nlohmann::json::parse(lines[2])["key"].dump(), R"({"line":3})");
}

TEST(FlatJson, DeletesTruncatesAndTablesWithoutAKey) {
  TestBatches batches;
  batches.begin()
      .remove(orders_schema(), {7, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell})
      .truncate(orders_schema())
      .insert(keyless_schema(), {"/home", 0})
      .commit();
  const auto lines = encoded(batches.take());
  auto event = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(event["op"], "d");
  EXPECT_EQ(event["key"].dump(), R"({"id":7})");
  EXPECT_EQ(event["before"].dump(), R"({"id":7})");
  EXPECT_TRUE(event["after"].is_null());
  event = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(event["op"], "t");
  EXPECT_TRUE(event["key"].is_null());
  EXPECT_TRUE(event["before"].is_null());
  EXPECT_TRUE(event["after"].is_null());
  event = nlohmann::json::parse(lines[2]);
  EXPECT_TRUE(event["key"].is_null());
  EXPECT_EQ(event["after"]["seen_at"], "1970-01-01T00:00:00Z");
}

TEST(FlatJson, MessagesCarryTextOrBase64) {
  TestBatches batches;
  batches.begin()
      .message("audit", "héllo")
      .message("audit", std::string_view("\xFF", 1))
      .orders_row(1)
      .commit();
  const auto lines = encoded(batches.take());
  auto event = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(event["op"], "m");
  EXPECT_TRUE(event["schema"].is_null());
  EXPECT_TRUE(event["table"].is_null());
  EXPECT_EQ(event["prefix"], "audit");
  EXPECT_EQ(event["content"], "héllo");
  EXPECT_EQ(event["content_encoding"], "utf8");
  EXPECT_EQ(event["row"], 1);
  event = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(event["content"], "/w==");
  EXPECT_EQ(event["content_encoding"], "base64");
}

TEST(FlatJson, SchemaEventsListTheColumns) {
  TestBatches batches;
  batches.begin().announce(orders_schema()).commit();
  const auto event = nlohmann::json::parse(encoded(batches.take())[0]);
  EXPECT_EQ(event["op"], "s");
  ASSERT_EQ(event["columns"].size(), 5U);
  EXPECT_EQ(event["columns"][0].dump(),
            R"({"key":true,"name":"id","source_type":"bigint","type":"int64"})");
  EXPECT_EQ(event["columns"][2]["source_type"], "numeric(12,2)");
  EXPECT_EQ(event["columns"][2]["key"], false);
}

TEST(FlatJson, SnapshotRowsSaySo) {
  TestBatches batches;
  batches.begin().read(items_schema(), {1, 1, "a", 1}).commit();
  const auto event = nlohmann::json::parse(encoded(batches.take())[0]);
  EXPECT_EQ(event["op"], "r");
  EXPECT_EQ(event["snapshot"], true);
}

TEST(FlatJson, NamesAreEscapedAndOptionsReachTheValues) {
  const auto schema = make_schema(
      1, "we\"ird", "ta\\ble",
      {{.name = "na\nme", .type = LogicalType::kDecimal, .source_type = "numeric"}}, {0});
  TestBatches batches;
  batches.begin().insert(schema, {"1.20"}).commit();
  const auto line = encoded(batches.take(), {.decimals = DecimalJson::kNumber})[0];
  EXPECT_NE(line.find(R"("schema":"we\"ird","table":"ta\\ble","key":{"na\nme":1.20})"),
            std::string::npos)
      << line;
}

TEST(FlatJson, PositionsSortInDeliveryOrderOverTransactionsAndBatches) {
  TestBatches batches;
  batches.orders({1, 2}).orders({3});
  const auto encoder = make_flat_json("shop", {});
  std::string last;
  for (int round = 0; round < 3; ++round) {
    const auto batch = batches.take();
    for (const auto& event : batch->events()) {
      std::string line;
      encoder->encode(*batch, event, line);
      const auto position = nlohmann::json::parse(line)["position"].get<std::string>();
      EXPECT_EQ(position, to_text(batch->position_of(event)));
      EXPECT_LT(last, position);
      last = position;
    }
    batches.orders({4, 5});
  }
}

TEST(FlatJson, ASchemaThatReplacesAnotherAtItsAddressIsNotConfusedWithIt) {
  const auto encoder = make_flat_json("shop", {});
  for (int round = 0; round < 50; ++round) {
    const auto name = "column_" + std::to_string(round);
    TestBatches batches;
    batches.begin()
        .insert(make_schema(1, "public", "t",
                            {{.name = name, .type = LogicalType::kInt32, .source_type = "integer"}},
                            {0}),
                {round})
        .commit();
    const auto batch = batches.take();
    std::string line;
    encoder->encode(*batch, batch->events()[0], line);
    EXPECT_EQ(nlohmann::json::parse(line)["after"].dump(),
              "{\"" + name + "\":" + std::to_string(round) + "}");
  }
}

TEST(FlatJson, EveryTypeMakesOneLineOfValidJson) {
  TestBatches batches;
  batches.begin()
      .insert(everything_schema(), {1, true, 2, 3, 4, std::uint64_t{5}, 0.5, 0.25, "1.10", 0, 1, 2,
                                    3, std::string(16, '\x01'), std::string("\x00\x01", 2),
                                    "line\nbreak", "{\"a\":\n1}", "{1,2}"})
      .commit();
  const auto line = encoded(batches.take())[0];
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto after = nlohmann::json::parse(line)["after"];
  EXPECT_EQ(after["text"], "line\nbreak");
  EXPECT_EQ(after["json"]["a"], 1);
  EXPECT_EQ(after["bytes"], "AAE=");
}

}  // namespace
}  // namespace rowtide
