#include "tests/unit/pipeline_lane_fixture.h"

namespace rowtide::test {
namespace {

using LaneDelivery = LaneTest;

bool is_even(const Event& event) {
  return event.after[0].integer() % 2 == 0;
}

TEST_F(LaneDelivery, StandsWhereItsDestinationStands) {
  destination.durable_limit = TestBatches::end_of(1);
  start_and_take();
  log.append(batch_of(1, 3));
  ASSERT_TRUE(stands_at(after(1)));
  EXPECT_EQ(lane->durable_state()->marker, after(1));
  destination.hold_above(std::nullopt);
  ASSERT_TRUE(stands_at(after(3)));
  EXPECT_EQ(lane->status().position, TestBatches::end_of(3));
  EXPECT_EQ(lane->status().rows_delivered, 3U);
}

TEST_F(LaneDelivery, GivesTheSinkOnlyWhatItWants) {
  settings.wants = is_even;
  start_and_take();
  TestBatches batches;
  batches.orders({1, 2, 3}).orders({5}).orders({6});
  log.append(batches.take());
  ASSERT_TRUE(stands_at(after(3)));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{2, 6}));
}

TEST_F(LaneDelivery, AdvancesOverFilteredEventsWithoutItsSink) {
  settings.wants = is_even;
  start_and_take();
  log.append(TestBatches().orders({1}).orders({3}).take());
  ASSERT_TRUE(stands_at(after(2)));
  EXPECT_EQ(destination.submissions(), 0U);
  // No data was given to the sink, so nothing is expected of its marker.
  EXPECT_FALSE(lane->durable_state()->marker);
  // A kill would take it back, so it is shown only once it is stored.
  EXPECT_FALSE(lane->status().position);
  lane->stored(TestBatches::end_of(2));
  EXPECT_EQ(lane->status().position, TestBatches::end_of(2));
  lane->stored(TestBatches::end_of(1));
  EXPECT_EQ(lane->status().position, TestBatches::end_of(2));
  lane->stored(TestBatches::end_of(3));
  EXPECT_EQ(lane->status().position, TestBatches::end_of(2));
}

TEST_F(LaneDelivery, AdvancesOverFilteredEventsOnlyOnceTheDataBeforeIsDurable) {
  settings.wants = is_even;
  destination.durable_limit = Position{};
  start_and_take();
  TestBatches batches;
  log.append(batches.orders({2}).take());
  log.append(batches.orders({3}).take());
  log.append(batches.orders({5}).take());
  log.append(batches.advance().take());
  // The second even row shows that the lane took what lies before it.
  log.append(batches.orders({4}).take());
  ASSERT_TRUE(eventually([&] { return destination.submissions() == 2; }));
  EXPECT_FALSE(lane->durable_state());
  destination.hold_above(TestBatches::end_of(1));
  ASSERT_TRUE(stands_at(after(1)));
  destination.hold_above(std::nullopt);
  ASSERT_TRUE(stands_at(after(5)));
}

TEST_F(LaneDelivery, AdoptsTheTailBehindItsData) {
  std::atomic<std::int64_t> last_seen{0};
  settings.wants = [&](const Event& event) {
    last_seen = event.after[0].integer();
    return is_even(event);
  };
  destination.durable_limit = Position{};
  start_and_take();
  TestBatches batches;
  log.append(batches.orders({2}).take());
  log.append(batches.orders({3}).take());
  log.append(batches.orders({5}).take());
  ASSERT_TRUE(eventually([&] { return last_seen == 5; }));
  EXPECT_EQ(destination.submissions(), 1U);
  EXPECT_FALSE(lane->durable_state());
  destination.hold_above(std::nullopt);
  ASSERT_TRUE(stands_at(after(3)));
  // The marker is what the sink wrote, not how far the stream went on.
  EXPECT_EQ(lane->durable_state()->marker, after(1));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{2}));
}

TEST_F(LaneDelivery, ShowsTheSinkTheEndOfATransactionThatItWasGivenAPartOf) {
  settings.wants = [](const Event& event) { return event.after[0].integer() < 3; };
  start_and_take();
  TestBatches batches;
  batches.begin().orders_row(1).orders_row(2);
  log.append(batches.take());
  batches.orders_row(3);
  log.append(batches.take());
  batches.orders_row(4).commit();
  log.append(batches.take());
  ASSERT_TRUE(stands_at(after(1)));
  EXPECT_EQ(lane->durable_state()->marker, after(1));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(destination.submissions(), 3U);
}

