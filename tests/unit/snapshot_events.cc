// What the stream says of backfills beside their rows: once to each sink, and in its place.

#include <atomic>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/snapshot_fixture.h"

namespace rowtide::test {
namespace {

using Lines = std::vector<std::string>;

std::string told(const std::string& event, const std::string& table, int rows,
                 const std::string& id = "shop-1") {
  return R"({"backfill":")" + id + R"(","event":")" + event + R"(")" +
         (table.empty() ? "" : R"(,"table":"public.)" + table + R"(")") + R"(,"rows":)" +
         std::to_string(rows) + "}";
}

class BackfillEvents : public BackfillRunnerTest {
 protected:
  BackfillEvents() { settings.workers = 1; }

  // As many as that, or all there are.
  bool takes_slices(int wanted) {
    int taken = 0;
    return eventually([&] {
      deliver_stream();
      taken += taken < wanted && deliver_slice() ? 1 : 0;
      tell_stored();
      return taken >= wanted || is_finished();
    });
  }
  // Each row between the start of its table and the next chunk; sums and ends fit.
  void expect_right_story(const std::string& sink, const std::string& id = "shop-1") const {
    std::map<std::string, std::size_t> rows;
    std::map<std::string, std::size_t> rows_told;
    std::map<std::string, std::string> phase;  // by table; "" = the backfill
    for (const std::string& line : lanes.at(sink).story) {
      if (line.front() != '{') {
        const std::string table = "public." + line.substr(0, line.find(' '));
        EXPECT_EQ(phase[table], "started") << line;
        ++rows[table];
        ++rows[""];
        continue;
      }
      const auto content = nlohmann::json::parse(line);
      EXPECT_EQ(content["backfill"], id);
      const std::string table = content.value("table", "");
      const std::string event = content["event"];
      if (event == "started") {
        EXPECT_EQ(phase[table], "") << line;
        EXPECT_EQ(phase[""], table.empty() ? "" : "started") << line;
      } else {
        EXPECT_EQ(phase[table], "started") << line;
        EXPECT_EQ(content["rows"], rows[table]) << line;
      }
      if (event == "chunk") {
        EXPECT_GT(rows[table], rows_told[table]) << line;
        rows_told[table] = rows[table];
      } else {
        phase[table] = event;
      }
    }
    for (const auto& [table, last_phase] : phase) {
      EXPECT_EQ(last_phase, "finished") << table;
      EXPECT_TRUE(table.empty() || rows_told[table] == rows[table]) << table;
    }
    EXPECT_EQ(phase.size(), shop.tables.size() + 1);
  }
  Lines told_to(const std::string& sink) const {
    Lines events;
    for (const std::string& line : lanes.at(sink).story) {
      if (line.front() == '{') {
        events.push_back(line);
      }
    }
    return events;
  }
};

TEST_F(BackfillEvents, StandWhereTheyBelong) {
  settings.chunk_rows = 2;
  shop.add_table("orders", 3);
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(lanes["lake"].story,
            (Lines{told("started", "", 0), told("started", "orders", 0), "orders 1", "orders 2",
                   told("chunk", "orders", 2), "orders 3", told("chunk", "orders", 3),
                   told("finished", "orders", 3), told("finished", "", 3)}));
}

TEST_F(BackfillEvents, CanBeLeftOut) {
  settings.events = false;
  shop.add_table("orders", 10);
  start();
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(told_to("lake"), Lines{});
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

// Whoever fills a copy has no change from before it was begun, so none may make a row that is read
// outdated.
TEST_F(BackfillEvents, OfATableToReplaceComeBeforeItIsReadWhateverTheSettingsSay) {
  settings.events = false;
  shop.add_table("orders", 6);
  std::atomic<bool> begun = false;
  std::atomic<int> read_before = 0;
  shop.on_open = [&](const ChunkRequest&) -> Result<void> {
    read_before += begun ? 0 : 1;
    return {};
  };
  start(false);
  deliver_stream();
  BackfillSpec spec;
  spec.tables = {"public.orders"};
  spec.replace = true;
  ASSERT_TRUE(runner->add(spec));
  ASSERT_TRUE(eventually([&] { return shop.prepared_now().size() == 1; }));
  // One slice at a time: nobody can read before the one behind these two.
  ASSERT_TRUE(eventually([&] {
    deliver_stream();
    deliver_slice();
    begun = told_to("lake").size() >= 2;
    return begun.load();
  }));
  ASSERT_TRUE(runs_to_the_end());
  EXPECT_EQ(read_before, 0);
  const Lines events = told_to("lake");
  ASSERT_EQ(events.size(), 4U);
  for (const std::string& event : events) {
    EXPECT_NE(event.find(R"("replace":true)"), std::string::npos) << event;
  }
  EXPECT_NE(events[1].find(R"("event":"started","table":"public.orders")"), std::string::npos);
  EXPECT_NE(events[2].find(R"("event":"finished","table":"public.orders")"), std::string::npos);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

// A kill behind each slice in turn: what the sink has is all that is known then.
class BackfillEventsKilled : public BackfillEvents, public testing::WithParamInterface<int> {};

TEST_P(BackfillEventsKilled, ComeOnce) {
  settings.chunk_rows = 3;
  shop.add_table("items", 7);
  shop.add_table("none", 0);
  shop.add_table("orders", 8, {4});
  start();
  ASSERT_TRUE(takes_slices(GetParam()));
  start_again();
  ASSERT_TRUE(runs_to_the_end());
  expect_right_story("lake");
}

// One after the last as well.
INSTANTIATE_TEST_SUITE_P(Slices, BackfillEventsKilled, testing::Range(0, 32));

TEST_F(BackfillEvents, ComeOnceToEachOfTwoSinks) {
  sinks = {"lake", "queue"};
  settings.chunk_rows = 3;
  shop.add_table("items", 7);
  shop.add_table("orders", 8, {4});
  start();
  ASSERT_TRUE(takes_slices(5));
  lanes["queue"].stalled = true;
  ASSERT_TRUE(takes_slices(9));
  EXPECT_GT(lanes["lake"].reads.size(), lanes["queue"].reads.size());
  start_again();
  lanes["queue"].stalled = false;
  ASSERT_TRUE(runs_to_the_end());
  for (const char* sink : {"lake", "queue"}) {
    SCOPED_TRACE(sink);
    EXPECT_EQ(sorted_reads(sink), all_rows());
    const Lines events = told_to(sink);
    EXPECT_EQ(events.front(), told("started", "", 0));
    EXPECT_EQ(std::ranges::count(events, told("started", "", 0)), 1);
    for (const char* table : {"items", "orders"}) {
      EXPECT_EQ(std::ranges::count(events, told("started", table, 0)), 1) << table;
      const auto ends = [&](const std::string& line) {
        return line.starts_with(R"({"backfill":"shop-1","event":"finished","table":"public.)" +
                                std::string(table));
      };
      EXPECT_EQ(std::ranges::count_if(events, ends), 1) << table;
    }
    EXPECT_TRUE(events.back().starts_with(R"({"backfill":"shop-1","event":"finished","rows":)"));
  }
}

TEST_F(BackfillEvents, TellOfACancelledOneOnceAlsoBehindARestart) {
  shop.add_table("orders", 20);
  start();
  ASSERT_TRUE(takes_slices(5));
  ASSERT_FALSE(lanes["lake"].reads.empty());
  ASSERT_TRUE(runner->act("shop-1", BackfillControl::Action::kCancel));
  // Killed before the sink was told.
  const auto rows = static_cast<int>(status().rows_delivered);
  start_again();
  ASSERT_TRUE(runs_until([&] { return !runner->waiting(); }));
  EXPECT_EQ(told_to("lake").back(), told("cancelled", "", rows));
  start_again();
  ASSERT_TRUE(runs_until([&] { return !runner->waiting(); }));
  const Lines events = told_to("lake");
  EXPECT_EQ(std::ranges::count(events, told("cancelled", "", rows)), 1);
}

TEST_F(BackfillEvents, DoNotTellOfACancelledOneThatNobodyKnows) {
  shop.add_table("orders", 4);
  shop.on_tables = []() -> Result<void> { return fail(retry_error(Code::kConnection, "gone")); };
  start();
  ASSERT_TRUE(runner->act("shop-1", BackfillControl::Action::kCancel));
  ASSERT_TRUE(runs_until([&] { return !runner->waiting(); }));
  EXPECT_EQ(told_to("lake"), Lines{});
}

}  // namespace
}  // namespace rowtide::test
