#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "sources/mysql/preflight_parts.h"

// States of a server that a test cannot easily bring about are written down instead.

namespace rowtide::mysql {
namespace {

PreflightState sound(Flavour flavour) {
  PreflightState state;
  state.server.flavour = flavour;
  state.server.number = flavour == Flavour::kMysql ? 80400 : 101119;
  state.server.text = "x";
  state.user = "'repl'@'%'";
  state.variables = {{"log_bin", "ON"},
                     {"server_id", "1"},
                     {"binlog_format", "ROW"},
                     {"binlog_row_image", "FULL"},
                     {"binlog_row_metadata", "FULL"},
                     {"binlog_row_value_options", ""},
                     {"gtid_mode", "ON"},
                     {"gtid_strict_mode", "ON"},
                     {"binlog_expire_logs_seconds", "604800"}};
  state.captured_text = "shop.*";
  TableInfo table;
  table.database = "shop";
  table.table = "orders";
  table.primary_key = {"id"};
  state.tables = {table};
  state.own_server_id = 4000000000;
  return state;
}

Findings judge(const PreflightState& state, const MysqlSourceConfig& config = {}) {
  Findings findings;
  judge_server(state, config, findings);
  judge_tables(state, findings);
  return findings;
}

int count(const Findings& findings, Finding::Severity severity) {
  return static_cast<int>(std::ranges::count(findings, severity, &Finding::severity));
}
int errors(const Findings& findings) {
  return count(findings, Finding::Severity::kError);
}
int warnings(const Findings& findings) {
  return count(findings, Finding::Severity::kWarning);
}

// The first finding that is not in order, as "subject: fix"; empty when all is in order.
std::string first_problem(const Findings& findings) {
  for (const Finding& finding : findings) {
    if (finding.severity != Finding::Severity::kOk) {
      return finding.subject + ": " + finding.fix;
    }
  }
  return {};
}

// What is found when one variable of a sound server has another value.
Findings with(Flavour flavour, const std::string& name, const std::string& value) {
  auto state = sound(flavour);
  state.variables[name] = value;
  return judge(state);
}

TEST(MysqlPreflight, FindsNothingWrongWithASoundServer) {
  EXPECT_EQ(first_problem(judge(sound(Flavour::kMysql))), "");
  EXPECT_EQ(first_problem(judge(sound(Flavour::kMariaDb))), "");
}

TEST(MysqlPreflight, NamesTheStatementThatMends) {
  EXPECT_EQ(first_problem(with(Flavour::kMysql, "binlog_row_image", "MINIMAL")),
            "binlog_row_image: SET PERSIST binlog_row_image = FULL;");
  EXPECT_EQ(first_problem(with(Flavour::kMariaDb, "binlog_row_metadata", "NO_LOG")),
            "binlog_row_metadata: SET GLOBAL binlog_row_metadata = FULL; and in my.cnf under "
            "[mariadb]: binlog_row_metadata = FULL");
  EXPECT_EQ(first_problem(with(Flavour::kMariaDb, "gtid_strict_mode", "OFF")),
            "gtid_strict_mode: SET GLOBAL gtid_strict_mode = ON; and in my.cnf under [mariadb]: "
            "gtid_strict_mode = ON");
}

TEST(MysqlPreflight, RefusesWhatCannotStream) {
  for (const Flavour flavour : {Flavour::kMysql, Flavour::kMariaDb}) {
    EXPECT_EQ(errors(with(flavour, "log_bin", "OFF")), 1);
    EXPECT_EQ(errors(with(flavour, "binlog_format", "MIXED")), 1);
    EXPECT_EQ(errors(with(flavour, "binlog_format", "STATEMENT")), 1);
    EXPECT_EQ(errors(with(flavour, "server_id", "0")), 1);
    EXPECT_EQ(errors(with(flavour, "server_id", "4000000000")), 1);
  }
  EXPECT_EQ(errors(with(Flavour::kMysql, "gtid_mode", "OFF")), 1);
  EXPECT_EQ(errors(with(Flavour::kMysql, "gtid_mode", "ON_PERMISSIVE")), 1);
}

TEST(MysqlPreflight, WarnsOfWhatWillHurtLater) {
  for (const Flavour flavour : {Flavour::kMysql, Flavour::kMariaDb}) {
    for (const auto& [name, value] : {std::pair("binlog_row_image", "NOBLOB"),
                                      {"binlog_row_metadata", "MINIMAL"},
                                      {"binlog_expire_logs_seconds", "3600"}}) {
      EXPECT_EQ(warnings(with(flavour, name, value)), 1) << name;
      EXPECT_EQ(errors(with(flavour, name, value)), 0) << name;
    }
    EXPECT_EQ(first_problem(with(flavour, "binlog_expire_logs_seconds", "0")), "");
  }
  auto state = sound(Flavour::kMysql);
  state.variables["binlog_expire_logs_seconds"] = "3600";
  state.variables["binlog_expire_logs_auto_purge"] = "OFF";
  EXPECT_EQ(first_problem(judge(state)), "");
  state = sound(Flavour::kMariaDb);
  state.logged_databases = "shop";
  state.ignored_databases = "audit";
  EXPECT_EQ(warnings(judge(state)), 2);
}

TEST(MysqlPreflight, TakesPartialJsonWithFullImagesOnly) {
  auto state = sound(Flavour::kMysql);
  state.variables["binlog_row_value_options"] = "PARTIAL_JSON";
  EXPECT_EQ(first_problem(judge(state)), "");
  state.variables["binlog_row_image"] = "MINIMAL";
  EXPECT_EQ(errors(judge(state)), 1);
}

TEST(MysqlPreflight, KnowsPositionsInFiles) {
  MysqlSourceConfig config;
  config.position = PositionKind::kFile;
  auto state = sound(Flavour::kMysql);
  EXPECT_EQ(first_problem(judge(state, config)),
            "gtid_mode: Set source.position: gtid before the pipeline's first start");
  EXPECT_EQ(errors(judge(state, config)), 0);
  state.variables["gtid_mode"] = "OFF";
  EXPECT_EQ(errors(judge(state, config)), 0);
  EXPECT_EQ(first_problem(judge(sound(Flavour::kMariaDb), config)),
            "source.position: Set source.position: gtid");
}

TEST(MysqlPreflight, SaysThatWithPositionsInFilesNoTableCanBeRead) {
  MysqlSourceConfig config;
  config.position = PositionKind::kFile;
  for (const char* mode : {"ON", "OFF", "ON_PERMISSIVE"}) {
    auto state = sound(Flavour::kMysql);
    state.variables["gtid_mode"] = mode;
    const Findings findings = judge(state, config);
    const auto found = std::ranges::find(findings, "source.position", &Finding::subject);
    ASSERT_NE(found, findings.end()) << mode;
    EXPECT_EQ(found->severity, Finding::Severity::kWarning);
    EXPECT_NE(found->message.find("snapshot: initial"), std::string::npos) << found->message;
    for (const char* word : {"source.position: gtid", "snapshot: never"}) {
      EXPECT_NE(found->fix.find(word), std::string::npos) << found->fix;
    }
    const bool switches = found->fix.find("SET PERSIST gtid_mode = ON;") != std::string::npos;
    EXPECT_EQ(switches, mode != std::string_view("ON")) << found->fix;
  }
  const Findings with_gtids = judge(sound(Flavour::kMysql));
  EXPECT_EQ(std::ranges::find(with_gtids, "source.position", &Finding::subject), with_gtids.end());
}

TEST(MysqlPreflight, RefusesOldServersWithoutLookingFurther) {
  auto state = sound(Flavour::kMysql);
  state.server.number = 50744;
  Findings findings;
  judge_server(state, {}, findings);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(errors(findings), 1);
  state = sound(Flavour::kMariaDb);
  state.server.number = 100527;
  EXPECT_EQ(errors(judge(state)), 1);
  state.server.number = 100600;
  EXPECT_EQ(errors(judge(state)), 0);
}

TEST(MysqlPreflight, TellsOfRowsThatForeignKeysChange) {
  auto state = sound(Flavour::kMysql);
  state.cascading_keys = {{"shop", "lines", "lines_order"}};
  EXPECT_EQ(warnings(judge(state)), 1);
  state.variables["innodb_native_foreign_keys"] = "ON";
  EXPECT_TRUE(first_problem(judge(state)).starts_with("table shop.lines: In my.cnf"));
  state.variables["innodb_native_foreign_keys"] = "OFF";
  EXPECT_EQ(first_problem(judge(state)), "");
}

TEST(MysqlPreflight, SaysThatNoTableIsSeen) {
  auto state = sound(Flavour::kMysql);
  state.tables.clear();
  EXPECT_EQ(first_problem(judge(state)),
            "tables: Correct source.tables; or GRANT SELECT ON *.* TO 'repl'@'%';");
}

TEST(MysqlPreflight, GivesTheGrantForATableThatCannotBeRead) {
  auto state = sound(Flavour::kMysql);
  state.unreadable = {{state.tables.front(), operator_error(Code::kPermission, "denied", "x")}};
  EXPECT_EQ(first_problem(judge(state)),
            "table shop.orders: GRANT SELECT ON `shop`.`orders` TO 'repl'@'%';");
}

}  // namespace
}  // namespace rowtide::mysql
