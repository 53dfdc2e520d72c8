#include "tests/unit/mysql_stream_fixture.h"

namespace rowtide::mysql {
namespace {

using MysqlStreamXa = MysqlStreamTest;

TEST_F(MysqlStreamXa, RowsComeAtTheCommitAndTokensWaitForIt) {
  taken();
  prepare(1, "a", {1, 2});
  insert(2, {3});
  gtid(3);
  query("XA COMMIT X'61',X'',1");
  const std::string id(kServer);
  EXPECT_EQ(taken(), (Lines{"begin 4 " + id + ":2", "1 c 3", "commit gtid:|" + id + ":1-2",
                            "begin 6 " + id + ":3", "1 c 1", "2 c 2", "commit " + set("1-3")}));
}

TEST_F(MysqlStreamXa, TheTransactionBeginsBeforeItsPrepareUntilItIsDelivered) {
  builder = BatchBuilder({.batch_bytes = 1 << 20, .batch_events = 2}, nullptr);
  insert(1, {9});
  taken();
  prepare(2, "a", {1, 2, 3, 4});
  gtid(3);
  must(EventType::kQuery, wire::query_body("shop", "XA COMMIT 'a'"));
  // All but the last part were cut; the part that is cut now still starts at the old token, and
  // tells what it is a part of and what was executed before.
  ASSERT_TRUE(builder.can_cut());
  const auto batch = builder.take();
  ASSERT_FALSE(batch->transactions().empty());
  EXPECT_EQ(batch->transactions().back().start_token,
            set("1") + "|" + std::string(kServer) + ":1-2@" + std::string(kServer) + ":3");
  EXPECT_EQ(batch->transactions().back().end_token, set("1-3"));
}

TEST_F(MysqlStreamXa, ARollbackDropsTheRows) {
  taken();
  prepare(1, "a", {1, 2});
  EXPECT_EQ(taken(), (Lines{"advance 2 gtid:|" + std::string(kServer) + ":1"}));
  gtid(2);
  query("XA ROLLBACK X'61',X'',1");
  EXPECT_EQ(taken(), (Lines{"advance 4 " + set("1-2")}));
}

TEST_F(MysqlStreamXa, TheOldestPreparedTransactionHoldsTheToken) {
  taken();
  prepare(1, "b", {1});
  prepare(2, "a", {2});
  gtid(3);
  query("XA COMMIT 'a'");
  EXPECT_EQ(taken().back(), "commit gtid:|" + std::string(kServer) + ":1-3");
  gtid(4);
  query("XA COMMIT 'b'");
  EXPECT_EQ(taken().back(), "commit " + set("1-4"));
}

TEST_F(MysqlStreamXa, ATransactionThatIsNewBehindAHeldTokenIsTold) {
  prepare(1, "a", {1, 2});
  insert(2, {3});
  const auto held = taken().back().substr(7);
  EXPECT_EQ(held, "gtid:|" + std::string(kServer) + ":1-2");
  restart(held, whole(4), {held});
  prepare(1, "a", {1, 2});
  insert(7, {8});  // under the number of 2
  const auto refused = send(EventType::kGtid, wire::gtid_body(*parse_uuid(kServer), 2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPositionLost);
}

TEST_F(MysqlStreamXa, AfterARestartThePrepareIsSentAgainAndOnlyTheRestDelivered) {
  prepare(1, "a", {1, 2});
  insert(2, {3});
  taken();
  restart("gtid:", whole(4));
  prepare(1, "a", {1, 2});
  insert(2, {3});
  EXPECT_EQ(taken(), Lines{});
  gtid(3);
  query("XA COMMIT 'a'");
  EXPECT_EQ(taken(), (Lines{"begin 6 " + std::string(kServer) + ":3", "1 c 1", "2 c 2",
                            "commit " + set("1-3")}));
}

TEST_F(MysqlStreamXa, ACommitThatWasDeliveredInPartGoesOn) {
  restart("gtid:", Position{0, 4, 1});
  prepare(1, "a", {1, 2});
  gtid(2);
  query("XA COMMIT 'a'");
  EXPECT_EQ(taken(), (Lines{"begin 4 " + std::string(kServer) + ":2 continued", "2 c 2",
                            "commit " + set("1-2")}));
}

TEST_F(MysqlStreamXa, OnePhaseIsACommit) {
  taken();
  gtid(1);
  query("XA START 'a'");
  rows("t", {1});
  query("XA END 'a'");
  must(EventType::kXaPrepare, wire::xa_prepare_body("a", true));
  EXPECT_EQ(taken(),
            (Lines{"begin 2 " + std::string(kServer) + ":1", "1 c 1", "commit " + set("1")}));
}

TEST_F(MysqlStreamXa, AnOutcomeWithoutItsPrepareIsEmpty) {
  taken();
  gtid(1);
  query("XA COMMIT 'never'");
  EXPECT_EQ(taken(), (Lines{"advance 2 " + set("1")}));
}

TEST_F(MysqlStreamXa, MariaDbSaysItInItsGtids) {
  restart("mariadb:");
  taken();
  maria_gtid(1, MariaDbGtidEvent::kPreparedXa, "a");
  rows("t", {1});
  query("XA END X'61',X'',1");
  must(EventType::kXaPrepare, wire::xa_prepare_body("a"));
  maria_gtid(2, MariaDbGtidEvent::kStandalone | MariaDbGtidEvent::kCompletedXa, "a");
  query("XA COMMIT X'61',X'',1");
  EXPECT_EQ(taken(), (Lines{"begin 4 0-1-2", "1 c 1", "commit mariadb:0-1-2"}));
}

// More than stays in memory goes to the store, and comes back in order.
TEST_F(MysqlStreamXa, ManyRowsWaitOnDisk) {
  taken();
  gtid(1);
  query("XA START 'a'");
  constexpr std::uint32_t kRows = 20'000;
  for (std::uint32_t i = 1; i <= kRows; ++i) {
    rows("t", {i});
  }
  query("XA END 'a'");
  must(EventType::kXaPrepare, wire::xa_prepare_body("a"));
  EXPECT_GT(assembler.spilled_bytes(), 1'000'000U);
  gtid(2);
  query("XA COMMIT 'a'");
  std::uint32_t next = 1;
  for (const auto& line : taken()) {
    if (line.find(" c ") != std::string::npos) {
      ASSERT_EQ(line, fmt::format("{} c {}", next, next));
      ++next;
    }
  }
  EXPECT_EQ(next, kRows + 1);
  EXPECT_EQ(assembler.spilled_bytes(), 0U);
}

}  // namespace
}  // namespace rowtide::mysql
