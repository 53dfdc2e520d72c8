#include <algorithm>
#include <string>
#include <vector>

#include "mysql_sql_fixture.h"
#include <gtest/gtest.h>

#include "sources/mysql/catalog.h"
#include "sources/mysql/preflight.h"
#include "sources/mysql/sql_session.h"
#include "sources/mysql/starter_config.h"

namespace rowtide::mysql {
namespace {

class Sql : public OnBothFlavours {
 protected:
  std::unique_ptr<SqlSession> session(const std::string& user = "root",
                                      const std::string& password = "") {
    auto connected = SqlSession::connect(options_of(server().url(user, password)));
    EXPECT_TRUE(connected) << connected.error().to_text();
    return connected ? std::move(*connected) : nullptr;
  }
  MysqlSourceConfig config(const std::string& user = "root", const std::string& password = "") {
    MysqlSourceConfig config;
    config.url = server().url(user, password, database());
    return config;
  }
  void make_tables() {
    execute("CREATE TABLE " + database() +
            ".orders (id BIGINT UNSIGNED, line INT, note VARCHAR(20), PRIMARY KEY (line, id))");
    execute("CREATE TABLE " + database() + ".keyless (note TEXT)");
  }
  static Error refused(const ConnectOptions& options) {
    auto connected = SqlSession::connect(options);
    EXPECT_FALSE(connected);
    return connected ? Error{} : connected.error();
  }
};

const Finding* find(const Findings& findings, const std::string& subject) {
  const auto found = std::ranges::find(findings, subject, &Finding::subject);
  return found == findings.end() ? nullptr : &*found;
}

TEST_P(Sql, ReadsTextAndNull) {
  const auto own = session();
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->server().flavour, mariadb() ? Flavour::kMariaDb : Flavour::kMysql);
  const auto rows = own->query("SELECT 1 AS one, NULL AS nothing, '' AS blank, 'ä😀' AS text");
  ASSERT_TRUE(rows) << rows.error().to_text();
  EXPECT_EQ(rows->columns, (std::vector<std::string>{"one", "nothing", "blank", "text"}));
  EXPECT_EQ(rows->rows, (std::vector<SqlRow>{{"1", std::nullopt, "", "ä😀"}}));
  EXPECT_EQ(own->query_value("SELECT @@SESSION.time_zone").value(), "+00:00");
  EXPECT_EQ(own->query_value("SELECT " + quote_literal("it's \\ 'x'")).value(), "it's \\ 'x'");
  EXPECT_EQ(own->query_value("SELECT 1 FROM (SELECT 1) t WHERE 0").value(), std::nullopt);
  const auto none = own->query("SET @x = 1");
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->rows.empty());
}

TEST_P(Sql, MakesErrorsOfWhatTheServerRefuses) {
  const auto own = session();
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->query("SELECT * FROM nowhere.t").error().code, Code::kNotFound);
  EXPECT_EQ(own->query("SELECT * FROM " + database() + ".t").error().code, Code::kNotFound);
  EXPECT_FALSE(own->query("NO SQL"));
  // The session lives on.
  EXPECT_TRUE(own->query("SELECT 1"));
  ASSERT_TRUE(own->query_value("SELECT CONNECTION_ID()"));
  execute("KILL " + own->query_value("SELECT CONNECTION_ID()")->value());
  const auto after = own->query("SELECT 1");
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::kConnection) << after.error().to_text();
  EXPECT_EQ(after.error().disposition, Disposition::kRetry);
}

TEST_P(Sql, SaysWhyItCannotConnect) {
  const std::string user = make_user("");
  auto options = options_of(server().url(user, "wrong"));
  Error error = refused(options);
  EXPECT_EQ(error.code, Code::kAuthentication) << error.to_text();
  EXPECT_EQ(error.disposition, Disposition::kOperator);
  EXPECT_NE(error.message.find("127.0.0.1:" + std::to_string(server().port())), std::string::npos);
  EXPECT_FALSE(error.remedy.empty());

  options.address.host = "nowhere.invalid";
  error = refused(options);
  EXPECT_EQ(error.code, Code::kConnection) << error.to_text();
  EXPECT_EQ(error.disposition, Disposition::kRetry);
  EXPECT_NE(error.to_text().find("host"), std::string::npos) << error.to_text();

  options.address.host = "127.0.0.1";
  options.address.port = 1;
  error = refused(options);
  EXPECT_EQ(error.code, Code::kConnection) << error.to_text();
  EXPECT_EQ(error.disposition, Disposition::kRetry);
  EXPECT_FALSE(error.remedy.empty());
}

