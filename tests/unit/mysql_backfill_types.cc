// A row that is read is, value for value, the row that the stream brings.

#include <fmt/format.h>

#include "tests/unit/mysql_backfill_fixture.h"

namespace rowtide::mysql {
namespace {

class MysqlBackfillTypes : public MysqlBackfillTest {};
ROWTIDE_BOTH_FLAVOURS(MysqlBackfillTypes);

enum class Of : std::uint8_t { kBoth, kMariaDb, kMySql };

struct Type {
  std::string type;
  // SQL expressions.
  std::vector<std::string> values;
  Of of = Of::kBoth;
  int since = 0;  // the first version that has it, as 100 * major + minor
};

const std::vector<Type>& types() {
  static const std::vector<Type> kTypes = {
      {"tinyint", {"-128", "127", "0"}},
      {"tinyint(1)", {"1", "-5"}},
      {"tinyint unsigned", {"255"}},
      {"smallint", {"-32768"}},
      {"smallint unsigned", {"65535"}},
      {"mediumint", {"-8388608", "8388607"}},
      {"mediumint unsigned", {"16777215"}},
      {"int", {"-2147483648"}},
      {"int(6) unsigned zerofill", {"42", "4294967295"}},
      {"bigint", {"-9223372036854775808"}},
      {"bigint unsigned", {"18446744073709551615", "0"}},
      {"float",
       {"0.1", "3.4028234e38", "1e-45", "16777217", "-0.0", "8388609.5", "1.17549435e-38"}},
      {"float(7,3)", {"1.0005", "-9999.999"}},
      {"double", {"0.1", "5e-324", "1.7976931348623157e308", "9007199254740993", "1e22", "-0e0"}},
      {"double(10,2)", {"1.005", "2.675"}},
      {"decimal(65,30)", {"-99999999999999999999999999999999999.999999999999999999999999999999"}},
      {"decimal(7,7)", {"0.0000001", "-0.9999999"}},
      {"decimal(10,2) zerofill", {"0", "0.05", "12.50"}},
      {"decimal(10,0)", {"-1", "0"}},
      {"year", {"0", "1901", "2155"}},
      {"date",
       {"'0000-00-00'", "'2024-00-00'", "'2024-02-31'", "'0001-01-01'", "'9999-12-31'",
        "'1582-10-10'", "'0000-05-06'", "'1969-12-31'"}},
      {"time", {"'-838:59:59'", "'838:59:59'", "'00:00:00'", "'24:00:00'"}},
      {"time(6)", {"'-00:00:00.000001'", "'-12:34:56.5'", "'100:00:00.123456'"}},
      {"time(1)", {"'-00:00:00.9'"}},
      {"datetime", {"'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'", "'2024-02-00 10:11:12'"}},
      {"datetime(3)", {"'2024-02-29 12:34:56.78'", "'0000-00-00 00:00:00'", "'1000-01-01'"}},
      {"datetime(6)", {"'1969-12-31 23:59:59.999999'", "'0000-01-01 00:00:00.1'"}},
      {"timestamp null", {"'1970-01-01 00:00:01'", "'0000-00-00 00:00:00'"}},
      {"timestamp(6) null", {"'2038-01-19 03:14:07.999999'", "'2026-11-20 12:48:43.0045'"}},
      {"bit(1)", {"0", "1"}},
      {"bit(9)", {"256", "5"}},
      {"bit(64)", {"18446744073709551615", "1"}},
      {"enum('a','it''s','with,comma','ö','')", {"'a'", "'it''s'", "'ö'", "0", "''"}},
      {"enum('é','ü') character set latin1", {"'é'"}},
      {"enum('中','文') character set gbk", {"'文'"}},
      {"set('x','y','z')", {"''", "'x,z'", "7"}},
      {"set('é','中') character set utf16", {"'é,中'"}},
      {"char(10)", {"'abc  '", "''", "'  x'", "'äöü€😀'"}},
      {"varchar(20)", {"'tail  '", "'\\0nul'", "'tab\\tnew\\nline'"}},
      {"varchar(300) character set latin1", {"'ÿ€'", "'plain'"}},
      {"char(20) character set gbk", {"'中文'"}},
      {"varchar(20) character set utf16", {"'語😀'"}},
      {"varchar(20) character set ucs2", {"'語'"}},
      {"varchar(20) character set sjis", {"'語'"}},
      {"varchar(20) character set koi8r", {"'ж'"}},
      {"tinytext", {"'tiny'", "''"}},
      {"text", {"repeat('text ', 5000)"}},
      {"mediumtext", {"repeat('m', 70000)"}},
      {"longtext character set latin1", {"'é'"}},
      {"binary(3)", {"x'000000'", "x'0100'", "''", "x'20'"}},
      {"varbinary(300)", {"x'00ff'", "''", "repeat(x'00',300)"}},
      {"blob", {"x'00010203fffe'", "''"}},
      {"longblob", {"repeat(x'ab', 70000)"}},
      {"geometry", {"st_geomfromtext('POINT(1 2)')", "st_geomfromtext('POINT(1 2)', 4326)"}},
      {"point", {"st_geomfromtext('POINT(-1.5 2)')"}},
      {"geometrycollection", {"st_geomfromtext('GEOMETRYCOLLECTION(POINT(1 1))')"}},
      {"json",
       {"'{\"b\": 1, \"a\": [true, null, 1.5, 1e20, -0.0, \"ö\\\\n\"]}'", "'null'", "'\"x\"'"}},
      {"json",
       {"json_array(cast(1.50 as decimal(10,2)), date'2024-02-29', x'000102')"},
       Of::kMySql},
      {"uuid",
       {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a00'", "'00112233-4455-1677-8899-aabbccddeeff'",
        "'00000000-0000-0000-0000-000000000000'"},
       Of::kMariaDb},
      {"inet6", {"'::'", "'fe80::1:2'", "'::ffff:1.2.3.4'", "'1::'"}, Of::kMariaDb},
      {"inet4", {"'0.0.0.0'", "'1.2.3.0'"}, Of::kMariaDb},
      {"varchar(100) compressed", {"''", "'short'", "repeat('ä', 100)"}, Of::kMariaDb},
      {"blob compressed", {"x'00'", "repeat(x'ab',1000)"}, Of::kMariaDb},
      {"mediumtext compressed character set latin1", {"repeat('é', 300)"}, Of::kMariaDb},
      // From this version on seconds have 32 bits without a sign.
      {"timestamp null", {"'2106-02-07 06:28:15'"}, Of::kMariaDb, 1105},
      {"timestamp(6) null", {"'2106-02-07 06:28:15.999999'"}, Of::kMariaDb, 1105},
      {"vector(3)",
       {"string_to_vector('[1, -2.5, 3.4028234e38]')", "string_to_vector('[0, -1, 1.5e-30]')"},
       Of::kMySql,
       900},
      {"vector", {"string_to_vector('[1]')", "string_to_vector('[0.1, 0.2]')"}, Of::kMySql, 900},
      {"vector(3)",
       {"vec_fromtext('[1, -2.5, 3.4028234e38]')", "vec_fromtext('[0, -0.0, 1e-38]')"},
       Of::kMariaDb,
       1107},
  };
  return kTypes;
}

TEST_P(MysqlBackfillTypes, ComeAsTheStreamBringsThem) {
  open_stream();
  std::vector<const Type*> chosen;
  const int version = 100 * std::stoi(value("SELECT VERSION()")) +
                      std::stoi(value("SELECT SUBSTR(VERSION(), 1 + LOCATE('.', VERSION()))"));
  for (const Type& type : types()) {
    const bool fits = type.of == Of::kBoth || (type.of == Of::kMariaDb) == is_mariadb();
    if (fits && version >= type.since) {
      chosen.push_back(&type);
    }
  }
  // Each type in a table of its own, so that what differs is named.
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    run(fmt::format("CREATE TABLE t{} (id int PRIMARY KEY, v {})", i, chosen[i]->type));
    int id = 0;
    for (const std::string& expression : chosen[i]->values) {
      run(fmt::format("INSERT INTO t{} VALUES ({}, {})", i, ++id, expression));
    }
    run(fmt::format("INSERT INTO t{} VALUES (0, NULL)", i));
  }
  const std::string last = fmt::format("t{}", chosen.size() - 1);
  poll_until([&] { return streamed(last).size() == chosen.back()->values.size() + 1; });
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    SCOPED_TRACE(chosen[i]->type);
    const std::string name = fmt::format("t{}", i);
    ChunkRequest request;
    request.table = table(name);
    const Chunk chunk = read_chunk(request);
    ASSERT_FALSE(chunk.error) << chunk.error->to_text();
    std::map<std::string, Lines> read;
    for (const Lines& row : chunk.rows) {
      read[row.front()] = row;
    }
    EXPECT_EQ(read, streamed(name));
    EXPECT_EQ(read.size(), chosen[i]->values.size() + 1);
    const SchemaPtr from_stream = streamed_schema(name);
    ASSERT_NE(from_stream, nullptr);
    EXPECT_EQ(*chunk.schema, *from_stream) << encode_schema(*chunk.schema) << "\n"
                                           << encode_schema(*from_stream);
  }
}

