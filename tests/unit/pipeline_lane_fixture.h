#pragma once

#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "engine/pipeline/lane.h"
#include "tests/unit/pipeline_fakes.h"

namespace rowtide::test {

class FakeLaneListener final : public LaneListener {
 public:
  void lane_moved(std::size_t /*lane*/) override { ++moved; }
  void lane_needs_rewind(std::size_t /*lane*/) override {
    settled_when_told = lane != nullptr && lane->settled();
    ++rewinds;
  }

  // Set before the lane starts.
  const Lane* lane = nullptr;
  std::atomic<bool> settled_when_told{false};

  std::atomic<int> moved{0};
  std::atomic<int> rewinds{0};
};

// One lane between a change log that the test fills and a destination that the test looks at.
class LaneTest : public testing::Test {
 protected:
  static constexpr std::size_t kBudgetBytes = std::size_t{1} << 30;
  static constexpr std::size_t kSpectator = 1;

  LaneTest() { EXPECT_TRUE(log.attach(kSpectator, std::nullopt)); }

  void start(std::optional<LaneState> stored = std::nullopt) {
    auto sink = std::make_unique<FakeSink>(destination);
    LaneContext context;
    context.pipeline = "shop";
    context.sink = settings.name;
    context.epoch = Epoch(1);
    lane = std::make_unique<Lane>(
        0, settings, SinkHandle{std::move(sink), nullptr}, context, std::move(stored),
        RetryLimits{std::chrono::milliseconds(1), std::chrono::milliseconds(5)}, log, listener,
        fake.runtime);
    listener.lane = lane.get();
    lane->start();
  }
  void start_and_take(std::optional<LaneState> stored = std::nullopt) {
    start(std::move(stored));
    ASSERT_TRUE(eventually([&] { return lane->taking(); })) << last_error();
  }

  // A batch with the transactions `from` to `to`, one row each, ids 1000 * n + 1.
  static BatchPtr batch_of(std::uint64_t from, std::uint64_t to) {
    TestBatches batches;
    batches.continue_at(from);
    for (auto n = from; n <= to; ++n) {
      batches.orders({static_cast<int>(1000 * n + 1)});
    }
    return batches.take();
  }

  // Whether the lane still holds batches back.
  bool attached() {
    log.detach(kSpectator);
    return log.any_attached();
  }
  bool reaches(RunState state) {
    return eventually([&] { return lane->status().state == state; });
  }
  bool stands_at(const ResumePoint& point) {
    return eventually([&] {
      const auto state = lane->durable_state();
      return state && state->durable == point;
    });
  }
  std::string last_error() const {
    const auto status = lane->status();
    return status.last_error ? status.last_error->to_text() : "no error";
  }

  FakeRuntime fake;
  ByteBudget budget{kBudgetBytes};
  // The second cursor never takes, so that the log keeps all that the test appended.
  ChangeLog log{2, budget};
  FakeLaneListener listener;
  FakeDestination destination;
  LaneSettings settings{.name = "warehouse", .type = "fake", .required = true, .wants = {}};
  // Last, so that it ends before what it uses.
  std::unique_ptr<Lane> lane;
};

inline ResumePoint after(std::uint64_t n) {
  return TestBatches::resume_after(n);
}

}  // namespace rowtide::test
