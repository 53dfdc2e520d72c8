"""The checker itself: every kind of wrong sink must be reported, and a right one must not."""

import copy
import unittest

from tests.crash import check
from tests.crash.check import Event, Manifest, Report
from tests.crash.tables import GHOST_VER, step_hash


def position(commit, row):
    return f"00000001-{commit:016x}-{row:010x}"


def item(commit, row, op, key, ver, txn, was=None, **more):
    values = {"id": str(key)}
    if op != "d":
        values.update(ver=str(ver), txn=str(txn), was=None if was is None else str(was),
                      note=f"{key}:{ver}")
    values.update(more)
    return Event(position(commit, row), op, "item", str(700 + commit), values)


def atom(commit, row, txn, n):
    return Event(position(commit, row), "c", "atom", str(700 + commit),
                 {"txn": str(txn), "n": str(n)})


def manifest(commit, row, made):
    fields = ("txn", "writer", "seq", "touches", "hash", "atoms")
    return Event(position(commit, row), "c", "manifest", str(700 + commit),
                 {f: str(getattr(made, f)) for f in fields})


def hashes(*steps):
    result = 0
    for kind, key, ver in steps:
        result ^= step_hash("item", kind, (str(key),), ver)
    return result


def right():
    """Three transactions: two inserts, an update and a key change, a delete."""
    one = Manifest(11, 1, 1, 2, hashes(("c", 1, 1), ("c", 2, 1)), 1)
    two = Manifest(12, 1, 2, 3, hashes(("u", 1, 2), ("d", 2, 2), ("c", 3, 1)), 2)
    three = Manifest(21, 2, 1, 1, hashes(("d", 1, 3)), 0)
    events = [
        atom(1, 1, 11, 0), item(1, 2, "c", 1, 1, 11), item(1, 3, "c", 2, 1, 11),
        manifest(1, 4, one),
        atom(2, 1, 12, 0), item(2, 2, "u", 1, 2, 12), item(2, 3, "u", 3, 1, 12, was=2),
        atom(2, 4, 12, 1), manifest(2, 5, two),
        item(3, 1, "d", 1, None, None), manifest(3, 2, three),
    ]
    return events, {m.txn: m for m in (one, two, three)}


class CheckEvents(unittest.TestCase):
    def verdict(self, events, expected):
        report = Report()
        check.check_events(events, expected, "sink", report)
        return report

    def assert_reports(self, events, expected, *invariants):
        report = self.verdict(events, expected)
        for invariant in invariants:
            self.assertIn(invariant, report.invariants(), report.text())

    def test_a_right_sink_passes(self):
        report = self.verdict(*right())
        self.assertTrue(report.ok, report.text())

    def test_a_lost_row_is_reported(self):
        events, expected = right()
        del events[2]
        self.assert_reports(events, expected, "I4", "I3")

    def test_a_lost_atom_is_reported(self):
        events, expected = right()
        del events[7]
        self.assert_reports(events, expected, "I4")

    def test_a_lost_delete_is_reported(self):
        events, expected = right()
        del events[9]
        self.assert_reports(events, expected, "I4")

    def test_a_lost_transaction_is_reported(self):
        events, expected = right()
        self.assert_reports(events[:4] + events[9:], expected, "I1", "I4")

    def test_a_lost_last_transaction_is_reported(self):
        events, expected = right()
        self.assert_reports(events[:9], expected, "I1")

    def test_a_duplicate_row_is_reported(self):
        events, expected = right()
        events.insert(6, copy.deepcopy(events[5]))
        self.assert_reports(events, expected, "I2", "I3", "I4")

    def test_a_transaction_delivered_again_under_new_positions_is_reported(self):
        events, expected = right()
        again = copy.deepcopy(events[0:4])
        for n, event in enumerate(again):
            event.position = position(9, n + 1)
        self.assert_reports(events + again, expected, "I2", "I3")

    def test_two_versions_in_the_wrong_order_are_reported(self):
        events, expected = right()
        events[1].row, events[5].row = events[5].row, events[1].row
        self.assert_reports(events, expected, "I3")

    def test_positions_that_go_back_are_reported(self):
        events, expected = right()
        events[4:9], events[0:4] = events[0:4], events[4:9]
        self.assert_reports(events, expected, "I3")

    def test_a_torn_transaction_is_reported(self):
        events, expected = right()
        # The rest of the second transaction is under another one.
        for event in events[6:9]:
            event.tx = "999"
        self.assert_reports(events, expected, "I4")

    def test_rows_without_their_manifest_are_reported(self):
        events, expected = right()
        self.assert_reports(events[:8], expected, "I4", "I1")

    def test_a_changed_value_under_the_right_version_is_reported(self):
        events, expected = right()
        events[5].row["note"] = "1:1"
        self.assert_reports(events, expected, "I12")

    def test_rolled_back_work_is_reported(self):
        events, expected = right()
        events.insert(5, item(2, 99, "u", 1, GHOST_VER, 12))
        self.assert_reports(events, expected, "I4")

    def test_a_wrong_key_of_a_delete_is_reported(self):
        events, expected = right()
        events[9].row["id"] = "3"
        self.assert_reports(events, expected, "I4")

    def test_a_transaction_that_never_committed_is_reported(self):
        events, expected = right()
        del expected[21]
        self.assert_reports(events, expected, "I2")

    def test_a_column_of_an_older_shape_is_reported(self):
        events, expected = right()
        events[5].row["extra_1"] = "11"
        self.assert_reports(events, expected, "I12")

    def test_an_unchanged_column_is_no_violation(self):
        events, expected = right()
        events[5].row["note"] = "anything"
        events[5].unchanged = frozenset(["note"])
        self.assertTrue(self.verdict(events, expected).ok)


