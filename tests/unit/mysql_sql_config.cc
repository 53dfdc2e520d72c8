#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sources/mysql/mysql_config.h"
#include "sources/mysql/sql_session.h"

namespace rowtide::mysql {
namespace {

ServerAddress address_of(const std::string& url) {
  auto address = parse_server_url(url);
  EXPECT_TRUE(address) << address.error().to_text();
  return address ? *address : ServerAddress{};
}

TEST(ServerUrl, HasParts) {
  const auto whole = address_of("mysql://repl:pa%3Ass%40@db1.example:3307/shop%2F1");
  EXPECT_EQ(whole.user, "repl");
  EXPECT_EQ(whole.password.reveal(), "pa:ss@");
  EXPECT_EQ(whole.host, "db1.example");
  EXPECT_EQ(whole.port, 3307);
  EXPECT_EQ(whole.database, "shop/1");
  EXPECT_EQ(whole.display_name(), "db1.example:3307");

  const auto least = address_of("mariadb://db1");
  EXPECT_EQ(least.host, "db1");
  EXPECT_EQ(least.port, 3306);
  EXPECT_TRUE(least.user.empty() && least.password.empty() && least.database.empty());

  EXPECT_EQ(address_of("mysql://u:p@ss@h/").password.reveal(), "p@ss");
  EXPECT_EQ(address_of("mysql://u@[::1]:3307/x").host, "::1");
  EXPECT_EQ(address_of("mysql://u@[::1]:3307/x").port, 3307);
  EXPECT_EQ(address_of("mysql://u@[::1]").port, 3306);

  const auto local = address_of("mysql://u@/shop?socket=/run/my%20sql.sock");
  EXPECT_EQ(local.socket, "/run/my sql.sock");
  EXPECT_EQ(local.database, "shop");
  EXPECT_EQ(local.display_name(), "/run/my sql.sock");
}

TEST(ServerUrl, SaysWhatIsWrongWithoutThePassword) {
  for (const char* bad :
       {"", "db1:3306", "postgresql://u@h/d", "mysql://", "mysql://u:secret@/d",
        "mysql://u:secret@h:0/", "mysql://u:secret@h:65536/", "mysql://u:secret@h:x/",
        "mysql://u:secret%@h/", "mysql://u:secret%00@h/", "mysql://u:secret@[::1/",
        "mysql://u:secret@[::1]x/", "mysql://u:secret@h/d?ssl=1"}) {
    const auto parsed = parse_server_url(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Code::kConfig) << bad;
    EXPECT_FALSE(parsed.error().remedy.empty()) << bad;
    EXPECT_EQ(parsed.error().to_text().find("secret"), std::string::npos) << bad;
  }
}

TEST(ServerVersion, TellsTheFlavours) {
  struct Row {
    const char* text;
    Flavour flavour;
    int number;
    const char* name;
  };
  for (const Row& row : {
           Row{"8.0.15", Flavour::kMysql, 80015, "MySQL 8.0.15"},
           Row{"9.7.4-1", Flavour::kMysql, 90704, "MySQL 9.7.4-1"},
           Row{"8.0.36-28", Flavour::kMysql, 80036, "MySQL 8.0.36-28"},
           Row{"10.11.19-MariaDB-0+deb12u1-log", Flavour::kMariaDb, 101119,
               "MariaDB 10.11.19-MariaDB-0+deb12u1-log"},
           Row{"5.5.5-10.6.1-MariaDB", Flavour::kMariaDb, 100601, "MariaDB 10.6.1-MariaDB"},
       }) {
    const auto version = parse_server_version(row.text);
    ASSERT_TRUE(version) << row.text;
    EXPECT_EQ(version->flavour, row.flavour) << row.text;
    EXPECT_EQ(version->number, row.number) << row.text;
    EXPECT_EQ(version->display_name(), row.name);
  }
  EXPECT_FALSE(parse_server_version(""));
  EXPECT_FALSE(parse_server_version("new"));
}

MysqlSourceConfig sound() {
  MysqlSourceConfig config;
  config.url = "mysql://repl@db1/shop";
  return config;
}

TEST(MysqlSourceConfig, RefusesWhatCannotWork) {
  EXPECT_TRUE(sound().validate());
  const auto refused = [](auto change) {
    MysqlSourceConfig config = sound();
    change(config);
    const auto done = config.validate();
    EXPECT_TRUE(done || (done.error().code == Code::kConfig && !done.error().remedy.empty()));
    return !done;
  };
  EXPECT_TRUE(refused([](auto& c) { c.url.clear(); }));
  EXPECT_TRUE(refused([](auto& c) { c.url = "mysql://db1/shop"; }));
  EXPECT_TRUE(refused([](auto& c) { c.start.clear(); }));
  EXPECT_TRUE(refused([](auto& c) { c.tables = {"orders"}; }));
  EXPECT_TRUE(refused([](auto& c) { c.tls.cert = "c.pem"; }));
  EXPECT_TRUE(refused([](auto& c) { c.tls.mode = TlsMode::kVerifyCa; }));
  EXPECT_TRUE(refused([](auto& c) {
    c.tls.mode = TlsMode::kDisable;
    c.tls.ca = "ca.pem";
  }));
  EXPECT_TRUE(refused([](auto& c) { c.tls.fingerprint = "ab:cd"; }));
  EXPECT_TRUE(refused([](auto& c) { c.tls.fingerprint = std::string(64, 'a'); }));
  EXPECT_FALSE(refused([](auto& c) { c.tls.fingerprint = std::string(40, 'A'); }));
  EXPECT_FALSE(refused([](auto& c) {
    c.tls.mode = TlsMode::kVerifyCa;
    c.tls.ca = "ca.pem";
  }));
}

TEST(MysqlSourceConfig, DescribesEveryKeyOnce) {
  MysqlSourceConfig config;
  config::ObjectSpec spec;
  describe(spec, config);
  std::vector<std::string> keys;
  for (const auto& field : spec.fields()) {
    EXPECT_FALSE(field.doc().empty()) << field.key();
    EXPECT_EQ(std::ranges::count(keys, field.key()), 0) << field.key();
    keys.push_back(field.key());
  }
  for (const char* key : {"url", "password", "tables", "tls", "start", "position", "server_id"}) {
    EXPECT_EQ(std::ranges::count(keys, key), 1) << key;
  }
}

TEST(MysqlSourceConfig, ConnectsWithItsOwnPasswordFirst) {
  MysqlSourceConfig config = sound();
  config.url = "mysql://repl:inner@db1/shop";
  EXPECT_EQ(connect_options(config)->address.password.reveal(), "inner");
  config.password = Secret("outer");
  EXPECT_EQ(connect_options(config)->address.password.reveal(), "outer");
}

TEST(CapturedTables, AreThoseOfTheUrlsDatabaseByDefault) {
  MysqlSourceConfig config = sound();
  auto captured = CapturedTables::parse(config);
  ASSERT_TRUE(captured);
  EXPECT_TRUE(captured->matches("shop", "orders"));
  EXPECT_FALSE(captured->matches("other", "orders"));
  EXPECT_EQ(captured->text(), "\"shop\".*");

  config.url = "mysql://repl@db1/we%22ird.*";
  captured = CapturedTables::parse(config);
  EXPECT_TRUE(captured->matches("we\"ird.*", "x"));
  EXPECT_FALSE(captured->matches("we\"ird.y", "x"));

  config.url = "mysql://repl@db1";
  captured = CapturedTables::parse(config);
  EXPECT_TRUE(captured->matches("other", "orders"));
  EXPECT_EQ(captured->text(), "*.*");

  config = sound();
  config.tables = {"*.*", "!shop.audit"};
  captured = CapturedTables::parse(config);
  EXPECT_TRUE(captured->matches("other", "orders"));
  EXPECT_FALSE(captured->matches("shop", "audit"));
}

TEST(CapturedTables, AreNeverTheServersOwn) {
  MysqlSourceConfig config;
  config.url = "mysql://repl@db1";
  config.tables = {"*.*"};
  const auto captured = CapturedTables::parse(config);
  for (const char* database : {"mysql", "sys", "information_schema", "performance_schema"}) {
    EXPECT_FALSE(captured->matches(database, "user")) << database;
  }
}

TEST(ReplicaIdentity, IsTheSameForTheSamePipelineOnly) {
  MysqlSourceConfig config = sound();
  const auto one = replica_identity(config, "shop");
  EXPECT_EQ(replica_identity(config, "shop").server_id, one.server_id);
  EXPECT_EQ(replica_identity(config, "shop").uuid, one.uuid);
  // A change would let a reader that was left behind live on beside the new one.
  EXPECT_EQ(one.server_id, 3692288191U);
  EXPECT_EQ(one.uuid, "895a1395-ed26-8ecd-bdc3-a5f1fd8e751b");
  const auto other = replica_identity(config, "shop2");
  EXPECT_NE(other.server_id, one.server_id);
  EXPECT_NE(other.uuid, one.uuid);
  config.server_id = 77;
  const auto chosen = replica_identity(config, "shop");
  EXPECT_EQ(chosen.server_id, 77U);
  EXPECT_NE(chosen.uuid, one.uuid);
}

TEST(Quoting, KeepsTextAndNamesWhole) {
  EXPECT_EQ(quote_identifier("a`b"), "`a``b`");
  EXPECT_EQ(quote_literal("it's \\n"), "'it''s \\\\n'");
}

}  // namespace
}  // namespace rowtide::mysql
