// Reading a table in chunks loses no row and repeats none.

#include <algorithm>

#include <fmt/format.h>

#include "tests/unit/pg_backfill_fixture.h"

namespace rowtide::postgres {
namespace {

class BackfillChunks : public BackfillTest {};

constexpr const char* kTypes = R"sql(
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN code AS text;
CREATE TYPE pair AS (a int, b text);
)sql";

struct KeyType {
  const char* type;
  // Of a number n from 1 on, another value for each.
  const char* expression;
  // Further values, as a list for VALUES.
  const char* extremes;
};

constexpr KeyType kKeyTypes[] = {
    {"smallint", "n", "(-32768), (32767)"},
    {"integer", "-n", "(-2147483648), (2147483647)"},
    {"bigint", "n::bigint * 1000000007", "(-9223372036854775808), (9223372036854775807)"},
    {"numeric", "n / 7.0", "('NaN'), ('Infinity'), ('-Infinity'), (1e40), (-0.0)"},
    {"numeric(12,3)", "n / 8.0", "('NaN'), (-999999999.999)"},
    {"real", "n / 8.0", "('NaN'), ('Infinity'), ('-Infinity'), (1e-40), ('-0')"},
    {"double precision", "n / 3.0", "('NaN'), ('Infinity'), ('-Infinity'), (5e-324)"},
    {"text", "md5(n::text)", "(''), (' '), (E'it''s \\\\ \\n'), ('zażółć'), ('NULL')"},
    {"varchar(40)", "'k' || n", "(''), ('%')"},
    {"char(12)", "n::text", "(''), ('a b')"},
    {"name", "'n' || n", "('')"},
    {"code", "md5(n::text)", "('')"},
    {"uuid", "md5(n::text)::uuid", "('00000000-0000-0000-0000-000000000000')"},
    {"date", "date '1990-01-01' + n", "('infinity'), ('-infinity'), ('0044-03-15 BC')"},
    {"time", "time '00:00' + n * interval '1 microsecond'", "('24:00:00')"},
    {"timetz", "(time '00:00' + n * interval '1 second')::timetz", "('12:00:00+05:30')"},
    {"timestamp", "timestamp '2024-01-01' + n * interval '1 microsecond'",
     "('infinity'), ('-infinity'), ('0044-03-15 12:00 BC'), ('294276-12-31 23:59:59')"},
    {"timestamptz", "timestamptz '2024-01-01 00:00+02' + n * interval '1 hour'",
     "('infinity'), ('-infinity'), ('0044-03-15 12:00+00 BC')"},
    {"interval", "n * interval '1 day 3 seconds'", "('-1 year'), ('0')"},
    {"bytea", "decode(md5(n::text), 'hex')", "(''), ('\\x00'), ('\\x005c27ff')"},
    {"inet", "inet '10.0.0.0' + n", "('::1'), ('10.0.0.1/8')"},
    {"cidr", "(inet '10.0.0.0' + n)::cidr", "('::/0'), ('10.0.0.0/8')"},
    {"macaddr", "('08002b' || lpad(to_hex(n), 6, '0'))::macaddr", "('00:00:00:00:00:00')"},
    {"bit(16)", "n::bit(16)", "(B'0000000000000000')"},
    {"bit varying(20)", "n::bit(16)::varbit(20)", "(B''), (B'1')"},
    {"integer[]", "ARRAY[n, -n]", "('{}'), ('{NULL}'), ('{{1,2},{3,4}}')"},
    {"text[]", "ARRAY['a b', n::text]", "('{\"x,\\\"y\",\"\"}')"},
    {"int4range", "int4range(n, n + 2)", "('empty'), ('(,)')"},
    {"jsonb", "jsonb_build_object('n', n)", "('null'), ('\"it''s\"'), ('[]')"},
    {"pair", "ROW(n, 'x y')::pair", "(ROW(0, '\"')::pair)"},
    {"tsvector", "('w' || n)::tsvector", "('')"},
    {"pg_lsn", "'0/0'::pg_lsn + n", "('FFFFFFFF/FFFFFFFF')"},
    {"money", "n::money", "(0::money)"},
};

TEST_F(BackfillChunks, PageThroughEveryTypeOfKey) {
  run(kTypes);
  run("CREATE PUBLICATION shop FOR ALL TABLES");
  const auto connection = session();
  for (const KeyType& type : kKeyTypes) {
    SCOPED_TRACE(type.type);
    run(connection.get(),
        fmt::format("DROP TABLE IF EXISTS keyed; CREATE TABLE keyed (note text, id {} PRIMARY KEY);"
                    "INSERT INTO keyed SELECT 'n' || n, {} FROM generate_series(1, 5000) n;"
                    "INSERT INTO keyed SELECT 'x', v.id::{} FROM (VALUES {}) AS v(id)",
                    type.type, type.expression, type.type, type.extremes));
    const auto expected = std::stoul(run(connection.get(), "SELECT count(*) FROM keyed"));
    auto rows = read_all(table("public.keyed"), 700);
    EXPECT_EQ(rows.size(), expected);
    std::ranges::sort(rows);
    const auto repeated = std::ranges::unique(rows);
    EXPECT_TRUE(repeated.empty()) << repeated.front();
  }
}

TEST_F(BackfillChunks, PageThroughAnEnum) {
  run(kTypes);
  run("CREATE PUBLICATION shop FOR ALL TABLES;"
      "CREATE TABLE feelings (n int, m mood, PRIMARY KEY (m, n));"
      "INSERT INTO feelings SELECT n, (ARRAY['sad','ok','happy'])[n % 3 + 1]::mood"
      " FROM generate_series(1, 100) n");
  EXPECT_EQ(read_all(table("public.feelings"), 7),
            column("SELECT n || '|' || m FROM feelings ORDER BY m, n"));
}

TEST_F(BackfillChunks, FollowTheOrderOfTheKeysIndex) {
  run("CREATE PUBLICATION shop FOR ALL TABLES;"
      "CREATE TABLE lines (line int, shop text, note text, PRIMARY KEY (shop, line));"
      "INSERT INTO lines SELECT n % 50, 's' || n / 50, 'x' FROM generate_series(0, 4999) n");
  const auto lines = table("public.lines");
  EXPECT_EQ(lines.method, ScanMethod::kKeyRange);
  EXPECT_EQ(read_all(lines, 700),
            column("SELECT line || '|' || shop || '|x' FROM lines ORDER BY shop, line"));
}

TEST_F(BackfillChunks, StandBehindAllRowsThatBeginWithAPlace) {
  run("CREATE PUBLICATION shop FOR ALL TABLES;"
      "CREATE TABLE lines (shop int, line int, PRIMARY KEY (shop, line));"
      "INSERT INTO lines SELECT s, l FROM generate_series(1, 5) s, generate_series(1, 3) l");
  ChunkRequest request;
  request.table = table("public.lines");
  request.after = ScanKey{"2"};
  request.up_to = ScanKey{"4"};
  const Chunk chunk = read_chunk(request);
  EXPECT_EQ(chunk.rows, (Lines{"3|1", "3|2", "3|3", "4|1", "4|2", "4|3"}));
  EXPECT_FALSE(chunk.next);
  request.after = request.up_to = std::nullopt;
  request.keys = {{"2", "3"}, {"5", "1"}, {"7", "1"}};
  request.limit_rows = 1;
  Chunk chosen = read_chunk(request);
  std::ranges::sort(chosen.rows);
  EXPECT_EQ(chosen.rows, (Lines{"2|3", "5|1"})) << "the rows with these keys";
  EXPECT_FALSE(chosen.next);
  const std::vector<ScanKey> keys = {{"10"}, {"9", "3"}, {"9"}, {"9", "20"}, {"-1"}};
  const auto ordered = reader_->order(request.table, keys);
  ASSERT_TRUE(ordered) << ordered.error().to_text();
  EXPECT_EQ(*ordered, (std::vector<std::size_t>{4, 1, 3, 2, 0}));
}

TEST_F(BackfillChunks, KeepToTheCollationOfTheIndex) {
  run("CREATE PUBLICATION shop FOR ALL TABLES;"
      "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = "
      "false);"
      "CREATE TABLE words (word text COLLATE caseless PRIMARY KEY);"
      "INSERT INTO words SELECT CASE n % 2 WHEN 0 THEN 'w' ELSE 'W' END || n FROM"
      " generate_series(1, 500) n;"
      "CREATE TABLE mixed (word text COLLATE caseless NOT NULL);"
      "CREATE UNIQUE INDEX mixed_key ON mixed (word COLLATE \"C\");"
      "ALTER TABLE mixed REPLICA IDENTITY USING INDEX mixed_key;"
      "INSERT INTO mixed SELECT c || n FROM generate_series(1, 50) n, unnest(ARRAY['a','A']) c");
  EXPECT_EQ(read_all(table("public.words"), 7), column("SELECT word FROM words ORDER BY word"));
  EXPECT_EQ(read_all(table("public.mixed"), 7),
            column("SELECT word FROM mixed ORDER BY word COLLATE \"C\""));
}

TEST_F(BackfillChunks, ReadWhatThePublicationPublishes) {
  run("CREATE TABLE orders (id int PRIMARY KEY, secret text, note text, total int GENERATED ALWAYS"
      " AS (id * 2) STORED);"
      "CREATE PUBLICATION shop FOR TABLE orders (id, note) WHERE (note <> 'hidden');"
      "CREATE TABLE elsewhere (id int PRIMARY KEY);"
      "INSERT INTO orders SELECT n, 's', CASE WHEN n % 2 = 0 THEN 'shown' ELSE 'hidden' END FROM"
      " generate_series(1, 6) n");
  const auto orders = table("public.orders");
  EXPECT_EQ(read_all(orders, 2), (Lines{"2|shown", "4|shown", "6|shown"}));
  EXPECT_EQ(schema(orders)->columns.size(), 2U);
  const std::vector<std::string> unpublished = {"public.elsewhere"};
  const auto none = reader_->tables(unpublished);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
}

TEST_F(BackfillChunks, ReadTheRowsAndColumnsThatAreAskedFor) {
  run("CREATE PUBLICATION shop FOR ALL TABLES;"
      "CREATE TABLE orders (note text, id int PRIMARY KEY, total int, words tsvector);"
      "INSERT INTO orders SELECT NULL, n, n * 2, 'w' FROM generate_series(1, 6) n");
  ScanFilter filter{.where = "total > 8 -- the large ones", .columns = {"note"}};
  const auto orders = table("public.orders");
  EXPECT_EQ(read_all(orders, 100, filter), (Lines{"NULL|5|~|~", "NULL|6|~|~"}));
  EXPECT_TRUE(reader_->plan(orders, filter, 1));
  filter.where = "nonsense > 1";
  const auto planned = reader_->plan(orders, filter, 1);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().disposition, Disposition::kOperator);
  filter = {.where = {}, .columns = {"missing"}};
  EXPECT_FALSE(reader_->plan(orders, filter, 1));
  EXPECT_EQ(read_all(orders, 100).size(), 6U) << "an error ends the chunk, not the reader";
}

