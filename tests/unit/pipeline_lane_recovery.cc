#include "tests/unit/pipeline_lane_fixture.h"

namespace rowtide::test {
namespace {

// What the store and the destination say when a lane opens, and what follows from it.
struct RecoveryCase {
  const char* name;
  std::optional<ResumePoint> marker;
  std::optional<LaneState> stored;
  // Expected, as are the last two; `lost` = the lane stops with Code::kPositionLost.
  std::optional<ResumePoint> from;
  Guarantee guarantee;
  bool owed;
  bool lost;
};

std::ostream& operator<<(std::ostream& out, const RecoveryCase& value) {
  return out << value.name;
}

LaneState stored_at(std::uint64_t durable, std::optional<std::uint64_t> marker) {
  return {after(durable), marker ? std::optional(after(*marker)) : std::nullopt};
}

const auto kMarked = Guarantee::kTransactional;
const auto kUnmarked = Guarantee::kAtLeastOnce;

const RecoveryCase kRecoveryCases[] = {
    {"NothingKnown", {}, {}, {}, kMarked, false, false},
    {"MarkerOnly", after(3), {}, after(3), kMarked, false, false},
    {"MarkerOnlyOfAnIdempotentSink", after(3), {}, after(3), Guarantee::kIdempotent, false, false},
    {"StoreOnlyOfASinkThatWasGivenNothing", {}, stored_at(4, {}), after(4), kMarked, true, false},
    {"StoreOnlyOfASinkThatHadAMarker", {}, stored_at(4, 2), {}, kMarked, false, true},
    {"MarkerBehindItsOwnStoredValue", after(2), stored_at(4, 3), after(2), kMarked, true, false},
    {"MarkerAheadOfTheStore", after(6), stored_at(4, 4), after(6), kMarked, false, false},
    {"MarkerAheadOfAStoreWithoutMarker", after(6), stored_at(4, {}), after(6), kMarked, false,
     false},
    {"MarkerAndStoreAlike", after(4), stored_at(4, 4), after(4), kMarked, true, false},
    {"StoreAheadByAFilteredTail", after(2), stored_at(5, 2), after(5), kMarked, true, false},
    {"WithoutGuaranteeTheStoreDecides", {}, stored_at(5, 4), after(5), kUnmarked, true, false},
    {"WithoutGuaranteeAndStoreFromTheStart", {}, {}, {}, kUnmarked, false, false},
};

class LaneRecovery : public LaneTest, public testing::WithParamInterface<RecoveryCase> {};

TEST_P(LaneRecovery, FindsOutWhereToStart) {
  const auto& expected = GetParam();
  destination.guarantee = expected.guarantee;
  destination.marker = expected.marker;
  start(expected.stored);
  ASSERT_TRUE(eventually([&] { return lane->settled(); }));
  if (expected.lost) {
    ASSERT_TRUE(reaches(RunState::kStopped));
    EXPECT_EQ(lane->status().last_error->code, Code::kPositionLost);
    EXPECT_FALSE(lane->taking());
    // What the store knows is not given up.
    EXPECT_EQ(lane->durable_state(), expected.stored);
    return;
  }
  ASSERT_TRUE(eventually([&] { return lane->taking(); })) << last_error();
  EXPECT_EQ(lane->needed_from().from, expected.from);
  EXPECT_EQ(lane->needed_from().owed, expected.owed);
  if (expected.from) {
    EXPECT_EQ(lane->status().position, expected.from->position);
  }
  // A marker that nobody vouches for is not stored: afterwards the store would.
  const auto state = lane->durable_state();
  ASSERT_EQ(state.has_value(), expected.owed);
  if (state) {
    EXPECT_EQ(state->durable, *expected.from);
    EXPECT_EQ(state->marker, expected.marker);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, LaneRecovery, testing::ValuesIn(kRecoveryCases),
                         [](const auto& one) { return std::string(one.param.name); });

using Lanes = LaneTest;

TEST_F(Lanes, OpenTheirSinkWithTheirContext) {
  start_and_take();
  const std::scoped_lock lock(destination.mutex);
  ASSERT_EQ(destination.opens.size(), 1U);
  EXPECT_EQ(destination.opens[0].pipeline, "shop");
  EXPECT_EQ(destination.opens[0].sink, "warehouse");
  EXPECT_EQ(destination.opens[0].epoch, Epoch(1));
}

TEST_F(Lanes, FencedByANewerEpochStop) {
  destination.epoch = Epoch(2);
  start();
  ASSERT_TRUE(reaches(RunState::kStopped));
  EXPECT_EQ(lane->status().last_error->code, Code::kFenced);
}

TEST_F(Lanes, LeaveOutWhatTheDestinationAlreadyHolds) {
  // The destination ended inside transaction 2, behind its second row.
  destination.marker = ResumePoint{{1, 200, 2}, TestBatches::token_of(1)};
  start_and_take();
  TestBatches batches;
  batches.orders({1001}).orders({2001, 2002, 2003}).orders({3001});
  log.append(batches.take());
  ASSERT_TRUE(stands_at(after(3)));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{2003, 3001}));
}

TEST_F(Lanes, GiveTheSinkNoEndOfATransactionBeforeItsMarker) {
  destination.marker = ResumePoint{{1, 200, 2}, TestBatches::token_of(1)};
  destination.splits = true;
  start_and_take();
  TestBatches batches;
  batches.orders({1001}).begin().orders_row(2001).orders_row(2002).orders_row(2003);
  log.append(batches.take());
  ASSERT_TRUE(stands_at({{1, 200, 3}, TestBatches::token_of(1)}));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{2003}));
  const std::scoped_lock lock(destination.mutex);
  EXPECT_FALSE(destination.went_back);
}

