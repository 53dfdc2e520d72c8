#include "control_fake_plane.h"
#include <gtest/gtest.h>

#include "engine/control/status_json.h"

namespace rowtide::testing {
namespace {

TEST(StatusJson, HoldsWhatTheContractPromises) {
  const std::vector<PipelineStatus> pipelines{shop_status()};
  const Json json = status_json(pipelines);
  const Json& shop = json.at("pipelines").at(0);
  EXPECT_EQ(shop.at("name"), "shop");
  EXPECT_EQ(shop.at("state"), "running");
  EXPECT_TRUE(shop.at("last_error").is_null());
  EXPECT_TRUE(shop.at("backfills").is_array());
  const Json& source = shop.at("source");
  EXPECT_EQ(source.at("type"), "postgres");
  EXPECT_EQ(source.at("position"), "0/1A2B3C4");
  EXPECT_EQ(source.at("lag_bytes"), 2048);
  EXPECT_EQ(source.at("lag_seconds"), 0.5);
  EXPECT_TRUE(source.at("retained_bytes").is_null());
  EXPECT_EQ(source.at("server"), "PostgreSQL 15.20");
  EXPECT_EQ(source.at("connected"), true);
  EXPECT_EQ(source.at("notices").at(0), "a notice");
  const Json& warehouse = shop.at("sinks").at(0);
  EXPECT_EQ(warehouse.at("name"), "warehouse");
  EXPECT_EQ(warehouse.at("type"), "duckdb");
  EXPECT_EQ(warehouse.at("state"), "running");
  EXPECT_EQ(warehouse.at("position"), "00000001-0000000001A2B3C4-FFFFFFFFFF");
  EXPECT_EQ(warehouse.at("rows_delivered"), 1234567);
  EXPECT_EQ(warehouse.at("bytes_delivered"), 3 << 20);
  EXPECT_EQ(warehouse.at("lag_seconds"), 0.25);
  EXPECT_TRUE(warehouse.at("last_error").is_null());
  const Json& events = shop.at("sinks").at(1);
  EXPECT_TRUE(events.at("position").is_null());
  EXPECT_EQ(events.at("last_error").at("code"), "connection");
  EXPECT_EQ(events.at("last_error").at("message"), "k1:9092 does not answer");
  EXPECT_EQ(events.at("last_error").at("remedy"), "Check that the broker runs");
}

TEST(StatusJson, NoPipelinesIsAnEmptyList) {
  EXPECT_EQ(dump_json(status_json({})), R"({"pipelines":[]})");
}

TEST(StatusJson, BytesThatAreNoUtf8NeverMakeItFail) {
  PipelineStatus status;
  status.source.notices = {"caf\xE9"};
  EXPECT_NE(dump_json(pipeline_json(status)).find("caf\xEF\xBF\xBD"), std::string::npos);
}

}  // namespace
}  // namespace rowtide::testing
