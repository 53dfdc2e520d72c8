"""Taking up a changed configuration: by the tool, by SIGHUP, and by a new start."""

import copy
import json
import os
import signal
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.harness import (
    Daemon, Duck, Jsonl, PostgresServer, Scratch, fence, sink, source, wait_confirmed, wait_until,
)
from tests.servers.daemon import program

RETRY = {"initial": "50ms", "max": "500ms"}
ROWS = 500


class Reload(unittest.TestCase):
    """One server; for each test a database with the tables a, b and c, and two pipelines on it.

    `grows` copies a into a mirror and into lines; `other` follows c, and what is done to the first
    is none of its business.
    """

    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer(15, {"max_replication_slots": 60, "max_wal_senders": 60},
                                    "reload")
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.counter = 0

    def setUp(self):
        type(self).counter += 1
        self.database = f"r{self.counter}"
        self.scratch = Scratch("reload")
        self.addCleanup(self.scratch.close)
        self.addCleanup(self.drop_slots)
        self.server.create_database(self.database)
        for table in "abc":
            self.sql(f"CREATE TABLE {table} (id int PRIMARY KEY, v text)")
            self.sql(f"INSERT INTO {table} SELECT g, 'old' FROM generate_series(1, {ROWS}) g")
        self.duck = Duck(self.scratch.join("mirror.duckdb"))
        self.daemon = Daemon([
            self.pipeline("grows", ["public.a"],
                          sink("duckdb", "mirror", path=self.duck.path, mode="mirror"),
                          sink("jsonl", "lines", path=self.scratch.join("grows"))),
            self.pipeline("other", ["public.c"],
                          sink("jsonl", "lines", path=self.scratch.join("other"))),
        ], scratch=self.scratch)
        self.addCleanup(self.daemon.close)
        self.grows, self.other = self.daemon.config["pipelines"]

    def pipeline(self, name, tables, *sinks, snapshot="initial"):
        slot = f"{self.database}_{name}"
        return {"name": name, "source": source(self.server, self.database, slot, tables),
                "snapshot": snapshot, "retry": RETRY, "sinks": list(sinks)}

    def drop_slots(self):
        self.server.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
            "WHERE NOT active AND database = %s", (self.database,))

    # --- steps

    def sql(self, statement, args=None):
        return self.server.execute(statement, args, database=self.database)

    def start(self, **more):
        self.daemon.write_config()
        self.daemon.start(**more).wait_running()
        self.copied()
        return self.daemon

    def copied(self, name=None):
        """Every backfill has ended, and each sink has all that is committed."""
        def ended():
            return all(b["state"] == "finished" for p in self.daemon.status()["pipelines"]
                       if name in (None, p["name"]) for b in p["backfills"])
        wait_until(ended, 30, lambda: f"backfills have ended\n{self.daemon.describe()}")
        self.drain(name)

    def drain(self, name=None):
        for pipeline in self.daemon.status()["pipelines"]:
            if name in (None, pipeline["name"]):
                wait_confirmed(self.server, f"{self.database}_{pipeline['name']}",
                               fence(self.server, self.database), 30, self.daemon)

    def reload(self, code=0):
        """What the tool says of a reload of the file that is written now, pipeline by pipeline."""
        self.daemon.write_config()
        done = self.daemon.tool("reload", "--json")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr + self.daemon.log())
        return {p["name"]: p for p in json.loads(done.stdout)["pipelines"]}

    def refused(self, *words):
        """A reload that has to change nothing; each word is in what the tool and the log say."""
        before = self.walsenders()
        done = self.daemon.tool("reload")
        self.assertEqual(done.returncode, 78, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
            self.assertIn(word, self.daemon.log())
        self.assertEqual(before, self.walsenders())
        return done.stderr

    def sighup(self, words):
        """SIGHUP; returns once the log says so."""
        os.kill(self.daemon.pid, signal.SIGHUP)
        wait_until(lambda: words in self.daemon.log(), 30,
                   lambda: f"{words}\n{self.daemon.describe()}")

    def walsenders(self):
        """Which process serves each slot of this database: another one after a reconnection."""
        return dict(self.server.execute(
            "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s",
            (self.database,)))

    # --- what the sinks hold

    def lines(self, table, ops=("r", "c", "u", "d"), name="grows"):
        return [(e["op"], int(e["key"]["id"]))
                for e in Jsonl(self.scratch.join(name)).events(table, ops)]

    def mirrored(self, table):
        return self.duck.query(f"SELECT id, v FROM public.{table} ORDER BY id")

    def check_mirror(self, *tables):
        for table in tables:
            self.assertEqual(self.mirrored(table), self.sql(f"SELECT id, v FROM {table} ORDER BY 1"))

    def check_read_once(self, table, count=ROWS):
        rows = self.lines(table, ("r",))
        self.assertEqual((len(rows), len(set(rows))), (count, count), f"rows read of {table}")


class Tables(Reload):
    def test_an_added_table_is_backfilled_and_the_other_pipeline_is_not_touched(self):
        self.start()
        before = self.daemon.pipeline("other")
        walsenders = self.walsenders()
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        answer = self.reload()
        self.assertEqual((answer["grows"]["action"], answer["grows"]["backfilled_tables"]),
                         ("restarted", ["public.b"]))
        self.assertEqual(answer["other"],
                         {"name": "other", "action": "unchanged", "backfilled_tables": [],
                          "note": None, "error": None})
        self.sql("INSERT INTO b VALUES (1000, 'new'); UPDATE b SET v = 'changed' WHERE id <= 10")
        self.sql("INSERT INTO c VALUES (1000, 'new')")
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")
        self.check_read_once("a")
        rows = self.lines("b", ("r",))
        self.assertEqual(len(rows), len(set(rows)))
        self.assertEqual({r for _, r in rows} | {1000}, {*range(1, ROWS + 1), 1000})
        backfill = self.daemon.pipeline("grows")["backfills"][0]
        self.assertEqual((backfill["spec"]["tables"], [t["name"] for t in backfill["tables"]]),
                         (["public.b"], ["public.b"]))
        # The other one: the same connection, and counters that went on.
        self.assertEqual(walsenders[f"{self.database}_other"],
                         self.walsenders()[f"{self.database}_other"])
        self.assertNotEqual(walsenders[f"{self.database}_grows"],
                            self.walsenders()[f"{self.database}_grows"])
        after = self.daemon.pipeline("other")
        self.assertEqual(after["sinks"][0]["rows_delivered"],
                         before["sinks"][0]["rows_delivered"] + 1)
        self.assertGreater(after["source"]["events_read"], before["source"]["events_read"])
        self.assertEqual(before["backfills"], after["backfills"])

    def test_never_streams_what_comes_and_reads_nothing(self):
        self.grows["snapshot"] = "never"
        self.start()
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.assertEqual(self.reload()["grows"]["backfilled_tables"], [])
        self.daemon.wait_running()
        self.sql("INSERT INTO b VALUES (1000, 'new')")
        self.drain()
        self.assertEqual(self.lines("b"), [("c", 1000)])
        self.assertEqual(self.daemon.pipeline("grows")["backfills"], [])

    def test_a_removed_table_is_not_captured_any_more_until_it_is_back(self):
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.start()
        self.grows["source"]["tables"] = ["public.a"]
        answer = self.reload()["grows"]
        self.assertEqual((answer["action"], answer["backfilled_tables"]), ("restarted", []))
        self.daemon.wait_running()
        self.sql("INSERT INTO a VALUES (1000, 'new'); INSERT INTO b VALUES (1000, 'new')")
        self.drain()
        self.assertEqual(self.lines("a", ("c",)), [("c", 1000)])
        self.assertEqual(self.lines("b", ("c",)), [])
        self.assertEqual(len(self.daemon.pipeline("grows")["backfills"]), 1)
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.assertEqual(self.reload()["grows"]["backfilled_tables"], ["public.b"])
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")
        self.assertIn(("r", 1000), self.lines("b"))

    def test_a_table_that_was_excluded_is_new_when_the_exclusion_goes(self):
        self.grows["source"]["tables"] = ["public.*", "!public.b", "!public.c"]
        self.start()
        self.grows["source"]["tables"] = ["public.*", "!public.c"]
        self.assertEqual(self.reload()["grows"]["backfilled_tables"], ["public.b"])
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")
        self.check_read_once("a")
        self.check_read_once("b")
        self.assertEqual(self.lines("c"), [])

    def test_a_snapshot_that_is_not_over_leaves_the_new_table_to_its_own_backfill(self):
        self.grows["backfill"] = {"rows_per_second": 200, "chunk_rows": 50}
        self.daemon.write_config()
        self.daemon.start().wait_running()
        wait_until(lambda: len(self.lines("a", ("r",))) > 100, 30, "the snapshot is under way")
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.grows["backfill"] = {}
        del self.grows["backfill"]
        self.assertEqual(self.reload()["grows"]["backfilled_tables"], ["public.b"])
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")
        self.check_read_once("a")
        self.check_read_once("b")

    def test_what_a_running_transaction_wrote_before_the_table_was_published_arrives(self):
        self.start()
        writer = self.server.connect(database=self.database)
        self.addCleanup(writer.close)
        writer.autocommit = False
        with writer.cursor() as cursor:
            cursor.execute("INSERT INTO b VALUES (1000, 'early')")
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.reload()
        wait_until(lambda: "running has written" in json.dumps(
            self.daemon.pipeline("grows")["last_error"]), 30,
            lambda: f"it says what it waits for\n{self.daemon.describe()}")
        writer.commit()
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")
        self.assertIn((1000, "early"), self.mirrored("b"))

    def test_a_publication_that_is_not_ours_is_told_with_the_statement(self):
        self.sql(f"CREATE PUBLICATION {self.database}_grows FOR TABLE a")
        self.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')",
                 (f"{self.database}_grows",))
        self.grows["source"]["create"] = False
        self.start()
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.daemon.write_config()
        told = self.refused("ALTER PUBLICATION", "pipelines[0]")
        statement = told[told.index("ALTER PUBLICATION"):].strip()
        self.sql(statement)
        self.assertEqual(self.reload()["grows"]["backfilled_tables"], ["public.b"])
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")

    def test_a_table_without_identity_is_refused_before_anything_stops(self):
        self.sql("CREATE TABLE bare (x int)")
        self.start()
        self.grows["source"]["tables"] = ["public.a", "public.bare"]
        self.daemon.write_config()
        self.refused("REPLICA IDENTITY FULL", "public.bare")


