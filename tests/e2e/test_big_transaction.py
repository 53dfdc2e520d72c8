"""One transaction of very many rows: bounded memory, and a kill in its middle does not start over.

ROWTIDE_BIG_ROWS (default 300000) rows; 10000000 is the acceptance run.
"""

import os
import time
import unittest

from tests.e2e.harness import (
    Daemon, Duck, Jsonl, PostgresServer, Scratch, fence, sink, source, wait_confirmed, wait_until,
)

ROWS = int(os.environ.get("ROWTIDE_BIG_ROWS", "300000"))
LIMIT = 256 << 20
DUCKDB_MEMORY = 256 << 20
SECONDS = 60 + ROWS // 5000  # how long a run may take at most
WHOLE = "FFFFFFFFFF"  # row part of a position that covers a whole transaction


class BigTransaction(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer(15, {"max_wal_size": "16GB", "checkpoint_timeout": "1h"}, "big")
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        for database in ("shop", "mirror"):
            cls.server.create_database(database)

    def setUp(self):
        self.scratch = Scratch("big")
        self.addCleanup(self.scratch.close)
        self.server.execute("DROP TABLE IF EXISTS big; "
                            "CREATE TABLE big (id bigint PRIMARY KEY, n numeric(12,2), "
                            "at timestamptz, pad text)", database="shop")
        self.server.execute("DROP TABLE IF EXISTS big; DROP SCHEMA IF EXISTS rowtide CASCADE",
                            database="mirror")

    def start(self, streaming, *sinks, **more):
        daemon = Daemon([{
            "name": "big",
            "source": source(self.server, "shop", "big", streaming=streaming, **more),
            "snapshot": "never",
            "retry": {"initial": "100ms", "max": "1s"},
            "sinks": list(sinks),
        }], scratch=self.scratch)
        self.addCleanup(self.drop_slot)
        self.addCleanup(daemon.close)
        return daemon.start().wait_running()

    def drop_slot(self):
        wait_until(lambda: not self.server.slot("big") or not self.server.slot("big")["active"],
                   10, "slot big is free")
        self.server.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        self.server.execute("DROP PUBLICATION IF EXISTS big", database="shop")

    def insert(self):
        self.server.execute(
            "INSERT INTO big SELECT g, g / 100.0, '2026-01-01'::timestamptz + g * '1s'::interval, "
            f"md5(g::text) FROM generate_series(1, {ROWS}) g", database="shop")

    def pass_through(self, streaming, target, limit=LIMIT):
        daemon = self.start(streaming, target)
        started = time.monotonic()
        self.insert()
        inserted = time.monotonic()
        wait_confirmed(self.server, "big", fence(self.server, "shop"), SECONDS, daemon)
        peak = daemon.peak_rss_bytes()
        print(f"\n  {target['type']}, streaming {streaming}: {ROWS} rows in "
              f"{time.monotonic() - inserted:.1f} s after {inserted - started:.1f} s of INSERT, "
              f"peak {peak >> 20} MiB, {daemon.cpu_s():.1f} CPU-s", flush=True)
        self.assertLessEqual(peak, limit)
        self.assertEqual(daemon.terminate(60), 0)

    def expected(self):
        return self.server.execute(
            "SELECT count(*), sum(id)::text, sum(n)::text FROM big", database="shop")

    def test_jsonl_within_memory(self):
        for streaming in ("on", "off"):
            with self.subTest(streaming=streaming):
                path = self.scratch.join("jsonl")
                self.pass_through(streaming, sink("jsonl", path=path))
                self.check_jsonl(path)
            self.again()

    def test_postgres_within_memory(self):
        for streaming in ("on", "off"):
            with self.subTest(streaming=streaming):
                self.pass_through(streaming, sink("postgres", url=self.server.url("mirror"),
                                                  mode="mirror"))
                self.assertEqual(self.expected(), self.server.execute(
                    "SELECT count(*), sum(id)::text, sum(n)::text FROM big", database="mirror"))
            self.again()

    def test_duckdb_within_memory(self):
        for streaming in ("on", "off"):
            with self.subTest(streaming=streaming):
                path = self.scratch.join("big.duckdb")
                self.pass_through(streaming, sink("duckdb", path=path, mode="mirror",
                                       memory_limit=f"{DUCKDB_MEMORY >> 20}MiB"),
                                  LIMIT + DUCKDB_MEMORY)
                self.assertEqual(self.expected(), Duck(path).query(
                    "SELECT count(*), sum(id)::varchar, sum(n)::varchar FROM public.big"))
            self.again()

    def again(self):
        self.doCleanups()
        self.setUp()

    def check_jsonl(self, path):
        """Every row once and in order, counted as a stream."""
        previous, rows = "", 0
        for line in Jsonl(path).lines():
            if '"op":"c"' not in line[:12] or '"table":"big"' not in line[:120]:
                continue
            rows += 1
            start = line.rindex('"position":"') + 12
            position = line[start:start + 36]
            self.assertLess(previous, position)
            previous = position
        self.assertEqual(rows, ROWS)

    def kill_in_the_middle(self, streaming, target, rows_there, whole_check):
        """Kills while a part of the transaction is durable, and again; then lets it finish."""
        daemon = self.start(streaming, target)
        self.insert()
        durable = told = 0
        for part in (0.2, 0.5):
            wanted = int(ROWS * part)

            def in_the_middle():
                if not daemon.running:
                    raise RuntimeError(f"rowtided ended\n{daemon.log()}")
                try:
                    position = daemon.pipeline("big")["sinks"][0]["position"]
                except (OSError, KeyError):
                    return False
                if position is None or position.upper().endswith(WHOLE):
                    return False
                row = int(position.rsplit("-", 1)[1], 16)
                return row if row >= wanted else False

            seen = wait_until(in_the_middle, SECONDS, lambda: "a position inside the transaction\n"
                              + daemon.describe(), interval_s=0.001)
            daemon.kill9()
            at_rest = rows_there()
            self.assertGreaterEqual(at_rest, seen, "durable position ahead of the rows")
            self.assertGreater(at_rest, durable, "no progress since the first kill")
            self.assertLess(at_rest, ROWS, "killed too late; raise ROWTIDE_BIG_ROWS")
            durable, told = at_rest, seen
            daemon.start().wait_running()
        wait_confirmed(self.server, "big", fence(self.server, "shop"), SECONDS, daemon)
        delivered = daemon.pipeline("big")["sinks"][0]["rows_delivered"]
        # What a sink wrote beyond its last marker it does again, and no more than that.
        self.assertLessEqual(delivered, ROWS - told, "the sink's work started over")
        print(f"\n  {target['type']}, streaming {streaming}: killed with {durable} of {ROWS} rows "
              f"durable, then delivered {delivered}", flush=True)
        self.assertEqual(daemon.terminate(60), 0)
        whole_check()

    def test_a_kill_in_the_middle_resumes_inside_the_transaction_in_postgres(self):
        for streaming in ("on", "off"):
            with self.subTest(streaming=streaming):
                count = "SELECT count(*), count(DISTINCT id) FROM big"
                self.kill_in_the_middle(
                    streaming,
                    sink("postgres", url=self.server.url("mirror"), mode="history",
                         split_transaction_rows=ROWS // 100),
                    lambda: self.server.execute(count, database="mirror")[0][0],
                    lambda: self.assertEqual(
                        [(ROWS, ROWS)], self.server.execute(count, database="mirror")))
            self.again()

    def test_a_kill_in_the_middle_resumes_inside_the_transaction_in_duckdb(self):
        path = self.scratch.join("big.duckdb")
        self.kill_in_the_middle(
            "on", sink("duckdb", path=path, mode="history", split_transaction_rows=ROWS // 30),
            lambda: Duck(path).query("SELECT count(*) FROM public.big")[0][0],
            lambda: self.assertEqual(
                [(ROWS, ROWS)],
                Duck(path).query("SELECT count(*), count(DISTINCT id) FROM public.big")))

    def test_a_kill_in_the_middle_resumes_inside_the_transaction_in_jsonl(self):
        path = self.scratch.join("jsonl")
        self.kill_in_the_middle(
            "on", sink("jsonl", path=path, split_transaction_rows=ROWS // 100),
            lambda: sum(1 for line in Jsonl(path).lines()
                        if line.startswith('{"op":"c"') and line.endswith("\n")),
            lambda: self.check_jsonl(path))


if __name__ == "__main__":
    unittest.main()
