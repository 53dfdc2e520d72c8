"""The load and the checker against the server's own decoding, without the daemon.

test_decoding is the independent log of record: what it prints must satisfy every check, also after the
server was stopped hard under load.
"""

import re
import unittest

from tests.crash import check
from tests.crash.check import Event
from tests.crash.postgres_source import DATABASE, PostgresSource
from tests.crash.tables import KEYS
from tests.crash.workload import Workload
from tests.servers.scratch import wait_until

_CHANGE = re.compile(r"table load\.(\w+): (INSERT|UPDATE|DELETE|TRUNCATE):(.*)", re.S)
_COLUMN = re.compile(r"""\s(\w+|"[^"]+")\[[a-z ()0-9,"]+\]:('(?:[^']|'')*'|unchanged-toast-datum|[^\s]+)""")


def _tuple(text):
    row, unchanged = {}, set()
    for name, value in _COLUMN.findall(text):
        name = name.strip('"')
        if value == "unchanged-toast-datum":
            unchanged.add(name)
            row[name] = None
        elif value == "null":
            row[name] = None
        elif value.startswith("'"):
            row[name] = value[1:-1].replace("''", "'")
        else:
            row[name] = value
    return row, frozenset(unchanged)


def events_of_test_decoding(rows):
    """Events of (xid, text) rows as pg_logical_slot_get_changes() returns them."""
    events, commit, number = [], 0, 0
    for xid, data in rows:
        if data.startswith("BEGIN"):
            commit, number = commit + 1, 0
            continue
        found = _CHANGE.match(data)
        if not found:
            continue
        number += 1
        table, kind, rest = found.groups()
        at = f"00000001-{commit:016x}-{number:010x}"
        if kind == "TRUNCATE":
            events.append(Event(at, "t", table, xid, {}))
            continue
        old_key = None
        if " old-key:" in rest:
            old, rest = rest.split(" new-tuple:", 1)
            old_key = tuple(_tuple(old.replace(" old-key:", ""))[0].get(c) for c in KEYS[table])
        row, unchanged = _tuple(rest)
        events.append(Event(at, kind[0].lower() if kind != "INSERT" else "c", table, xid, row,
                            unchanged, old_key))
    return events


def followed_update(events):
    """Index of an update whose key has a version after it."""
    later = set()
    for i in reversed(range(len(events))):
        event = events[i]
        key = (event.table, *(event.row.get(c) for c in KEYS[event.table]))
        if event.op == "u" and event.table == "item" and key in later:
            return i
        if event.op == "u":
            later.add(key)
    raise AssertionError("no key was changed twice")


class WorkloadAgainstTheServersOwnDecoding(unittest.TestCase):
    def test_every_check_holds_on_the_log_of_record_also_after_hard_stops(self):
        source = PostgresSource()
        self.addCleanup(source.close)
        source.start()
        server = source.server
        load = Workload(source, seed=20261121, rate=400)
        server.execute(
            "SELECT pg_create_logical_replication_slot('log', 'test_decoding')",
            database=DATABASE,
        )
        load.start()
        load.order_ddl()
        load.order_ddl()
        load.order_rows(3000)
        for mode in ("immediate", "fast"):
            seen = len(load.committed())
            wait_until(lambda: len(load.committed()) > seen + 250, 60, "more transactions")
            source.restart(mode)
        load.order_ddl()
        load.order_ddl()
        seen = len(load.committed())
        wait_until(lambda: len(load.committed()) > seen + 250, 60, "more transactions")
        load.stop()
        tables = source.tables()
        rows = server.execute(
            "SELECT xid::text, data FROM pg_logical_slot_get_changes('log', NULL, NULL)",
            database=DATABASE,
        )
        expected = {int(k[0]): check.manifest_of(r) for k, r in tables["manifest"].items()}
        for txn, _ in load.committed():
            self.assertIn(txn, expected)
        events = events_of_test_decoding(rows)
        report = check.Report()
        check.check_events(events, expected, "log of record", report)
        self.assertTrue(report.ok, report.text())
        self.assertGreater(len(events), 5000)
        kinds = {e.op for e in events}
        self.assertEqual(kinds, {"c", "u", "d", "t"})
        self.assertTrue(any(e.op == "u" and e.old_key for e in events), "no key change")
        self.assertTrue(any(e.unchanged for e in events), "no unchanged column")
        self.assertTrue(any("extra_3" in e.row for e in events), "no change of shape")

        # The same data with one update left out anywhere must not pass.
        victim = followed_update(events)
        report = check.Report()
        check.check_events(events[:victim] + events[victim + 1:], expected, "log", report)
        self.assertLessEqual({"I3", "I4"}, report.invariants())


if __name__ == "__main__":
    unittest.main()
