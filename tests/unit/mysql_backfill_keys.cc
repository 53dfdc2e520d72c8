// Reading a table in chunks loses no row and repeats none, whatever its key.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "tests/unit/mysql_backfill_fixture.h"

namespace rowtide::mysql {
namespace {

class MysqlBackfillKeys : public MysqlBackfillTest {
 protected:
  // Rows with `expression` of a number n from 1 on, which may stand in it as {0}.
  void fill(const std::string& columns, const std::string& expression, int rows) {
    run("DROP TABLE IF EXISTS keyed");
    run(fmt::format("CREATE TABLE keyed ({})", columns));
    std::string sql;
    for (int n = 1; n <= rows; ++n) {
      sql += (sql.empty() ? "INSERT IGNORE INTO keyed VALUES " : ", ") +
             fmt::format("({})", fmt::format(fmt::runtime(expression), n));
    }
    run(sql);
  }
};
ROWTIDE_BOTH_FLAVOURS(MysqlBackfillKeys);

struct KeyType {
  const char* type;
  const char* expression;
  bool mariadb_only = false;
};

constexpr KeyType kKeyTypes[] = {
    {"tinyint", "{0} - 64"},
    {"int", "-{0}"},
    {"bigint unsigned", "18446744073709551615 - {0} * 1000000007"},
    {"decimal(20,5)", "({0} - 50) / 7"},
    {"float", "({0} - 50) / 7"},
    {"double", "({0} - 50) / 3e10"},
    {"date", "DATE_ADD('1999-12-01', INTERVAL {0} DAY)"},
    {"datetime(6)", "DATE_ADD('1969-12-31 23:59:59.99999', INTERVAL {0} MICROSECOND)"},
    {"timestamp(3)", "DATE_ADD('2001-01-01 00:00:01', INTERVAL {0} * 1000 MICROSECOND)"},
    {"time(2)", "SEC_TO_TIME(({0} - 50) * 10000.25)"},
    {"year", "1900 + {0}"},
    {"bit(12)", "{0} * 7"},
    {"char(12)", "CONCAT('k', {0} % 10, ' ', {0})"},
    {"varchar(40) collate utf8mb4_bin", "LEFT(SHA2({0}, 256), 32)"},
    {"varchar(40)", "CONCAT(IF({0} % 2, 'KEY', 'key'), CHAR(192 + {0} % 60 USING latin1), {0})"},
    {"varchar(40) character set latin1", "CONCAT('é\\'\\\\', {0})"},
    {"varchar(40) character set sjis", "CONCAT('語', {0})"},
    {"varchar(40) character set utf16", "CONCAT('😀', {0})"},
    {"binary(8)", "UNHEX(LEFT(SHA2({0}, 256), 12))"},
    {"varbinary(20)", "UNHEX(LEFT(SHA2({0}, 256), {0} % 16 * 2))"},
    {"uuid", "LEFT(SHA2({0}, 256), 32)", true},
    {"inet6", "CONCAT('fe80::', {0})", true},
    {"inet4", "CONCAT('10.0.', {0}, '.1')", true},
};

TEST_P(MysqlBackfillKeys, OfEveryType) {
  open_stream();
  for (const KeyType& key : kKeyTypes) {
    if (key.mariadb_only && !is_mariadb()) {
      continue;
    }
    SCOPED_TRACE(key.type);
    fill(fmt::format("id {} NOT NULL PRIMARY KEY", key.type), key.expression, 120);
    const auto keyed = table("keyed");
    EXPECT_EQ(keyed.method, ScanMethod::kKeyRange);
    const auto rows = read_all(keyed, 7);
    EXPECT_EQ(std::to_string(rows.size()), value("SELECT COUNT(*) FROM keyed"));
    EXPECT_EQ(std::set<Lines>(rows.begin(), rows.end()).size(), rows.size());
  }
}

TEST_P(MysqlBackfillKeys, OfSeveralColumnsInTheOrderOfTheIndex) {
  open_stream();
  fill("line int, shop varchar(5), kind enum('z','a'), PRIMARY KEY (shop, kind, line)",
       "{0}, CONCAT('s', {0} % 3), {0} % 2 + 1", 120);
  const auto keyed = table("keyed");
  const auto rows = read_all(keyed, 7);
  ASSERT_EQ(rows.size(), 120U);
  const auto ordered = session_->query("SELECT line FROM keyed ORDER BY shop, kind, line");
  ASSERT_TRUE(ordered);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i][0].substr(rows[i][0].find(':') + 1), *ordered->rows[i][0]);
  }
  ChunkRequest request;
  request.table = keyed;
  request.after = ScanKey{"s0"};
  request.up_to = ScanKey{"s1"};
  EXPECT_EQ(read_chunk(request).rows.size(), 40U)
      << "a part of a key stands behind all of its rows";
  request.after = request.up_to = std::nullopt;
  request.keys = {{"s1", "a", "1"}, {"s2", "a", "5"}, {"s1", "z", "1"}, {"s0", "a", "3"}};
  const Chunk chosen = read_chunk(request);
  EXPECT_EQ(chosen.rows.size(), 3U) << "the rows with these keys, of which one is none";
  EXPECT_FALSE(chosen.next);
}

TEST_P(MysqlBackfillKeys, AreOrderedByTheServer) {
  open_stream();
  fill("word varchar(10), n int, PRIMARY KEY (word, n)", "'w', {0}", 3);
  const auto keyed = table("keyed");
  const std::vector<ScanKey> keys = {{"b", "10"}, {"B", "9"}, {"a"}, {"a", "7"}, {"ä", "8"}};
  const auto ordered = reader_->order(keyed, keys);
  ASSERT_TRUE(ordered) << ordered.error().to_text();
  EXPECT_EQ(*ordered, (std::vector<std::size_t>{3, 4, 2, 1, 0}));
}

TEST_P(MysqlBackfillKeys, AreFoundThroughTheIndex) {
  open_stream();
  fill("a int, b int, note varchar(20), PRIMARY KEY (a, b)", "{0} / 10, {0}, 'x'", 1000);
  const ScanKeyColumn a{"a", {}, {}, {}};
  const ScanKeyColumn b{"b", {}, {}, {}};
  const std::vector<ScanKeyColumn> columns = {a, b};
  ScanQuery query;
  query.table = "keyed";
  query.outputs = {"t.note"};
  query.order = {"t.a", "t.b"};
  query.limit_rows = 5;
  query.conditions = {*key_condition(columns, KeySide::kBehind, {"90", "905"})};
  const auto plan = session_->query("EXPLAIN FORMAT=TRADITIONAL " + scan_sql(query));
  ASSERT_TRUE(plan) << plan.error().to_text();
  std::map<std::string, std::string> cells;
  for (std::size_t i = 0; i < plan->columns.size(); ++i) {
    cells[plan->columns[i]] = plan->rows[0][i].value_or("");
  }
  EXPECT_EQ(cells["type"], "range");
  EXPECT_EQ(cells["key"], "PRIMARY");
  EXPECT_LT(std::stoi(cells["rows"]), 200);
  EXPECT_EQ(cells["Extra"].find("filesort"), std::string::npos);
}

}  // namespace
}  // namespace rowtide::mysql
