#include <set>
#include <sstream>

#include "control_fake_plane.h"
#include <gtest/gtest.h>

#include "engine/control/metrics.h"

namespace rowtide::testing {
namespace {

ProcessFigures some_figures() {
  return {"1.2.3", 4096, 1.5};
}

// One pipeline with one sink and one backfill, whole: what a scraper gets must not change by
// accident.
constexpr std::string_view kGolden = R"(# HELP rowtide_build_info 1, with the version that runs.
# TYPE rowtide_build_info gauge
rowtide_build_info{version="1.2.3"} 1
# HELP rowtide_pipeline_state 1 for the state that the pipeline is in.
# TYPE rowtide_pipeline_state gauge
rowtide_pipeline_state{pipeline="shop",state="starting"} 0
rowtide_pipeline_state{pipeline="shop",state="running"} 1
rowtide_pipeline_state{pipeline="shop",state="retrying"} 0
rowtide_pipeline_state{pipeline="shop",state="paused"} 0
rowtide_pipeline_state{pipeline="shop",state="stopped"} 0
rowtide_pipeline_state{pipeline="shop",state="finished"} 0
# HELP rowtide_sink_state 1 for the state that the sink's lane is in.
# TYPE rowtide_sink_state gauge
rowtide_sink_state{pipeline="shop",sink="warehouse",state="starting"} 0
rowtide_sink_state{pipeline="shop",sink="warehouse",state="running"} 1
rowtide_sink_state{pipeline="shop",sink="warehouse",state="retrying"} 0
rowtide_sink_state{pipeline="shop",sink="warehouse",state="paused"} 0
rowtide_sink_state{pipeline="shop",sink="warehouse",state="stopped"} 0
rowtide_sink_state{pipeline="shop",sink="warehouse",state="finished"} 0
# HELP rowtide_source_connected 1 while the source's connection stands.
# TYPE rowtide_source_connected gauge
rowtide_source_connected{pipeline="shop"} 1
# HELP rowtide_source_lag_bytes Bytes of the database's log that are not yet read.
# TYPE rowtide_source_lag_bytes gauge
rowtide_source_lag_bytes{pipeline="shop"} 2048
# HELP rowtide_source_lag_seconds Age of the last change that was read.
# TYPE rowtide_source_lag_seconds gauge
rowtide_source_lag_seconds{pipeline="shop"} 0.5
# HELP rowtide_source_retained_bytes Bytes of log that the database keeps for this pipeline.
# TYPE rowtide_source_retained_bytes gauge
# HELP rowtide_source_spilled_bytes Bytes of unfinished transactions that are kept on disk.
# TYPE rowtide_source_spilled_bytes gauge
rowtide_source_spilled_bytes{pipeline="shop"} 7
# HELP rowtide_source_events_total Events read from the source.
# TYPE rowtide_source_events_total counter
rowtide_source_events_total{pipeline="shop"} 12345
# HELP rowtide_source_transactions_total Transactions read from the source.
# TYPE rowtide_source_transactions_total counter
rowtide_source_transactions_total{pipeline="shop"} 100
# HELP rowtide_source_bytes_total Bytes read from the source.
# TYPE rowtide_source_bytes_total counter
rowtide_source_bytes_total{pipeline="shop"} 4096
# HELP rowtide_pipeline_retries_total Times that the pipeline started its source again after an error.
# TYPE rowtide_pipeline_retries_total counter
rowtide_pipeline_retries_total{pipeline="shop"} 2
# HELP rowtide_buffer_bytes Bytes read from the source that some sink has not made durable.
# TYPE rowtide_buffer_bytes gauge
rowtide_buffer_bytes{pipeline="shop"} 10
# HELP rowtide_buffer_limit_bytes Buffered bytes at which reading waits.
# TYPE rowtide_buffer_limit_bytes gauge
rowtide_buffer_limit_bytes{pipeline="shop"} 1000
# HELP rowtide_sink_rows_total Rows made durable in the sink.
# TYPE rowtide_sink_rows_total counter
rowtide_sink_rows_total{pipeline="shop",sink="warehouse",type="duckdb"} 1234567
# HELP rowtide_sink_bytes_total Bytes made durable in the sink.
# TYPE rowtide_sink_bytes_total counter
rowtide_sink_bytes_total{pipeline="shop",sink="warehouse",type="duckdb"} 3145728
# HELP rowtide_sink_lag_seconds Age of the oldest change that the sink was given and has not made durable.
# TYPE rowtide_sink_lag_seconds gauge
rowtide_sink_lag_seconds{pipeline="shop",sink="warehouse",type="duckdb"} 0.25
# HELP rowtide_sink_retries_total Times that the sink was opened again after an error.
# TYPE rowtide_sink_retries_total counter
rowtide_sink_retries_total{pipeline="shop",sink="warehouse",type="duckdb"} 0
# HELP rowtide_sink_transactions_split_total Transactions that were committed in several parts because of their size.
# TYPE rowtide_sink_transactions_split_total counter
rowtide_sink_transactions_split_total{pipeline="shop",sink="warehouse",type="duckdb"} 1
# HELP rowtide_backfill_state 1 for the state that the backfill is in.
# TYPE rowtide_backfill_state gauge
rowtide_backfill_state{pipeline="shop",backfill="7",state="waiting"} 0
rowtide_backfill_state{pipeline="shop",backfill="7",state="running"} 1
rowtide_backfill_state{pipeline="shop",backfill="7",state="paused"} 0
rowtide_backfill_state{pipeline="shop",backfill="7",state="failed"} 0
# HELP rowtide_backfill_estimated_rows Rows that the tables looked at so far are estimated to have.
# TYPE rowtide_backfill_estimated_rows gauge
rowtide_backfill_estimated_rows{pipeline="shop",backfill="7"} 10000
# HELP rowtide_backfill_rows_total Rows that the backfill handed to the stream.
# TYPE rowtide_backfill_rows_total counter
rowtide_backfill_rows_total{pipeline="shop",backfill="7"} 4000
# HELP rowtide_backfill_rows_outdated_total Rows left out because the stream had something newer.
# TYPE rowtide_backfill_rows_outdated_total counter
rowtide_backfill_rows_outdated_total{pipeline="shop",backfill="7"} 200
# HELP rowtide_backfill_chunks_total Chunks that the backfill read.
# TYPE rowtide_backfill_chunks_total counter
rowtide_backfill_chunks_total{pipeline="shop",backfill="7"} 12
# HELP rowtide_backfill_chunks_discarded_total Chunks that were thrown away, to be read again.
# TYPE rowtide_backfill_chunks_discarded_total counter
rowtide_backfill_chunks_discarded_total{pipeline="shop",backfill="7"} 1
# HELP process_resident_memory_bytes Resident memory of the process.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 4096
# HELP process_cpu_seconds_total User and system CPU time of the process.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1.5
)";

TEST(Metrics, ReadAsWritten) {
  PipelineStatus shop = shop_status();
  shop.lanes.pop_back();
  shop.backfills = {orders_backfill()};
  // What has ended has no series: ids never come again.
  for (const auto state : {BackfillState::kFinished, BackfillState::kCancelled}) {
    shop.backfills.push_back(orders_backfill());
    shop.backfills.back().state = state;
  }
  const std::vector<PipelineStatus> pipelines{shop};
  EXPECT_EQ(prometheus_text(pipelines, some_figures()), kGolden);
}

TEST(Metrics, LabelValuesAreEscaped) {
  PipelineStatus odd;
  odd.name = "a\"b\\c\nd";
  const std::vector<PipelineStatus> pipelines{odd};
  EXPECT_NE(prometheus_text(pipelines, some_figures())
                .find("rowtide_source_connected{pipeline=\"a\\\"b\\\\c\\nd\"} 0\n"),
            std::string::npos);
}

TEST(Metrics, EveryFamilyStandsOnceAndTogether) {
  PipelineStatus shop = shop_status();
  shop.backfills = {orders_backfill(), orders_backfill()};
  const std::vector<PipelineStatus> pipelines{shop, shop};
  std::istringstream text(prometheus_text(pipelines, some_figures()));
  std::set<std::string> seen;
  std::string family;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(seen.insert(family).second) << family;
    } else if (!line.starts_with("# TYPE ")) {
      EXPECT_EQ(line.substr(0, line.find_first_of("{ ")), family);
    }
  }
  EXPECT_GE(seen.size(), 27U);
}

TEST(ProcessFigures, AreThoseOfThisProcess) {
  const auto figures = read_process_figures();
  EXPECT_FALSE(figures.version.empty());
  EXPECT_GT(figures.resident_bytes, 1U << 20);
  EXPECT_GE(figures.cpu_seconds, 0);
}

}  // namespace
}  // namespace rowtide::testing
