"""Backfills of MySQL and MariaDB tables through the real daemon, beside writers and across kills."""

import json
import re
import threading
import unittest

import pymysql

from tests.e2e.harness import Duck, Jsonl, sink, wait_until
from tests.e2e.test_mysql import Case
from tests.servers.mysql import on_each_server

ROWS = 2_000
# So long that the buffer of a slow backfill holds a few hundred rows.
PAD = "x" * 2_500
BUFFER_ROWS = 400
SLOW = {"workers": 2, "chunk_rows": 50, "rows_per_second": 1500, "buffer": "1MiB"}
FAST = {"workers": 2, "chunk_rows": 100}


class Writer(threading.Thread):
    """Updates, deletes, inserts and key changes until it is stopped."""

    def __init__(self, server, database, number):
        super().__init__(daemon=True)
        self.connection = server.connect(database)
        self.ended, self.error = threading.Event(), None
        self.number, self.next_id = number, 1_000_000 * (number + 1)

    def statement(self, step):
        row = (step * 7919 + self.number * 31) % ROWS + 1
        kind = step % 10
        if kind == 0:
            return f"DELETE FROM items WHERE id = {row}"
        self.next_id += 1
        if kind == 1:
            return f"INSERT INTO items (id, v, note) VALUES ({self.next_id}, 1, 'new')"
        if kind == 2:
            return f"UPDATE items SET id = {self.next_id}, v = v + 1 WHERE id = {row}"
        return f"UPDATE items SET v = v + 1, note = CONCAT('u', v) WHERE id = {row}"

    def run(self):
        step = 0
        try:
            while not self.ended.wait(0.001):
                step += 1
                try:
                    with self.connection.cursor() as cursor:
                        cursor.execute(self.statement(step))
                except pymysql.err.OperationalError as error:
                    if error.args[0] not in (1205, 1213):
                        raise
        except Exception as error:  # told by stop()
            self.error = error

    def stop(self):
        self.ended.set()
        self.join()
        self.connection.close()
        if self.error:
            raise self.error


