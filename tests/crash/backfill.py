#!/usr/bin/env python3
"""Kills the daemon while it backfills tables that are being written to, at every step of the way.

usage: backfill.py [--source postgres|mariadb|mysql] [--version V] [--kills N] [--seed S]
                   [--failpoints]
  --kills       random moments; default 10
  --failpoints  each failpoint of a backfill's road, before the random ones

The source holds rows before the daemon first starts. Every row carries a version that each change
steps; keys are never used twice. Sinks: mirrors in DuckDB and PostgreSQL, a history, JSON lines.
Afterwards: mirrors equal the source; in the history and in the lines no row of a backfill comes
twice, no version goes back, and folding all changes gives the source; and what was read and
delivered was not read again. Exit code 1 is a violation.
"""

import argparse
import contextlib
import os
import random
import re
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from tests.crash.backfill_sources import ERRORS, ROWS, make_shop  # noqa: E402
from tests.crash.sources import KINDS  # noqa: E402
from tests.e2e.harness import Duck, Jsonl  # noqa: E402
from tests.servers.daemon import Daemon  # noqa: E402
from tests.servers.postgres import PostgresServer  # noqa: E402
from tests.servers.scratch import Scratch, wait_until  # noqa: E402

CHUNK_ROWS = 1_000
BUFFER_ROWS = 6_000  # more than the buffer of 1 MiB holds
WORKERS = 2
FAILPOINTS = {
    "backfill_chunk_read": 6, "backfill_before_slice": 12, "backfill_after_slice": 12,
    "reader_before_append": 30, "lane_before_submit": 40, "lane_after_submit": 40,
    "sink_mid_write": 20, "sink_before_commit": 8, "sink_after_commit": 8,
    "committer_before_store": 6, "committer_after_store": 6, "source_after_ack": 4,
}


class Writer(threading.Thread):
    """Changes random rows in transactions of up to five until it is stopped."""

    def __init__(self, shop, number, seed):
        super().__init__(daemon=True)
        self.shop, self.connection = shop, shop.connect()
        self.random, self.ended, self.error = random.Random(seed), threading.Event(), None
        self.last_id = (number + 1) * 1_000_000

    def fresh(self):
        self.last_id += 1
        return self.last_id

    def change(self, cursor):
        row = self.random.randint(1, ROWS["items"])
        choice = self.random.random()
        if choice < 0.5:
            cursor.execute("UPDATE items SET version = version + 1, note = concat(note, '.') "
                           "WHERE id = %s", (row,))
        elif choice < 0.6:
            cursor.execute("UPDATE items SET version = version + 1, big = repeat(md5(%s), 90) "
                           "WHERE id = %s", (str(row), row))
        elif choice < 0.7:
            cursor.execute("UPDATE items SET version = version + 1, id = %s WHERE id = %s",
                           (self.fresh(), row))
        elif choice < 0.8:
            cursor.execute("DELETE FROM items WHERE id = %s", (row,))
        elif choice < 0.9:
            cursor.execute("INSERT INTO items VALUES (%s, 1, 'new', repeat('x', 3000))",
                           (self.fresh(),))
        else:
            cursor.execute("UPDATE pairs SET version = version + 1 WHERE a = %s AND b = %s",
                           (row % 50, f"k{row % ROWS['pairs']}"))

    def run(self):
        try:
            while not self.ended.wait(self.random.random() * 0.01):
                try:
                    with self.connection.cursor() as cursor:
                        for _ in range(self.random.randint(1, 5)):
                            self.change(cursor)
                    self.connection.commit()
                except ERRORS as error:
                    if not self.shop.is_busy(error):
                        raise
                    self.connection.rollback()
        except Exception as error:  # told by stop()
            self.error = error

    def stop(self):
        self.ended.set()
        self.join()
        self.connection.close()
        if self.error:
            raise self.error