TEST_F(LaneDelivery, CanStandInsideATransactionThatItsSinkSplit) {
  destination.splits = true;
  start_and_take();
  TestBatches batches;
  batches.begin().orders_row(1).orders_row(2);
  log.append(batches.take());
  ASSERT_TRUE(stands_at({{1, 100, 2}, TestBatches::token_of(0)}));
  EXPECT_EQ(lane->status().transactions_split, 1U);
  batches.orders_row(3).commit();
  log.append(batches.take());
  ASSERT_TRUE(stands_at(after(1)));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{1, 2, 3}));
}

TEST_F(LaneDelivery, TriesAgainFromTheMarkerAndKeepsItsCounters) {
  int left = 2;
  destination.before_poll = [&]() -> Result<void> {
    if (destination.marker && left > 0) {
      --left;
      return fail(retry_error(Code::kConnection, "gone away"));
    }
    return {};
  };
  destination.durable_limit = TestBatches::end_of(2);
  start_and_take();
  log.append(batch_of(1, 2));
  log.append(batch_of(3, 4));
  ASSERT_TRUE(eventually([&] { return lane->status().retries == 2; })) << last_error();
  destination.hold_above(std::nullopt);
  ASSERT_TRUE(stands_at(after(4)));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{1001, 2001, 3001, 4001}));
  EXPECT_EQ(lane->status().rows_delivered, 4U);
  EXPECT_EQ(lane->status().state, RunState::kRunning);
  EXPECT_FALSE(lane->status().last_error);
  EXPECT_EQ(destination.opens.size(), 3U);
  EXPECT_EQ(listener.rewinds, 0);
}

TEST_F(LaneDelivery, NamesTheBatchThatWasRefused) {
  destination.before_submit = [](const Batch&) -> Result<void> {
    return fail(operator_error(Code::kPermission, "no INSERT on orders", "Grant it"));
  };
  start_and_take();
  log.append(batch_of(1, 1));
  ASSERT_TRUE(reaches(RunState::kStopped));
  EXPECT_EQ(lane->status().last_error->code, Code::kPermission);
  EXPECT_NE(last_error().find(to_text(TestBatches::end_of(1))), std::string::npos) << last_error();
  EXPECT_FALSE(attached());
}

TEST_F(LaneDelivery, StopsAtARejectedRowAndNamesIt) {
  destination.on_report = [](DurableReport& report) {
    report.rejected.push_back(
        {{1, 100, 1}, "public.orders", operator_error(Code::kData, "does not fit", "Widen it")});
  };
  start_and_take();
  log.append(batch_of(1, 1));
  ASSERT_TRUE(reaches(RunState::kStopped));
  EXPECT_EQ(lane->status().last_error->code, Code::kData);
  EXPECT_NE(last_error().find("public.orders"), std::string::npos);
  EXPECT_NE(last_error().find(to_text(Position{1, 100, 1})), std::string::npos);
  // A report with a rejected row moves nothing.
  EXPECT_FALSE(lane->durable_state());
}

TEST_F(LaneDelivery, NeverMovesBackWhileItLives) {
  destination.on_report = [](DurableReport& report) {
    if (report.durable && report.durable->position > TestBatches::end_of(1)) {
      report.durable = after(1);
    }
  };
  start_and_take();
  log.append(batch_of(1, 1));
  ASSERT_TRUE(stands_at(after(1)));
  const int moved = listener.moved;
  log.append(batch_of(2, 2));
  ASSERT_TRUE(eventually([&] { return destination.delivered().size() == 2; }));
  EXPECT_EQ(lane->durable_state()->durable, after(1));
  EXPECT_EQ(listener.moved, moved);
}

using LaneDeliveryDeathTest = LaneDelivery;

TEST_F(LaneDeliveryDeathTest, EndsTheProcessWhenASinkReportsMoreThanItWasGiven) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        destination.on_report = [](DurableReport& report) { report.durable = after(9); };
        start_and_take();
        log.append(batch_of(1, 1));
        eventually([&] { return lane->finished(); });
      },
      "taken_");
}

