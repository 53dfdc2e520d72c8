#include "tests/unit/pg_stream_fixture.h"

namespace rowtide::postgres {
namespace {

using namespace wire;

using PlainStreams = StreamTest;

TEST_F(PlainStreams, BecomeTransactions) {
  send_all({begin(0x200, 7), relation(kOrders), insert(kOrders, 1, "a"), insert(kOrders, 2, "b"),
            commit(0x200), begin(0x300, 8), insert(kOrders, 3, "c"), commit(0x300)});
  EXPECT_EQ(taken(), (Lines{"begin 200", "1 s orders", "1 c 1 a", "2 c 2 b", "commit 0/208",
                            "begin 300", "1 c 3 c", "commit 0/308"}));
  EXPECT_EQ(assembler.received_lsn(), 0x308U);
}

TEST_F(PlainStreams, CountTruncatesButNoMessages) {
  send_all({begin(0x200, 7), relation(kOrders), relation(kItems), message("p", "first"),
            insert(kOrders, 1, "a"), truncate({kOrders, kItems}), message("p", "second"),
            insert(kItems, 2, "b"), message("p", "last"), commit(0x200)});
  EXPECT_EQ(taken(),
            (Lines{"begin 200", "1 m p first", "1 s orders", "1 c 1 a", "2 t orders", "3 s items",
                   "3 t items", "4 m p second", "4 c 2 b", "* m p last", "commit 0/208"}));
}

TEST_F(PlainStreams, TakeAMessageOutsideOfATransactionAsOneOfItsOwn) {
  send_all({free_message(0x180, "p", "alone"), begin(0x200, 7), relation(kOrders),
            insert(kOrders, 1, "a"), commit(0x200)});
  EXPECT_EQ(taken(), (Lines{"begin 180", "* m p alone", "commit 0/100", "begin 200", "1 s orders",
                            "1 c 1 a", "commit 0/208"}));
}

TEST_F(PlainStreams, AdvanceBetweenTransactions) {
  assembler.advance(0x180, builder);
  EXPECT_EQ(taken(), (Lines{"advance 17E 0/180"}));
  // Nothing new.
  assembler.advance(0x180, builder);
  EXPECT_EQ(taken(), (Lines{}));
  // A commit record may begin exactly there.
  send_all({begin(0x180, 7), relation(kOrders), insert(kOrders, 1, "a"), commit(0x180)});
  EXPECT_EQ(taken(), (Lines{"begin 180", "1 s orders", "1 c 1 a", "commit 0/188"}));
  // The end of a commit is further than its beginning, which is where the position stood.
  assembler.advance(0x188, builder);
  EXPECT_EQ(taken(), (Lines{"advance 186 0/188"}));
  assembler.advance(0x188, builder);
  EXPECT_EQ(taken(), (Lines{}));
}

TEST_F(PlainStreams, TellReadersOfATransactionBeforeItsFirstRow) {
  seen_by_readers.surveyed(seen_by_readers.survey_mark(), {});
  EXPECT_EQ(seen_by_readers.timeline(), 1U);
  send_all({begin(0x200, 7)});
  EXPECT_EQ(seen_by_readers.noted(), 1U);
  EXPECT_EQ(seen_by_readers.commit_lsn(), 0x200U);
}

TEST_F(PlainStreams, KeepTheMarksOfOurOwnReadersBack) {
  send_all({begin(0x200, 7), message("rowtide.watermark", ""), commit(0x200),
            free_message(0x280, "rowtide.watermark", "")});
  EXPECT_EQ(taken(), (Lines{"begin 200", "commit 0/208", "begin 280", "commit 0/208"}));
}

TEST_F(PlainStreams, DoNotAdvanceInsideATransaction) {
  send_all({begin(0x200, 7), relation(kOrders), insert(kOrders, 1, "a")});
  assembler.advance(0x900, builder);
  EXPECT_EQ(assembler.received_lsn(), 0x100U);
  send_all({commit(0x200)});
  EXPECT_EQ(assembler.received_lsn(), 0x208U);
}

TEST_F(PlainStreams, NameTheTableAndPlaceOfARowThatCannotBeRead) {
  send_all({begin(0x200, 7), relation(kOrders)});
  const auto sent =
      send("I" + insert(kOrders, 1, "a").substr(1, 4) + "N" + std::string("\0\1x", 3));
  ASSERT_FALSE(sent);
  EXPECT_NE(sent.error().message.find("public.orders at 0/200"), std::string::npos)
      << sent.error().message;
}

TEST_F(PlainStreams, RefuseMessagesOutOfPlace) {
  for (const auto& stray : {insert(kOrders, 1, "a"), commit(0x200), truncate({kOrders}),
                            prepare(0x200, 7, "g"), std::string("E") + "x"}) {
    restart();
    const auto sent = send(stray);
    if (stray.front() == 'E') {
      continue;
    }
    ASSERT_FALSE(sent) << stray.front();
    EXPECT_EQ(sent.error().code, Code::kProtocol);
    EXPECT_EQ(sent.error().disposition, Disposition::kRetry);
  }
  restart();
  send_all({begin(0x200, 7)});
  EXPECT_FALSE(send(begin(0x300, 8)));
  restart();
  send_all({begin(0x200, 7)});
  EXPECT_FALSE(send(commit(0x300)));
}

TEST_F(PlainStreams, RefuseRowsOfARelationThatWasNeverDescribed) {
  send_all({begin(0x200, 7)});
  EXPECT_EQ(send(insert(kOrders, 1, "a")).error().code, Code::kProtocol);
}

TEST_F(PlainStreams, AnnounceAChangedTableBeforeItsNextRow) {
  send_all({begin(0x200, 7), relation(kOrders, 0, 1), insert_key(kOrders, 1),
            relation(kOrders, 0, 1), insert_key(kOrders, 2), relation(kOrders),
            insert(kOrders, 3, "c"), commit(0x200)});
  EXPECT_EQ(taken(), (Lines{"begin 200", "1 s orders", "1 c 1 -", "2 c 2 -", "3 s orders",
                            "3 c 3 c", "commit 0/208"}));
}

}  // namespace
}  // namespace rowtide::postgres
