#include "tests/unit/pg_stream_fixture.h"

namespace rowtide::postgres {
namespace {

using namespace wire;

using PreparedTransactions = StreamTest;

TEST_F(PreparedTransactions, ComeOutAtTheirCommitPrepared) {
  send_all({begin_prepare(0x180, 7, "g"), relation(kOrders), insert(kOrders, 1, "a"),
            message("p", "inside"), insert(kOrders, 2, "b"), prepare(0x180, 7, "g")});
  EXPECT_EQ(taken(), (Lines{}));
  send_all({commit_prepared(0x300, 7, "g")});
  EXPECT_EQ(taken(), (Lines{"begin 300", "1 s orders", "1 c 1 a", "2 m p inside", "2 c 2 b",
                            "commit 0/308"}));
}

TEST_F(PreparedTransactions, ThatWereStreamedComeOutAtTheirCommitPrepared) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a", 7),
            insert(kOrders, 2, "lost", 70), stream_stop(), stream_abort(7, 70),
            stream_prepare(0x180, 7, "g")});
  EXPECT_EQ(taken(), (Lines{}));
  send_all({commit_prepared(0x300, 7, "g")});
  EXPECT_EQ(taken(), (Lines{"begin 300", "1 s orders", "1 c 1 a", "commit 0/308"}));
}

TEST_F(PreparedTransactions, AreForgottenWhenRolledBack) {
  send_all({begin_prepare(0x180, 7, "plain"), relation(kOrders), insert(kOrders, 1, "lost"),
            prepare(0x180, 7, "plain"), stream_start(8), relation(kOrders, 8),
            insert(kOrders, 2, "lost", 8), stream_stop(), stream_prepare(0x190, 8, "streamed"),
            rollback_prepared(0x1a0, 7, "plain"), rollback_prepared(0x1b0, 8, "streamed"),
            rollback_prepared(0x1c0, 9, "never seen"), begin(0x200, 10), relation(kOrders),
            insert(kOrders, 3, "kept"), commit(0x200)});
  EXPECT_EQ(taken_rows(), (Lines{"c 3 kept"}));
}

TEST_F(PreparedTransactions, TeachTheirRelationsAtOnce) {
  // The server describes a relation once per connection: whoever comes next relies on it, whether
  // the prepared transaction has ended by then, or ever does.
  send_all({begin_prepare(0x180, 7, "g"), relation(kOrders), insert(kOrders, 1, "a"),
            prepare(0x180, 7, "g"), begin(0x200, 8), insert(kOrders, 2, "b"), commit(0x200),
            rollback_prepared(0x210, 7, "g"), begin(0x300, 9), insert(kOrders, 3, "c"),
            commit(0x300)});
  EXPECT_EQ(taken_rows(), (Lines{"c 2 b", "c 3 c"}));
}

TEST_F(PreparedTransactions, KeepTheShapeThatARowWasWrittenWith) {
  send_all({begin_prepare(0x180, 7, "g"), relation(kOrders, 0, 1), insert_key(kOrders, 1),
            relation(kOrders), insert(kOrders, 2, "b"), prepare(0x180, 7, "g"),
            commit_prepared(0x300, 7, "g"), begin(0x400, 8), insert(kOrders, 3, "c"),
            commit(0x400)});
  EXPECT_EQ(taken_rows(), (Lines{"c 1 -", "c 2 b", "c 3 c"}));
}

TEST_F(PreparedTransactions, HoldTheTokenBeforeTheirPrepare) {
  send_all({begin(0x120, 5), relation(kOrders), insert(kOrders, 1, "a"), commit(0x120),
            begin_prepare(0x180, 7, "first"), insert(kOrders, 2, "b"), prepare(0x180, 7, "first"),
            begin(0x200, 8), insert(kOrders, 3, "c"), commit(0x200),
            begin_prepare(0x280, 9, "second"), insert(kOrders, 4, "d"),
            prepare(0x280, 9, "second")});
  assembler.advance(0x290, builder);
  // Positions go on; a restart begins where the server sends both again.
  EXPECT_EQ(taken(), (Lines{"begin 120", "1 s orders", "1 c 1 a", "commit 0/128", "begin 200",
                            "1 c 3 c", "commit 0/128", "advance 28E 0/128"}));
  send_all({commit_prepared(0x300, 7, "first")});
  // The second was prepared when the token stood at the first.
  EXPECT_EQ(taken(), (Lines{"begin 300", "1 c 2 b", "commit 0/128"}));
  send_all({commit_prepared(0x400, 9, "second")});
  EXPECT_EQ(taken(), (Lines{"begin 400", "1 c 4 d", "commit 0/408"}));
}

TEST_F(PreparedTransactions, SentAgainAfterARestartAreDeliveredOnce) {
  restart(whole(0x200), 0x128);
  send_all({begin_prepare(0x180, 7, "g"), relation(kOrders), insert(kOrders, 1, "a"),
            prepare(0x180, 7, "g"), begin(0x200, 8), insert(kOrders, 2, "delivered"), commit(0x200),
            commit_prepared(0x300, 7, "g")});
  EXPECT_EQ(taken_rows(), (Lines{"c 1 a"}));
}

TEST_F(PreparedTransactions, CommittedAndDeliveredBeforeAreNotMissed) {
  restart(whole(0x300), 0x200);
  send_all({commit_prepared(0x300, 7, "g"), begin(0x400, 8), relation(kOrders),
            insert(kOrders, 1, "a"), commit(0x400)});
  EXPECT_EQ(taken(), (Lines{"begin 400", "1 s orders", "1 c 1 a", "commit 0/408"}));
}

TEST_F(PreparedTransactions, WhoseRowsAreGoneStopTheStream) {
  restart(whole(0x200), 0x200);
  const auto sent = send(commit_prepared(0x300, 7, "g"));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::kPositionLost);
  EXPECT_EQ(sent.error().disposition, Disposition::kOperator);
}

}  // namespace
}  // namespace rowtide::postgres