class Run:
    def __init__(self, options, shop, target, scratch):
        self.options, self.shop, self.target, self.scratch = options, shop, target, scratch
        self.random = random.Random(options.seed)
        self.kills = self.backfills = 0
        url = target.url("sink")
        self.daemon = Daemon([{
            "name": "shop", "source": shop.config(), "snapshot": "initial",
            "backfill": {"chunk_rows": CHUNK_ROWS, "buffer": "1MiB", "rows_per_second": 9000,
                         "workers": WORKERS},
            "sinks": [
                {"name": "duck", "type": "duckdb", "path": scratch.join("a.duckdb")},
                {"name": "mirror", "type": "postgres", "url": url, "mode": "mirror"},
                {"name": "history", "type": "postgres", "url": target.url("history"),
                 "mode": "history"},
                {"name": "lines", "type": "jsonl", "path": scratch.join("lines")},
            ]}], extra={"log": {"level": "debug"}}, scratch=scratch)

    def unfinished(self):
        return [b for b in self.daemon.pipeline("shop")["backfills"] if b["state"] != "finished"]

    def keep_busy(self):
        """Starts another backfill when none runs."""
        if self.unfinished():
            return
        started = self.daemon.tool("backfill", "start", "shop", "--table",
                                   f"{self.shop.schema}.*")
        if started.returncode != 0:
            raise RuntimeError(started.stdout + started.stderr)

    def died(self):
        if self.daemon.running:
            return False
        self.kills += 1
        return True

    def kill_at(self, name, count):
        self.daemon.launch(failpoint=f"{name}:{count}")

        def dead_or_idle():
            if self.died():
                return True
            try:
                self.keep_busy()
            except (OSError, IndexError, RuntimeError):
                pass
            return False

        wait_until(dead_or_idle, 60, lambda: f"{name}:{count} reached\n{self.daemon.describe()}")

    def kill_soon(self):
        self.daemon.start()
        self.daemon.wait_running()
        self.keep_busy()
        # A moment of the run, drawn and not waited for: any is as good as another.
        time.sleep(self.random.random() * 1.5)
        self.daemon.kill9()
        self.kills += 1

    def rows_read(self):
        """Rows of every chunk that was read, by the log."""
        with open(self.daemon.log_path) as log:
            return sum(int(n) for n in re.findall(r"chunk of \S+, (\d+) rows", log.read()))

    def go(self):
        if self.options.failpoints:
            for name, most in FAILPOINTS.items():
                self.kill_at(name, self.random.randint(1, most))
        for _ in range(self.options.kills):
            self.kill_soon()
        self.daemon.start()
        self.daemon.wait_running()
        wait_until(lambda: not self.unfinished(), 120, self.daemon.describe)
        self.backfills = len(self.daemon.pipeline("shop")["backfills"])

    def settle(self):
        self.shop.wait_durable(self.daemon)
        self.daemon.terminate()

    # --- checks; each returns complaints

    def source_rows(self):
        return {table: set(self.shop.query(f"SELECT {columns} FROM {table}"))
                for table, columns in COLUMNS.items()}

    def mirrors(self, rows):
        duck = Duck(self.scratch.join("a.duckdb"))
        for table, columns in COLUMNS.items():
            sql = f"SELECT {columns} FROM {self.shop.schema}.{table}"
            found = {"duck": set(duck.query(sql)),
                     "mirror": set(self.target.execute(sql, database="sink"))}
            for name, got in found.items():
                if got != rows[table]:
                    yield (f"{name} {table}: {len(rows[table] - got)} rows of the source are not "
                           f"there, {len(got - rows[table])} are not the source's")

    def history_events(self):
        for op, tx, key, version, old in self.target.execute(
                f"SELECT _op, _tx, id, version, NULL FROM {self.shop.schema}.items "
                "ORDER BY _position", database="history"):
            yield op, tx, key, version, old

    def line_events(self):
        for event in Jsonl(self.scratch.join("lines")).events("items"):
            after, before = event["after"] or {}, event["before"] or {}
            key = after.get("id") or before.get("id")
            version = after.get("version")
            yield (event["op"], event["tx"], int(key) if key else None,
                   int(version) if version else None, int(before["id"]) if "id" in before else None)

    def log_of_changes(self, name, events, rows, moved):
        seen, latest = set(), {}
        for op, tx, key, version, old in events:
            if op == "s":
                continue
            if op == "r":
                if (tx, key) in seen and key not in moved:
                    yield f"{name}: backfill {tx} brought a row twice"
                seen.add((tx, key))
            if op == "d":
                latest.pop(key, None)
                continue
            if version < latest.get(key, 0):
                yield (f"{name}: {op} of {tx} brought version {version} of row {key} after "
                       f"{latest[key]}")
            latest[key] = version
            if old is not None and old != key:
                latest.pop(old, None)
        if name == "lines" and set(latest.items()) != {(row[0], row[1]) for row in rows["items"]}:
            yield f"{name}: the changes in order do not give the source's rows"

    def reading(self):
        first = sum(ROWS.values())
        # Keys only grow in number by the writers' inserts, which this leaves room for.
        most = self.backfills * (first * 1.3) + self.kills * (BUFFER_ROWS + WORKERS * CHUNK_ROWS)
        read = self.rows_read()
        print(f"{read} rows read by {self.backfills} backfills of about {first} rows, "
              f"{self.kills} kills", flush=True)
        if read > most:
            yield f"{read} rows were read, at most {most:.0f} had to be"

    def complaints(self):
        rows = self.source_rows()
        yield from self.mirrors(rows)
        lines = list(self.line_events())
        # A row that moved without all of its values is read once more where it went.
        moved = {key for op, _, key, _, old in lines if op == "u" and old not in (None, key)}
        yield from self.log_of_changes("lines", lines, rows, moved)
        yield from self.log_of_changes("history", self.history_events(), rows, moved)
        yield from self.reading()


COLUMNS = {"items": "id, version, note, big", "pairs": "a, b, version"}


def run(options):
    with contextlib.ExitStack() as stack:
        shop = make_shop(options.source, options.version)
        stack.callback(shop.close)
        shop.start()
        target = stack.enter_context(PostgresServer(15, name="bft"))
        scratch = stack.enter_context(Scratch("bf"))
        target.create_database("sink")
        target.create_database("history")
        test = Run(options, shop, target, scratch)
        stack.callback(test.daemon.close)
        writers = [Writer(shop, i, options.seed + i) for i in range(3)]
        for writer in writers:
            writer.start()
        try:
            test.go()
        finally:
            for writer in writers:
                writer.stop()
        test.settle()
        complaints = list(test.complaints())
        if complaints:
            os.system(f"cp {test.daemon.log_path} /tmp/rowtide-backfill.log")
            print("\n".join(complaints[:20]))
            print(f"{len(complaints)} violations; the daemon's log is /tmp/rowtide-backfill.log")
        return 1 if complaints else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", choices=KINDS, default="postgres")
    parser.add_argument("--version", default=None, help="of the source's server")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--failpoints", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    sys.exit(run(options))


if __name__ == "__main__":
    main()
