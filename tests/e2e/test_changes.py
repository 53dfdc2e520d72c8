"""Every kind of change, live, through real servers: what each sink holds afterwards.

Mirrors are compared with the source as a whole after every test; flat JSON and history say how the
change was told. PostgreSQL 15 and 18, all with ROWTIDE_ALL_SERVERS=1.
"""

import base64
import unittest

from tests.e2e.harness import (
    Daemon, Duck, Jsonl, PostgresServer, Scratch, fence, sink, source, versions, wait_confirmed,
)

BIG = "SELECT string_agg(md5(g::text), '') FROM generate_series(1, 300) g"

SETUP = """
CREATE TABLE toasted (id int PRIMARY KEY, note text, big text);
ALTER TABLE toasted ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE TABLE toasted_full (LIKE toasted INCLUDING ALL);
ALTER TABLE toasted_full REPLICA IDENTITY FULL;
CREATE TABLE indexed (a int NOT NULL, b text NOT NULL, c text, big text);
ALTER TABLE indexed ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX indexed_key ON indexed (b, a);
ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_key;
CREATE TABLE composite (a int, b text, v int, PRIMARY KEY (b, a));
CREATE TABLE keyless (a int, b text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE SCHEMA still;
CREATE TABLE still.silent (id int PRIMARY KEY, v text);
ALTER TABLE still.silent REPLICA IDENTITY NOTHING;
CREATE PUBLICATION inserts FOR TABLE still.silent WITH (publish = 'insert');
CREATE TABLE emptied (id int PRIMARY KEY);
CREATE TABLE emptied_too (id int PRIMARY KEY REFERENCES emptied);
CREATE TABLE measured (id int, at date NOT NULL, v text, PRIMARY KEY (id, at))
  PARTITION BY RANGE (at);
CREATE TABLE measured_2025 PARTITION OF measured
  FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE measured_2026 (v text, at date NOT NULL, id int NOT NULL);
ALTER TABLE measured ATTACH PARTITION measured_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE generated (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE prepared (id int PRIMARY KEY);
CREATE TABLE growing (id int PRIMARY KEY, small int, short varchar(5), price numeric(6,2));
CREATE TABLE shaped (id int PRIMARY KEY, gone text, kept text);
CREATE TABLE churned (id int PRIMARY KEY, v int);
CREATE TABLE only_key (id int PRIMARY KEY);
CREATE TABLE filtered (id int PRIMARY KEY, v int, hidden text);
"""
ODD_SCHEMA, ODD_TABLE = 'O\'dd "Schema"', 'Ta.ble "x\''


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


ODD_SETUP = (
    f"CREATE SCHEMA {quoted(ODD_SCHEMA)};"
    f"CREATE TABLE {quoted(ODD_SCHEMA)}.{quoted(ODD_TABLE)} ("
    '"Id" int PRIMARY KEY, "id " int, "select" text, "\u00fcml\u00e4ut \u20ac" text, "a""b" text, '
    f'"c\\d" text, "_op" text, "{"n" * 62}" int)'
)