TEST_F(LaneDelivery, DrainsWhatTheLogHoldsBeforeItEnds) {
  start_and_take();
  log.append(batch_of(1, 3));
  lane->request_stop(false);
  log.append(batch_of(4, 4));
  log.finish();
  ASSERT_TRUE(eventually([&] { return lane->finished(); }));
  EXPECT_EQ(lane->durable_state()->durable, after(4));
  EXPECT_EQ(destination.flushes, 1U);
  EXPECT_EQ(destination.closes, 1U);
}

TEST_F(LaneDelivery, EndsAtOnceWhenAbandoned) {
  destination.durable_limit = Position{};
  start_and_take();
  log.append(batch_of(1, 1));
  ASSERT_TRUE(eventually([&] { return destination.submissions() == 1; }));
  lane->request_stop(true);
  ASSERT_TRUE(eventually([&] { return lane->finished(); }));
  EXPECT_EQ(destination.flushes, 0U);
  EXPECT_FALSE(lane->durable_state());
}

TEST_F(LaneDelivery, DoesNotRetryOnceItIsToldToStop) {
  destination.before_open = []() -> Result<void> {
    return fail(retry_error(Code::kConnection, "not there"));
  };
  start();
  ASSERT_TRUE(eventually([&] { return lane->status().retries > 2; }));
  EXPECT_EQ(lane->status().state, RunState::kRetrying);
  lane->request_stop(false);
  ASSERT_TRUE(eventually([&] { return lane->finished(); }));
}

TEST_F(LaneDelivery, RequiredHoldsTheSourceWhateverHappens) {
  destination.before_open = []() -> Result<void> {
    return fail(operator_error(Code::kPermission, "no", "Grant it"));
  };
  start();
  EXPECT_TRUE(lane->holds_source());
  ASSERT_TRUE(reaches(RunState::kStopped));
  EXPECT_TRUE(lane->holds_source());
  fake.clock.advance(std::chrono::hours(1));
  EXPECT_TRUE(lane->holds_source());
}

TEST_F(LaneDelivery, OptionalHoldsTheSourceWhileItWorksAndForAGraceAfter) {
  settings.required = false;
  std::atomic<bool> there{true};
  const auto look = [&]() -> Result<void> {
    return there ? Result<void>() : fail(retry_error(Code::kConnection, "not there"));
  };
  destination.before_open = look;
  destination.before_submit = [&](const Batch&) { return look(); };
  start_and_take();
  EXPECT_TRUE(lane->holds_source());
  there = false;
  log.append(batch_of(1, 1));
  ASSERT_TRUE(reaches(RunState::kRetrying));
  EXPECT_TRUE(lane->holds_source());
  fake.clock.advance(kOptionalLaneGrace);
  EXPECT_FALSE(lane->holds_source());
  there = true;
  ASSERT_TRUE(reaches(RunState::kRunning));
  EXPECT_TRUE(lane->holds_source());
}

TEST_F(LaneDelivery, OptionalThatStoppedHoldsNothing) {
  settings.required = false;
  destination.before_open = []() -> Result<void> {
    return fail(operator_error(Code::kPermission, "no", "Grant it"));
  };
  start();
  ASSERT_TRUE(reaches(RunState::kStopped));
  EXPECT_FALSE(lane->holds_source());
}

TEST_F(LaneDelivery, TellsTheAgeOfWhatIsNotDurable) {
  destination.durable_limit = Position{};
  start_and_take();
  EXPECT_EQ(lane->status().lag_seconds, 0.0);
  // TestBatches commits at a fixed time: the lag is how far the clock is from there.
  const auto age_us = fake.clock.wall_us() - TestBatches::first_commit_us();
  fake.clock.advance(std::chrono::microseconds(age_us < 0 ? -age_us : 0) + std::chrono::hours(1));
  log.append(batch_of(1, 1));
  ASSERT_TRUE(eventually([&] { return lane->status().lag_seconds > 3000; }));
  destination.hold_above(std::nullopt);
  // By the lane's clock the next look at the sink is an hour away.
  log.wake();
  ASSERT_TRUE(eventually([&] { return lane->status().lag_seconds == 0.0; }));
}

}  // namespace
}  // namespace rowtide::test
