"""Backfills that read their chunks on a physical standby while the stream comes from the primary."""

import unittest

from tests.e2e.harness import (
    Daemon, Duck, Jsonl, PostgresServer, Scratch, fence, sink, source, versions, wait_confirmed,
    wait_until,
)

ROWS = 400


class Standby(unittest.TestCase):
    def run_with(self, steps, version=15):
        """A primary with a table, a standby of it and a daemon that reads there."""
        with PostgresServer(version, {"log_statement": "all"}, "primary") as primary, \
                Scratch("standby") as scratch:
            primary.create_database("shop")
            primary.execute(f"""
                CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL DEFAULT 1);
                INSERT INTO t SELECT i FROM generate_series(1, {ROWS}) i""", database="shop")
            with primary.standby() as standby:
                self.primary, self.standby, self.scratch = primary, standby, scratch
                steps()

    def start(self, backfill_url=None, snapshot="initial", **backfill):
        self.daemon = Daemon([{
            "name": "shop",
            "source": source(self.primary, "shop", "shop",
                             backfill_url=backfill_url or self.standby.url("shop")),
            "snapshot": snapshot,
            "backfill": {"chunk_rows": 50, **backfill},
            "sinks": [sink("duckdb", "duck", path=self.scratch.join("duck.duckdb"), mode="mirror"),
                      sink("jsonl", "lines", path=self.scratch.join("lines"))],
        }], scratch=self.scratch)
        self.addCleanup(self.daemon.close)
        self.daemon.start().wait_running()

    def sql(self, statement):
        return self.primary.execute(statement, database="shop")

    def backfill(self):
        found = self.daemon.pipeline("shop")["backfills"]
        return found[0] if found else None

    def until(self, condition, what):
        return wait_until(condition, 60, lambda: f"{what}\n{self.daemon.describe()}", 0.02)

    def waits(self, words):
        """The backfill runs, has an error with these words, and says what to do."""
        def does():
            backfill = self.backfill()
            error = backfill and backfill["last_error"]
            return error and all(word in error["message"] for word in words) and backfill
        waiting = self.until(does, f"waits: {words}")
        self.assertEqual(waiting["state"], "running")
        self.assertNotEqual(waiting["last_error"]["remedy"], "")
        return waiting

    def stream_goes_on(self, note):
        self.sql(f"INSERT INTO t VALUES ({note}, 5)")
        self.until(lambda: str(note) in self.delivered(), f"row {note} delivered")

    def delivered(self):
        return {str(e["key"]["id"]) for e in Jsonl(self.scratch.join("lines")).events("t", ("c",))}

    def finishes(self):
        self.until(lambda: (b := self.backfill()) and b["state"] == "finished", "finished")
        wait_confirmed(self.primary, "shop", fence(self.primary, "shop"), 60, self.daemon)
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        mirror = Duck(self.scratch.join("duck.duckdb")).query("SELECT id, v FROM public.t")
        self.assertEqual(sorted(mirror), sorted(self.sql("SELECT id, v FROM t")))
        versions_seen = {}
        for event in Jsonl(self.scratch.join("lines")).events("t", ("r", "c", "u")):
            key, version = event["key"]["id"], int(event["after"]["v"])
            self.assertGreaterEqual(version, versions_seen.get(key, 0), event)
            versions_seen[key] = version

    def copies(self, server):
        with open(server.log_path, encoding="utf-8") as log:
            return sum("COPY (SELECT" in line for line in log)

    # --- cases

    def test_chunks_are_read_on_the_standby_only(self):
        """Over the versions: what a standby tells of itself has changed."""
        def steps():
            self.start()
            self.finishes()
            self.assertGreaterEqual(self.copies(self.standby), ROWS // 50)
            self.assertEqual(self.copies(self.primary), 0)

        for version in versions((13, 15, 18)):
            with self.subTest(version=version):
                self.run_with(steps, version)

    def test_a_standby_that_lags_is_waited_for(self):
        def steps():
            self.start(snapshot="never")
            self.sql("UPDATE t SET v = 2")  # the standby knows the publication, and this
            wait_confirmed(self.primary, "shop", fence(self.primary, "shop"), 60, self.daemon)
            self.standby.pause_replay()
            self.sql("UPDATE t SET v = 3")
            wait_confirmed(self.primary, "shop", fence(self.primary, "shop"), 60, self.daemon)
            started = self.daemon.tool("backfill", "start", "shop", "--table", "public.t")
            self.assertEqual(started.returncode, 0, started.stderr)
            waiting = self.waits(["bytes behind the stream", "replay is paused"])
            self.assertEqual(waiting["rows_delivered"], 0)
            self.stream_goes_on(9001)
            shown = self.daemon.tool("backfill", "show", waiting["id"]).stdout
            self.assertIn("bytes behind the stream", shown)
            self.standby.resume_replay()
            self.finishes()

        self.run_with(steps)

    def test_a_restart_knows_what_was_delivered_before(self):
        def steps():
            self.start(snapshot="never")
            wait_until(lambda: self.standby.execute("SELECT 1 FROM pg_publication",
                                                    database="shop"), 30, "publication there")
            self.standby.pause_replay()
            self.sql("UPDATE t SET v = 3")
            wait_confirmed(self.primary, "shop", fence(self.primary, "shop"), 60, self.daemon)
            self.daemon.kill9()
            self.daemon.start().wait_running()
            started = self.daemon.tool("backfill", "start", "shop", "--table", "public.t")
            self.assertEqual(started.returncode, 0, started.stderr)
            self.waits(["bytes behind the stream"])
            self.standby.resume_replay()
            self.finishes()

        self.run_with(steps)

    def test_a_standby_that_is_gone_is_waited_for(self):
        def steps():
            self.standby.stop()
            self.start()
            waiting = self.waits(["backfill_url"])
            self.assertIn("take backfill_url out", waiting["last_error"]["remedy"])
            self.stream_goes_on(9001)
            self.assertEqual(self.copies(self.primary), 0, "no silent fallback")
            self.standby.start()
            self.finishes()

        self.run_with(steps)

    def test_a_promoted_standby_is_not_read_from(self):
        def steps():
            self.start(rows_per_second=100)
            self.until(lambda: (b := self.backfill()) and b["rows_delivered"] >= 50, "in the middle")
            self.standby.promote()
            self.standby.execute("UPDATE t SET v = 99", database="shop")  # never in the stream
            self.waits(["timeline 2"])
            self.stream_goes_on(9001)
            # The operator takes the key out.
            self.daemon.kill9()
            del self.daemon.config["pipelines"][0]["source"]["backfill_url"]
            self.daemon.write_config()
            self.daemon.start().wait_running()
            self.finishes()

        self.run_with(steps)

    def test_another_system_is_refused(self):
        def steps():
            with PostgresServer(15, name="stranger") as stranger:
                stranger.create_database("shop")
                self.start(stranger.url("shop"))
                failed = self.until(lambda: (b := self.backfill()) and b["state"] == "failed" and b,
                                    "failed")
                self.assertIn("cluster", failed["last_error"]["message"])
                checked = self.daemon.tool("check", self.daemon.config_path)
                self.assertNotEqual(checked.returncode, 0)
                self.assertIn("backfill_url leads to cluster", checked.stdout + checked.stderr)
                self.stream_goes_on(9001)

        self.run_with(steps)


if __name__ == "__main__":
    unittest.main()