class Changes:
    version = None

    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch("changes")
        cls.addClassCleanup(cls.scratch.close)
        cls.server = PostgresServer(cls.version, {"logical_decoding_work_mem": "64kB"}, "changes")
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        for database in ("shop", "mirror", "history"):
            cls.server.create_database(database)
        cls.server.execute(SETUP, database="shop")
        cls.server.execute(ODD_SETUP, database="shop")
        everything = ["public.*", "O'dd*.*", "!public.filtered"]
        keyed = ["*.*", "!public.keyless"]
        pipelines = [
            {
                "name": "main",
                "source": source(cls.server, "shop", "main", everything),
                "snapshot": "never",
                "sinks": [
                    sink("duckdb", path=cls.scratch.join("main.duckdb"), mode="mirror",
                         tables=keyed),
                    sink("postgres", url=cls.server.url("mirror"), mode="mirror", tables=keyed),
                    # The load has a column of this name; history mode needs it for itself.
                    sink("postgres", "history", url=cls.server.url("history"), mode="history",
                         tables=["public.*"]),
                    sink("jsonl", path=cls.scratch.join("main-jsonl")),
                ],
            },
            {
                "name": "leaves",
                "source": source(cls.server, "shop", "leaves", ["public.measured*"],
                                 publish_via_partition_root=False),
                "snapshot": "never",
                "sinks": [sink("jsonl", path=cls.scratch.join("leaves-jsonl"))],
            },
            {
                "name": "inserts",
                "source": source(cls.server, "shop", "inserts", ["still.*"]),
                "snapshot": "never",
                "sinks": [sink("jsonl", path=cls.scratch.join("inserts-jsonl"))],
            },
        ]
        if cls.version >= 15:
            cls.server.execute(
                "CREATE PUBLICATION chosen FOR TABLE filtered (id, v) WHERE (id > 10)",
                database="shop")
            pipelines.append({
                "name": "chosen",
                "source": source(cls.server, "shop", "chosen", ["public.filtered"], create=True),
                "snapshot": "never",
                "sinks": [sink("jsonl", path=cls.scratch.join("chosen-jsonl"))],
            })
        cls.slots = [p["name"] for p in pipelines]
        cls.daemon = Daemon(pipelines, scratch=cls.scratch)
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start().wait_running()

    def run_sql(self, *statements):
        for statement in statements:
            self.server.execute(statement, database="shop")

    def drain(self):
        lsn = fence(self.server, "shop")
        for slot in self.slots:
            wait_confirmed(self.server, slot, lsn, 30, self.daemon)

    def events(self, table, pipeline="main", ops=None):
        return Jsonl(self.scratch.join(f"{pipeline}-jsonl")).events(table, ops)

    def columns(self, table, database="shop", schema="public"):
        return [r[0] for r in self.server.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s "
            "AND table_name = %s ORDER BY ordinal_position", (schema, table), database)]

    def assert_mirrored(self, table, columns=None, schema="public"):
        """Both mirrors hold exactly the source's rows, in the source's columns."""
        columns = columns or self.columns(table, schema=schema)
        where = f"{quoted(schema)}.{quoted(table)}"
        as_text = ", ".join(f"{quoted(c)}::text" for c in columns)
        sql = f"SELECT {as_text} FROM {where}"
        expected = sorted(self.server.execute(sql, database="shop"), key=repr)
        self.assertEqual(
            expected, sorted(self.server.execute(sql, database="mirror"), key=repr),
            f"{table} in PostgreSQL")
        as_text = ", ".join(f"CAST({quoted(c)} AS VARCHAR)" for c in columns)
        duck = Duck(self.scratch.join("main.duckdb"))
        self.assertEqual(
            expected, sorted(duck.query(f"SELECT {as_text} FROM {where}"), key=repr),
            f"{table} in DuckDB")

    def test_unchanged_toast_is_unchanged_and_never_null(self):
        self.run_sql(f"INSERT INTO toasted VALUES (1, 'one', ({BIG})), (2, 'two', ({BIG}))",
                     "UPDATE toasted SET note = 'changed' WHERE id = 1")
        self.drain()
        update = self.events("toasted", ops=("u",))[-1]
        self.assertEqual(update["unchanged"], ["big"])
        self.assertEqual(update["after"], {"id": "1", "note": "changed"})
        self.assertIsNone(update["before"])
        self.assert_mirrored("toasted")
        told = self.server.execute(
            "SELECT big IS NULL, _unchanged FROM toasted WHERE _op = 'u' ORDER BY _position",
            database="history")
        self.assertEqual(told[-1], (True, '["big"]'))

    def test_unchanged_toast_is_filled_from_a_full_old_image(self):
        self.run_sql(f"INSERT INTO toasted_full VALUES (1, 'one', ({BIG}))",
                     "UPDATE toasted_full SET note = NULL WHERE id = 1",
                     f"INSERT INTO toasted_full VALUES (2, 'two', ({BIG}))",
                     "DELETE FROM toasted_full WHERE id = 2")
        self.drain()
        update = self.events("toasted_full", ops=("u",))[-1]
        self.assertEqual(update["unchanged"], [])
        self.assertEqual(update["after"]["note"], None)
        self.assertEqual(len(update["after"]["big"]), 9600)
        self.assertEqual(update["before"]["note"], "one")
        delete = self.events("toasted_full", ops=("d",))[-1]
        self.assertEqual(delete["before"]["note"], "two")
        self.assertEqual(len(delete["before"]["big"]), 9600)
        self.assert_mirrored("toasted_full")

    def test_a_key_change_moves_the_row_with_its_unchanged_columns(self):
        self.run_sql(f"INSERT INTO toasted VALUES (100, 'move', ({BIG})), (101, 'stay', ({BIG}))",
                     "UPDATE toasted SET id = 200, note = 'moved' WHERE id = 100",
                     "UPDATE toasted SET id = id + 1000 WHERE id >= 101 AND id <= 300")
        self.drain()
        update = [e for e in self.events("toasted", ops=("u",)) if e["key"] == {"id": "200"}][0]
        self.assertEqual(update["before"], {"id": "100"})
        self.assertEqual(update["after"]["note"], "moved")
        self.assertEqual(update["unchanged"], ["big"])
        self.assert_mirrored("toasted")

    def test_keys_swapped_in_one_transaction_end_swapped(self):
        self.run_sql(f"INSERT INTO toasted VALUES (501, 'a', ({BIG})), (502, 'b', 'small')",
                     "BEGIN; UPDATE toasted SET id = 500 WHERE id = 501;"
                     "UPDATE toasted SET id = 501 WHERE id = 502;"
                     "UPDATE toasted SET id = 502 WHERE id = 500; COMMIT")
        self.drain()
        self.assert_mirrored("toasted")

    def test_deletes_carry_the_key(self):
        self.run_sql("INSERT INTO composite VALUES (1, 'x', 1), (2, 'y', 2)",
                     "DELETE FROM composite WHERE a = 1",
                     "UPDATE composite SET b = 'z' WHERE a = 2")
        self.drain()
        delete = self.events("composite", ops=("d",))[-1]
        self.assertEqual(delete["key"], {"b": "x", "a": "1"})
        self.assertEqual(delete["before"], {"a": "1", "b": "x"})
        self.assertIsNone(delete["after"])
        self.assert_mirrored("composite")

    def test_a_replica_identity_index_is_the_key(self):
        self.run_sql(f"INSERT INTO indexed VALUES (1, 'k', 'c', ({BIG})), (2, 'k', 'c', 'x')",
                     "UPDATE indexed SET c = 'new' WHERE a = 1",
                     "UPDATE indexed SET b = 'other' WHERE a = 1",
                     "DELETE FROM indexed WHERE a = 2")
        self.drain()
        self.assertEqual(self.events("indexed", ops=("d",))[-1]["key"], {"b": "k", "a": "2"})
        self.assert_mirrored("indexed")

    def test_a_table_without_a_key_is_kept_as_history(self):
        self.run_sql("INSERT INTO keyless VALUES (1, 'a'), (1, 'a'), (2, NULL)",
                     "UPDATE keyless SET b = 'c' WHERE a = 2", "DELETE FROM keyless WHERE a = 1")
        self.drain()
        rows = self.server.execute("SELECT _op, a, b FROM keyless ORDER BY _position",
                                   database="history")
        self.assertEqual(rows, [("c", 1, "a"), ("c", 1, "a"), ("c", 2, None), ("u", 2, "c"),
                                ("d", 1, "a"), ("d", 1, "a")])

    def test_identity_nothing_delivers_inserts(self):
        self.run_sql("INSERT INTO still.silent VALUES (1, 'a'), (2, 'b')")
        self.drain()
        self.assertEqual([e["after"] for e in self.events("silent", "inserts", ("c",))],
                         [{"id": "1", "v": "a"}, {"id": "2", "v": "b"}])

    def test_truncate_empties_the_mirrors_of_every_table_that_it_names(self):
        self.run_sql("INSERT INTO emptied VALUES (1), (2)", "INSERT INTO emptied_too VALUES (1)",
                     "BEGIN; INSERT INTO emptied VALUES (3); TRUNCATE emptied CASCADE;"
                     "INSERT INTO emptied VALUES (4); COMMIT")
        self.drain()
        self.assertEqual(len(self.events("emptied", ops=("t",))), 1)
        self.assertEqual(len(self.events("emptied_too", ops=("t",))), 1)
        self.assert_mirrored("emptied")
        self.assert_mirrored("emptied_too")

    def test_partitions_arrive_as_their_root_or_as_leaves(self):
        self.run_sql("INSERT INTO measured VALUES (1, '2025-05-05', 'a'), (2, '2026-06-06', 'b')",
                     "UPDATE measured SET at = '2026-01-02' WHERE id = 1",
                     "UPDATE measured SET v = 'bb' WHERE id = 2")
        self.drain()
        self.assert_mirrored("measured")
        self.assertFalse(self.events("measured_2026"))
        self.assertFalse(self.events("measured", "leaves"))
        self.assertEqual([e["op"] for e in self.events("measured_2026", "leaves")
                          if e["op"] != "s"], ["c", "c", "u"])

    def test_row_filters_and_column_lists_of_the_publication_hold(self):
        if self.version < 15:
            self.skipTest("came with PostgreSQL 15")
        self.run_sql("INSERT INTO filtered VALUES (1, 1, 'h'), (11, 1, 'h')",
                     "UPDATE filtered SET v = 2", "UPDATE filtered SET id = 12 WHERE id = 1",
                     "UPDATE filtered SET id = 2 WHERE id = 11")
        self.drain()
        got = [(e["op"], e["key"], e["after"]) for e in self.events("filtered", "chosen")
               if e["op"] != "s"]
        self.assertEqual(got, [
            ("c", {"id": "11"}, {"id": "11", "v": "1"}),
            ("u", {"id": "11"}, {"id": "11", "v": "2"}),
            ("c", {"id": "12"}, {"id": "12", "v": "2"}),
            ("d", {"id": "11"}, None),
        ])

    def test_stored_generated_columns_arrive_where_the_server_sends_them(self):
        self.run_sql("INSERT INTO generated (id, a) VALUES (1, 21)",
                     "UPDATE generated SET a = 22", "DELETE FROM generated WHERE id = 7")
        self.drain()
        after = self.events("generated", ops=("u",))[-1]["after"]
        if self.version >= 18:
            self.assertEqual(after, {"id": "1", "a": "22", "twice": "44"})
            self.assert_mirrored("generated")
        else:
            self.assertEqual(after, {"id": "1", "a": "22"})
            self.assert_mirrored("generated", ["id", "a"])

    def test_prepared_transactions_arrive_when_they_commit(self):
        self.run_sql("BEGIN; INSERT INTO prepared VALUES (1); PREPARE TRANSACTION 'one'",
                     "BEGIN; INSERT INTO prepared VALUES (2); PREPARE TRANSACTION 'two'",
                     "INSERT INTO prepared VALUES (3)", "ROLLBACK PREPARED 'two'",
                     "COMMIT PREPARED 'one'")
        self.drain()
        self.assertEqual([e["key"]["id"] for e in self.events("prepared", ops=("c",))],
                         ["3", "1"])
        self.assert_mirrored("prepared")

    def test_logical_messages_are_events(self):
        self.run_sql("SELECT pg_logical_emit_message(true, 'app', 'hello')",
                     "SELECT pg_logical_emit_message(false, 'app', 'at once')",
                     "SELECT pg_logical_emit_message(true, 'app', '\\xff00'::bytea)")
        self.drain()
        messages = [e for e in self.events(None, ops=("m",)) if e["prefix"] == "app"]
        contents = [e["content"] if e["content_encoding"] == "utf8"
                    else base64.b64decode(e["content"]) for e in messages]
        if self.version >= 14:  # pgoutput sends messages from 14 on
            self.assertCountEqual(contents, ["hello", "at once", b"\xff\x00"])

    def test_added_and_widened_columns_evolve_the_mirrors(self):
        self.run_sql(
            "INSERT INTO growing VALUES (1, 1, 'abc', 1.50)",
            "ALTER TABLE growing ADD COLUMN extra jsonb",
            "INSERT INTO growing VALUES (2, 2, 'def', 2.50, '{\"a\": 1}')",
            "ALTER TABLE growing ALTER COLUMN small TYPE bigint",
            "INSERT INTO growing VALUES (3, 5000000000, 'ghi', 3.50, NULL)",
            "ALTER TABLE growing ALTER COLUMN short TYPE text",
            "INSERT INTO growing VALUES (4, 4, 'longer than five', 4.50, NULL)",
            "ALTER TABLE growing ALTER COLUMN price TYPE numeric(12,4)",
            "INSERT INTO growing VALUES (5, 5, '', 12345678.1234, NULL)",
            "BEGIN; INSERT INTO growing VALUES (6, 6, '', 6, NULL);"
            "ALTER TABLE growing ADD COLUMN more int; INSERT INTO growing VALUES (7, 7, '', 7, NULL, 7);"
            "ALTER TABLE growing ADD COLUMN most text;"
            "UPDATE growing SET most = 'm' WHERE id = 6; COMMIT",
        )
        self.drain()
        # The scale of older decimals follows the source's rewrite in a mirror that was widened.
        self.assert_mirrored("growing", ["id", "small", "short", "extra", "more", "most"])
        prices = "SELECT id, price FROM public.growing ORDER BY id"
        self.assertEqual(self.server.execute(prices, database="shop"),
                         self.server.execute(prices, database="mirror"))
        self.assertEqual(self.server.execute(prices, database="shop"),
                         Duck(self.scratch.join("main.duckdb")).query(prices))

    def test_dropped_and_renamed_columns_lose_nothing_that_is_still_there(self):
        self.run_sql(
            "INSERT INTO shaped VALUES (1, 'g', 'k')", "ALTER TABLE shaped DROP COLUMN gone",
            "INSERT INTO shaped VALUES (2, 'k2')", "UPDATE shaped SET kept = 'k3' WHERE id = 1",
        )
        self.drain()
        self.assert_mirrored("shaped")

    def test_many_changes_of_one_key_in_one_transaction_end_in_its_last_state(self):
        self.run_sql(
            "INSERT INTO churned VALUES (1, 0)",
            "BEGIN; UPDATE churned SET v = 1 WHERE id = 1; DELETE FROM churned WHERE id = 1;"
            "INSERT INTO churned VALUES (1, 2), (2, 0); UPDATE churned SET v = 3 WHERE id = 1;"
            "DELETE FROM churned WHERE id = 2; INSERT INTO churned VALUES (3, 0);"
            "SAVEPOINT s; DELETE FROM churned; ROLLBACK TO s;"
            "UPDATE churned SET id = 4 WHERE id = 3; COMMIT",
        )
        self.drain()
        self.assert_mirrored("churned")
        rows = self.server.execute("SELECT _op, id, v FROM churned WHERE id < 1000 ORDER BY _position",
                                   database="history")
        self.assertEqual(rows, [("c", 1, 0), ("u", 1, 1), ("d", 1, None), ("c", 1, 2),
                                ("c", 2, 0), ("u", 1, 3), ("d", 2, None), ("c", 3, 0),
                                ("u", 4, 0)])

    def test_a_table_of_nothing_but_its_key_is_mirrored(self):
        self.run_sql("INSERT INTO only_key VALUES (1), (2)",
                     "UPDATE only_key SET id = 3 WHERE id = 1", "DELETE FROM only_key WHERE id = 2")
        self.drain()
        self.assert_mirrored("only_key")

    def test_names_of_any_spelling_survive(self):
        where = f"{quoted(ODD_SCHEMA)}.{quoted(ODD_TABLE)}"
        self.run_sql(f"INSERT INTO {where} VALUES (1, 2, 'a', 'b', 'c', 'd', 'e', 5)",
                     f"UPDATE {where} SET \"select\" = NULL", f"INSERT INTO {where} VALUES (2)")
        self.drain()
        self.assert_mirrored(ODD_TABLE, schema=ODD_SCHEMA)

    def test_every_event_has_a_position_that_sorts_in_delivery_order(self):
        self.run_sql("INSERT INTO churned SELECT g, g FROM generate_series(1000, 1100) g")
        self.drain()
        positions = [e["position"] for e in self.events(None, ops=("c", "u", "d"))]
        self.assertEqual(positions, sorted(positions))
        self.assertEqual(len(set(positions)), len(positions))


