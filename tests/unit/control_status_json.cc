#include <cmath>

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
  EXPECT_EQ(shop.at("backfills"), Json::array());
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

// Backfill "7", whole: what scripts read must not change by accident.
constexpr std::string_view kBackfill = R"json({
  "id": "7",
  "pipeline": "shop",
  "state": "running",
  "spec": {
    "tables": [
      "public.items",
      "public.orders"
    ],
    "where": "id > 10",
    "replace": false,
    "columns": [
      "id",
      "note"
    ]
  },
  "progress": 0.42,
  "estimated_rows": 10000,
  "rows_delivered": 4000,
  "rows_outdated": 200,
  "rows_per_second": 58.0,
  "remaining_seconds": 100.0,
  "chunks_read": 12,
  "chunks_discarded": 1,
  "created_at": "2026-11-21T16:53:56Z",
  "ended_at": null,
  "last_error": null,
  "tables": [
    {
      "name": "public.items",
      "method": "one snapshot",
      "reason": "the table has no key",
      "started": true,
      "finished": true,
      "estimated_rows": 1000,
      "rows_delivered": 990
    },
    {
      "name": "public.orders",
      "method": "key ranges",
      "reason": "the key follows the rows (correlation 1.00)",
      "started": true,
      "finished": false,
      "estimated_rows": 9000,
      "rows_delivered": 3010
    }
  ]
})json";

TEST(StatusJson, HoldsTheBackfillsOfAPipelineAsTheyAreShownAlone) {
  PipelineStatus shop = shop_status();
  shop.backfills = {orders_backfill()};
  EXPECT_EQ(pipeline_json(shop).at("backfills"), Json::array({backfill_json(orders_backfill())}));
  EXPECT_EQ(backfill_json(orders_backfill()).dump(2), kBackfill);
}

TEST(StatusJson, ABackfillIsDoneOnlyOnceItHasFinished) {
  BackfillStatus backfill = orders_backfill();
  backfill.rows_delivered = 20000;
  EXPECT_EQ(backfill_json(backfill).at("progress"), 0.99);
  EXPECT_TRUE(backfill_json(backfill).at("remaining_seconds").is_null());
  backfill.state = BackfillState::kFinished;
  backfill.rows_delivered = 5;
  EXPECT_EQ(backfill_json(backfill).at("progress"), 1);
}

TEST(StatusJson, WhatABackfillCannotTellIsNull) {
  BackfillStatus backfill = orders_backfill();
  for (const double unknown : {0.0, -1.0, std::nan("")}) {
    backfill.estimated_rows = unknown;
    EXPECT_EQ(backfill_json(backfill).at("estimated_rows"), 0) << unknown;
    EXPECT_TRUE(backfill_json(backfill).at("progress").is_null()) << unknown;
    EXPECT_TRUE(backfill_json(backfill).at("remaining_seconds").is_null()) << unknown;
  }
  backfill = orders_backfill();
  backfill.rows_per_second = 0;
  EXPECT_TRUE(backfill_json(backfill).at("remaining_seconds").is_null());
  backfill = orders_backfill();
  backfill.state = BackfillState::kPaused;
  EXPECT_TRUE(backfill_json(backfill).at("remaining_seconds").is_null());
  backfill.spec.filter.where.clear();
  EXPECT_TRUE(backfill_json(backfill).at("spec").at("where").is_null());
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
