#include "tests/unit/pg_stream_fixture.h"

namespace rowtide::postgres {
namespace {

using namespace wire;

using StreamedTransactions = StreamTest;

TEST_F(StreamedTransactions, ComeOutAtTheirCommit) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a", 7), stream_stop()});
  EXPECT_EQ(taken(), (Lines{}));
  send_all({stream_start(7, false), insert(kOrders, 2, "b", 7), stream_stop()});
  EXPECT_EQ(taken(), (Lines{}));
  send_all({stream_commit(7, 0x200)});
  EXPECT_EQ(taken(), (Lines{"begin 200", "1 s orders", "1 c 1 a", "2 c 2 b", "commit 0/208"}));
}

TEST_F(StreamedTransactions, InterleaveWithEachOtherAndWithPlainOnes) {
  send_all({stream_start(7),
            relation(kOrders, 7),
            insert(kOrders, 1, "a7", 7),
            stream_stop(),
            stream_start(8),
            relation(kOrders, 8),
            insert(kOrders, 2, "a8", 8),
            stream_stop(),
            begin(0x200, 9),
            relation(kOrders),
            insert(kOrders, 3, "a9"),
            commit(0x200),
            stream_start(7, false),
            insert(kOrders, 4, "b7", 7),
            stream_stop(),
            stream_start(8, false),
            insert(kOrders, 5, "b8", 8),
            stream_stop(),
            stream_commit(8, 0x300),
            stream_start(7, false),
            insert(kOrders, 6, "c7", 7),
            stream_stop(),
            stream_commit(7, 0x400)});
  EXPECT_EQ(taken(), (Lines{"begin 200", "1 s orders", "1 c 3 a9", "commit 0/208",  //
                            "begin 300", "1 c 2 a8", "2 c 5 b8", "commit 0/308",    //
                            "begin 400", "1 c 1 a7", "2 c 4 b7", "3 c 6 c7", "commit 0/408"}));
}

// The same rows, truncates and messages once plain and once streamed, with a savepoint.
TEST_F(StreamedTransactions, AreNumberedLikeTheSameTransactionUnstreamed) {
  send_all({begin(0x200, 7), message("p", "first"), relation(kOrders), relation(kItems),
            insert(kOrders, 1, "a"), truncate({kOrders, kItems}), message("p", "second"),
            insert(kItems, 2, "b"), insert(kOrders, 3, "c"), message("p", "last"), commit(0x200)});
  const auto plain = without_schemas(taken());
  restart();
  send_all({stream_start(7),
            message("p", "first", 7),
            relation(kOrders, 7),
            relation(kItems, 7),
            insert(kOrders, 1, "a", 7),
            stream_stop(),
            stream_start(7, false),
            truncate({kOrders, kItems}, 7),
            message("p", "lost", 70),
            insert(kItems, 9, "x", 70),
            truncate({kItems}, 70),
            stream_stop(),
            stream_abort(7, 70),
            stream_start(7, false),
            message("p", "second", 71),
            insert(kItems, 2, "b", 71),
            insert(kOrders, 3, "c", 7),
            message("p", "last", 7),
            stream_stop(),
            stream_commit(7, 0x200)});
  EXPECT_EQ(without_schemas(taken()), plain);
}

TEST_F(StreamedTransactions, LeaveOutWhatASubtransactionRolledBack) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "kept", 7),
            insert(kOrders, 2, "lost", 70), insert(kOrders, 3, "kept", 71),
            insert(kOrders, 4, "lost", 70), stream_stop(), stream_abort(7, 70),
            stream_start(7, false), insert(kOrders, 5, "kept", 7), stream_stop(),
            stream_commit(7, 0x200)});
  EXPECT_EQ(taken_rows(), (Lines{"c 1 kept", "c 3 kept", "c 5 kept"}));
}

TEST_F(StreamedTransactions, LeaveOutNestedAndRepeatedRollbacks) {
  // SAVEPOINT a (70), SAVEPOINT b (71), SAVEPOINT c (72): back to b takes c along, and the server
  // names each of them; a later savepoint (73) of the same name is another subtransaction.
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a", 70),
            insert(kOrders, 2, "b", 71), insert(kOrders, 3, "c", 72), stream_stop(),
            stream_abort(7, 72), stream_abort(7, 71), stream_start(7, false),
            insert(kOrders, 4, "b again", 73), stream_stop(), stream_abort(7, 73),
            stream_abort(7, 73), stream_abort(7, 72), stream_start(7, false),
            insert(kOrders, 5, "b kept", 74), insert(kOrders, 6, "end", 7), stream_stop(),
            stream_commit(7, 0x200)});
  EXPECT_EQ(taken(), (Lines{"begin 200", "1 s orders", "1 c 1 a", "2 c 5 b kept", "3 c 6 end",
                            "commit 0/208"}));
}

