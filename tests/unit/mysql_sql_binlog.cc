#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "mysql_sql_fixture.h"
#include <gtest/gtest.h>

#include "engine/base/clock.h"
#include "sources/mysql/binlog_connection.h"
#include "sources/mysql/gtid_set.h"

// The dump of real servers, packet by packet.

namespace rowtide::mysql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kHeaderBytes = 19;
constexpr int kRotate = 4;
constexpr int kFormatDescription = 15;
constexpr int kXid = 16;
constexpr int kHeartbeat = 27;
constexpr int kMysqlGtid = 33;
constexpr int kMariaDbGtid = 162;

int type_of(std::string_view packet) {
  return packet.size() < kHeaderBytes ? -1 : static_cast<unsigned char>(packet[4]);
}

class Binlog : public OnBothFlavours {
 protected:
  void SetUp() override {
    OnBothFlavours::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    execute("CREATE TABLE " + table() + " (id INT PRIMARY KEY, v LONGBLOB)");
  }

  std::string table() const { return database() + ".t"; }
  std::string position() {
    return mariadb() ? value("SELECT @@GLOBAL.gtid_binlog_pos")
                     : value("SELECT @@GLOBAL.gtid_executed");
  }
  DumpStart after(const std::string& position) {
    if (mariadb()) {
      return GtidStateStart{position};
    }
    auto set = GtidSet::parse(position);
    EXPECT_TRUE(set) << set.error().to_text();
    return GtidSetStart{set->encode(), {}};
  }
  BinlogOptions options(std::uint32_t server_id = 4711) {
    BinlogOptions options;
    options.connect = options_of(server().url());
    options.identity = {server_id,
                        "00000000-0000-0000-0000-0000000" + std::to_string(10000 + server_id)};
    options.heartbeat = milliseconds(200);
    return options;
  }
  void open(BinlogConnection& connection, const DumpStart& start) {
    auto done = connection.connect(options());
    ASSERT_TRUE(done) << done.error().to_text();
    done = connection.start(start);
    ASSERT_TRUE(done) << done.error().to_text();
  }
  Deadline soon() { return clock_.now() + seconds(20); }

  // The next packet that is no heartbeat; empty after a failure.
  std::string next(BinlogConnection& connection) {
    while (true) {
      auto packet = connection.next_packet(soon());
      if (!packet || !*packet) {
        ADD_FAILURE() << (packet ? "no packet came" : packet.error().to_text());
        return {};
      }
      if (type_of(**packet) != kHeartbeat) {
        return std::string(**packet);
      }
    }
  }
  // How many packets of the type come before the next XID, which counts too.
  int count_until_xid(BinlogConnection& connection, int type) {
    int count = 0;
    while (true) {
      const std::string packet = next(connection);
      if (packet.empty()) {
        return -1;
      }
      count += type_of(packet) == type ? 1 : 0;
      if (type_of(packet) == kXid) {
        return count;
      }
    }
  }
  Error error_of_dump(const DumpStart& start) {
    BinlogConnection connection(clock_);
    open(connection, start);
    while (true) {
      auto packet = connection.next_packet(soon());
      if (!packet) {
        return packet.error();
      }
      if (!*packet) {
        ADD_FAILURE() << "neither a packet nor an error came";
        return {};
      }
    }
  }
  int gtid_type() const { return mariadb() ? kMariaDbGtid : kMysqlGtid; }

  SystemClock clock_;
};

TEST_P(Binlog, BeginsBehindAGtidAndSendsWholePackets) {
  execute("INSERT INTO " + table() + " VALUES (1, 'one')");
  const std::string before = position();
  execute("INSERT INTO " + table() + " VALUES (2, 'two')");
  execute("INSERT INTO " + table() + " VALUES (3, 'three')");
  BinlogConnection connection(clock_);
  open(connection, after(before));
  EXPECT_EQ(connection.server().flavour, mariadb() ? Flavour::kMariaDb : Flavour::kMysql);
  EXPECT_EQ(connection.server_id(), 1U);
  EXPECT_EQ(connection.server_uuid().size(), mariadb() ? 0U : 36U);
  EXPECT_EQ(type_of(next(connection)), kRotate);
  EXPECT_EQ(type_of(next(connection)), kFormatDescription);
  EXPECT_EQ(count_until_xid(connection, gtid_type()), 1);
  EXPECT_EQ(count_until_xid(connection, gtid_type()), 1);
  // Nothing is left: the deadline ends the wait, or a heartbeat comes first.
  const auto packet = connection.next_packet(clock_.now());
  ASSERT_TRUE(packet) << packet.error().to_text();
  EXPECT_TRUE(!*packet || type_of(**packet) == kHeartbeat);
}