TEST_F(BackfillChunks, ComeInSlicesThatSayWhereTheyEnd) {
  run("CREATE PUBLICATION shop FOR ALL TABLES;"
      "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, "
      "2500)");
  ChunkRequest request;
  request.table = table("public.orders");
  const Chunk chunk = read_chunk(request);
  EXPECT_EQ(chunk.rows.size(), 2500U);
  EXPECT_FALSE(chunk.next);
  EXPECT_EQ(chunk.slice_rows, (std::vector<std::size_t>{1024, 1024, 452}));
  EXPECT_EQ(chunk.places, (std::vector<std::optional<ScanKey>>{ScanKey{"1024"}, ScanKey{"2048"},
                                                               ScanKey{"2500"}}));
  request.limit_rows = 100;
  EXPECT_EQ(read_chunk(request).next, ScanKey{"100"});
}

TEST_F(BackfillChunks, GoOnByLocationFromAnyRow) {
  run("CREATE PUBLICATION shop FOR ALL TABLES;"
      "CREATE TABLE points (id int PRIMARY KEY, x int);"
      "INSERT INTO points SELECT n, 0 FROM generate_series(1, 5000) n; ANALYZE points;"
      "DELETE FROM points WHERE id % 3 = 0");
  auto points = table("public.points");
  points.method = ScanMethod::kLocation;
  auto rows = read_all(points, 700);
  EXPECT_EQ(rows, column("SELECT id || '|' || x FROM points ORDER BY ctid"));
  ChunkRequest request;
  request.table = points;
  const Chunk whole = read_chunk(request);
  ASSERT_GE(whole.places.size(), 3U);
  const auto read_before = whole.slice_rows[0] + whole.slice_rows[1];
  const auto rest = read_all(points, 700, {}, whole.places[1]);
  EXPECT_EQ(rest, Lines(rows.begin() + static_cast<std::ptrdiff_t>(read_before), rows.end()));
  // Two parts, side by side.
  request.up_to = whole.places[1];
  const Chunk first = read_chunk(request);
  EXPECT_EQ(first.rows,
            Lines(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(read_before)));
  EXPECT_FALSE(first.next);

  run("VACUUM FULL points");
  request = {.table = points, .filter = {}, .after = whole.places[1], .up_to = {}};
  const auto moved = reader_->open_chunk(request, soon());
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, Code::kConflict);
}

