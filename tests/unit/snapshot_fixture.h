#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/snapshot/backfill_runner.h"
#include "tests/unit/pipeline_fakes.h"
#include "tests/unit/snapshot_fakes.h"

namespace rowtide::test {

// What a sink has.
struct FakeLane {
  Position position;
  std::optional<std::string> token;
  // Takes nothing.
  bool stalled = false;
  std::map<std::string, std::map<std::int64_t, std::pair<std::string, std::string>>> tables;
  // "orders 5" for each row of a backfill.
  std::vector<std::string> reads;
  // The same among what it was told of backfills, as the messages' contents.
  std::vector<std::string> story;
};

// A runner between a FakeShop and lanes, with the test in the place of the reader thread.
class BackfillRunnerTest : public testing::Test {
 protected:
  ~BackfillRunnerTest() override { stop(); }

  // A runner over what the store holds and the tokens that the lanes have.
  void start(bool initial = true);
  void stop();
  // As a process that ends and comes back.
  void start_again(bool initial = true) {
    stop();
    start(initial);
  }

  // Committed at once, on its way in the stream.
  void insert(const std::string& table, std::int64_t id, const std::string& name);
  // Says nothing of the note.
  void rename(const std::string& table, std::int64_t id, const std::string& name);
  void move(const std::string& table, std::int64_t from, std::int64_t to);
  void remove(const std::string& table, std::int64_t id);
  void truncate(const std::string& table);
  // A step of an idle stream.
  void beat();

  // What is on its way in the stream arrives.
  void deliver_stream();
  // One batch of rows, or of a note; false when there is none.
  bool deliver_slice();
  // Until `holds`, the stream goes on and all rows are taken that can be.
  bool runs_until(const std::function<bool()>& holds);
  bool runs_to_the_end();
  // Only rows, not the stream.
  bool takes_until(const std::function<bool()>& holds);
  void tell_stored();
  bool is_finished();
  // The store says so in a while.
  bool becomes_stored(const std::string& id, BackfillState state);
  BackfillStatus status(const std::string& id = "shop-1") const;

  // Each lane has what the shop has.
  void expect_same_content() const;
  std::vector<std::string> sorted_reads(const std::string& sink) const;
  std::vector<std::string> all_rows() const;
  std::set<std::string> distinct(const std::vector<std::string>& reads) const {
    return {reads.begin(), reads.end()};
  }

  FakeShop shop;
  FakeRuntime fake;
  MemoryStore store;
  BackfillSettings settings{
      .workers = 2, .chunk_rows = 4, .buffer_bytes = std::size_t{1} << 20, .rows_per_second = 0};
  std::vector<std::string> sinks = {"lake"};
  std::map<std::string, FakeLane> lanes;
  TestBatches stream;
  // Builds each when it arrives, as a reader does: its token says what is left by then.
  std::deque<std::function<BatchPtr()>> on_the_way;
  BatchPtr last;
  Position at;
  std::string source_token;
  // For one hook; opened when the runner stops.
  Gate gate;
  std::atomic<int> readers_made = 0;
  std::unique_ptr<BackfillRunner> runner;

 private:
  using Change = std::function<void(TestBatches&, const SchemaPtr&)>;
  void commit(const std::string& table, const std::function<void(FakeTable&)>& now, Change later);
  void take(const BatchPtr& batch);
};

}  // namespace rowtide::test
