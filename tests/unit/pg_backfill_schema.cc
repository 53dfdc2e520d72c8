// A chunk's rows have the shape, and each value the form, that the stream gives them.

#include <algorithm>

#include "tests/unit/pg_backfill_fixture.h"

namespace rowtide::postgres {
namespace {

class BackfillSchema : public BackfillTest {};

constexpr const char* kTables = R"sql(
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b numeric(5,2));
CREATE DOMAIN positive AS numeric(10,2) CHECK (VALUE > 0);
CREATE TABLE typed (note varchar(20), gone int, id bigint PRIMARY KEY, n numeric(12,2),
  total bigint GENERATED ALWAYS AS (id * 2) STORED, m mood, p pair, ms mood[], d positive,
  at timestamptz(3), c char(5), b bytea, w tsvector, i interval, cash money);
ALTER TABLE typed DROP COLUMN gone;
CREATE TABLE backwards (a int, b int, c int, PRIMARY KEY (c, a));
CREATE TABLE whole (a int, b int, c text, PRIMARY KEY (b, a));
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE keyless (a int, b text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TABLE indexed (a int, b int NOT NULL, c int NOT NULL, PRIMARY KEY (a));
CREATE UNIQUE INDEX indexed_key ON indexed (c, b) INCLUDE (a);
ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_key;
CREATE TABLE nothing (a int PRIMARY KEY);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE deferred (a int PRIMARY KEY DEFERRABLE, b int);
CREATE TABLE events (id int, day date, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE events_1 PARTITION OF events DEFAULT;
CREATE TABLE listed (a int, b int, c int, PRIMARY KEY (b));
)sql";

constexpr const char* kRows = R"sql(
INSERT INTO typed VALUES ('it''s', 1, 1.50, DEFAULT, 'ok', (1, 2.5), '{sad,NULL}', 7,
  '2024-02-29 12:34:56.789+02', 'ab', '\x00ff', 'a b', '1 day', 12.5);
INSERT INTO backwards VALUES (1, 2, 3); INSERT INTO whole VALUES (1, 2, 'x');
INSERT INTO keyless VALUES (1, 'x'); INSERT INTO indexed VALUES (1, 2, 3);
INSERT INTO nothing VALUES (1); INSERT INTO deferred VALUES (1, 2);
INSERT INTO events VALUES (1, '2026-01-01'); INSERT INTO listed VALUES (1, 2, 3);
)sql";

bool same(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) {
    return false;
  }
  return a.has_bytes() ? a.bytes() == b.bytes() : a.unsigned_integer() == b.unsigned_integer();
}

TEST_F(BackfillSchema, EqualsThatOfTheStream) {
  run(kTables);
  run("CREATE PUBLICATION shop FOR TABLE typed, backwards, whole, keyless, indexed, nothing,"
      " deferred, events, listed (c, b) WITH (publish = 'insert', publish_via_partition_root ="
      " true)");
  open_stream();
  run(kRows);
  const auto tables = reader_->tables({});
  ASSERT_TRUE(tables) << tables.error().to_text();
  ASSERT_EQ(tables->size(), 9U);
  const auto streamed = [&] {
    std::vector<const Event*> events;
    for (const BatchPtr& batch : batches_) {
      for (const Event& event : batch->events()) {
        if (event.op == Op::kCreate) {
          events.push_back(&event);
        }
      }
    }
    return events;
  };
  poll_until([&] { return streamed().size() == tables->size(); });
  for (const ScanTable& of : *tables) {
    SCOPED_TRACE(of.table);
    const auto events = streamed();
    const auto event = std::ranges::find_if(
        events, [&](const Event* one) { return one->schema->table == of.table; });
    ASSERT_NE(event, events.end());
    const TableSchema& expected = *(*event)->schema;
    EXPECT_EQ(*schema(of), expected) << encode_schema(*schema(of)) << "\n"
                                     << encode_schema(expected);
    ASSERT_TRUE(reader_->open_chunk({.table = of, .filter = {}, .after = {}, .up_to = {}}, soon()));
    const auto slice = reader_->read();
    ASSERT_TRUE(slice && slice->rows);
    const Event& read = slice->rows->events().front();
    EXPECT_EQ(*read.schema, expected);
    for (std::size_t i = 0; i < expected.columns.size(); ++i) {
      EXPECT_TRUE(same(read.after[i], (*event)->after[i])) << expected.columns[i].name;
    }
    ASSERT_TRUE(reader_->finish_chunk());
  }
}

}  // namespace
}  // namespace rowtide::postgres
