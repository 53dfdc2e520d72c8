"""What a backfill must do, case by case: `backfill_cases.py` is the table, this runs it.

Each case has a database, a slot and a daemon of its own, with a DuckDB mirror and JSON lines. Every
case ends with the same checks, whatever else it says: the mirror equals the source row for row; no
version of a row goes back in the lines, no backfill brings a row twice, folding the lines gives the
source, and what the lines tell of backfills is told once and in its place.
"""

import json
import signal
import unittest
from concurrent.futures import ThreadPoolExecutor

from tests.e2e import compare
from tests.e2e.backfill_cases import CASES
from tests.e2e.harness import (
    Daemon, Duck, Jsonl, PostgresServer, Scratch, fence, sink, source, wait_confirmed, wait_until,
)

# No server is killed here: what its commits cost would only slow the cases down.
SETTINGS = {"max_replication_slots": 60, "max_wal_senders": 60}
OVER = ("finished", "cancelled", "failed")
KINDS = {"BOOLEAN": "bool", "BLOB": "bytes", "DECIMAL": "decimal", "TIMESTAMP": "time",
         "FLOAT": "float4", "DOUBLE": "float8"}


class Run:
    """One case while it runs: what its steps and checks are made of."""

    def __init__(self, test, case, server, scratch, slot):
        self.test, self.case, self.server, self.scratch, self.slot = (
            test, case, server, scratch, slot)
        self.notes = {}
        self.open_above = None
        more = {"publication": slot, **case.source}
        self.daemon = Daemon([{
            "name": "shop",
            "source": source(server, slot, slot, case.capture, **more),
            "snapshot": case.snapshot,
            "backfill": case.backfill,
            "retry": {"initial": "50ms", "max": "500ms"},
            "sinks": [self.duck(), sink("jsonl", "lines", path=scratch.join("lines"))],
        }], extra={"log": {"level": "debug"}}, scratch=scratch)

    def duck(self, name="duck"):
        return sink("duckdb", name, path=self.scratch.join(f"{name}.duckdb"), mode="mirror",
                    tables=self.case.mirrored)

    # --- steps

    def sql(self, statement, args=None):
        rows = self.server.execute(statement, args, database=self.slot)
        if self.open_above is not None:
            running = self.backfill()
            self.test.assertEqual(running["state"], "running", "the window closed too early")
            self.open_above = None
        return rows

    def backfills(self):
        """Oldest first."""
        return self.daemon.pipeline("shop")["backfills"][::-1]

    def backfill(self, index=-1):
        found = self.backfills()
        return found[index] if found else None

    def until(self, condition, what, timeout_s=30):
        return wait_until(condition, timeout_s, lambda: f"{what}\n{self.daemon.describe()}")

    def window(self, rows):
        """The latest backfill has handed out that many rows and is in the middle."""
        self.until(lambda: (b := self.backfill()) and b["rows_delivered"] >= rows,
                   f"{rows} rows delivered")
        self.open_above = rows

    def ended(self):
        self.until(lambda: ((found := self.backfills()) or self.case.snapshot == "never")
                   and all(b["state"] in OVER for b in found), "every backfill is over")

    def state(self, state, index=-1):
        self.until(lambda: (b := self.backfill(index)) and b["state"] == state, state)

    def tool(self, *arguments):
        """Runs a backfill command that has to succeed; its answer."""
        done = self.daemon.tool("backfill", *arguments, "--json")
        self.test.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def refused(self, words, *arguments):
        """Runs a command that has to fail and to say `words`."""
        done = self.daemon.tool(*arguments)
        self.test.assertNotEqual(done.returncode, 0, done.stdout)
        for word in words:
            self.test.assertIn(word, done.stdout + done.stderr)

    def restart(self, number, meanwhile=()):
        if number == signal.SIGTERM:
            self.test.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        else:
            self.daemon.kill9()
        for statement in meanwhile:
            self.sql(statement)
        self.daemon.write_config()
        self.daemon.start().wait_running()

    def drain(self):
        wait_confirmed(self.server, self.slot, fence(self.server, self.slot), 30, self.daemon)

    # --- what the sinks hold

    def events(self, table=None, ops=None):
        return Jsonl(self.scratch.join("lines")).events(table, ops)

    def keys_of(self, table):
        return [r[0] for r in self.sql(
            "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
            "AND a.attnum = ANY (i.indkey::int2[]) WHERE i.indrelid = to_regclass(%s) "
            "AND i.indisprimary ORDER BY a.attnum", (f'public."{table}"',))]

    def columns_of(self, table):
        chosen = self.case.columns.get(table)
        return chosen or [r[0] for r in self.sql(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 "
            "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum", (f'public."{table}"',))]

    def tables(self):
        return self.case.tables or [r[0] for r in self.sql(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1")]

    def source_rows(self, table, columns):
        listed = ", ".join(f'"{c}"::text' for c in columns)
        return sorted(self.sql(f'SELECT {listed} FROM "{table}" '
                               f"WHERE {self.case.where.get(table, 'true')}"), key=repr)

    def mirror_rows(self, table, columns, name="duck"):
        duck = Duck(self.scratch.join(f"{name}.duckdb"))
        types = duck.columns("public", table)
        missing = [c for c in columns if c not in types]
        self.test.assertEqual(missing, [], f"columns of {table} that the mirror lacks")
        listed = ", ".join(compare.duckdb_text(f'"{c}"', types[c]) for c in columns)
        kinds = [next((k for t, k in KINDS.items() if types[c].startswith(t)), "text")
                 for c in columns]
        return sorted((tuple(compare.from_duckdb(k, cell) for k, cell in zip(kinds, row))
                       for row in duck.query(f'SELECT {listed} FROM public."{table}"')), key=repr)

    # --- checks of every case

    def check_mirror(self, name="duck"):
        for table in self.tables():
            columns = self.columns_of(table)
            expected, got = self.source_rows(table, columns), self.mirror_rows(table, columns, name)
            short = [[str(cell)[:40] for cell in row] for row in got if row not in expected][:3]
            lost = [[str(cell)[:40] for cell in row] for row in expected if row not in got][:3]
            self.test.assertEqual((len(expected), [], []), (len(got), lost, short),
                                  f"{table} in {name}: rows that are missing, rows that are wrong")

    def check_lines(self):
        latest, seen = self.walk_lines()
        for table in self.tables() if self.case.fold else ():
            keys = self.keys_of(table)
            if not keys or "v" not in self.columns_of(table):
                continue
            listed = ", ".join(f'"{c}"::text' for c in [*keys, "v"])
            expected = {row[:-1]: int(row[-1]) for row in self.sql(
                f'SELECT {listed} FROM "{table}" WHERE {self.case.where.get(table, "true")}')}
            self.test.assertEqual(expected, latest.get(table, {}), f"lines of {table}, folded")
        return seen

    def walk_lines(self):
        latest, seen, moved = {}, set(), set()
        for event in self.events():
            op, table, tx = event["op"], event["table"], event["tx"]
            rows = latest.setdefault(table, {})
            if op == "t":
                rows.clear()
            if op not in ("r", "c", "u", "d") or not event.get("key"):
                continue
            key = self.key_text(event["key"])
            told = f"{op} of {tx} at {event['position']}, row {key} of {table}"
            if op == "d":
                rows.pop(key, None)
                continue
            before = event.get("before") or {}
            old = self.key_text({c: before.get(c, cell) for c, cell in event["key"].items()})
            if op == "u" and old != key:
                rows[key] = max(rows.get(key, 0), rows.pop(old, 0))
                moved.add((table, key))
            if op == "r":
                self.test.assertTrue((tx, table, key) not in seen or (table, key) in moved
                                     or self.case.again, f"twice: {told}")
                seen.add((tx, table, key))
            if "v" in (event["after"] or {}):
                version = int(event["after"]["v"])
                self.test.assertGreaterEqual(version, rows.get(key, 0), f"goes back: {told}")
                rows[key] = version
            elif op == "c":
                rows[key] = 0
        return latest, seen

    def check_story(self):
        """Backfills and their tables begin before their rows and end behind them, once."""
        phases, tables = {}, {}
        for event in self.events():
            if event["op"] == "r":
                table = event["table"]
                names = [f"public.{t}" for t in (table, self.case.told_as.get(table, table))]
                self.test.assertIn("started", [phases.get((event["tx"], name)) for name in names],
                                   event["position"])
            if event["op"] != "m" or event["prefix"] != "rowtide.backfill":
                continue
            told = json.loads(event["content"])
            id_, kind, name = told["backfill"], told["event"], told.get("table")
            self.test.assertEqual(id_, event["tx"])
            self.test.assertNotIn(phases.get((id_, None)), ("finished", "cancelled"), told)
            before = None if kind == "started" else "started"
            self.test.assertEqual(phases.get((id_, name)), before, told)
            self.test.assertGreaterEqual(told["rows"], tables.get((id_, name), 0), told)
            tables[id_, name] = told["rows"]
            if kind != "chunk":
                phases[id_, name] = kind
        for backfill in self.notes.get("backfills", []):
            mine = {name: kind for (id_, name), kind in phases.items() if id_ == backfill["id"]}
            if mine and backfill["state"] == "finished":
                self.test.assertEqual(set(mine.values()), {"finished"}, mine)
            if mine and backfill["state"] == "cancelled":
                self.test.assertEqual(mine[None], "cancelled", mine)
        return phases

    @staticmethod
    def key_text(key):
        return tuple(compare.from_json("time", cell) for cell in key.values())

    def read_keys(self, table):
        """Keys that backfills brought, in order of delivery."""
        return [self.key_text(e["key"])[0] for e in self.events(table, ("r",))]


class Backfill(unittest.TestCase):
    maxDiff = 2000
    # Cases wait more than they work, so that a few go on side by side when all of them are run.
    side_by_side = 1

    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer(15, SETTINGS, "backfill")
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.pool = ThreadPoolExecutor(cls.side_by_side)
        cls.addClassCleanup(cls.pool.shutdown, cancel_futures=True)
        cls.started = {}

    def result_of(self, number):
        """Runs the case, and begins those behind it when all are to be run."""
        for ahead in range(number, min(number + self.side_by_side, len(CASES))):
            if ahead not in self.started:
                self.started[ahead] = self.pool.submit(self.run_case, CASES[ahead], ahead)
        return self.started[number].result()

    def take(self, step, run):
        if isinstance(step, str):
            run.sql(step)
            return
        # Only statements say something about the window that was waited for.
        run.open_above = None
        step(run)

    def run_case(self, case, number):
        slot = f"c{number}"
        self.server.create_database(slot)
        self.server.execute(case.setup, database=slot)
        if case.own_slot:
            self.server.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')",
                                (slot,), database=slot)
        with Scratch("backfill") as scratch:
            run = Run(self, case, self.server, scratch, slot)
            try:
                self.run_steps(case, run)
                run.check_mirror()
                run.check_lines()
                if case.backfill.get("events", True):
                    run.check_story()
                for check in case.holds:
                    check(run)
            finally:
                run.daemon.close()
                self.server.execute(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                    "WHERE NOT active AND database = %s", (slot,))

    def run_steps(self, case, run):
        run.daemon.start()
        if case.snapshot != "only":
            run.daemon.wait_running()
        for step in case.do:
            self.take(step, run)
        run.open_above = None
        if case.settle:
            run.ended()
            run.drain()
            run.notes["backfills"] = run.backfills()
        self.assertEqual(run.daemon.terminate(), 0, run.daemon.log())


def add_cases():
    for number, case in enumerate(CASES):
        def test(self, number=number):
            self.result_of(number)

        test.__doc__ = case.says
        if case.broken:
            test = unittest.expectedFailure(test)
        setattr(Backfill, f"test_{number + 1:02}_{case.name}", test)


def load_tests(_loader, tests, _pattern):
    """Called for the module; `tests` may be fewer than it has."""
    if tests.countTestCases() == len(CASES):
        Backfill.side_by_side = 4
    return tests


add_cases()

if __name__ == "__main__":
    unittest.main()
