#include "tests/unit/pg_stream_fixture.h"

// What the server sends again after a restart, against what was delivered before it.
namespace rowtide::postgres {
namespace {

using namespace wire;

class ResumedStreams : public StreamTest {
 protected:
  // Rows 1 and 2, a message, two truncated tables as rows 3 and 4, row 5, and a last message.
  void send_plain(std::uint64_t lsn) {
    send_all({begin(lsn, 7), relation(kOrders), relation(kItems), insert(kOrders, 1, "a"),
              insert(kOrders, 2, "b"), message("p", "of 3"), truncate({kOrders, kItems}),
              insert(kItems, 5, "e"), message("p", "last"), commit(lsn)});
  }
  void send_streamed(std::uint64_t lsn) {
    send_all({stream_start(7), relation(kOrders, 7), relation(kItems, 7),
              insert(kOrders, 1, "a", 7), insert(kOrders, 9, "lost", 70),
              insert(kOrders, 2, "b", 7), stream_stop(), stream_abort(7, 70),
              stream_start(7, false), message("p", "of 3", 7), truncate({kOrders, kItems}, 7),
              insert(kItems, 5, "e", 7), message("p", "last", 7), stream_stop(),
              stream_commit(7, lsn)});
  }
  void expect_both(std::optional<Position> delivered, const Lines& expected) {
    restart(delivered);
    send_plain(0x200);
    EXPECT_EQ(without_schemas(taken()), expected) << "plain";
    restart(delivered);
    send_streamed(0x200);
    EXPECT_EQ(without_schemas(taken()), expected) << "streamed";
  }
};

TEST_F(ResumedStreams, DeliverATransactionBehindWhatWasDelivered) {
  const Lines all{"begin 200", "1 c 1 a", "2 c 2 b",    "3 m p of 3",  "3 t orders",
                  "4 t items", "5 c 5 e", "* m p last", "commit 0/208"};
  expect_both(std::nullopt, all);
  expect_both(whole(0x1ff), all);
}

TEST_F(ResumedStreams, DropATransactionAtOrBelowWhatWasDelivered) {
  expect_both(whole(0x200), {});
  expect_both(whole(0x300), {});
  // Also one that lies below another of which a part was delivered.
  expect_both(Position{1, 0x300, 2}, {});
}

TEST_F(ResumedStreams, CutATransactionAtTheRowThatWasDeliveredLast) {
  expect_both(Position{1, 0x200, 1}, {"begin 200 continued", "2 c 2 b", "3 m p of 3", "3 t orders",
                                      "4 t items", "5 c 5 e", "* m p last", "commit 0/208"});
  expect_both(Position{1, 0x200, 2}, {"begin 200 continued", "3 m p of 3", "3 t orders",
                                      "4 t items", "5 c 5 e", "* m p last", "commit 0/208"});
  // Between the tables of one truncate.
  expect_both(Position{1, 0x200, 3},
              {"begin 200 continued", "4 t items", "5 c 5 e", "* m p last", "commit 0/208"});
  expect_both(Position{1, 0x200, 4},
              {"begin 200 continued", "5 c 5 e", "* m p last", "commit 0/208"});
  expect_both(Position{1, 0x200, 5}, {"begin 200 continued", "* m p last", "commit 0/208"});
}

TEST_F(ResumedStreams, ReceiveEvenWhatTheyDrop) {
  restart(whole(0x200));
  send_plain(0x200);
  EXPECT_EQ(assembler.received_lsn(), 0x208U);
  // And learn its relations.
  send_all({begin(0x300, 8), insert(kOrders, 6, "f"), commit(0x300)});
  EXPECT_EQ(taken_rows(), (Lines{"c 6 f"}));
}

TEST_F(ResumedStreams, LearnTheRelationsOfAStreamedTransactionThatTheyDrop) {
  restart(whole(0x200));
  send_streamed(0x200);
  send_all({begin(0x300, 8), insert(kOrders, 6, "f"), commit(0x300)});
  EXPECT_EQ(taken_rows(), (Lines{"c 6 f"}));
}

TEST_F(ResumedStreams, DropAMessageThatWasDelivered) {
  restart(whole(0x180));
  send_all({free_message(0x180, "p", "delivered"), free_message(0x190, "p", "new")});
  EXPECT_EQ(taken(), (Lines{"begin 190", "* m p new", "commit 0/100"}));
}

TEST_F(ResumedStreams, ForgetWhatWasHalfSentOnTheBrokenConnection) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "old", 7), stream_stop(),
            stream_start(8), insert(kOrders, 2, "old", 8)});
  restart();
  send_all({begin(0x200, 9), relation(kOrders), insert(kOrders, 3, "new"), commit(0x200)});
  EXPECT_EQ(taken_rows(), (Lines{"c 3 new"}));
  // Sent again from its start, now that the connection is new.
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "again", 7), stream_stop(),
            stream_commit(7, 0x300)});
  EXPECT_EQ(taken_rows(), (Lines{"c 1 again"}));
}

TEST_F(ResumedStreams, KeepTheTimelineOfWhatWasDeliveredBeforeItChanged) {
  StreamAssembler::Start start;
  start.system_id = "7000000000000000001";
  start.timeline = 2;
  start.start_lsn = 0x100;
  start.delivered = whole(0x1f0);
  start.highest = whole(0x200);
  ASSERT_TRUE(assembler.reset(start));
  send_all({begin(0x200, 7), relation(kOrders), insert(kOrders, 1, "a"), commit(0x200),
            begin(0x300, 8), insert(kOrders, 2, "b"), commit(0x300)});
  const auto batch = builder.take();
  ASSERT_EQ(batch->transactions().size(), 2U);
  EXPECT_EQ(batch->transactions()[0].timeline, 1U);
  EXPECT_EQ(batch->transactions()[1].timeline, 2U);
}

}  // namespace
}  // namespace rowtide::postgres