TEST_P(Binlog, EachPacketIsAsLongAsItsHeaderSays) {
  const std::string before = position();
  execute("INSERT INTO " + table() + " VALUES (1, 'one')");
  BinlogConnection connection(clock_);
  open(connection, after(before));
  for (int xids = 0; xids < 1;) {
    const std::string packet = next(connection);
    ASSERT_GE(packet.size(), kHeaderBytes);
    std::size_t length = 0;
    for (std::size_t at = 12; at > 8; --at) {
      length = length << 8U | static_cast<unsigned char>(packet[at]);
    }
    EXPECT_EQ(length, packet.size());
    xids += type_of(packet) == kXid ? 1 : 0;
  }
}

TEST_P(Binlog, JoinsPacketsOfMoreThan16Megabytes) {
  const std::string before = position();
  // Two full parts and a rest; then exactly one full part, which an empty one follows.
  execute("INSERT INTO " + table() + " VALUES (1, REPEAT('x', 40000000))");
  execute("INSERT INTO " + table() + " VALUES (2, 'small')");
  BinlogConnection connection(clock_);
  open(connection, after(before));
  std::size_t largest = 0;
  std::string content;
  for (int xids = 0; xids < 2;) {
    const std::string packet = next(connection);
    ASSERT_FALSE(packet.empty());
    if (packet.size() > largest) {
      largest = packet.size();
      content = packet;
    }
    xids += type_of(packet) == kXid ? 1 : 0;
  }
  EXPECT_GT(largest, 40000000U);
  EXPECT_LT(largest, 40001000U);
  // Bytes around the value, a time and a checksum among them, may be anything.
  EXPECT_NE(content.find(std::string(40000000, 'x')), std::string::npos);
}

TEST_P(Binlog, SendsHeartbeatsWhenThereIsNothingElse) {
  BinlogConnection connection(clock_);
  open(connection, after(position()));
  int heartbeats = 0;
  while (heartbeats < 3) {
    const auto packet = connection.next_packet(soon());
    ASSERT_TRUE(packet) << packet.error().to_text();
    ASSERT_TRUE(*packet) << "no heartbeat came";
    heartbeats += type_of(**packet) == kHeartbeat ? 1 : 0;
  }
}