TEST_P(Sql, ConnectsByUnixSocket) {
  const auto connected =
      SqlSession::connect(options_of("mysql://root@/?socket=" + server().socket()));
  ASSERT_TRUE(connected) << connected.error().to_text();
  EXPECT_TRUE((*connected)->query("SELECT 1"));
}

TEST_P(Sql, ListsTheCapturedTables) {
  make_tables();
  execute("CREATE VIEW " + database() + ".v AS SELECT 1");
  execute("CREATE TABLE " + database() + ".Orders (id INT PRIMARY KEY)");
  const auto own = session();
  auto captured = CapturedTables::parse(config());
  ASSERT_TRUE(captured);
  const auto tables = load_tables(*own, *captured);
  ASSERT_TRUE(tables) << tables.error().to_text();
  ASSERT_EQ(tables->size(), 3U);
  EXPECT_EQ((*tables)[0].table, "Orders");
  EXPECT_EQ((*tables)[0].primary_key, std::vector<std::string>{"id"});
  EXPECT_EQ((*tables)[1].table, "keyless");
  EXPECT_TRUE((*tables)[1].primary_key.empty());
  EXPECT_EQ((*tables)[2].primary_key, (std::vector<std::string>{"line", "id"}));
  EXPECT_EQ((*tables)[2].sql_name(), "`" + database() + "`.`orders`");
  EXPECT_EQ((*tables)[2].engine, "InnoDB");
}

TEST_P(Sql, DescribesColumns) {
  execute("CREATE TABLE " + database() +
          ".c (id INT UNSIGNED PRIMARY KEY, e ENUM('a unsigned','b,c') NOT NULL, j JSON, "
          "l LONGTEXT, b VARBINARY(8), v INT AS (id + 1) VIRTUAL, s INT AS (id + 2) STORED, "
          "t VARCHAR(5) CHARACTER SET latin1, `odd``name` JSON, "
          "at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)");
  // The same name in what some collations ignore.
  execute("CREATE TABLE " + database() + ".C (other INT)");
  const auto own = session();
  SqlCatalog catalog(*own);
  const auto table = catalog.columns(database(), "c");
  ASSERT_TRUE(table) << table.error().to_text();
  ASSERT_EQ(table->columns.size(), 10U);
  const auto column = [&](std::size_t at) { return table->columns[at]; };
  EXPECT_EQ(column(0).name, "id");
  EXPECT_EQ(column(0).data_type, "int");
  EXPECT_TRUE(column(0).is_unsigned);
  EXPECT_FALSE(column(0).nullable);
  EXPECT_EQ(column(1).column_type, "enum('a unsigned','b,c')");
  EXPECT_FALSE(column(1).is_unsigned);
  EXPECT_TRUE(column(2).json);
  EXPECT_FALSE(column(3).json);
  EXPECT_EQ(column(4).charset, "");
  EXPECT_TRUE(column(5).generated);
  EXPECT_TRUE(column(6).generated);
  EXPECT_EQ(column(7).charset, "latin1");
  EXPECT_EQ(column(8).name, "odd`name");
  EXPECT_TRUE(column(8).json);
  EXPECT_FALSE(column(9).generated);
  EXPECT_EQ(table->primary_key, std::vector<std::uint32_t>{0});
  EXPECT_FALSE(table->sequence || table->system_versioned);

  const auto other = catalog.columns(database(), "C");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->columns.size(), 1U);
  const auto missing = catalog.columns(database(), "none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
}

TEST_P(Sql, KnowsSequencesAndVersionedTables) {
  if (!mariadb()) {
    GTEST_SKIP() << "MySQL has none";
  }
  execute("CREATE SEQUENCE " + database() + ".s");
  execute("CREATE TABLE " + database() + ".h (id INT PRIMARY KEY) WITH SYSTEM VERSIONING");
  const auto own = session();
  SqlCatalog catalog(*own);
  EXPECT_TRUE(catalog.columns(database(), "s").value().sequence);
  EXPECT_TRUE(catalog.columns(database(), "h").value().system_versioned);
  const auto captured = CapturedTables::parse(config());
  const auto tables = load_tables(*own, *captured);
  ASSERT_TRUE(tables);
  ASSERT_EQ(tables->size(), 1U);
  EXPECT_EQ(tables->front().table, "h");
}