class Extremes(unittest.TestCase):
    """The widest table and the largest value."""

    def test_1600_columns_and_a_100_mb_value_pass(self):
        with PostgresServer(15, name="wide") as server, Scratch("wide") as scratch:
            for database in ("shop", "mirror"):
                server.create_database(database)
            columns = ", ".join(f"c{n} int" for n in range(1599))
            server.execute(f"CREATE TABLE wide (id int PRIMARY KEY, {columns})", database="shop")
            server.execute("CREATE TABLE huge (id int PRIMARY KEY, v text)", database="shop")
            with Daemon([{
                "name": "wide", "source": source(server, "shop", "wide"), "snapshot": "never",
                "sinks": [
                    sink("duckdb", path=scratch.join("wide.duckdb"), mode="mirror"),
                    sink("postgres", url=server.url("mirror"), mode="mirror"),
                    sink("jsonl", path=scratch.join("jsonl")),
                ],
            }], scratch=scratch) as daemon:
                daemon.start().wait_running()
                values = ", ".join(str(n) for n in range(1599))
                server.execute(f"INSERT INTO wide VALUES (1, {values})", database="shop")
                server.execute("UPDATE wide SET c5 = NULL, c1598 = -1", database="shop")
                server.execute(
                    "INSERT INTO huge SELECT 1, repeat('0123456789abcdef', 6553600)",
                    database="shop")
                lsn = fence(server, "shop")
                wait_confirmed(server, "wide", lsn, 120, daemon)
                self.assertEqual(server.execute("SELECT * FROM wide", database="shop"),
                                 server.execute("SELECT * FROM wide", database="mirror"))
                duck = Duck(scratch.join("wide.duckdb"))
                self.assertEqual(server.execute("SELECT * FROM wide", database="shop"),
                                 duck.query("SELECT * FROM public.wide"))
                size = "SELECT length(v), md5(v) FROM public.huge"
                expected = server.execute(size, database="shop")
                self.assertEqual(expected[0][0], 104857600)
                self.assertEqual(expected, server.execute(size, database="mirror"))
                self.assertEqual(expected, duck.query(size))
                event = Jsonl(scratch.join("jsonl")).events("huge", ops=("c",))[0]
                self.assertEqual(len(event["after"]["v"]), 104857600)
                self.assertEqual(daemon.terminate(), 0)


def load_tests(loader, standard, _pattern):
    suite = unittest.TestSuite()
    for version in versions((15, 18)):
        case = type(f"ChangesOn{version}", (Changes, unittest.TestCase), {"version": version})
        suite.addTests(loader.loadTestsFromTestCase(case))
    suite.addTests(loader.loadTestsFromTestCase(Extremes))
    return suite


if __name__ == "__main__":
    unittest.main()