TEST_P(Binlog, TakesAKilledDumpForALostConnection) {
  BinlogConnection connection(clock_);
  open(connection, after(position()));
  next(connection);
  const std::string thread = value(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' LIMIT 1");
  ASSERT_FALSE(thread.empty());
  for (const char* kill : {"KILL QUERY ", "KILL "}) {
    const auto again = server().execute(kill + thread);  // the second may find it gone
    static_cast<void>(again);
  }
  while (true) {
    const auto packet = connection.next_packet(soon());
    if (!packet) {
      EXPECT_EQ(packet.error().disposition, Disposition::kRetry) << packet.error().to_text();
      EXPECT_EQ(packet.error().code, Code::kConnection) << packet.error().to_text();
      break;
    }
    ASSERT_TRUE(*packet) << "the end was not told";
  }
}

TEST_P(Binlog, ConnectsAgainAfterAnErrorAndGoesOnBehindTheSet) {
  BinlogConnection connection(clock_);
  open(connection, after(position()));
  execute("INSERT INTO " + table() + " VALUES (1, 'one')");
  EXPECT_EQ(count_until_xid(connection, gtid_type()), 1);
  const std::string before = position();
  execute("INSERT INTO " + table() + " VALUES (2, 'two')");
  open(connection, after(before));
  EXPECT_EQ(count_until_xid(connection, gtid_type()), 1);
}

TEST_P(Binlog, ReadsFromAPlaceInAFile) {
  const std::string status = server().log_end_statement();
  BinlogPosition place;
  place.file = value(status);
  execute("FLUSH BINARY LOGS");
  execute("INSERT INTO " + table() + " VALUES (1, 'one')");
  const std::string file = value(status);
  ASSERT_NE(file, place.file);
  BinlogConnection connection(clock_);
  open(connection, FileStart{{file, 4}});
  EXPECT_EQ(type_of(next(connection)), kRotate);
  EXPECT_EQ(type_of(next(connection)), kFormatDescription);
  EXPECT_EQ(count_until_xid(connection, kXid), 1);
}

TEST_P(Binlog, SaysThatTheFileIsGone) {
  const Error error = error_of_dump(FileStart{{"nowhere.000007", 4}});
  EXPECT_EQ(error.code, Code::kPositionLost) << error.to_text();
  EXPECT_EQ(error.disposition, Disposition::kOperator);
  EXPECT_FALSE(error.remedy.empty());
}

TEST_P(Binlog, SaysThatEventsBehindTheSetWerePurged) {
  execute("INSERT INTO " + table() + " VALUES (1, 'one')");
  const std::string before = position();
  execute("INSERT INTO " + table() + " VALUES (2, 'two')");
  execute("FLUSH BINARY LOGS");
  execute("INSERT INTO " + table() + " VALUES (3, 'three')");
  // A file that a dump still reads is not purged.
  const auto deadline = clock_.now() + seconds(20);
  const std::string newest = value(server().log_end_statement());
  std::string first;
  do {
    execute("PURGE BINARY LOGS TO '" + newest + "'");
    first = value("SHOW BINARY LOGS");
  } while (first != newest && clock_.now() < deadline);
  ASSERT_EQ(first, newest);
  const Error error = error_of_dump(after(before));
  EXPECT_EQ(error.code, Code::kPositionLost) << error.to_text();
  EXPECT_EQ(error.disposition, Disposition::kOperator);
  EXPECT_NE(error.remedy.find("snapshot"), std::string::npos);
}

TEST_P(Binlog, SaysThatTheServerHasLostWhatWasDelivered) {
  const std::string future =
      mariadb() ? "0-1-99999999" : value("SELECT @@GLOBAL.server_uuid") + ":1-99999999";
  const Error error = error_of_dump(after(future));
  EXPECT_EQ(error.code, Code::kPositionLost) << error.to_text();
  EXPECT_EQ(error.disposition, Disposition::kOperator);
  EXPECT_FALSE(error.remedy.empty());
}

TEST_P(Binlog, ThrowsOutTheOlderOfTwoReadersWithOneIdentity) {
  BinlogConnection older(clock_);
  open(older, after(position()));
  next(older);
  BinlogConnection newer(clock_);
  open(newer, after(position()));
  next(newer);
  while (true) {
    const auto packet = older.next_packet(soon());
    if (!packet) {
      // MariaDB names the cause; MySQL only ends the dump.
      if (packet.error().code == Code::kConflict) {
        EXPECT_EQ(packet.error().disposition, Disposition::kOperator);
        EXPECT_NE(packet.error().remedy.find("server_id"), std::string::npos);
      } else {
        EXPECT_EQ(packet.error().code, Code::kConnection) << packet.error().to_text();
      }
      break;
    }
    ASSERT_TRUE(*packet) << "the older one lives on";
  }
  execute("INSERT INTO " + table() + " VALUES (1, 'one')");
  EXPECT_EQ(count_until_xid(newer, kXid), 1);
}

TEST_P(Binlog, TellsAServerThatWentAway) {
  // A server of its own: this one ends.
  auto own = MysqlServer::start({.flavour = GetParam(), .settings = {}});
  ASSERT_TRUE(own) << own.error().to_text();
  BinlogConnection connection(clock_);
  BinlogOptions of_own = options();
  of_own.connect = options_of((*own)->url());
  ASSERT_TRUE(connection.connect(of_own));
  ASSERT_TRUE(connection.start(mariadb() ? DumpStart(GtidStateStart{}) : GtidSetStart{}));
  next(connection);
  ASSERT_TRUE((*own)->stop(MysqlServer::StopMode::kImmediate));
  while (true) {
    const auto packet = connection.next_packet(soon());
    if (!packet) {
      EXPECT_EQ(packet.error().code, Code::kConnection) << packet.error().to_text();
      EXPECT_EQ(packet.error().disposition, Disposition::kRetry);
      break;
    }
    ASSERT_TRUE(*packet);
  }
  const auto refused = connection.connect(of_own);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConnection) << refused.error().to_text();
  EXPECT_EQ(refused.error().disposition, Disposition::kRetry);
}

