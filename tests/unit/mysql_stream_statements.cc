#include "tests/unit/mysql_stream_fixture.h"

namespace rowtide::mysql {
namespace {

using MysqlStreamStatements = MysqlStreamTest;

TEST_F(MysqlStreamStatements, TruncateIsARowOfItsOwn) {
  insert(1, {10});
  gtid(2);
  query("TRUNCATE TABLE `t`");
  gtid(3);
  query("truncate shop . t");
  const std::string id(kServer);
  EXPECT_EQ(taken(), (Lines{"begin 2 " + id + ":1", "1 c 10", "commit " + set("1"),
                            "begin 4 " + id + ":2", "1 t t", "commit " + set("1-2"),
                            "begin 6 " + id + ":3", "1 t t", "commit " + set("1-3")}));
}

TEST_F(MysqlStreamStatements, TruncateOfATableThatNobodyKnowsOrWantsOnlyMoves) {
  taken();
  gtid(1);
  query("TRUNCATE u");
  gtid(2);
  query("TRUNCATE other");
  EXPECT_EQ(taken(), (Lines{"advance 4 " + set("1-2")}));
}

TEST_F(MysqlStreamStatements, NamesAreReadInTheStatementsOwnCharacters) {
  // latin1, where e9 is an accented e.
  const auto latin1 = wire::bytes("04 0800 0800 0800");
  insert(1, {10}, "caf\xC3\xA9");
  gtid(2);
  must(EventType::kQuery, wire::query_body("shop", "TRUNCATE caf\xE9", latin1));
  EXPECT_EQ(taken().at(4), "1 t caf\xC3\xA9");
}

TEST_F(MysqlStreamStatements, NamesAreLowerCaseWhereTheServerMakesThemSo) {
  insert(1, {10});
  gtid(2);
  query("TRUNCATE T");
  EXPECT_EQ(taken().back(), "advance 4 " + set("1-2"));
  lower_case_names = true;
  restart(set("1-2"), whole(4));
  gtid(3);
  query("TRUNCATE T");
  EXPECT_EQ(taken().at(1), "1 t t");
}

TEST_F(MysqlStreamStatements, TruncateThatWasDeliveredIsLeftOut) {
  insert(1, {10});
  taken();
  restart(set("1"), whole(4));
  gtid(2);
  query("TRUNCATE t");
  EXPECT_EQ(taken(), Lines{});
}

TEST_F(MysqlStreamStatements, RowsInsideOfACreateStatementBelongToIt) {
  taken();
  gtid(1);
  query("BEGIN");
  query("CREATE TABLE `u` (`id` int) START TRANSACTION");
  rows("u", {1, 2});
  xid();
  EXPECT_EQ(taken().size(), 4U);
}

TEST_F(MysqlStreamStatements, AStatementInPlaceOfRowsStops) {
  struct Bad {
    const char* statement;
    const char* table;
  };
  for (const Bad& bad :
       {Bad{"INSERT INTO t VALUES (1)", "shop.t"}, Bad{"UPDATE shop.t SET v=1", "shop.t"},
        Bad{"DELETE a FROM t a JOIN u", "a table"}, Bad{"CREATE TABLE t SELECT 1", "shop.t"}}) {
    restart("gtid:");
    gtid(1);
    const bool ddl = std::string_view(bad.statement).starts_with("CREATE");
    if (!ddl) {
      query("BEGIN");
    }
    const auto refused = try_query(bad.statement);
    ASSERT_FALSE(refused) << bad.statement;
    EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
    EXPECT_NE(refused.error().message.find(bad.table), std::string::npos)
        << refused.error().message;
    EXPECT_NE(refused.error().remedy.find("binlog_format = ROW"), std::string::npos);
    // Values never come into a message.
    EXPECT_EQ(refused.error().message.find("VALUES"), std::string::npos);
  }
}

TEST_F(MysqlStreamStatements, AStatementOnATableThatIsNotCapturedPasses) {
  taken();
  gtid(1);
  query("BEGIN");
  query("INSERT INTO other VALUES (1)");
  xid();
  EXPECT_EQ(taken(), (Lines{"advance 2 " + set("1")}));
}

TEST_F(MysqlStreamStatements, AStatementThatWasDeliveredBeforePasses) {
  restart("gtid:", whole(2));
  gtid(1);
  query("BEGIN");
  query("INSERT INTO t VALUES (1)");
  xid();
  insert(2, {3});
  EXPECT_EQ(taken().at(1), "1 c 3");
}

TEST_F(MysqlStreamStatements, ARollbackBehindRowsCannotBeTold) {
  gtid(1);
  query("BEGIN");
  query("ROLLBACK");
  gtid(2);
  query("BEGIN");
  rows("t", {1});
  const auto refused = try_query("ROLLBACK TO `sp`");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
}

}  // namespace
}  // namespace rowtide::mysql
