#include <string>

#include <gtest/gtest.h>

#include "tests/support/test_batches.h"

namespace rowtide::test {
namespace {

std::vector<std::uint64_t> rows_of(const Batch& batch) {
  std::vector<std::uint64_t> rows;
  for (const auto& event : batch.events()) {
    rows.push_back(event.row);
  }
  return rows;
}

Position row_of(std::uint64_t n, std::uint64_t row) {
  return {1, 100 * n, row};
}

using Rows = std::vector<std::uint64_t>;

TEST(BatchBuilders, NumberTheRowsOfEachTransactionFromOne) {
  const auto batch = TestBatches().orders({1, 2, 3}).orders({4}).take();
  EXPECT_EQ(rows_of(*batch), (Rows{1, 2, 3, 1}));
  EXPECT_EQ(batch->events()[3].transaction, 1U);
  EXPECT_EQ(batch->position_of(batch->events()[3]), row_of(2, 1));
  ASSERT_EQ(batch->transactions().size(), 2U);
  EXPECT_EQ(batch->transactions()[1].first_event, 3U);
  EXPECT_EQ(batch->transactions()[1].event_count, 1U);
  EXPECT_EQ(batch->resume_point(), TestBatches::resume_after(2));
  EXPECT_TRUE(batch->ends_on_commit());
}

TEST(BatchBuilders, SequenceTheirBatches) {
  TestBatches batches;
  EXPECT_EQ(batches.orders({1}).take()->sequence(), BatchSequence(1));
  EXPECT_EQ(batches.orders({2}).take()->sequence(), BatchSequence(2));
}

TEST(BatchBuilders, AreEmptyUntilThereIsSomethingToSay) {
  TestBatches batches;
  auto& builder = batches.builder();
  EXPECT_TRUE(builder.empty());
  EXPECT_FALSE(builder.can_cut());
  batches.begin();
  EXPECT_TRUE(builder.in_transaction());
  EXPECT_FALSE(builder.can_cut());
  batches.orders_row(1);
  EXPECT_TRUE(builder.can_cut());
  batches.commit();
  EXPECT_FALSE(builder.in_transaction());
  batches.take();
  EXPECT_TRUE(builder.empty());
}

TEST(BatchBuilders, DeliverATransactionWithoutRowsAsAStep) {
  TestBatches batches;
  batches.begin().commit();
  ASSERT_TRUE(batches.builder().can_cut());
  const auto batch = batches.take();
  EXPECT_TRUE(batch->events().empty());
  EXPECT_EQ(batch->resume_point(), TestBatches::resume_after(1));
}

TEST(BatchBuilders, AdvanceWithoutATransaction) {
  TestBatches batches;
  batches.advance();
  ASSERT_TRUE(batches.builder().can_cut());
  const auto batch = batches.take();
  EXPECT_TRUE(batch->transactions().empty());
  EXPECT_EQ(batch->resume_point(), TestBatches::resume_after(1));
  EXPECT_EQ(batch->last_committed_at_us(), 0);
  EXPECT_TRUE(batches.builder().empty());
}

TEST(BatchBuilders, AdvanceBehindTransactions) {
  const auto batch = TestBatches().orders({1}).advance().advance().take();
  EXPECT_EQ(batch->events().size(), 1U);
  EXPECT_EQ(batch->resume_point(), TestBatches::resume_after(3));
}

TEST(BatchBuilders, AreFullByEvents) {
  TestBatches batches({.batch_bytes = 1 << 20, .batch_events = 3});
  batches.begin().orders_row(1).orders_row(2);
  EXPECT_FALSE(batches.builder().full());
  batches.orders_row(3);
  EXPECT_TRUE(batches.builder().full());
  batches.take();
  EXPECT_FALSE(batches.builder().full());
}

TEST(BatchBuilders, AreFullByTransactionsWithoutEvents) {
  TestBatches batches({.batch_bytes = 1 << 20, .batch_events = 3});
  batches.begin().commit().begin().commit();
  EXPECT_FALSE(batches.builder().full());
  batches.begin().commit();
  EXPECT_TRUE(batches.builder().full());
}

TEST(BatchBuilders, AreFullByBytes) {
  TestBatches batches({.batch_bytes = 10'000, .batch_events = 1000});
  const std::string wide(3000, 'x');
  batches.begin();
  int rows = 0;
  while (!batches.builder().full()) {
    batches.insert(orders_schema(), {++rows, wide, nullptr, nullptr, nullptr});
    ASSERT_LT(rows, 10);
  }
  // The rest of a block that a row did not fit into counts, too.
  EXPECT_EQ(rows, 3);
}

TEST(BatchBuilders, AreNotFullBeforeTheyCanBeCut) {
  // Whoever fills a builder stops when it is full and waits for the cut: it must be possible.
  TestBatches one({.batch_bytes = 1 << 20, .batch_events = 1});
  one.begin();
  EXPECT_FALSE(one.builder().full());
  one.orders_row(1);
  EXPECT_TRUE(one.builder().full());

  TestBatches batches({.batch_bytes = 10'000, .batch_events = 4});
  batches.begin().message("audit", std::string(20'000, 'x'));
  EXPECT_FALSE(batches.builder().can_cut());
  EXPECT_FALSE(batches.builder().full());
  batches.orders_row(1);
  EXPECT_TRUE(batches.builder().full());
}

TEST(BatchBuilders, SplitATransactionOverBatches) {
  TestBatches batches;
  batches.orders({1}).begin().orders_row(2).orders_row(3);
  const auto first = batches.take();
  batches.orders_row(4);
  const auto second = batches.take();
  batches.orders_row(5).commit();
  const auto third = batches.take();

  // The head ends inside the transaction, which is asked for again from its start.
  EXPECT_EQ(first->resume_point(), (ResumePoint{row_of(2, 2), TestBatches::token_of(1)}));
  EXPECT_FALSE(first->ends_on_commit());
  EXPECT_TRUE(first->transactions()[0].complete);
  EXPECT_FALSE(first->transactions()[1].complete);
  EXPECT_FALSE(first->transactions()[1].continued);

  EXPECT_EQ(rows_of(*second), (Rows{3}));
  ASSERT_EQ(second->transactions().size(), 1U);
  EXPECT_TRUE(second->transactions()[0].continued);
  EXPECT_FALSE(second->transactions()[0].complete);
  EXPECT_EQ(second->resume_point(), (ResumePoint{row_of(2, 3), TestBatches::token_of(1)}));

  EXPECT_EQ(rows_of(*third), (Rows{4}));
  EXPECT_TRUE(third->transactions()[0].continued);
  EXPECT_TRUE(third->transactions()[0].complete);
  EXPECT_EQ(third->transactions()[0].id, "2");
  EXPECT_EQ(third->transactions()[0].commit, 200U);
  EXPECT_EQ(third->transactions()[0].start_token, TestBatches::token_of(1));
  EXPECT_EQ(third->resume_point(), TestBatches::resume_after(2));
}

TEST(BatchBuilders, EndASplitTransactionWithoutAnotherRow) {
  TestBatches batches;
  batches.begin().orders_row(1);
  batches.take();
  EXPECT_FALSE(batches.builder().can_cut());
  batches.commit();
  ASSERT_TRUE(batches.builder().can_cut());
  const auto end = batches.take();
  EXPECT_TRUE(end->events().empty());
  EXPECT_TRUE(end->transactions()[0].continued);
  EXPECT_TRUE(end->transactions()[0].complete);
  EXPECT_EQ(end->resume_point(), TestBatches::resume_after(1));
}

TEST(BatchBuilders, MoveATransactionWithoutARowWholeIntoTheNextBatch) {
  TestBatches batches;
  batches.orders({1}).begin();
  const auto first = batches.take();
  EXPECT_EQ(first->transactions().size(), 1U);
  EXPECT_EQ(first->resume_point(), TestBatches::resume_after(1));
  batches.orders_row(2).commit();
  const auto second = batches.take();
  ASSERT_EQ(second->transactions().size(), 1U);
  EXPECT_FALSE(second->transactions()[0].continued);
  EXPECT_EQ(second->transactions()[0].id, "2");
}

TEST(BatchBuilders, CountRowsThatAreSkipped) {
  TestBatches batches;
  batches.begin();
  batches.builder().skip_row();
  batches.builder().skip_row();
  batches.orders_row(3);
  batches.builder().skip_row();
  EXPECT_EQ(batches.builder().rows_in_transaction(), 4U);
  batches.orders_row(5);
  const auto first = batches.take();
  EXPECT_EQ(rows_of(*first), (Rows{3, 5}));
  EXPECT_EQ(first->last_position(), row_of(1, 5));
  // Counted on over the cut, and from one again in the next transaction.
  batches.orders_row(6).commit().orders({1});
  EXPECT_EQ(rows_of(*batches.take()), (Rows{6, 1}));
}

TEST(BatchBuilders, KeepTheMarkOfAContinuedTransaction) {
  TestBatches batches;
  batches.begin();
  batches.builder().mark_continued();
  batches.builder().skip_row();
  batches.orders_row(2).commit();
  const auto batch = batches.take();
  EXPECT_TRUE(batch->transactions()[0].continued);
  EXPECT_EQ(rows_of(*batch), (Rows{2}));
}

TEST(BatchBuilders, AttachMessagesAndSchemasToTheRowThatFollows) {
  TestBatches batches;
  batches.begin().orders_row(1);
  batches.message("audit", "one");
  EXPECT_FALSE(batches.builder().can_cut());
  batches.announce(orders_with_channel_schema());
  EXPECT_FALSE(batches.builder().can_cut());
  batches.orders_row(2);
  EXPECT_TRUE(batches.builder().can_cut());
  batches.message("audit", "last").commit();
  const auto batch = batches.take();
  EXPECT_EQ(rows_of(*batch), (Rows{1, 2, 2, 2, kWholeTransaction}));
  EXPECT_EQ(batch->events()[1].message_prefix, "audit");
  EXPECT_EQ(batch->events()[1].message_content, "one");
  EXPECT_EQ(batch->transactions()[0].event_count, 5U);
}

TEST(BatchBuilders, NeverAttachToARowOfAnotherTransaction) {
  TestBatches batches;
  batches.begin().message("audit", "alone").commit().orders({1});
  const auto batch = batches.take();
  EXPECT_EQ(rows_of(*batch), (Rows{kWholeTransaction, 1}));
}

TEST(BatchBuilders, HoldEverySchemaThatTheirEventsReferToOnce) {
  TestBatches batches;
  batches.begin()
      .insert(orders_schema(), {1, "a", "1", true, nullptr})
      .insert(items_schema(), {1, 1, "sku", 2})
      .insert(orders_schema(), {2, "b", "1", true, nullptr})
      .commit();
  const auto batch = batches.take();
  ASSERT_EQ(batch->schemas().size(), 2U);
  EXPECT_EQ(batch->schemas()[0], orders_schema());
  EXPECT_EQ(batch->schemas()[1], items_schema());
  EXPECT_EQ(batch->events()[1].schema, items_schema().get());
  // The next batch refers to its own.
  batches.orders({3});
  EXPECT_EQ(batches.take()->schemas().size(), 1U);
}

TEST(BatchBuilders, ForgetWhatIsBeingBuiltAndNotWhatWasTaken) {
  TestBatches batches;
  batches.begin().orders_row(1).orders_row(2);
  const auto taken = batches.take();
  batches.orders_row(3).message("audit", "pending");
  batches.builder().reset();
  EXPECT_TRUE(batches.builder().empty());
  EXPECT_FALSE(batches.builder().in_transaction());
  EXPECT_EQ(taken->events()[1].after[0].integer(), 2);
  // Nothing of the pending message holds up what comes next.
  batches.advance();
  EXPECT_TRUE(batches.builder().can_cut());
  batches.builder().reset();
  // The transaction is sent again from its start.
  batches.begin().orders_row(1).commit();
  const auto again = batches.take();
  EXPECT_EQ(rows_of(*again), (Rows{1}));
  EXPECT_FALSE(again->transactions()[0].continued);
  EXPECT_EQ(again->sequence(), BatchSequence(2));
}

TEST(BatchBuilders, TakenBatchesOutliveTheirBuilder) {
  BatchPtr batch;
  {
    TestBatches batches;
    batch = batches.begin()
                .insert(orders_schema(), {7, std::string(1000, 'x'), "1.25", false, nullptr})
                .commit()
                .take();
  }
  const auto& after = batch->events()[0].after;
  EXPECT_EQ(after[0].integer(), 7);
  EXPECT_EQ(after[1].bytes(), std::string(1000, 'x'));
  EXPECT_EQ(after[2].bytes(), "1.25");
  EXPECT_TRUE(after[4].is_null());
}

TEST(BatchBuilders, GiveCellsThatSayNothing) {
  BatchBuilder builder({}, nullptr);
  const auto cells = builder.allocate_cells(3);
  for (const auto& cell : cells) {
    EXPECT_EQ(cell.kind(), ValueKind::kAbsent);
  }
}

}  // namespace
}  // namespace rowtide::test