TEST_P(Binlog, SaysThatTheBinaryLogIsOff) {
  auto own = MysqlServer::start(
      {.flavour = GetParam(),
       .settings = mariadb() ? std::map<std::string, std::string>{{"log_bin", ""}}
                             : std::map<std::string, std::string>{{"log_bin", ""},
                                                                  {"disable_log_bin", "1"}}});
  ASSERT_TRUE(own) << own.error().to_text();
  BinlogConnection connection(clock_);
  BinlogOptions of_own = options();
  of_own.connect = options_of((*own)->url());
  const auto done = connection.connect(of_own);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kUnsupported) << done.error().to_text();
  EXPECT_NE(done.error().remedy.find("log_bin"), std::string::npos);
}

TEST_P(Binlog, ReadsAServerWithoutChecksumsToo) {
  auto own = MysqlServer::start({.flavour = GetParam(), .settings = {{"binlog_checksum", "NONE"}}});
  ASSERT_TRUE(own) << own.error().to_text();
  ASSERT_TRUE((*own)->execute("CREATE DATABASE d"));
  ASSERT_TRUE((*own)->execute("CREATE TABLE d.t (id INT PRIMARY KEY)"));
  ASSERT_TRUE((*own)->execute("INSERT INTO d.t VALUES (1)"));
  BinlogConnection connection(clock_);
  BinlogOptions of_own = options();
  of_own.connect = options_of((*own)->url());
  ASSERT_TRUE(connection.connect(of_own));
  ASSERT_TRUE(connection.start(mariadb() ? DumpStart(GtidStateStart{}) : GtidSetStart{}));
  EXPECT_EQ(count_until_xid(connection, kXid), 1);
}

TEST_P(Binlog, NeedsTheRightToReplicate) {
  const std::string user = make_user("SELECT ON *.*");
  BinlogOptions restricted = options();
  restricted.connect = options_of(server().url(user, user));
  BinlogConnection connection(clock_);
  const auto done = connection.connect(restricted);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kPermission) << done.error().to_text();
  EXPECT_NE(done.error().remedy.find("GRANT REPLICATION SLAVE"), std::string::npos);
}

TEST_P(Binlog, StartsAtAHintAndDoesWithoutOneThatIsGone) {
  if (mariadb()) {
    GTEST_SKIP() << "MariaDB takes a GTID position alone";
  }
  const std::string before = position();
  const BinlogPosition place{value(server().log_end_statement()), 4};
  execute("INSERT INTO " + table() + " VALUES (1, 'one')");
  auto set = GtidSet::parse(before);
  ASSERT_TRUE(set);
  for (const BinlogPosition& hint : {place, BinlogPosition{"gone.000001", 4}}) {
    BinlogConnection connection(clock_);
    open(connection, GtidSetStart{set->encode(), hint});
    EXPECT_EQ(count_until_xid(connection, gtid_type()), 1) << hint.file;
  }
  set = GtidSet::parse(value("SELECT @@GLOBAL.server_uuid") + ":1-99999999");
  const Error error = error_of_dump(GtidSetStart{set->encode(), BinlogPosition{"gone.1", 4}});
  EXPECT_EQ(error.code, Code::kPositionLost) << error.to_text();
}

INSTANTIATE_TEST_SUITE_P(Server, Binlog,
                         ::testing::Values(MysqlFlavour::kMariaDb, MysqlFlavour::kMysql),
                         flavour_name);

}  // namespace
}  // namespace rowtide::mysql