TEST_F(Lanes, AreOwedNoMoreWhenTheySeeTheirMarkerAgain) {
  destination.marker = after(3);
  std::atomic<bool> fails{true};
  destination.before_submit = [&](const Batch&) -> Result<void> {
    return fails ? fail(retry_error(Code::kConnection, "gone away")) : Result<void>();
  };
  start_and_take();
  log.append(batch_of(4, 4));
  // The second retry follows on a second look at the marker.
  ASSERT_TRUE(eventually([&] { return lane->status().retries > 1; }));
  EXPECT_EQ(lane->needed_from().from, after(3));
  EXPECT_FALSE(lane->needed_from().owed);
  EXPECT_FALSE(lane->durable_state());
  fails = false;
  ASSERT_TRUE(stands_at(after(4)));
  EXPECT_TRUE(lane->needed_from().owed);
}

TEST_F(Lanes, AreOwedEverythingOnceTheStreamIsSeenBelowTheirMarker) {
  destination.marker = after(3);
  start_and_take();
  EXPECT_FALSE(lane->durable_state());
  log.append(batch_of(1, 2));
  ASSERT_TRUE(stands_at(after(3)));
  EXPECT_EQ(destination.submissions(), 0U);
  EXPECT_TRUE(lane->needed_from().owed);
}

TEST_F(Lanes, AreNotOwedWhatLiesBehindAHoleThatTheyTookFromBeyond) {
  // Transactions 4 and 5 held nothing for this sink, and the source has forgotten them.
  destination.marker = after(3);
  destination.durable_limit = TestBatches::end_of(3);
  start_and_take();
  log.append(batch_of(6, 6));
  log.append(batch_of(6, 6));
  log.append(batch_of(7, 7));
  ASSERT_TRUE(eventually([&] { return destination.submissions() == 2; }));
  EXPECT_FALSE(lane->durable_state());
  EXPECT_FALSE(lane->needed_from().owed);
}

TEST_F(Lanes, DoNotEvenSubmitABatchThatWasTaken) {
  destination.marker = after(2);
  start_and_take();
  log.append(batch_of(1, 2));
  log.append(batch_of(3, 3));
  ASSERT_TRUE(stands_at(after(3)));
  EXPECT_EQ(destination.submissions(), 1U);
}

TEST_F(Lanes, WaitUntilTheStreamStartedOverWhenTheLogDoesNotReachBack) {
  log.restart(TestBatches::end_of(5));
  destination.marker = after(2);
  start();
  ASSERT_TRUE(eventually([&] { return listener.rewinds == 1; }));
  // Whoever starts the stream over waits for lanes that are not settled.
  EXPECT_TRUE(listener.settled_when_told);
  EXPECT_FALSE(lane->taking());
  EXPECT_EQ(lane->needed_from().from, after(2));
  log.restart(TestBatches::end_of(2));
  lane->rewound();
  ASSERT_TRUE(eventually([&] { return lane->taking(); }));
  log.append(batch_of(3, 6));
  ASSERT_TRUE(stands_at(after(6)));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{3001, 4001, 5001, 6001}));
}

TEST_F(Lanes, TryAgainWhenTheStreamMovedOnWhileTheyWaited) {
  log.restart(TestBatches::end_of(5));
  destination.marker = after(2);
  start();
  ASSERT_TRUE(eventually([&] { return listener.rewinds == 1; }));
  lane->rewound();
  // Still not far enough back: it asks again instead of going on over the hole.
  ASSERT_TRUE(eventually([&] { return listener.rewinds == 2; }));
  EXPECT_FALSE(lane->taking());
}

TEST_F(Lanes, ToldToStopWhileTheyWaitForTheStreamDeliverNothing) {
  log.restart(TestBatches::end_of(5));
  destination.marker = after(2);
  start();
  ASSERT_TRUE(eventually([&] { return listener.rewinds == 1; }));
  log.append(batch_of(6, 6));
  log.finish();
  lane->request_stop(false);
  ASSERT_TRUE(eventually([&] { return lane->finished(); }));
  // Transactions 3 to 5 are missing, so 6 must not be there either.
  EXPECT_TRUE(destination.delivered().empty());
  EXPECT_EQ(lane->status().position, TestBatches::end_of(2));
}

TEST_F(Lanes, ThatLoseTheirPositionStopWhileTheyWaitForTheStream) {
  log.restart(TestBatches::end_of(5));
  destination.marker = after(2);
  start();
  ASSERT_TRUE(eventually([&] { return listener.rewinds == 1; }));
  lane->lose_position(operator_error(Code::kPositionLost, "gone", "Resync"));
  ASSERT_TRUE(reaches(RunState::kStopped));
  EXPECT_EQ(lane->status().last_error->code, Code::kPositionLost);
  EXPECT_TRUE(eventually([&] { return lane->finished(); }));
}

TEST_F(Lanes, ThatLoseTheirPositionStopInTheMiddleOfTheStream) {
  start_and_take();
  log.append(batch_of(1, 1));
  ASSERT_TRUE(stands_at(after(1)));
  lane->lose_position(operator_error(Code::kPositionLost, "gone", "Resync"));
  EXPECT_FALSE(lane->taking());
  ASSERT_TRUE(reaches(RunState::kStopped));
  log.append(batch_of(2, 2));
  ASSERT_TRUE(eventually([&] { return lane->finished(); }));
  EXPECT_EQ(destination.delivered_ids(), (std::vector<std::int64_t>{1001}));
  EXPECT_FALSE(attached());
}

}  // namespace
}  // namespace rowtide::test
