#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "engine/model/position.h"
#include "tests/support/test_batches.h"

namespace rowtide::test {
namespace {

BatchPtr rows_read(std::initializer_list<int> ids) {
  TestBatches reading;
  reading.begin();
  for (const int id : ids) {
    reading.read(orders_schema(), {id, "customer", "1.50", true, nullptr});
  }
  return reading.commit().take();
}

Slice slice_of(const BatchPtr& rows, const Position& behind) {
  Slice slice;
  slice.behind = behind;
  slice.id = "shop-1";
  slice.committed_at_us = 17;
  slice.rows = rows;
  slice.events.assign(rows->events().begin(), rows->events().end());
  slice.schema = orders_schema();
  return slice;
}

TEST(Positions, OfABackfillLieBetweenTwoTransactions) {
  const Position whole{1, 100, kWholeTransaction};
  const Position inside{1, 100, 7};
  const Position filled{1, 101, kFirstBackfillRow + 3};
  EXPECT_FALSE(whole.is_backfill());
  EXPECT_TRUE(whole.is_boundary());
  EXPECT_FALSE(inside.is_backfill());
  EXPECT_FALSE(inside.is_boundary());
  EXPECT_TRUE(filled.is_backfill());
  EXPECT_TRUE(filled.is_boundary());
  EXPECT_LT(whole, filled);
  EXPECT_LT(filled, (Position{1, 102, 1}));
  // Room for more rows than any transaction has, on both sides.
  EXPECT_LT(kFirstBackfillRow, kWholeTransaction);
}

TEST(Positions, CountTheRowsOfABackfillFromOne) {
  EXPECT_EQ(row_number(1), 1U);
  EXPECT_EQ(row_number(kFirstBackfillRow - 1), kFirstBackfillRow - 1);
  EXPECT_EQ(row_number(kFirstBackfillRow + 1), 1U);
  EXPECT_EQ(row_number(kFirstBackfillRow + 99), 99U);
  EXPECT_EQ(row_number(kWholeTransaction), kWholeTransaction);
}

TEST(Positions, OfABackfillReadAndWriteAsText) {
  const Position filled{1, 101, kFirstBackfillRow + 3};
  const auto parsed = parse_position(to_text(filled));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, filled);
  EXPECT_GT(to_text(filled), to_text({1, 100, kWholeTransaction}));
  EXPECT_LT(to_text(filled), to_text({1, 102, 1}));
}

TEST(Slices, ComeBehindTheTransactionWhereTheStreamStands) {
  BatchBuilder builder({}, nullptr);
  const auto rows = rows_read({1, 2, 3});
  const auto batch = builder.take_slice(slice_of(rows, TestBatches::end_of(5)), "token-5");
  ASSERT_EQ(batch->transactions().size(), 1U);
  const Transaction& transaction = batch->transactions()[0];
  EXPECT_EQ(transaction.id, "shop-1");
  EXPECT_EQ(transaction.timeline, 1U);
  EXPECT_EQ(transaction.commit, 501U);
  EXPECT_EQ(transaction.committed_at_us, 17);
  EXPECT_EQ(transaction.first_event, 0U);
  EXPECT_EQ(transaction.event_count, 3U);
  EXPECT_TRUE(transaction.complete);
  EXPECT_FALSE(transaction.continued);
  EXPECT_EQ(transaction.end_position(), batch->last_position());
  EXPECT_EQ(batch->position_of(batch->events()[0]), (Position{1, 501, kFirstBackfillRow + 1}));
  EXPECT_EQ(batch->last_position(), (Position{1, 501, kFirstBackfillRow + 3}));
  EXPECT_EQ(batch->position_of(batch->events()[2]), batch->last_position());
  EXPECT_TRUE(batch->ends_on_commit());
  ASSERT_EQ(batch->schemas().size(), 1U);
  EXPECT_EQ(batch->schemas()[0], orders_schema());
}

TEST(Slices, ComeBehindTheSliceWhereTheStreamStands) {
  BatchBuilder builder({}, nullptr);
  const auto first =
      builder.take_slice(slice_of(rows_read({1, 2}), TestBatches::end_of(1)), "token-1");
  const auto second =
      builder.take_slice(slice_of(rows_read({3, 4}), first->last_position()), "token-1");
  EXPECT_EQ(second->position_of(second->events()[0]), (Position{1, 101, kFirstBackfillRow + 3}));
  EXPECT_EQ(second->last_position(), (Position{1, 101, kFirstBackfillRow + 4}));
  EXPECT_GT(second->sequence(), first->sequence());
}

TEST(Slices, WithoutRowsMoveOn) {
  BatchBuilder builder({}, nullptr);
  Slice note;
  note.behind = TestBatches::end_of(1);
  const auto first = builder.take_slice(note, "token-1");
  EXPECT_TRUE(first->events().empty());
  EXPECT_GT(first->last_position(), TestBatches::end_of(1));
  EXPECT_TRUE(first->last_position().is_backfill());
  EXPECT_EQ(first->transactions()[0].end_position(), first->last_position());
  note.behind = first->last_position();
  EXPECT_GT(builder.take_slice(note, "token-1")->last_position(), first->last_position());
  EXPECT_LT(builder.take_slice(note, "token-1")->last_position(), TestBatches::end_of(2));
}

TEST(Slices, ChangeWhatTokensEndWith) {
  TestBatches stream;
  stream.builder().set_token_suffix("#three left");
  const auto before = stream.orders({1}).take();
  EXPECT_EQ(before->last_token(), "token-1#three left");
  Slice slice = slice_of(rows_read({2}), before->last_position());
  slice.token_suffix = "#two left";
  const auto batch = stream.builder().take_slice(std::move(slice), "token-1");
  EXPECT_EQ(batch->transactions()[0].start_token, "token-1#three left");
  EXPECT_EQ(batch->transactions()[0].end_token, "token-1#two left");
  EXPECT_EQ(batch->last_token(), "token-1#two left");
  // And every token behind it, wherever it stands.
  const auto after = stream.orders({3}).orders({4}).advance().take();
  EXPECT_EQ(after->transactions()[0].start_token, "token-1#two left");
  EXPECT_EQ(after->transactions()[0].end_token, "token-2#two left");
  EXPECT_EQ(after->transactions()[1].start_token, "token-2#two left");
  EXPECT_EQ(after->last_token(), "token-4#two left");
  Slice last;
  last.behind = after->last_position();
  EXPECT_EQ(stream.builder().take_slice(std::move(last), "token-4")->last_token(), "token-4");
  EXPECT_EQ(stream.orders({5}).take()->last_token(), "token-5");
}

TEST(Slices, KeepTheSuffixOfASplitTransaction) {
  TestBatches stream;
  stream.builder().set_token_suffix("#left");
  stream.begin().orders_row(1).orders_row(2);
  const auto head = stream.take();
  EXPECT_EQ(head->last_token(), "token-0#left");
  const auto tail = stream.orders_row(3).commit().take();
  EXPECT_EQ(tail->transactions()[0].start_token, "token-0#left");
  EXPECT_EQ(tail->last_token(), "token-1#left");
}

TEST(Slices, AreForTheirLanes) {
  BatchBuilder builder({}, nullptr);
  Slice slice = slice_of(rows_read({1}), TestBatches::end_of(1));
  slice.lanes = 0b101;
  const auto batch = builder.take_slice(std::move(slice), "token-1");
  EXPECT_TRUE(batch->is_for(0));
  EXPECT_FALSE(batch->is_for(1));
  EXPECT_TRUE(batch->is_for(2));
  // What the stream brings is for all, also when it says nothing.
  EXPECT_TRUE(TestBatches().orders({1}).take()->is_for(kMaxLanes - 1));
  EXPECT_TRUE(TestBatches().advance().take()->is_for(0));
}

TEST(Slices, KeepTheirBytesAliveAndCountThem) {
  ByteBudget budget(1);
  BatchBuilder builder({}, &budget);
  BatchPtr rows = rows_read({1, 2});
  const auto rows_bytes = rows->size_bytes();
  auto merged = std::make_shared<Arena>();
  Slice slice = slice_of(rows, TestBatches::end_of(1));
  rows.reset();
  std::vector<Value> cells(slice.events[1].after.begin(), slice.events[1].after.end());
  cells[1] = Value::bytes_of(ValueKind::kText, merged->copy("merged"));
  auto* kept =
      reinterpret_cast<Value*>(merged->allocate(cells.size() * sizeof(Value), alignof(Value)));
  std::ranges::uninitialized_copy(cells, std::span(kept, cells.size()));
  slice.events[1].after = {kept, cells.size()};
  slice.merged = std::move(merged);
  BatchPtr batch = builder.take_slice(std::move(slice), "token-1");
  EXPECT_EQ(batch->events()[0].after[1].bytes(), "customer");
  EXPECT_EQ(batch->events()[1].after[1].bytes(), "merged");
  EXPECT_GT(batch->size_bytes(), rows_bytes);
  EXPECT_EQ(budget.used_bytes(), batch->size_bytes());
  // A lane that wants less of it shares all of that.
  BatchPtr less = filtered(batch, Position{1, 101, kFirstBackfillRow + 1}, nullptr);
  batch.reset();
  ASSERT_EQ(less->events().size(), 1U);
  EXPECT_EQ(less->events()[0].after[1].bytes(), "merged");
  EXPECT_EQ(less->transactions()[0].end_position(), less->last_position());
  less.reset();
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST(FillingBatches, SayWhichTablesMayLackRows) {
  TestBatches stream;
  EXPECT_FALSE(stream.orders({1}).take()->is_filling(1001));
  FillingTables some;
  some.ids = {1001, 7};
  stream.builder().set_filling(std::make_shared<const FillingTables>(some));
  const auto batch = stream.orders({2}).take();
  EXPECT_TRUE(batch->is_filling(1001));
  EXPECT_TRUE(batch->is_filling(7));
  EXPECT_FALSE(batch->is_filling(1002));
  EXPECT_TRUE(filtered(batch, TestBatches::end_of(2), nullptr)->is_filling(7));
  FillingTables every;
  every.all = true;
  stream.builder().set_filling(std::make_shared<const FillingTables>(every));
  EXPECT_TRUE(stream.orders({3}).take()->is_filling(1002));
  // A slice is built under what was said last.
  EXPECT_TRUE(stream.builder()
                  .take_slice(slice_of(rows_read({4}), TestBatches::end_of(3)), "token-3")
                  ->is_filling(1002));
  stream.builder().set_filling(nullptr);
  EXPECT_FALSE(stream.orders({5}).take()->is_filling(1001));
}

}  // namespace
}  // namespace rowtide::test