TEST_F(BackfillChunks, ReadATableWithoutAKeyAsAWhole) {
  run("CREATE PUBLICATION shop FOR ALL TABLES WITH (publish = 'insert');"
      "CREATE TABLE log (line text); INSERT INTO log SELECT 'same' FROM generate_series(1, 3000);"
      "CREATE TABLE doubles (a int, b int); ALTER TABLE doubles REPLICA IDENTITY FULL;"
      "INSERT INTO doubles VALUES (1, 2), (1, 2)");
  const auto log = table("public.log");
  EXPECT_EQ(log.method, ScanMethod::kWhole);
  ChunkRequest request;
  request.table = log;
  request.limit_rows = 10;
  const Chunk chunk = read_chunk(request);
  EXPECT_EQ(chunk.rows.size(), 3000U);
  EXPECT_FALSE(chunk.next);
  EXPECT_FALSE(chunk.places.front());
  EXPECT_EQ(table("public.doubles").method, ScanMethod::kWhole);
  EXPECT_EQ(read_all(table("public.doubles"), 1), (Lines{"1|2", "1|2"}));
}

TEST_F(BackfillChunks, ReadAnEmptyTableAndMissADroppedOne) {
  run("CREATE PUBLICATION shop FOR ALL TABLES; CREATE TABLE orders (id int PRIMARY KEY)");
  const auto orders = table("public.orders");
  EXPECT_EQ(read_all(orders, 10), Lines{});
  run("DROP TABLE orders; CREATE TABLE orders (id int PRIMARY KEY)");
  const auto planned = reader_->plan(orders, {}, 4);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, Code::kNotFound);
  const auto opened =
      reader_->open_chunk({.table = orders, .filter = {}, .after = {}, .up_to = {}}, soon());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kNotFound);
}

