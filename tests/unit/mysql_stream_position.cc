#include <gtest/gtest.h>

#include "sources/mysql/start_position.h"

namespace rowtide::mysql {
namespace {

constexpr std::string_view kA = "267ec25e-e4db-11f1-94e3-02fc00000001";
constexpr std::string_view kB = "367ec25e-e4db-11f1-94e3-02fc00000001";

std::string a(std::string_view intervals) {
  return std::string(kA) + ":" + std::string(intervals);
}

TEST(StreamPosition, ReadsWhatItWrites) {
  for (const auto& token : {std::string("gtid:"), "gtid:" + a("1-5"),
                            "gtid:" + a("1-5:t:1") + ";" + std::string(kA) + ":bin.log.000007:99",
                            std::string("mariadb:"), std::string("mariadb:0-1-8,1-2-77"),
                            "file:" + std::string(kA) + ":binlog.000003:5000000000"}) {
    const auto position = StreamPosition::parse(token);
    ASSERT_TRUE(position) << token;
    EXPECT_EQ(position->token(), token);
  }
}

TEST(StreamPosition, KnowsWhatWasDeliveredBehindAToken) {
  const auto delivered = [](const std::string& token) {
    return StreamPosition::parse(token)->delivered().text();
  };
  EXPECT_EQ(delivered("gtid:" + a("1-5")), a("1-5"));
  EXPECT_EQ(delivered("gtid:" + a("1-5") + ";" + std::string(kA) + ":b.000007:99@" + a("6")),
            a("1-6"));
  EXPECT_EQ(delivered("gtid:@" + a("t:1")), a("t:1"));
  EXPECT_EQ(delivered("gtid:|" + a("1-2")), a("1-2"));
  EXPECT_EQ(delivered("mariadb:0-1-8|0-1-9,7-2-1@0-1-10"), "0-1-10,7-2-1");
  const auto inside = *StreamPosition::parse("mariadb:0-1-8@0-1-9");
  EXPECT_EQ(inside.inside(), "0-1-9");
  EXPECT_EQ(inside.token(), "mariadb:0-1-8");
  EXPECT_EQ(inside.commit(), 16U);
  EXPECT_EQ(inside.delivered().commit(), 18U);
}

TEST(StreamPosition, RefusesWhatIsNoToken) {
  for (const std::string_view token :
       {"", "0/1A2B3C4", "gtid:x", "mariadb:x", "file:", "file:u:binlog.000003", "file:u:x:5",
        "file:u:binlog.000003:x", "gtid:;u:f", "gtid:@x", "gtid:|x", "mariadb:0-1-8@0-1"}) {
    const auto position = StreamPosition::parse(token);
    ASSERT_FALSE(position) << token;
    EXPECT_FALSE(position.error().remedy.empty());
  }
}

TEST(StreamPosition, TheNumberIsThatOfTheSetAndNotOfTheServer) {
  EXPECT_EQ(StreamPosition::parse("gtid:" + a("1-5") + "," + std::string(kB) + ":7")->commit(),
            12U);
  EXPECT_EQ(StreamPosition::parse("mariadb:0-1-8,1-2-77")->commit(), 170U);
  EXPECT_EQ(StreamPosition::parse("file:" + std::string(kA) + ":b.000002:4")->commit(),
            (std::uint64_t{2} << 40) + 4);
}

TEST(StreamPosition, ANameThatATokenCannotHoldIsLeftOut) {
  auto position = *StreamPosition::parse("gtid:" + a("1"));
  position.set_file(kA, {"bin#log.000001", 7});
  EXPECT_EQ(position.token(), "gtid:" + a("1"));
}

ServerHistory mysql_history(std::string_view executed, std::string_view purged) {
  ServerHistory history;
  history.server_uuid = kA;
  history.executed = *GtidSet::parse(executed);
  history.purged = *GtidSet::parse(purged);
  return history;
}

Code code_of(const ServerHistory& history, std::string_view token) {
  const auto checked = check_history(history, *StreamPosition::parse(token));
  return checked ? Code::kInternal : checked.error().code;
}

TEST(ServerHistory, IsTheSameWhenNothingThatWasDeliveredIsMissing) {
  const auto history = mysql_history(a("1-100") + "," + std::string(kB) + ":1-5", a("1-10"));
  EXPECT_EQ(code_of(history, "gtid:" + a("1-50")), Code::kInternal);
  EXPECT_EQ(code_of(history, "gtid:" + a("1-101")), Code::kPositionLost);
  EXPECT_EQ(code_of(history, "gtid:" + a("1-50") + "," + std::string(kB) + ":6"),
            Code::kPositionLost);
  // Some of a transaction was delivered, which is not there.
  EXPECT_EQ(code_of(history, "gtid:" + a("1-100") + "@" + a("101")), Code::kPositionLost);
  EXPECT_EQ(code_of(history, "gtid:" + a("1-99") + "@" + a("100")), Code::kInternal);
  EXPECT_EQ(code_of(history, "gtid:" + a("1-50") + "|" + a("1-101")), Code::kPositionLost);
  // Purged, and not delivered.
  EXPECT_EQ(code_of(history, "gtid:" + a("1-9")), Code::kPositionLost);
  EXPECT_EQ(code_of(history, "file:" + std::string(kA) + ":b.000001:4"), Code::kInternal);
  EXPECT_EQ(code_of(history, "file:" + std::string(kB) + ":b.000001:4"), Code::kPositionLost);
}

TEST(ServerHistory, OfMariaDbCountsWhatWasReplicatedToo) {
  ServerHistory history;
  history.flavour = Flavour::kMariaDb;
  history.binlog_pos = *MariaDbGtidState::parse("0-1-8");
  history.current_pos = *MariaDbGtidState::parse("0-2-20");
  EXPECT_EQ(code_of(history, "mariadb:0-1-8"), Code::kInternal);
  EXPECT_EQ(code_of(history, "mariadb:0-1-20"), Code::kInternal);
  EXPECT_EQ(code_of(history, "mariadb:0-1-21"), Code::kPositionLost);
  EXPECT_EQ(code_of(history, "mariadb:3-1-1"), Code::kPositionLost);
}

TEST(DumpStart, GivesTheHintToTheServerThatItIsOfOnly) {
  const auto history = mysql_history(a("1-100"), "");
  const auto own =
      *StreamPosition::parse("gtid:" + a("1-5") + ";" + std::string(kA) + ":b.000007:99");
  const auto start = std::get<GtidSetStart>(dump_start(history, own));
  EXPECT_EQ(start.hint, (BinlogPosition{"b.000007", 99}));
  const auto other =
      *StreamPosition::parse("gtid:" + a("1-5") + ";" + std::string(kB) + ":b.000007:99");
  EXPECT_FALSE(std::get<GtidSetStart>(dump_start(history, other)).hint);
}

}  // namespace
}  // namespace rowtide::mysql