TEST_P(MysqlBackfillTypes, OfTablesOfEveryShape) {
  open_stream();
  run("CREATE TABLE keyless (a int, b varchar(5))");
  run("CREATE TABLE two (b varchar(5) NOT NULL, a int NOT NULL, v int, PRIMARY KEY (a, b))");
  run("CREATE TABLE prefixed (t text NOT NULL, v int, PRIMARY KEY (t(10)))");
  run("CREATE TABLE `we``ird tbl` (`a b` int PRIMARY KEY, `x\"y` int)");
  run("CREATE TABLE computed (id int PRIMARY KEY, w int AS (id + 2) STORED)");
  run("INSERT INTO keyless VALUES (1, 'x'), (2, NULL)");
  run("INSERT INTO two VALUES ('x', 2, 1), ('y', 1, 2)");
  run("INSERT INTO prefixed VALUES ('prefix and more', 1)");
  run("INSERT INTO `we``ird tbl` VALUES (1, 2)");
  run("INSERT INTO computed (id) VALUES (5)");
  poll_until([&] { return streamed("computed").size() == 1; });
  for (const std::string name : {"keyless", "two", "prefixed", "we`ird tbl", "computed"}) {
    SCOPED_TRACE(name);
    ChunkRequest request;
    request.table = table(name);
    const bool whole = name == "keyless" || name == "prefixed";
    EXPECT_EQ(request.table.method, whole ? ScanMethod::kWhole : ScanMethod::kKeyRange);
    const Chunk chunk = read_chunk(request);
    ASSERT_FALSE(chunk.error) << chunk.error->to_text();
    std::map<std::string, Lines> read;
    for (const Lines& row : chunk.rows) {
      read[row.front()] = row;
    }
    EXPECT_EQ(read, streamed(name));
    EXPECT_EQ(*chunk.schema, *streamed_schema(name));
  }
}

}  // namespace
}  // namespace rowtide::mysql
