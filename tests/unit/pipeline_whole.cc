#include "tests/unit/pipeline_fixture.h"

namespace rowtide::test {
namespace {

ResumePoint after(std::uint64_t n) {
  return TestBatches::resume_after(n);
}

using Pipelines = PipelineTest;

bool is_even(std::int64_t id) {
  return id % 2 == 0;
}
bool wants_even(const Event& event) {
  return is_even(event.after[0].integer());
}

TEST_F(Pipelines, DeliverEveryRowToEverySink) {
  auto& all = add_sink("all");
  auto& even = add_sink("even", true, wants_even);
  start();
  ASSERT_TRUE(stored_at("all", after(6)));
  ASSERT_TRUE(stored_at("even", after(6)));
  EXPECT_EQ(all.delivered(), database->all_rows());
  EXPECT_EQ(even.delivered(), database->all_rows(is_even));
  const auto status = pipeline->status();
  EXPECT_EQ(status.state, RunState::kRunning);
  EXPECT_EQ(status.events_read, 8U);
  EXPECT_EQ(status.transactions_read, 5U);
  EXPECT_FALSE(status.last_error);
}

TEST_F(Pipelines, StepTheEpochWithEachOpening) {
  auto& warehouse = add_sink("warehouse");
  start();
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  ASSERT_TRUE(pipeline->act(ControlPlane::Action::kRestart));
  ASSERT_TRUE(eventually([&] {
    const std::scoped_lock lock(warehouse.mutex);
    return warehouse.opens.size() == 2;
  }));
  EXPECT_GT(warehouse.opens[1].epoch, warehouse.opens[0].epoch);
}

TEST_F(Pipelines, AreStartingAndNotStoppedBeforeTheirStart) {
  add_sink("warehouse");
  pipeline = std::make_unique<Pipeline>(make_settings(nullptr), store, committer, fake.runtime);
  EXPECT_EQ(pipeline->status().state, RunState::kStarting);
}

TEST_F(Pipelines, GoOnWhereTheyStopped) {
  auto& warehouse = add_sink("warehouse");
  database->committed = 3;
  start();
  ASSERT_TRUE(stored_at("warehouse", after(3)));
  pipeline->stop(std::chrono::seconds(30));
  EXPECT_EQ(pipeline->status().state, RunState::kStopped);
  database->commit_up_to(6);
  ASSERT_TRUE(pipeline->start());
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  EXPECT_EQ(database->last_open()->from, after(3));
  EXPECT_EQ(database->last_open()->owed_from, after(3));
  EXPECT_EQ(warehouse.delivered(), database->all_rows());
}

TEST_F(Pipelines, StartAtTheSinkThatIsFurthestBehind) {
  auto& near = add_sink("near");
  auto& far = add_sink("far");
  near.marker = after(5);
  far.marker = after(2);
  start();
  ASSERT_TRUE(stored_at("near", after(6)));
  ASSERT_TRUE(stored_at("far", after(6)));
  const auto opened = database->last_open();
  EXPECT_EQ(opened->from, after(2));
  EXPECT_EQ(opened->highest, after(5));
  // No store vouches for the markers.
  EXPECT_FALSE(opened->owed_from);
  EXPECT_EQ(near.delivered_ids(), (std::vector<std::int64_t>{6001}));
  EXPECT_EQ(far.delivered_ids(), (std::vector<std::int64_t>{4001, 4002, 4003, 5001, 6001}));
}

TEST_F(Pipelines, StartFromTheBeginningForANewSink) {
  auto& old = add_sink("old");
  auto& young = add_sink("young");
  old.marker = after(5);
  ASSERT_TRUE(store.set_lane("shop", "old", LaneState{after(5), after(5)}));
  start();
  ASSERT_TRUE(stored_at("young", after(6)));
  ASSERT_TRUE(stored_at("old", after(6)));
  EXPECT_FALSE(database->last_open()->from);
  EXPECT_EQ(database->last_open()->highest, after(5));
  EXPECT_EQ(young.delivered(), database->all_rows());
  EXPECT_EQ(old.delivered_ids(), (std::vector<std::int64_t>{6001}));
}

TEST_F(Pipelines, TellTheSourceWhatIsOwedBesideANewSink) {
  add_sink("near").marker = after(5);
  add_sink("far").marker = after(2);
  add_sink("young");
  start();
  ASSERT_TRUE(stored_at("young", after(6)));
  const auto opened = database->last_open();
  EXPECT_FALSE(opened->from);
  EXPECT_EQ(opened->lowest, after(2));
  EXPECT_EQ(opened->highest, after(5));
}

TEST_F(Pipelines, DrainBeforeTheyStop) {
  auto& warehouse = add_sink("warehouse");
  warehouse.durable_limit = TestBatches::end_of(1);
  warehouse.on_flush = [&] { warehouse.durable_limit.reset(); };
  start(rare_committer);
  ASSERT_TRUE(eventually([&] { return lane(0).position == TestBatches::end_of(1); }));
  ASSERT_TRUE(eventually([&] { return pipeline->status().events_read == 8; }));
  pipeline->stop(std::chrono::seconds(30));
  EXPECT_EQ(warehouse.delivered(), database->all_rows());
  EXPECT_EQ(store.load("shop")->lanes.at("warehouse").durable, after(6));
  // Even the source was told before the connection went.
  EXPECT_EQ(database->confirmed_now(), 6U);
}

TEST_F(Pipelines, StopAtOnceWithoutTimeToDrain) {
  auto& warehouse = add_sink("warehouse");
  warehouse.durable_limit = TestBatches::end_of(1);
  start();
  ASSERT_TRUE(stored_at("warehouse", after(1)));
  pipeline->stop(std::chrono::milliseconds(0));
  EXPECT_EQ(pipeline->status().state, RunState::kStopped);
  EXPECT_TRUE(stored_at("warehouse", after(1)));
  EXPECT_EQ(database->confirmed_now(), 1U);
  // What was not durable comes again.
  warehouse.hold_above(std::nullopt);
  ASSERT_TRUE(pipeline->start());
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  EXPECT_EQ(warehouse.delivered(), database->all_rows());
}

TEST_F(Pipelines, OneSinkThatFailsDoesNotHoldTheOthersUp) {
  auto& broken = add_sink("broken");
  auto& healthy = add_sink("healthy");
  broken.before_open = []() -> Result<void> {
    return fail(retry_error(Code::kConnection, "not there"));
  };
  start();
  ASSERT_TRUE(stored_at("healthy", after(6)));
  EXPECT_EQ(pipeline->status().state, RunState::kRunning);
  EXPECT_EQ(lane(0).state, RunState::kRetrying);
  {
    const std::scoped_lock lock(broken.mutex);
    broken.before_open = {};
  }
  // It stood nowhere, so the stream starts over for it.
  ASSERT_TRUE(stored_at("broken", after(6)));
  EXPECT_EQ(broken.delivered(), database->all_rows());
  EXPECT_EQ(healthy.delivered(), database->all_rows());
}

TEST_F(Pipelines, RewindForASinkThatFellOutOfTheWindow) {
  auto& flaky = add_sink("flaky");
  auto& healthy = add_sink("healthy");
  std::atomic<bool> there{true};
  const auto look = [&]() -> Result<void> {
    return there ? Result<void>() : fail(retry_error(Code::kConnection, "gone away"));
  };
  flaky.before_open = look;
  flaky.before_submit = [&](const Batch&) { return look(); };
  database->committed = 2;
  start();
  ASSERT_TRUE(stored_at("flaky", after(2)));
  there = false;
  database->commit_up_to(5);
  ASSERT_TRUE(stored_at("healthy", after(5)));
  ASSERT_TRUE(eventually([&] { return lane(0).state == RunState::kRetrying; }));
  there = true;
  ASSERT_TRUE(stored_at("flaky", after(5)));
  EXPECT_EQ(database->last_open()->from, after(2));
  EXPECT_EQ(database->last_open()->owed_from, after(2));
  database->commit_up_to(6);
  ASSERT_TRUE(stored_at("flaky", after(6)));
  ASSERT_TRUE(stored_at("healthy", after(6)));
  EXPECT_EQ(flaky.delivered(), database->all_rows());
  EXPECT_EQ(healthy.delivered(), database->all_rows());
}

TEST_F(Pipelines, LeaveOnlyTheOptionalSinkBehindThatCameBackTooLate) {
  auto& late = add_sink("late", false);
  auto& warehouse = add_sink("warehouse");
  late.marker = after(1);
  warehouse.marker = after(4);
  ASSERT_TRUE(store.set_lane("shop", "late", LaneState{after(1), after(1)}));
  ASSERT_TRUE(store.set_lane("shop", "warehouse", LaneState{after(4), after(4)}));
  database->confirmed = 4;
  start();
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  ASSERT_TRUE(eventually([&] { return lane(0).state == RunState::kStopped; }));
  EXPECT_EQ(lane(0).last_error->code, Code::kPositionLost);
  EXPECT_EQ(lane(1).state, RunState::kRunning);
  EXPECT_EQ(pipeline->status().state, RunState::kRunning);
  EXPECT_TRUE(late.delivered().empty());
  EXPECT_EQ(warehouse.delivered_ids(), (std::vector<std::int64_t>{5001, 6001}));
}

TEST_F(Pipelines, StopWhenTheRowsOfARequiredSinkAreGone) {
  auto& warehouse = add_sink("warehouse");
  warehouse.marker = after(1);
  ASSERT_TRUE(store.set_lane("shop", "warehouse", LaneState{after(1), after(1)}));
  database->confirmed = 4;
  start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().state == RunState::kStopped; }));
  EXPECT_EQ(pipeline->status().last_error->code, Code::kPositionLost);
  EXPECT_TRUE(warehouse.delivered().empty());
}