class Backfill(Case):
    def setUp(self):
        super().setUp()
        self.duck = self.scratch.join("duck.duckdb")
        self.sql("CREATE TABLE items (id int PRIMARY KEY, v int NOT NULL, note varchar(40),"
                 " pad varchar(3000) NOT NULL DEFAULT '')")
        self.sql("ALTER TABLE items ALTER pad SET DEFAULT %s", (PAD,))
        self.fill("items", range(1, ROWS + 1))

    def fill(self, table, keys):
        self.sql(f"INSERT INTO {table} (id, v, note) VALUES " + ", ".join(f"({i}, 1, 'n{i}')" for i in keys))

    def start(self, snapshot="initial", backfill=None, **more):
        pipeline = self.pipeline(
            sink("duckdb", "duck", path=self.duck, mode="mirror",
                 tables=[f"{self.database}.*", f"!{self.database}.bag"]),
            sink("jsonl", "lines", path=self.jsonl), **more)
        pipeline["snapshot"] = snapshot
        pipeline["backfill"] = backfill or SLOW
        daemon = self.daemon(pipeline, extra={"log": {"level": "debug"}})
        daemon.start().wait_running()
        return daemon

    def writers(self, count=3):
        writers = [Writer(self.server, self.database, i) for i in range(count)]
        for writer in writers:
            writer.start()
        return writers

    def delivered(self, daemon, rows):
        """A backfill is in its middle: that many rows are handed out."""
        wait_until(lambda: (b := daemon.pipeline("my")["backfills"])
                   and b[0]["rows_delivered"] >= rows, 40,
                   lambda: f"{rows} rows delivered\n{daemon.describe()}")
        self.assertEqual(daemon.pipeline("my")["backfills"][0]["state"], "running")

    def ended(self, daemon, state="finished"):
        wait_until(lambda: (b := daemon.pipeline("my")["backfills"]) and b[0]["state"] == state, 60,
                   lambda: f"backfill {state}\n{daemon.describe()}")

    def in_duck(self, table, columns):
        return sorted(Duck(self.duck).query(f'SELECT {columns} FROM "{self.database}"."{table}"'))

    def finish(self, daemon, table="items", columns="id, v, note"):
        """Everything has arrived, and both sinks hold what the source does."""
        self.ended(daemon)
        self.drain(daemon)
        wait_until(lambda: daemon.pipeline("my")["sinks"][0]["position"]
                   == daemon.pipeline("my")["sinks"][1]["position"], 20, daemon.describe)
        self.assertEqual(daemon.terminate(), 0, daemon.log())
        expected = sorted(tuple(row) for row in self.sql(f"SELECT {columns} FROM {table}"))
        self.assertEqual(self.in_duck(table, columns), expected)
        self.check_lines(table, {row[0]: row[1] for row in expected})

    def check_lines(self, table, expected):
        """Folded they give the source, no version goes back, no backfill brings a row twice."""
        rows, seen = {}, set()
        for event in Jsonl(self.jsonl).events(table):
            op = event["op"]
            if op == "t":
                rows.clear()
            if op not in ("r", "c", "u", "d"):
                continue
            key = int(event["key"]["id"])
            if op == "r":
                self.assertNotIn((event["tx"], key), seen, "a row came twice")
                seen.add((event["tx"], key))
            if op == "d":
                rows.pop(key, None)
                continue
            before = event.get("before") or {}
            old = int(before.get("id", key))
            if op == "u" and old != key:
                rows.pop(old, None)
            version = int(event["after"]["v"])
            self.assertGreaterEqual(version, rows.get(key, 0), f"row {key} goes back")
            rows[key] = version
        self.assertEqual(rows, expected)

    def test_initial_snapshot_beside_writers(self):
        writers = self.writers()
        daemon = self.start()
        try:
            self.delivered(daemon, 300)
            self.ended(daemon)
        finally:
            for writer in writers:
                writer.stop()
        self.finish(daemon)

    def test_kills_in_the_middle(self):
        writers = self.writers(2)
        daemon = self.start()
        try:
            for rows in (200, 600, 1000):
                self.delivered(daemon, rows)
                daemon.kill9()
                daemon.start().wait_running()
            self.ended(daemon)
        finally:
            for writer in writers:
                writer.stop()
        with open(daemon.log_path, encoding="utf-8") as log:
            read = sum(int(n) for n in re.findall(r"chunk of \S+\.items, (\d+) rows", log.read()))
        inserted = sum(w.next_id - 1_000_000 * (w.number + 1) for w in writers)
        # What was handed out and durable is not read again; what was in memory is: the buffer, the
        # chunks of both workers, and what waited in front of the lanes.
        self.assertLess(read, ROWS + inserted + 3 * (BUFFER_ROWS + 2 * 50 + 200))
        self.finish(daemon)

    def test_changes_in_the_middle(self):
        daemon = self.start()
        self.delivered(daemon, 300)
        self.sql("UPDATE items SET v = v + 1 WHERE id % 7 = 0")
        self.sql("DELETE FROM items WHERE id % 11 = 0")
        self.sql("UPDATE items SET id = id + 100000, v = v + 1 WHERE id % 13 = 0")
        self.sql("UPDATE items SET id = id - 100000, v = v + 1 WHERE id > 101900")
        self.finish(daemon)

    def test_truncate_and_refill_in_the_middle(self):
        daemon = self.start()
        self.delivered(daemon, 300)
        self.sql("TRUNCATE TABLE items")
        self.fill("items", range(500, 1500, 3))
        self.finish(daemon)

    def test_a_truncate_of_rows_that_only_the_backfill_brought(self):
        daemon = self.start(backfill=FAST)
        self.ended(daemon)
        self.sql("TRUNCATE TABLE items")
        self.fill("items", range(1, 4))
        self.finish(daemon)

    def test_columns_that_come_and_go_in_the_middle(self):
        daemon = self.start()
        self.delivered(daemon, 300)
        self.sql("ALTER TABLE items ADD extra int")
        self.sql("UPDATE items SET v = v + 1, extra = 7 WHERE id % 7 = 0")
        wait_until(lambda: self.delivered(daemon, 600) is None, 30, daemon.describe)
        self.sql("ALTER TABLE items DROP note, MODIFY v bigint NOT NULL")
        self.sql("UPDATE items SET v = v + 5000000000 WHERE id % 10 = 0")
        self.finish(daemon, columns="id, v, extra")

    def test_a_killed_reading_connection(self):
        daemon = self.start()
        killed = 0
        while killed < 6:
            self.delivered(daemon, 100 * (killed + 1))
            for row in self.sql("SHOW PROCESSLIST"):
                if row[4] != "Binlog Dump" and "Binlog Dump" not in str(row[4]) and row[1] == "root":
                    try:
                        self.sql(f"KILL {row[0]}")
                    except pymysql.err.OperationalError:
                        pass  # it has ended, or is the one that asks
            killed += 1
        self.finish(daemon)

    def test_tables_without_a_key_and_with_odd_names(self):
        self.sql("CREATE TABLE bag (v int, note varchar(5))")
        self.sql("INSERT INTO bag VALUES (1, 'a'), (1, 'a'), (2, NULL)")
        self.sql("CREATE TABLE `odd ``näme` (id int PRIMARY KEY, v int)")
        self.sql("INSERT INTO `odd ``näme` VALUES (1, 1), (2, 2)")
        daemon = self.start("initial", FAST)
        self.ended(daemon)
        self.drain(daemon)
        daemon.terminate()
        events = Jsonl(self.jsonl)
        bag = sorted(tuple(e["after"].values()) for e in events.events("bag", ("r",)))
        self.assertEqual(bag, [("1", "a"), ("1", "a"), ("2", None)])
        self.assertEqual(len(events.events("odd `näme", ("r",))), 2)
        self.assertEqual(self.in_duck("odd `näme", "id, v"), [(1, 1), (2, 2)])

    def test_a_server_that_restarts_in_the_middle(self):
        daemon = self.start()
        self.delivered(daemon, 300)
        self.server.restart("immediate")
        self.sql("UPDATE items SET v = v + 1 WHERE id % 7 = 0")
        self.finish(daemon)

    def test_a_backfill_by_command_tells_what_it_reads(self):
        daemon = self.start("never", FAST)
        started = daemon.tool("backfill", "start", "my", "--table", f"{self.database}.items",
                              "--where", "id <= 500", "--json")
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        self.ended(daemon)
        shown = daemon.tool("backfill", "show", json.loads(started.stdout)["id"], "--json")
        self.assertIn("primary key", shown.stdout)
        self.drain(daemon)
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(len(Jsonl(self.jsonl).events("items", ("r",))), 500)

    def test_it_ends_while_nothing_else_happens(self):
        """A stream that starts behind all there is has to find out that it has passed a chunk."""
        daemon = self.start("only", FAST)
        wait_until(lambda: daemon.pipeline("my")["state"] == "finished", 40, daemon.describe)
        self.assertEqual(len(Jsonl(self.jsonl).events("items", ("r",))), ROWS)


on_each_server(globals(), Backfill)
del Case, Backfill

if __name__ == "__main__":
    unittest.main()
