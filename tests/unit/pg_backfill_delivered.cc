#include <gtest/gtest.h>

#include "sources/postgres/delivered_transactions.h"

namespace rowtide::postgres {
namespace {

TransactionSnapshot snapshot(std::string_view text) {
  auto parsed = TransactionSnapshot::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : TransactionSnapshot();
}

// As after the first barrier of a process.
void settle(DeliveredTransactions& delivered) {
  delivered.surveyed(delivered.survey_mark(), {});
}

bool visible(DeliveredTransactions& delivered, std::string_view text) {
  return delivered.all_visible(snapshot(text), delivered.mark());
}

TEST(TransactionSnapshots, SeeWhatCommittedBeforeThem) {
  const auto seen = snapshot("100:110:100,105");
  EXPECT_TRUE(seen.sees(99));
  EXPECT_TRUE(seen.sees(101));
  EXPECT_TRUE(seen.sees(109));
  EXPECT_FALSE(seen.sees(100));
  EXPECT_FALSE(seen.sees(105));
  EXPECT_FALSE(seen.sees(110));
  EXPECT_FALSE(seen.sees(111));
}

TEST(TransactionSnapshots, CompareIdsAcrossTheirWraparound) {
  // 2^32 + 5; the ids before it are just below 2^32.
  const auto seen = snapshot("4294967290:4294967301:4294967290,4294967298");
  EXPECT_TRUE(seen.sees(4294967291U));
  EXPECT_FALSE(seen.sees(4294967290U));
  EXPECT_TRUE(seen.sees(1));
  EXPECT_FALSE(seen.sees(2));
  EXPECT_FALSE(seen.sees(5));
}

TEST(TransactionSnapshots, RefuseWhatIsNone) {
  for (const auto* text : {"", "1", "1:2", "1:2:x", "a:2:", "1:2:3;4"}) {
    EXPECT_FALSE(TransactionSnapshot::parse(text)) << text;
  }
}

TEST(Delivered, WaitsUntilASnapshotSeesEachOfThem) {
  DeliveredTransactions delivered;
  settle(delivered);
  EXPECT_TRUE(visible(delivered, "10:10:"));
  delivered.add(10, 0x100);
  delivered.add(8, 0x108);
  EXPECT_FALSE(visible(delivered, "10:10:"));
  EXPECT_EQ(delivered.noted(), 1U) << "what was seen is forgotten";
  EXPECT_FALSE(visible(delivered, "10:12:10"));
  EXPECT_TRUE(visible(delivered, "11:12:"));
  EXPECT_EQ(delivered.noted(), 0U);
  EXPECT_EQ(delivered.commit_lsn(), 0x108U);
}

TEST(Delivered, AsksOnlyForWhatWasDeliveredBeforeTheMark) {
  DeliveredTransactions delivered;
  settle(delivered);
  delivered.add(10, 0x100);
  const auto mark = delivered.mark();
  delivered.add(11, 0x108);
  EXPECT_TRUE(delivered.all_visible(snapshot("11:11:"), mark));
  EXPECT_FALSE(visible(delivered, "11:11:"));
}

TEST(Delivered, TakesNoNoteOfWhatIsNoTransaction) {
  DeliveredTransactions delivered;
  settle(delivered);
  delivered.add(0, 0x100);
  EXPECT_EQ(delivered.noted(), 0U);
  EXPECT_EQ(delivered.commit_lsn(), 0x100U);
}

TEST(Delivered, NeedsASurveyBeforeItKnowsOfEarlierProcesses) {
  DeliveredTransactions delivered;
  EXPECT_TRUE(delivered.survey_due());
  EXPECT_FALSE(visible(delivered, "10:10:"));
  delivered.surveyed(delivered.survey_mark(), {7, 9});
  EXPECT_FALSE(delivered.survey_due());
  EXPECT_TRUE(delivered.in_doubt());
  EXPECT_FALSE(visible(delivered, "10:10:"));
  // 9 is gone; 12 began later and is none of those in doubt.
  delivered.surveyed(delivered.survey_mark(), {12, 7});
  EXPECT_TRUE(delivered.in_doubt());
  delivered.surveyed(delivered.survey_mark(), {12});
  EXPECT_FALSE(delivered.in_doubt());
  EXPECT_TRUE(visible(delivered, "10:10:"));
}

TEST(Delivered, AsksForASurveyInPlaceOfWhatDidNotFit) {
  DeliveredTransactions delivered(4);
  settle(delivered);
  for (std::uint32_t xid = 1; xid <= 5; ++xid) {
    delivered.add(xid, xid);
  }
  EXPECT_LE(delivered.noted(), 4U);
  EXPECT_TRUE(delivered.survey_due());
  EXPECT_FALSE(visible(delivered, "100:100:"));
  const auto before_the_next_loss = delivered.survey_mark();
  for (std::uint32_t xid = 6; xid <= 10; ++xid) {
    delivered.add(xid, xid);
  }
  delivered.surveyed(before_the_next_loss, {});
  EXPECT_TRUE(delivered.survey_due()) << "a survey knows nothing of a later loss";
  settle(delivered);
  EXPECT_TRUE(visible(delivered, "100:100:"));
}

TEST(Delivered, ForgetsEverythingOnAnotherTimeline) {
  DeliveredTransactions delivered;
  EXPECT_EQ(delivered.timeline(), 0U);
  delivered.stream_started(1);
  settle(delivered);
  delivered.add(500, 0x100);
  EXPECT_FALSE(visible(delivered, "10:10:"));
  delivered.stream_started(1);
  EXPECT_FALSE(visible(delivered, "10:10:")) << "a new connection changes nothing";
  delivered.stream_started(2);
  EXPECT_EQ(delivered.timeline(), 2U);
  EXPECT_TRUE(delivered.survey_due());
  settle(delivered);
  EXPECT_TRUE(visible(delivered, "10:10:"));
}

}  // namespace
}  // namespace rowtide::postgres