class Restarts(Reload):
    def grow(self):
        self.grows["source"]["tables"] = ["public.a", "public.b"]

    def check(self):
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")
        self.check_read_once("a")
        self.check_read_once("b")
        self.assertEqual(len(self.daemon.pipeline("grows")["backfills"]), 2)

    def test_stop_edit_and_start_is_the_same(self):
        self.start()
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        self.grow()
        self.daemon.write_config()
        self.daemon.start()
        self.check()

    def test_killed_right_behind_the_answer(self):
        self.start()
        self.grow()
        self.assertEqual(self.reload()["grows"]["backfilled_tables"], ["public.b"])
        self.daemon.kill9()
        self.daemon.start()
        self.check()

    def test_killed_before_the_first_row_of_the_backfill_and_in_its_middle(self):
        for point in ("backfill_before_slice:1", "backfill_after_slice:1", "backfill_chunk_read:1"):
            with self.subTest(point):
                if self.daemon.running:
                    self.tearDown()
                    self.doCleanups()
                    self.setUp()
                # The initial copy is over, so that the point means the backfill of the new table.
                self.start()
                self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
                self.grow()
                self.daemon.write_config()
                self.daemon.launch(failpoint=point)
                self.assertEqual(self.daemon.wait(30), -signal.SIGKILL, self.daemon.log())
                self.daemon.start()
                self.check()

    def test_tables_that_were_only_streamed_are_known(self):
        self.grows["snapshot"] = "never"
        self.start()
        self.assertEqual(self.daemon.terminate(), 0)
        self.grows["snapshot"] = "initial"
        self.daemon.write_config()
        self.daemon.start().wait_running()
        self.copied()
        self.assertEqual(self.daemon.pipeline("grows")["backfills"], [])
        self.assertEqual(self.lines("a", ("r",)), [])


