"""Tables that the configuration took all along and that were made later: they arrive whole, once."""

import signal
import unittest

from tests.e2e.test_reload import ROWS, Reload


class LateTables(Reload):
    def setUp(self):
        super().setUp()
        self.grows["source"]["tables"] = ["public.a*"]

    def make(self, table):
        self.sql(f"CREATE TABLE {table} (id int PRIMARY KEY, v text)")
        self.sql(f"INSERT INTO {table} SELECT g, 'old' FROM generate_series(1, {ROWS}) g")

    def start_anew(self):
        self.daemon.start().wait_running()
        self.copied()

    def check(self, *tables):
        for table in tables:
            self.sql(f"UPDATE {table} SET v = 'new' WHERE id = 1")
        self.drain("grows")
        self.check_mirror("a", *tables)
        self.check_read_once("a")
        for table in tables:
            self.check_read_once(table)

    def test_made_while_the_daemon_runs_and_while_it_rests(self):
        self.start()
        self.make("a_running")
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        self.make("a_resting")
        self.start_anew()
        self.check("a_running", "a_resting")
        # Nothing is new at the start after that one.
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        self.start_anew()
        self.check("a_running", "a_resting")
        self.assertEqual(len(self.daemon.pipeline("grows")["backfills"]), 2)

    def test_killed_before_they_are_published_and_while_they_are_read(self):
        self.start()
        self.daemon.kill9()
        self.make("a_late")
        self.daemon.launch(failpoint="backfill_chunk_read:1")
        self.assertEqual(self.daemon.wait(30), -signal.SIGKILL, self.daemon.log())
        self.start_anew()
        self.check("a_late")

    def test_made_again_under_the_name_of_one_that_went(self):
        self.make("a_twice")
        self.start()
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        self.sql("DROP TABLE a_twice")
        self.make("a_twice")
        self.start_anew()
        rows = self.lines("a_twice", ("r",))
        self.assertEqual(sorted(rows), sorted(2 * [("r", i) for i in range(1, ROWS + 1)]))

    def test_without_a_snapshot_it_is_said_that_rows_are_missing(self):
        self.grows["snapshot"] = "never"
        self.start()
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        self.make("a_late")
        self.start_anew()
        self.assertIn("rowtide backfill start grows --table 'public.a_late'", self.daemon.log())
        self.assertEqual(self.lines("a_late", ("r",)), [])


del Reload

if __name__ == "__main__":
    unittest.main()