TEST_P(Sql, PreflightFindsASoundServerInOrder) {
  make_tables();
  const std::string privileges = mariadb() ? "REPLICATION SLAVE, BINLOG MONITOR, SELECT"
                                           : "REPLICATION SLAVE, REPLICATION CLIENT, SELECT";
  const std::string user = make_user(privileges + " ON *.*");
  const auto own = session(user, user);
  ASSERT_NE(own, nullptr);
  for (const Finding& finding : preflight(*own, config(user, user), "shop")) {
    EXPECT_EQ(finding.severity, Finding::Severity::kOk)
        << finding.subject << ": " << finding.message << " -> " << finding.fix;
  }
}

TEST_P(Sql, PreflightNamesTheGrantsThatAreMissing) {
  make_tables();
  const std::string user = make_user("INSERT ON " + database() + ".orders");
  const auto own = session(user, user);
  ASSERT_NE(own, nullptr);
  const Findings findings = preflight(*own, config(user, user), "shop");
  const std::string account = "'" + user + "'@'%'";
  int replication = 0;
  for (const Finding& finding : findings) {
    if (finding.subject == "user " + account) {
      replication += finding.severity == Finding::Severity::kError ? 1 : 0;
      EXPECT_TRUE(finding.fix.starts_with("GRANT ")) << finding.fix;
      EXPECT_TRUE(finding.fix.ends_with(" ON *.* TO " + account + ";")) << finding.fix;
      // The fix is one that the server takes.
      execute(finding.fix);
    }
  }
  EXPECT_EQ(replication, 1);
  const Finding* table = find(findings, "table " + database() + ".orders");
  ASSERT_NE(table, nullptr);
  execute(table->fix);
  const auto again = session(user, user);
  for (const Finding& finding : preflight(*again, config(user, user), "shop")) {
    EXPECT_EQ(finding.severity, Finding::Severity::kOk) << finding.subject << finding.message;
  }
}

TEST_P(Sql, PreflightTellsOfCascades) {
  execute("CREATE TABLE " + database() + ".parents (id INT PRIMARY KEY)");
  execute("CREATE TABLE " + database() +
          ".children (id INT PRIMARY KEY, p INT, CONSTRAINT fk FOREIGN KEY (p) REFERENCES parents "
          "(id) ON DELETE CASCADE)");
  const auto own = session();
  const Findings findings = preflight(*own, config(), "shop");
  const Finding* found = find(findings, "table " + database() + ".children");
  if (!value("SHOW VARIABLES LIKE 'innodb_native_foreign_keys'").empty()) {
    EXPECT_EQ(found, nullptr) << "this server logs what cascades do";
    return;
  }
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->severity, Finding::Severity::kWarning);
}

TEST_P(Sql, StarterConfigNamesTablesAndHidesThePassword) {
  make_tables();
  execute("CREATE TABLE " + database() + ".`we\"ird.*` (id INT PRIMARY KEY)");
  const std::string user = make_user("REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.*");
  const auto text = starter_config(server().url(user, user, database()));
  ASSERT_TRUE(text) << text.error().to_text();
  const auto has = [&](const std::string& part) {
    EXPECT_NE(text->find(part), std::string::npos) << part << "\n" << *text;
  };
  has("      type: mysql\n");
  has("      url: \"mysql://" + user + "@127.0.0.1:" + std::to_string(server().port()) + "/" +
      database() + "\"\n");
  std::string variable = database();
  std::ranges::transform(variable, variable.begin(), ::toupper);
  has("password: ${env:" + variable + "_PASSWORD}");
  has("        - \"" + database() + ".orders\"  # about ");
  has("key line, id\n");
  has("        # - \"" + database() + ".keyless\"");
  has("        - \"" + database() + ".\\\"we\\\"\\\"ird.*\\\"\"");
  EXPECT_EQ(text->find(":" + user + "@"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Server, Sql,
                         ::testing::Values(MysqlFlavour::kMariaDb, MysqlFlavour::kMysql),
                         flavour_name);

}  // namespace
}  // namespace rowtide::mysql
