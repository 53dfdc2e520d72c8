// What arrives: values, kinds of change, tables.

#include "tests/contract/sink_harness.h"

namespace rowtide::test {
namespace {

using SinkDelivery = SinkContract;

TEST_P(SinkDelivery, EveryKindOfRowChangeArrives) {
  opened();
  TestBatches source;
  source.begin()
      .insert(orders_schema(), {1, "Ann", "12.50", true, nullptr})
      .insert(orders_schema(), {2, "Bob", "0.10", false, "call first"})
      .read(orders_schema(), {3, "Cat", "7.00", nullptr, nullptr})
      .insert(items_schema(), {1, 1, "sku-1", 5})
      .commit();
  source.begin()
      .update(orders_schema(), {1, "Ann", "13.00", true, "changed"})
      .remove(orders_schema(), {2, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell})
      .update(items_schema(), {1, 2, "sku-1", 6}, {1, 1, kAbsentCell, kAbsentCell},
              BeforeImage::kKey)
      .commit();
  const auto batch = source.take();
  submit(batch);
  const auto report = flush_and_poll();
  EXPECT_EQ(report.rows_delivered, 7U);
  EXPECT_GT(report.bytes_delivered, 0U);
  EXPECT_TRUE(report.rejected.empty());
  expect_held({batch});
}

TEST_P(SinkDelivery, ManyTransactionsArriveInOrder) {
  opened();
  TestBatches source;
  std::vector<BatchPtr> batches;
  for (int i = 1; i <= 300; ++i) {
    source.begin()
        .insert(orders_schema(), {i, "Ann", "1.00", true, nullptr})
        .update(orders_schema(), {i, "Ann", "2.00", true, "second"})
        .commit();
    if (i % 7 == 0 || i == 300) {
      batches.push_back(source.take());
      submit(batches.back());
      poll();
    }
  }
  EXPECT_EQ(flush_and_poll().rows_delivered, 600U);
  expect_held(batches);
}

TEST_P(SinkDelivery, TextOfEveryKindSurvives) {
  opened();
  TestBatches source;
  source.begin();
  const char* const texts[] = {
      "",           "NULL",     "null",        "\\N",        "tab\tnewline\n",
      "\"quoted\"", "it's",     "back\\slash", "{\"a\": 1}", "Größe € 😀",
      "a,b;c|d=e",  " spaced ", "\r\n",        "\x01\x1f",   "%s%n$1"};
  int id = 0;
  for (const char* text : texts) {
    source.insert(orders_schema(), {++id, text, "1.00", true, text});
  }
  const auto batch = source.commit().take();
  submit(batch);
  flush_and_poll();
  expect_held({batch});
}

TEST_P(SinkDelivery, HugeValuesArriveWhole) {
  opened();
  TestBatches source;
  const std::string huge = std::string(6 << 20, 'x') + "\n\"end\"";
  const auto batch = source.begin()
                         .insert(orders_schema(), {1, "Ann", "1.00", true, huge})
                         .insert(orders_schema(), {2, "Bob", "1.00", true, nullptr})
                         .commit()
                         .take();
  submit(batch);
  flush_and_poll();
  expect_held({batch});
}

TEST_P(SinkDelivery, AnUnchangedColumnKeepsItsValue) {
  if (keeps() != Keeps::kRows) {
    GTEST_SKIP() << "the destination keeps changes, not rows";
  }
  opened();
  TestBatches source;
  const auto first = source.begin()
                         .insert(orders_schema(), {1, "Ann", "12.50", true, "a long note"})
                         .insert(orders_schema(), {2, "Bob", "1.00", true, "another"})
                         .commit()
                         .take();
  submit(first);
  flush_and_poll();
  const auto second =
      source.begin()
          .update(orders_schema(), {1, "Ann", "13.00", true, kUnchangedCell})
          .update(orders_schema(), {3, "Bob", "2.00", true, kUnchangedCell},
                  {2, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell}, BeforeImage::kKey)
          .commit()
          .take();
  submit(second);
  flush_and_poll();
  expect_held({first, second});
}

TEST_P(SinkDelivery, ATruncateEmptiesItsTableOnly) {
  opened();
  TestBatches source;
  const auto batch = source.begin()
                         .insert(orders_schema(), {1, "Ann", "12.50", true, nullptr})
                         .insert(items_schema(), {1, 1, "sku", 1})
                         .commit()
                         .begin()
                         .truncate(orders_schema())
                         .insert(orders_schema(), {2, "Bob", "1.00", true, nullptr})
                         .commit()
                         .take();
  submit(batch);
  flush_and_poll();
  expect_held({batch});
}

TEST_P(SinkDelivery, MessagesAndSchemaAnnouncementsDisturbNothing) {
  opened();
  TestBatches source;
  const auto batch = source.begin()
                         .announce(orders_schema())
                         .message("audit", "before the row")
                         .orders_row(1)
                         .message("audit", "at the end")
                         .commit()
                         .begin()
                         .message("heartbeat", "alone")
                         .commit()
                         .take();
  submit(batch);
  const auto report = flush_and_poll();
  ASSERT_TRUE(report.durable);
  EXPECT_EQ(*report.durable, TestBatches::resume_after(2));
  EXPECT_EQ(report.rows_delivered, 1U);
  expect_held({batch});
}

TEST_P(SinkDelivery, AColumnAddedInTheMiddleOfTheStreamIsTaken) {
  opened();
  TestBatches source;
  const auto batch =
      source.orders({1})
          .begin()
          .announce(orders_with_channel_schema())
          .insert(orders_with_channel_schema(), {2, "Bob", "1.00", true, nullptr, "web"})
          .commit()
          .take();
  submit(batch);
  EXPECT_EQ(flush_and_poll().rows_delivered, 2U);
  if (keeps() == Keeps::kRows) {
    expect_held({batch});
  }
}

TEST_P(SinkDelivery, ARowThatComesAndGoesInOneTransactionLeavesNothingBehind) {
  opened();
  TestBatches source;
  const auto batch =
      source.begin()
          .orders_row(1)
          .remove(orders_schema(), {1, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell})
          .orders_row(2)
          .remove(orders_schema(), {2, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell})
          .orders_row(2)
          .commit()
          .take();
  submit(batch);
  flush_and_poll();
  expect_held({batch});
}

INSTANTIATE_TEST_SUITE_P(Of, SinkDelivery, ::testing::ValuesIn(sink_entries()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace rowtide::test
