// What is promised about positions, restarts and other writers.

#include "tests/contract/sink_harness.h"

namespace rowtide::test {
namespace {

using SinkDurability = SinkContract;

// Three transactions, one batch each, and a fourth in two batches.
std::vector<BatchPtr> some_batches() {
  TestBatches source;
  std::vector<BatchPtr> batches;
  batches.push_back(source.orders({1, 2}).take());
  batches.push_back(source.orders({3}).take());
  batches.push_back(source.begin()
                        .update(orders_schema(), {1, "Ann", "9.99", false, "new"})
                        .orders_row(4)
                        .commit()
                        .take());
  batches.push_back(source.begin().orders_row(5).orders_row(6).take());
  batches.push_back(source.orders_row(7).commit().take());
  return batches;
}

TEST_P(SinkDurability, AFreshDestinationHoldsNoPositionAndReportsNone) {
  EXPECT_EQ(opened(), std::nullopt);
  const auto report = poll();
  EXPECT_EQ(report.durable, std::nullopt);
  EXPECT_EQ(report.rows_delivered, 0U);
  expect_held({});
}

TEST_P(SinkDurability, TheGuaranteeFitsWhatIsKept) {
  EXPECT_EQ(sink().guarantee() != Guarantee::kAtLeastOnce, keeps_marker());
}

TEST_P(SinkDurability, ARestartFindsTheLastPositionReportedDurable) {
  const auto batches = some_batches();
  opened();
  for (const auto& batch : batches) {
    submit(batch);
  }
  const auto report = flush_and_poll();
  ASSERT_TRUE(report.durable);
  EXPECT_EQ(*report.durable, TestBatches::resume_after(4));
  restart();
  const auto found = opened(2);
  EXPECT_EQ(found, keeps_marker() ? report.durable : std::nullopt);
  EXPECT_EQ(poll().durable, std::nullopt);
  expect_held(batches);
}

TEST_P(SinkDurability, ReportsOnlyMoveForwardAndNeverBeyondWhatWasSubmitted) {
  const auto batches = some_batches();
  opened();
  std::optional<Position> last;
  for (const auto& batch : batches) {
    submit(batch);
    const auto report = flush_and_poll();
    if (report.durable) {
      EXPECT_LE(report.durable->position, batch->last_position());
      EXPECT_GE(report.durable->position, last.value_or(Position{}));
      last = report.durable->position;
    }
  }
  EXPECT_EQ(last, TestBatches::end_of(4));
}

TEST_P(SinkDurability, WhatWasReportedDurableSurvivesAKill) {
  const auto batches = some_batches();
  opened();
  submit(batches[0]);
  submit(batches[1]);
  const auto report = flush_and_poll();
  submit(batches[2]);
  submit(batches[3]);
  crash();
  restart();
  const auto marker = opened(2);
  if (keeps_marker()) {
    ASSERT_TRUE(marker);
    EXPECT_GE(marker->position, report.durable->position);
    expect_held_until(batches, marker);
  }
}

TEST_P(SinkDurability, GoingOnFromTheMarkerAfterAKillNeitherLosesNorRepeats) {
  const auto batches = some_batches();
  for (std::size_t killed_behind = 0; killed_behind < batches.size(); ++killed_behind) {
    for (const bool flushed : {false, true}) {
      SetUp();
      opened(1);
      for (std::size_t i = 0; i <= killed_behind; ++i) {
        submit(batches[i]);
      }
      if (flushed) {
        flush_and_poll();
      }
      crash();
      restart();
      submit_behind(opened(2), batches);
      const auto report = flush_and_poll();
      // A marker that already covered everything leaves nothing to report.
      if (report.durable) {
        EXPECT_EQ(*report.durable, TestBatches::resume_after(4));
      }
      expect_held(batches);
    }
  }
}

TEST_P(SinkDurability, NothingOfATransactionWithoutItsCommitSurvives) {
  if (!keeps_marker()) {
    GTEST_SKIP() << "an at-least-once sink may show parts";
  }
  const auto batches = some_batches();
  opened();
  for (std::size_t i = 0; i < 4; ++i) {  // the fourth transaction stays open
    submit(batches[i]);
  }
  const auto report = flush_and_poll();
  EXPECT_EQ(report.durable, TestBatches::resume_after(3));
  crash();
  restart();
  EXPECT_EQ(opened(2), TestBatches::resume_after(3));
  expect_held({batches[0], batches[1], batches[2]});
}

TEST_P(SinkDurability, ClosingForgetsWhatIsNotDurableAndTheSameSinkOpensAgain) {
  const auto batches = some_batches();
  opened();
  submit(batches[0]);
  flush_and_poll();
  submit(batches[1]);
  sink().close();
  const auto marker = opened(2);
  if (keeps_marker()) {
    expect_held_until(batches, marker);
  }
  submit_behind(marker, batches);
  EXPECT_EQ(flush_and_poll().durable, TestBatches::resume_after(4));
  expect_held(batches);
}

TEST_P(SinkDurability, APositionMovesOnWithoutRows) {
  opened();
  TestBatches source;
  submit(source.orders({1}).take());
  submit(source.begin().commit().take());
  submit(source.advance().take());
  const auto report = flush_and_poll();
  EXPECT_EQ(report.durable, TestBatches::resume_after(3));
  restart();
  const auto found = opened(2);
  if (keeps_marker()) {
    ASSERT_TRUE(found);
    EXPECT_GE(found->position, TestBatches::end_of(1));
  }
}

TEST_P(SinkDurability, AnOlderEpochIsRefused) {
  if (!keeps_marker()) {
    GTEST_SKIP() << "a sink without a marker cannot know";
  }
  const auto batches = some_batches();
  opened(5);
  submit(batches[0]);
  flush_and_poll();
  restart();
  const auto refused = open(4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFenced);
  EXPECT_FALSE(refused.error().remedy.empty());
  restart();
  EXPECT_EQ(opened(5), TestBatches::resume_after(1));
  restart();
  EXPECT_EQ(opened(6), TestBatches::resume_after(1));
  expect_held({batches[0]});
}

TEST_P(SinkDurability, AnEpochIsFencedAsSoonAsANewerOneHasOpened) {
  if (!keeps_marker()) {
    GTEST_SKIP() << "a sink without a marker cannot know";
  }
  opened(7);
  restart();
  const auto refused = open(6);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFenced);
}

TEST_P(SinkDurability, OfTwoLiveWritersOnlyOneSucceeds) {
  if (!keeps_marker()) {
    GTEST_SKIP() << "a sink without a marker cannot know";
  }
  const auto batches = some_batches();
  opened(1);
  submit(batches[0]);
  flush_and_poll();
  auto other = make_another();
  ASSERT_TRUE(other) << other.error().to_text();
  const auto taken = other->sink->open(context(2));
  const bool first_goes_on = [&] {
    return sink().submit(batches[1], soon()) && sink().flush(soon()).has_value();
  }();
  if (taken) {
    EXPECT_FALSE(first_goes_on);
    EXPECT_EQ(*taken, TestBatches::resume_after(1));
    expect_held({batches[0]});
  } else {
    EXPECT_TRUE(taken.error().code == Code::kLocked || taken.error().code == Code::kFenced)
        << taken.error().to_text();
    EXPECT_TRUE(first_goes_on);
    expect_held({batches[0], batches[1]});
  }
  other->sink->close();
}

INSTANTIATE_TEST_SUITE_P(Of, SinkDurability, ::testing::ValuesIn(sink_entries()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace rowtide::test