TEST_F(StreamedTransactions, OfOneDoNotRollBackTheSubtransactionsOfAnother) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a7", 7), stream_stop(),
            stream_start(8), relation(kOrders, 8), insert(kOrders, 2, "a8", 80), stream_stop(),
            stream_abort(7, 80), stream_commit(8, 0x200), stream_commit(7, 0x300)});
  EXPECT_EQ(taken_rows(), (Lines{"c 2 a8", "c 1 a7"}));
}

TEST_F(StreamedTransactions, OfWhichNothingIsLeftAreEmpty) {
  send_all({stream_start(7), relation(kOrders, 70), insert(kOrders, 1, "lost", 70), stream_stop(),
            stream_abort(7, 70), stream_commit(7, 0x200)});
  EXPECT_EQ(taken(), (Lines{"begin 200", "commit 0/208"}));
}

TEST_F(StreamedTransactions, AreForgottenWhenRolledBackAsAWhole) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "lost", 7), stream_stop(),
            stream_abort(7, 7), begin(0x200, 8), relation(kOrders), insert(kOrders, 2, "kept"),
            commit(0x200)});
  EXPECT_EQ(taken_rows(), (Lines{"c 2 kept"}));
  // Nor does it matter that it is named again, or that another one never was streamed.
  send_all({stream_abort(7, 7), stream_abort(99, 99), stream_abort(99, 100)});
  EXPECT_EQ(taken(), (Lines{}));
}

TEST_F(StreamedTransactions, BeginAnewWithTheirFirstSegment) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "old", 7), stream_stop(),
            stream_start(7, true), relation(kOrders, 7), insert(kOrders, 1, "new", 7),
            stream_stop(), stream_commit(7, 0x200)});
  EXPECT_EQ(taken_rows(), (Lines{"c 1 new"}));
}

TEST_F(StreamedTransactions, TeachTheRelationsThatLaterTransactionsUse) {
  // The server takes a relation for described once the transaction that told it has committed.
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a", 7), stream_stop(),
            stream_commit(7, 0x200), begin(0x300, 8), insert(kOrders, 2, "b"), commit(0x300)});
  EXPECT_EQ(taken_rows(), (Lines{"c 1 a", "c 2 b"}));
}

TEST_F(StreamedTransactions, KeepTheShapeThatARowWasWrittenWith) {
  // Described by another transaction after the row came and before it is released.
  send_all({stream_start(7), relation(kOrders, 7, 1), insert_key(kOrders, 1, 7), stream_stop(),
            begin(0x200, 8), relation(kOrders), insert(kOrders, 2, "b"), commit(0x200),
            stream_commit(7, 0x300)});
  EXPECT_EQ(taken_rows(), (Lines{"c 2 b", "c 1 -"}));
}

TEST_F(StreamedTransactions, LetMessagesOutsideOfTransactionsThroughAtOnce) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a", 7), stream_stop(),
            free_message(0x180, "p", "now"), stream_commit(7, 0x200)});
  EXPECT_EQ(taken(), (Lines{"begin 180", "* m p now", "commit 0/100", "begin 200", "1 s orders",
                            "1 c 1 a", "commit 0/208"}));
}

TEST_F(StreamedTransactions, DoNotHoldUpAnAdvance) {
  // Its commit lies ahead of any place that is told while it is open.
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a", 7), stream_stop()});
  assembler.advance(0x180, builder);
  EXPECT_EQ(taken(), (Lines{"advance 17E 0/180"}));
  send_all({stream_commit(7, 0x200)});
  EXPECT_EQ(taken_rows(), (Lines{"c 1 a"}));
}

TEST_F(StreamedTransactions, ComeOutInBatchesWithinTheirLimits) {
  builder = BatchBuilder({.batch_bytes = 1 << 20, .batch_events = 2}, nullptr);
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a", 7),
            insert(kOrders, 2, "b", 7), insert(kOrders, 3, "c", 7), stream_stop(),
            stream_commit(7, 0x200)});
  EXPECT_EQ(taken(), (Lines{"begin 200", "1 s orders", "1 c 1 a", "begin 200 continued", "2 c 2 b",
                            "3 c 3 c", "begin 200 continued", "commit 0/208"}));
}

}  // namespace
}  // namespace rowtide::postgres