class CheckTables(unittest.TestCase):
    SOURCE = {"item": {("1",): {"id": "1", "ver": "2"}, ("2",): {"id": "2", "ver": "1"}}}

    def verdict(self, mirror):
        report = Report()
        check.check_equal(self.SOURCE, mirror, "sink", report)
        return report.invariants()

    def test_equal_tables_pass(self):
        self.assertEqual(self.verdict(copy.deepcopy(self.SOURCE)), set())

    def test_a_missing_row_is_reported(self):
        mirror = copy.deepcopy(self.SOURCE)
        del mirror["item"][("2",)]
        self.assertEqual(self.verdict(mirror), {"I1"})

    def test_a_row_too_many_is_reported(self):
        mirror = copy.deepcopy(self.SOURCE)
        mirror["item"][("3",)] = {"id": "3", "ver": "1"}
        self.assertEqual(self.verdict(mirror), {"I2"})

    def test_an_old_version_is_reported(self):
        mirror = copy.deepcopy(self.SOURCE)
        mirror["item"][("1",)]["ver"] = "1"
        self.assertEqual(self.verdict(mirror), {"I7"})

    def test_a_value_that_became_null_is_reported(self):
        mirror = copy.deepcopy(self.SOURCE)
        mirror["item"][("1",)]["ver"] = None
        self.assertEqual(self.verdict(mirror), {"I7"})

    def test_a_missing_table_is_reported(self):
        self.assertEqual(self.verdict({}), {"I1"})


class CheckMoments(unittest.TestCase):
    def test_a_partly_visible_transaction_is_reported(self):
        for manifests, atoms in (({5: 3}, {5: 2}), ({5: 3}, {}), ({}, {5: 1}), ({5: 0}, {5: 1})):
            report = Report()
            check.check_atoms(manifests, atoms, "sink", report)
            self.assertEqual(report.invariants(), {"I4"}, (manifests, atoms))

    def test_a_wholly_visible_transaction_passes(self):
        report = Report()
        check.check_atoms({5: 3, 6: 0}, {5: 3}, "sink", report)
        self.assertTrue(report.ok)

    def test_an_acknowledgement_ahead_of_the_sink_is_reported(self):
        report = Report()
        covered = check.check_acknowledged(200, [(1, 100), (2, 200), (3, 300)], {1}, "sink", report)
        self.assertEqual(covered, 2)
        self.assertEqual(report.invariants(), {"I5"})

    def test_an_acknowledgement_behind_the_sink_passes(self):
        report = Report()
        check.check_acknowledged(200, [(1, 100), (3, 300)], {1, 3}, "sink", report)
        self.assertTrue(report.ok)

    def test_a_position_that_goes_back_is_reported(self):
        report = Report()
        monotone = check.Monotone(report)
        for sink, seen in (("a", "02"), ("b", "01"), ("a", None), ("a", "02"), ("a", "03")):
            monotone.see(sink, seen)
        self.assertTrue(report.ok)
        monotone.see("a", "02")
        self.assertEqual(report.invariants(), {"I6"})

    def test_memory_over_its_limit_is_reported(self):
        report = Report()
        check.check_peak(100, 100, "daemon", report)
        self.assertTrue(report.ok)
        check.check_peak(101, 100, "daemon", report)
        self.assertEqual(report.invariants(), {"I10"})


if __name__ == "__main__":
    unittest.main()
