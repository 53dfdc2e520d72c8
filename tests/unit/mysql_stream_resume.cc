#include "tests/unit/mysql_stream_fixture.h"

namespace rowtide::mysql {
namespace {

using MysqlStreamResume = MysqlStreamTest;

const auto kArtificial = kFlagArtificial;

TEST_F(MysqlStreamResume, WhatWasDeliveredIsLeftOutAndTheRestCounted) {
  restart(set("1"), Position{0, 6, 2});
  insert(2, {1, 2});
  insert(3, {3, 4, 5});
  insert(4, {6});
  const std::string id(kServer);
  EXPECT_EQ(taken(), (Lines{"begin 6 " + id + ":3 continued", "3 c 5", "commit " + set("1-3"),
                            "begin 8 " + id + ":4", "1 c 6", "commit " + set("1-4")}));
}

TEST_F(MysqlStreamResume, AWholePositionOrABackfillBehindItLeavesTheTransactionOut) {
  for (const Position delivered : {whole(4), Position{0, 5, kFirstBackfillRow + 3}}) {
    restart(set("1"), delivered);
    insert(2, {1});
    EXPECT_EQ(taken(), Lines{});
    insert(3, {2});
    EXPECT_EQ(taken(),
              (Lines{"begin 6 " + std::string(kServer) + ":3", "1 c 2", "commit " + set("1-3")}));
  }
}

TEST_F(MysqlStreamResume, TheFirstStartSaysWhereItIs) {
  restart(set("1-40"));
  EXPECT_EQ(taken(), (Lines{"advance 80 " + set("1-40")}));
  EXPECT_EQ(taken(), Lines{});
}

TEST_F(MysqlStreamResume, EmptyTransactionsMoveThePosition) {
  taken();
  gtid(1);
  query("BEGIN");
  query("COMMIT");
  gtid(2);
  query("GRANT SELECT ON *.* TO x");
  EXPECT_EQ(taken(), (Lines{"advance 4 " + set("1-2")}));
}

TEST_F(MysqlStreamResume, ATokenInsideATransactionNamesIt) {
  insert(1, {1});
  taken();
  gtid(2);
  query("BEGIN");
  rows("t", {2, 3});
  const auto batch = builder.take();
  EXPECT_EQ(batch->last_token(), set("1") + "@" + std::string(kServer) + ":2");
  xid();
  EXPECT_EQ(taken().back(), "commit " + set("1-2"));
}

TEST_F(MysqlStreamResume, TheRestOfATransactionIsTheSameTransactions) {
  const auto stored = set("1") + "@" + std::string(kServer) + ":2";
  restart(stored, Position{0, 4, 1}, {stored});
  gtid(2);
  query("BEGIN");
  rows("t", {2, 3});
  xid();
  EXPECT_EQ(taken(), (Lines{"begin 4 " + std::string(kServer) + ":2 continued", "2 c 3",
                            "commit " + set("1-2")}));
  // Another one under its number, of which it would take the rows.
  restart(stored, Position{0, 4, 1}, {stored});
  const auto refused = send(EventType::kGtid, wire::gtid_body(*parse_uuid(kServer), 3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPositionLost);
  EXPECT_FALSE(refused.error().remedy.empty());
  EXPECT_TRUE(taken().empty());
}

TEST_F(MysqlStreamResume, OfALaneThatIsFurtherOnJustWhatItWasDeliveredComesFirst) {
  restart(set("1"), whole(2), {set("1"), set("1-3")});
  insert(3, {3});
  insert(2, {2});
  insert(4, {4});
  EXPECT_EQ(taken().back(), "commit " + set("1-4"));
  restart(set("1"), whole(2), {set("1"), set("1-3")});
  insert(2, {2});
  insert(7, {7});
  taken();
  const auto refused = send(EventType::kGtid, wire::gtid_body(*parse_uuid(kServer), 3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPositionLost);
}

TEST_F(MysqlStreamResume, ALaneThatIsFurtherOnInsideATransactionIsNotGivenAnothersRows) {
  const auto further = set("1-2") + "@" + std::string(kServer) + ":3";
  restart(set("1"), whole(2), {further});
  insert(2, {2});
  const auto refused = send(EventType::kGtid, wire::gtid_body(*parse_uuid(kServer), 4));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPositionLost);
}

TEST_F(MysqlStreamResume, NothingIsSaidInsideATransaction) {
  taken();
  gtid(1);
  query("BEGIN");
  EXPECT_EQ(taken(), Lines{});
  xid();
  EXPECT_EQ(taken(), (Lines{"advance 2 " + set("1")}));
}

TEST_F(MysqlStreamResume, TheFileIsAHintInTheToken) {
  must(EventType::kRotate, wire::number(4, 8) + "binlog.000003", kArtificial);
  insert(1, {1});
  const auto lines = taken();
  EXPECT_EQ(lines.back(),
            "commit " + set("1") + ";" + std::string(kServer) + ":binlog.000003:1000");
  const auto again = StreamPosition::parse(lines.back().substr(7));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->file(), (BinlogPosition{"binlog.000003", 1000}));
  EXPECT_EQ(again->commit(), 2U);
}

TEST_F(MysqlStreamResume, AFileThatEndsInsideATransactionThatWasBegunStops) {
  gtid(1);
  query("BEGIN");
  rows("t", {1});
  const auto refused = send(EventType::kRotate, wire::number(4, 8) + "binlog.000004", kArtificial);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPositionLost);
}

TEST_F(MysqlStreamResume, ATransactionThatTheServerDidNotFinishIsForgotten) {
  taken();
  gtid(1);
  query("BEGIN");
  must(EventType::kRotate, wire::number(4, 8) + "binlog.000004", kArtificial);
  insert(1, {7});
  EXPECT_EQ(taken().at(1), "1 c 7");
}

TEST_F(MysqlStreamResume, TwoGtidsInARowAreOutOfPlace) {
  gtid(1);
  EXPECT_FALSE(send(EventType::kGtid, wire::gtid_body(*parse_uuid(kServer), 2)));
}

TEST_F(MysqlStreamResume, AnonymousTransactionsNeedToBeAskedFor) {
  const auto refused = send(EventType::kAnonymousGtid, wire::gtid_body(*parse_uuid(kServer), 1));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().remedy.find("gtid_mode"), std::string::npos);
}