TEST_F(BackfillChunks, CutABigTableByItsStatistics) {
  run("CREATE PUBLICATION shop FOR ALL TABLES; CREATE TABLE orders (id int PRIMARY KEY, x int);"
      "INSERT INTO orders SELECT n, 0 FROM generate_series(1, 250000) n; ANALYZE orders");
  const auto orders = table("public.orders");
  EXPECT_NEAR(orders.estimated_rows, 250'000, 5'000);
  const auto plan = reader_->plan(orders, {}, 4);
  ASSERT_TRUE(plan) << plan.error().to_text();
  ASSERT_EQ(plan->cuts.size(), 3U);
  EXPECT_NEAR(std::stod(plan->cuts[1].front()), 125'000, 10'000);
  auto located = orders;
  located.method = ScanMethod::kLocation;
  const auto by_location = reader_->plan(located, {}, 4);
  ASSERT_TRUE(by_location);
  ASSERT_EQ(by_location->cuts.size(), 3U);
  std::size_t rows = 0;
  for (std::size_t part = 0; part < 4; ++part) {
    ChunkRequest request{.table = located,
                         .filter = {.where = "id % 10 = 0", .columns = {"id"}},
                         .after = {},
                         .up_to = {},
                         .limit_rows = 1'000'000};
    request.after = part == 0 ? std::nullopt : std::optional(by_location->cuts[part - 1]);
    request.up_to = part == 3 ? std::nullopt : std::optional(by_location->cuts[part]);
    const Chunk chunk = read_chunk(request);
    EXPECT_GT(chunk.rows.size(), 5'000U);
    EXPECT_FALSE(chunk.next);
    rows += chunk.rows.size();
  }
  EXPECT_EQ(rows, 25'000U);
}

TEST_F(BackfillChunks, ReadPartitionsAsTheyArePublished) {
  run("CREATE TABLE events (id int, day date, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);"
      "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');"
      "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');"
      "CREATE PUBLICATION shop FOR TABLE events WITH (publish_via_partition_root = true);"
      "INSERT INTO events SELECT n, date '2026-01-01' + n % 59 FROM generate_series(1, 300) n");
  const auto events = table("public.events");
  EXPECT_EQ(events.method, ScanMethod::kKeyRange);
  EXPECT_GT(events.estimated_rows, 0);
  EXPECT_EQ(read_all(events, 7), column("SELECT id || '|' || day FROM events ORDER BY day, id"));
  run("ALTER PUBLICATION shop SET (publish_via_partition_root = false)");
  config_.tables = {"public.events"};
  const auto leaves = reader_->tables({});
  ASSERT_TRUE(leaves);
  ASSERT_EQ(leaves->size(), 2U);
  EXPECT_EQ(leaves->front().table, "events_1");
  EXPECT_EQ(read_all(leaves->front(), 7),
            column("SELECT id || '|' || day FROM events_1 ORDER BY day, id"));
}

}  // namespace
}  // namespace rowtide::postgres