class Pipelines(Reload):
    def test_pipelines_come_and_go(self):
        self.start()
        third = self.pipeline("third", ["public.b"],
                              sink("jsonl", "lines", path=self.scratch.join("third")))
        walsenders = self.walsenders()
        self.daemon.config["pipelines"] = [third, self.grows]
        answer = self.reload()
        self.assertEqual([(n, p["action"]) for n, p in answer.items()],
                         [("third", "started"), ("grows", "unchanged"), ("other", "stopped")])
        self.assertIn("state_dir", answer["other"]["note"])
        self.daemon.wait_running()
        self.copied()
        self.assertEqual([p["name"] for p in self.daemon.status()["pipelines"]],
                         ["third", "grows"])
        self.assertEqual(len(self.lines("b", ("r",), "third")), ROWS)
        self.assertEqual(self.walsenders()[f"{self.database}_grows"],
                         walsenders[f"{self.database}_grows"])
        self.assertIsNone(self.walsenders()[f"{self.database}_other"])
        # The one that went goes on where it stood when it is back.
        self.sql("INSERT INTO c VALUES (1000, 'meanwhile')")
        self.daemon.config["pipelines"] = [third, self.grows, self.other]
        self.assertEqual(self.reload()["other"]["action"], "started")
        self.daemon.wait_running()
        self.copied()
        self.assertEqual(self.lines("c", ("c",), "other"), [("c", 1000)])
        self.assertEqual(len(self.lines("c", ("r",), "other")), ROWS)

    def test_rows_flow_through_changes_of_the_sinks_exactly_once(self):
        self.start()
        number = 1000

        def write(first):
            with self.server.connect(database=self.database) as writer, writer.cursor() as cursor:
                writer.autocommit = True
                for i in range(first, first + 100):
                    cursor.execute("INSERT INTO a VALUES (%s, 'x')", (i,))

        for change in ({"rotate_bytes": "1MiB"}, {"required": True}, {"buffer_bytes": "2MiB"}, {}):
            del self.grows["sinks"][1]
            self.grows["sinks"].append(
                sink("jsonl", "lines", path=self.scratch.join("grows"), **change))
            with ThreadPoolExecutor(1) as pool:
                writing = pool.submit(write, number + 1)
                number += 100
                self.assertEqual(self.reload()["grows"]["action"], "restarted")
                self.daemon.wait_running()
                writing.result(30)
        self.copied()
        self.assertEqual(self.lines("a", ("c",)), [("c", i) for i in range(1001, number + 1)])
        self.check_mirror("a")

    def test_a_sink_that_comes_gets_every_table_and_the_others_none_again(self):
        self.start()
        self.grow_and_add_sink()
        self.assertEqual(self.reload()["grows"]["backfilled_tables"], ["public.b"])
        self.daemon.wait_running()
        self.copied()
        for table in "ab":
            self.check_read_once(table)
            rows = self.lines(table, ("r",), "late")
            self.assertEqual((len(rows), len(set(rows))), (ROWS, ROWS))
        self.check_mirror("a", "b")

    def grow_and_add_sink(self):
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.grows["sinks"].append(sink("jsonl", "late", path=self.scratch.join("late")))

    def test_paused_stays_paused(self):
        self.start()
        for name in ("grows", "other"):
            self.assertEqual(self.daemon.tool("pause", name).returncode, 0)
            wait_until(lambda n=name: self.daemon.pipeline(n)["state"] == "paused", 20, "paused")
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.assertEqual(self.reload()["grows"]["action"], "restarted")
        wait_until(lambda: [p["state"] for p in self.daemon.status()["pipelines"]]
                   == ["paused", "paused"], 20, lambda: f"paused\n{self.daemon.describe()}")
        self.sql("INSERT INTO a VALUES (1000, 'x'); INSERT INTO c VALUES (1000, 'x')")
        self.assertEqual(self.lines("a", ("c",)), [])
        for name in ("grows", "other"):
            self.assertEqual(self.daemon.tool("resume", name).returncode, 0)
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")
        self.assertEqual(self.lines("c", ("c",), "other"), [("c", 1000)])

    def test_a_pipeline_in_backoff_is_mended_by_a_reload(self):
        good = copy.deepcopy(self.grows)
        self.grows["source"]["url"] = self.server.url("no_such_database")
        self.daemon.write_config()
        self.daemon.start().wait_running("other")
        wait_until(lambda: self.daemon.pipeline("grows")["last_error"], 20, "it fails")
        self.daemon.config["pipelines"][0] = good
        self.assertEqual(self.reload()["grows"]["action"], "restarted")
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a")

    def test_a_tail_goes_on_with_the_pipeline_that_follows(self):
        self.start()
        path = self.scratch.join("tail")
        with open(path, "w") as out:
            tail = subprocess.Popen(
                [program("rowtide"), "tail", "grows", "--json", "--admin",
                 f"unix:{self.daemon.socket_path}"], stdout=out, stdin=subprocess.DEVNULL)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)

        def told(word):
            self.sql("INSERT INTO a SELECT max(id) + 1, %s FROM a", (word,))
            with open(path, encoding="utf-8") as lines:
                return word in lines.read()

        wait_until(lambda: told("before"), 20, "an event in the tail")
        self.grows["retry"] = {"initial": "60ms", "max": "500ms"}
        self.assertEqual(self.reload()["grows"]["action"], "restarted")
        wait_until(lambda: told("behind"), 20, "an event of the pipeline that follows")