TEST_F(MysqlStreamResume, MariaDbIsNumberedByItsSequences) {
  restart("mariadb:0-1-8,1-2-77");
  EXPECT_EQ(taken(), (Lines{"advance 170 mariadb:0-1-8,1-2-77"}));
  maria_gtid(9);
  rows("t", {1});
  xid();
  maria_gtid(80, 0, {}, 1);
  rows("t", {2});
  query("COMMIT");
  maria_gtid(10, MariaDbGtidEvent::kStandalone);
  query("CREATE TABLE u (a int)");
  EXPECT_EQ(taken(),
            (Lines{"begin 172 0-1-9", "1 c 1", "commit mariadb:0-1-9,1-2-77", "begin 178 1-1-80",
                   "1 c 2", "commit mariadb:0-1-9,1-1-80", "advance 180 mariadb:0-1-10,1-1-80"}));
}

TEST_F(MysqlStreamResume, ASequenceThatGoesBackStops) {
  restart("mariadb:0-1-8");
  const auto refused = send(EventType::kMariaDbGtid, wire::mariadb_gtid_body(0, 8, 0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
  EXPECT_NE(refused.error().remedy.find("gtid_strict_mode"), std::string::npos);
}

TEST_F(MysqlStreamResume, WithoutGtidsTheFileIsThePosition) {
  const std::string id(kServer);
  restart("file:" + id + ":binlog.000003:500");
  taken();
  must(EventType::kRotate, wire::number(500, 8) + "binlog.000003", kArtificial);
  must(EventType::kAnonymousGtid, wire::gtid_body(*parse_uuid(kServer), 1));
  query("BEGIN");
  rows("t", {1});
  xid();
  const auto first = taken();
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(first[2], "commit file:" + id + ":binlog.000003:1000");
  must(EventType::kRotate, wire::number(4, 8) + "binlog.000004", kArtificial);
  EXPECT_EQ(
      taken(),
      (Lines{fmt::format("advance {} file:{}:binlog.000004:4", (std::uint64_t{4} << 40) + 4, id)}));
}

TEST_F(MysqlStreamResume, ALogThatGoesBackIsNotRead) {
  restart("file:" + std::string(kServer) + ":binlog.000003:500");
  taken();
  must(EventType::kRotate, wire::number(4, 8) + "binlog.000002", kArtificial);
  EXPECT_EQ(taken(), Lines{});
  EXPECT_FALSE(send(EventType::kAnonymousGtid, wire::gtid_body(*parse_uuid(kServer), 1)));
  restart("mariadb:0-1-8");
  EXPECT_FALSE(
      send(EventType::kMariaDbGtid, wire::mariadb_gtid_body(0, std::uint64_t{1} << 63, 0)));
}

TEST_F(MysqlStreamResume, AHeartbeatMovesAnIdleStreamWithoutGtids) {
  const std::string id(kServer);
  restart("file:" + id + ":binlog.000003:500");
  must(EventType::kRotate, wire::number(500, 8) + "binlog.000003", kArtificial);
  taken();
  // The header of the fixture's events says 1000.
  must(EventType::kHeartbeat, "binlog.000003", kArtificial);
  EXPECT_EQ(taken(), (Lines{fmt::format("advance {} file:{}:binlog.000003:1000",
                                        (std::uint64_t{3} << 40) + 1000, id)}));
}

}  // namespace
}  // namespace rowtide::mysql