TEST_F(Pipelines, AskTheSourceAgainForADestinationRestoredFromABackup) {
  auto& warehouse = add_sink("warehouse");
  warehouse.marker = after(2);
  ASSERT_TRUE(store.set_lane("shop", "warehouse", LaneState{after(5), after(5)}));
  database->confirmed = 1;
  start();
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  EXPECT_EQ(database->last_open()->from, after(2));
  EXPECT_EQ(warehouse.delivered_ids(), (std::vector<std::int64_t>{4001, 4002, 4003, 5001, 6001}));
}

TEST_F(Pipelines, KeepWithinTheirBuffer) {
  auto& warehouse = add_sink("warehouse");
  database = std::make_unique<FakeDatabase>(std::vector<int>(300, 3));
  limits.batch_events = 3;
  // A few batches at a time.
  buffer_bytes = 40'000;
  start();
  std::size_t most_bytes = 0;
  ASSERT_TRUE(eventually([&] {
    most_bytes = std::max<std::size_t>(most_bytes, pipeline->status().buffered_bytes);
    return database->confirmed_now() == 300;
  }));
  EXPECT_EQ(warehouse.delivered().size(), 900U);
  // One batch may go over the line.
  EXPECT_LT(most_bytes, 80'000U);
}

TEST_F(Pipelines, PauseAndResume) {
  auto& warehouse = add_sink("warehouse");
  database->committed = 2;
  start();
  ASSERT_TRUE(stored_at("warehouse", after(2)));
  ASSERT_TRUE(pipeline->act(ControlPlane::Action::kPause));
  EXPECT_EQ(pipeline->status().state, RunState::kPaused);
  ASSERT_TRUE(pipeline->act(ControlPlane::Action::kResume));
  database->commit_up_to(6);
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  EXPECT_EQ(warehouse.delivered(), database->all_rows());
}

TEST_F(Pipelines, RetiredOnesDoNothingThatLasts) {
  auto& warehouse = add_sink("warehouse");
  database->committed = 2;
  start();
  ASSERT_TRUE(stored_at("warehouse", after(2)));
  EXPECT_FALSE(pipeline->retired());
  EXPECT_FALSE(pipeline->retire(std::chrono::seconds(30)));
  EXPECT_TRUE(pipeline->retired());
  database->commit_up_to(6);
  EXPECT_EQ(pipeline->start().error().code, Code::kConflict);
  EXPECT_EQ(pipeline->act(ControlPlane::Action::kRestart).error().code, Code::kConflict);
  EXPECT_EQ(pipeline->set_offset("warehouse", after(5)).error().code, Code::kConflict);
  EXPECT_EQ(store.load("shop")->lanes.at("warehouse").durable, after(2));
  // The one that follows goes on where it stopped.
  const auto former = std::move(pipeline);
  start();
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  EXPECT_EQ(warehouse.delivered(), database->all_rows());
}

TEST_F(Pipelines, APausedOneIsFollowedByAPausedOne) {
  auto& warehouse = add_sink("warehouse");
  database->committed = 2;
  start();
  ASSERT_TRUE(stored_at("warehouse", after(2)));
  ASSERT_TRUE(pipeline->act(ControlPlane::Action::kPause));
  ASSERT_TRUE(pipeline->retire(std::chrono::seconds(30)));
  database->commit_up_to(6);
  pipeline = std::make_unique<Pipeline>(make_settings(nullptr), store, committer, fake.runtime);
  ASSERT_TRUE(pipeline->start(true));
  ASSERT_TRUE(eventually([&] { return pipeline->status().state == RunState::kPaused; }));
  EXPECT_EQ(warehouse.delivered().size(), 3U);
  ASSERT_TRUE(pipeline->act(ControlPlane::Action::kResume));
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  EXPECT_EQ(warehouse.delivered(), database->all_rows());
}

TEST_F(Pipelines, RefuseToMoveAnOffsetOfARunningStreamOrBackOverDeliveredRows) {
  add_sink("warehouse");
  database->committed = 4;
  start();
  ASSERT_TRUE(stored_at("warehouse", after(4)));
  EXPECT_EQ(pipeline->set_offset("warehouse", after(5)).error().code, Code::kConflict);
  ASSERT_TRUE(pipeline->act(ControlPlane::Action::kPause));
  EXPECT_EQ(pipeline->set_offset("warehouse", after(2)).error().code, Code::kConflict);
  EXPECT_EQ(pipeline->set_offset("elsewhere", after(5)).error().code, Code::kNotFound);
  ASSERT_TRUE(pipeline->set_offset("warehouse", after(5)));
  ASSERT_TRUE(pipeline->act(ControlPlane::Action::kResume));
  database->commit_up_to(6);
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  // Transaction 5 was left out on purpose.
  EXPECT_EQ(spokes[0]->destination.delivered_ids(),
            (std::vector<std::int64_t>{1001, 2001, 2002, 4001, 4002, 4003, 6001}));
}

TEST_F(Pipelines, StoreASchemaOnceEverySinkHasWhatItBelongsTo) {
  add_sink("fast");
  auto& slow = add_sink("slow");
  slow.marker = after(0);
  slow.durable_limit = Position{};
  ASSERT_TRUE(store.set_lane("shop", "slow", LaneState{after(0), after(0)}));
  database->committed = 1;
  start();
  ASSERT_TRUE(stored_at("fast", after(1)));
  EXPECT_TRUE(store.load("shop")->schemas.empty());
  slow.hold_above(std::nullopt);
  ASSERT_TRUE(eventually([&] { return !store.load("shop")->schemas.empty(); }));
  EXPECT_TRUE(stored_at("slow", after(1)));
  EXPECT_EQ(store.load("shop")->schemas.begin()->second, *orders_schema());
}

TEST_F(Pipelines, ShowALookAtTheStreamWithoutHoldingItUp) {
  add_sink("warehouse");
  database->committed = 0;
  start();
  const auto tap = std::make_shared<Tap>();
  pipeline->add_tap(tap);
  database->commit_up_to(6);
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  std::uint64_t dropped = 0;
  const auto batch = tap->next(MonotonicTime::clock::now() + std::chrono::seconds(30), dropped);
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->events()[0].after[0].integer(), 1001);
}

}  // namespace
}  // namespace rowtide::test