class Refusals(Reload):
    def test_a_bad_file_changes_nothing_and_says_where_and_what(self):
        self.start()
        with open(self.daemon.config_path, "a") as file:
            file.write("piplines: []\n")
        self.refused(f"{self.daemon.config_path}:", "piplines", "Did you mean")
        os.kill(self.daemon.pid, signal.SIGHUP)
        wait_until(lambda: self.daemon.log().count("nothing was changed") == 2, 20,
                   lambda: f"the log says it\n{self.daemon.describe()}")
        self.grows["source"]["tables"] = ["public.a", "bad"]
        self.daemon.write_config()
        self.refused("pipelines[0].source", "bad")
        self.sql("INSERT INTO a VALUES (1000, 'x')")
        self.drain()
        self.assertEqual(self.lines("a", ("c",)), [("c", 1000)])

    def test_what_is_fixed_is_named(self):
        self.start()
        good = copy.deepcopy(self.daemon.config)
        for key, change in (("state_dir", {"state_dir": self.scratch.join("elsewhere")}),
                            ("admin.listen", {"admin": {"listen": "127.0.0.1:1"}}),
                            ("admin.token", {"admin": {**good["admin"], "token": "hush"}}),
                            ("memory_limit", {"memory_limit": "128MiB"}),
                            ("log.level", {"log": {"level": "debug"}})):
            with self.subTest(key):
                self.daemon.config = {**good, **change}
                self.grows["source"]["tables"] = ["public.a", "public.b"]
                self.daemon.write_config()
                told = self.refused(f": {key}: ", "Restart the daemon to change it")
                self.assertRegex(told, r"\.yaml:\d+:\d+: ")
                self.assertNotIn("hush", told + self.daemon.log())
        self.assertEqual(self.lines("b"), [])

    def test_sighup_does_what_the_tool_does(self):
        self.start()
        walsenders = self.walsenders()
        self.grows["source"]["tables"] = ["public.a", "public.b"]
        self.daemon.write_config()
        self.sighup("reload: pipeline other unchanged")
        self.assertIn("reload: pipeline grows restarted, backfill of public.b", self.daemon.log())
        self.daemon.wait_running()
        self.copied()
        self.check_mirror("a", "b")
        self.check_read_once("b")
        self.assertEqual(walsenders[f"{self.database}_other"],
                         self.walsenders()[f"{self.database}_other"])
        # The same file again is nothing to do.
        self.assertEqual({p["action"] for p in self.reload().values()}, {"unchanged"})

    def test_many_reloads_at_once_and_a_stop_among_them(self):
        self.start()
        for number in range(6):
            self.grows["retry"] = {"initial": f"{50 + number}ms", "max": "500ms"}
            self.daemon.write_config()
            os.kill(self.daemon.pid, signal.SIGHUP)
            done = self.daemon.tool("reload")
            self.assertIn(done.returncode, (0, 1), done.stderr)
            if done.returncode == 1:
                self.assertIn("another reload", done.stderr)
            self.sql("INSERT INTO a VALUES (%s, 'x')", (1000 + number,))
        self.grows["retry"] = {"initial": "99ms", "max": "500ms"}
        self.daemon.write_config()
        os.kill(self.daemon.pid, signal.SIGHUP)
        self.assertEqual(self.daemon.terminate(45), 0, self.daemon.log())
        self.daemon.start().wait_running()
        self.copied()
        self.assertEqual(self.lines("a", ("c",)), [("c", 1000 + n) for n in range(6)])
        self.check_mirror("a")


if __name__ == "__main__":
    unittest.main()
