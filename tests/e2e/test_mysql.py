"""MySQL and MariaDB through the real daemon: what arrives, and what holds when things break."""

import itertools
import threading
import time
import unittest

from tests.e2e import compare
from tests.e2e.harness import Daemon, Jsonl, Scratch, sink, wait_until
from tests.e2e.mysql_cases import CASES
from tests.servers.mysql import MariaDb, MySql, on_each_server

RETRY = {"initial": "50ms", "max": "500ms"}


def told(event):
    """One event as tests/e2e/mysql_cases.py writes it."""
    op, table = event["op"], event["table"]
    if op == "t":
        return f"t {table}"
    if op == "s":
        return f"s {table} " + " ".join(f"{name}:{kind}" for name, kind in columns_of(event))

    def text(image):
        values = ["-" if value is None else str(value) for value in image.values()]
        return " ".join(values + ["~" + name for name in event.get("unchanged") or []])

    def key():
        before = event.get("before") or {}
        return " ".join(str(before.get(name, value)) for name, value in event["key"].items())

    if op == "c":
        return f"c {table} {text(event['after'])}"
    if op == "u":
        return f"u {table} {key()} -> {text(event['after'])}"
    return f"{op} {table} {key()}"


def columns_of(event):
    return [(compare.members(c)["name"], compare.members(c)["type"]) for c in event["columns"]]


class Case(unittest.TestCase):
    """One server per class; a database and a scratch directory per test."""

    make_server = None
    settings = {}
    counter = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        if cls.make_server is None:
            raise unittest.SkipTest("of both flavours")
        cls.server = cls.make_server(settings=cls.settings)
        cls.addClassCleanup(cls.server.close)
        cls.server.start()

    @property
    def mariadb(self):
        return isinstance(self.server, MariaDb)

    def is_one_of(self, servers):
        """`servers` as tests/e2e/mysql_cases.py writes them: "both", or "mysql", or "mysql 9.7"."""
        flavour, _, version = servers.partition(" ")
        return (flavour in ("both", self.server.flavour.lower())
                and version in ("", self.server.version))

    def setUp(self):
        self.database = f"db{next(Case.counter)}"
        self.scratch = Scratch("my")
        self.addCleanup(self.scratch.close)
        self.new_database(self.server)
        self.jsonl = self.scratch.join("jsonl")
        self.fences = itertools.count(1)

    def new_database(self, server):
        server.create_database(self.database)
        for table in ("t", "other"):
            server.sql(f"CREATE TABLE {table} (id int PRIMARY KEY, v varchar(20))",
                       database=self.database)
        server.sql("CREATE TABLE fence (id int PRIMARY KEY)", database=self.database)

    def sql(self, statement, args=None):
        return self.server.sql(statement, args, database=self.database)

    def pipeline(self, *sinks, name="my", server=None, **more):
        return {
            "name": name,
            "source": {"type": "mysql", "url": (server or self.server).url(self.database),
                       "tables": [f"{self.database}.*", f"!{self.database}.other",
                                  f"!{self.database}._t_*"], **more},
            "snapshot": "never", "retry": RETRY,
            "sinks": list(sinks) or [sink("jsonl", path=self.jsonl)],
        }

    def daemon(self, *pipelines, **more):
        daemon = Daemon(list(pipelines) or [self.pipeline()], scratch=self.scratch, **more)
        self.addCleanup(daemon.close)
        return daemon

    def streaming(self, daemon):
        """Returns when the daemon has a position: what comes now is behind its start."""
        daemon.wait_running()
        wait_until(lambda: daemon.pipeline("my")["sinks"][0]["position"], 20,
                   lambda: f"a position\n{daemon.describe()}")
        return daemon

    def drain(self, daemon, server=None, timeout_s=40):
        """Returns when all that was committed so far has arrived."""
        fence = next(self.fences)
        (server or self.server).sql(f"INSERT INTO fence VALUES ({fence})", database=self.database)
        wait_until(lambda: fence in self.ids("fence"), timeout_s,
                   lambda: f"fence {fence}\n{daemon.describe()}")

    def events(self):
        return [e for e in Jsonl(self.jsonl).events() if e["table"] != "fence"]

    def ids(self, table="t"):
        return [int(e["key"]["id"]) for e in Jsonl(self.jsonl).events(table, ("c",))]

    def wait_error(self, daemon, *words, remedy=(), state="stopped", timeout_s=30):
        def found():
            status = daemon.pipeline("my")
            error = status["last_error"]
            return (error and status["state"] == state
                    and all(w.lower() in error["message"].lower() for w in words)
                    and all(w.lower() in error["remedy"].lower() for w in remedy) and status)

        return wait_until(found, timeout_s,
                          lambda: f"{state} with {words}, remedy {remedy}\n{daemon.describe()}")

    def insert(self, first, last, server=None):
        connection = (server or self.server).connect(self.database)
        with connection.cursor() as cursor:
            for i in range(first, last + 1):
                cursor.execute("INSERT INTO t VALUES (%s, 'v')", (i,))
        connection.close()

    def dump_threads(self):
        return [row[0] for row in self.server.sql("SHOW PROCESSLIST")
                if "Binlog Dump" in str(row[4])]


class Changes(Case):
    """The table of mysql_cases.py, one daemon for each case."""

    def run_case(self, statements, expected):
        daemon = self.streaming(self.daemon().start())
        connections = {}
        for statement in statements:
            number, text = (2, statement[3:]) if statement.startswith("2: ") else (1, statement)
            if number not in connections:
                connections[number] = self.server.connect(self.database)
                self.addCleanup(connections[number].close)
            with connections[number].cursor() as cursor:
                cursor.execute(text)
        self.drain(daemon)
        found, announced = [], set()
        for event in self.events():
            if event["op"] == "s" and event["table"] not in announced:
                announced.add(event["table"])
                continue
            found.append(told(event))
        self.assertEqual(found, expected)
        self.assertEqual(daemon.terminate(), 0)


def add_cases(cls):
    for number, (name, servers, statements, expected) in enumerate(CASES, 1):
        def test(self, servers=servers, statements=statements, expected=expected):
            if not self.is_one_of(servers):
                self.skipTest(f"of {servers}")
            self.run_case(statements, expected)

        setattr(cls, f"test_{number:02}_" + name.replace(" ", "_").replace(",", ""), test)


add_cases(Changes)


class Exactly(Case):
    """Nothing lost, nothing doubled, whatever is killed."""

    def test_kills_of_the_daemon_under_load(self):
        daemon = self.streaming(self.daemon().start())
        last = 0
        for _ in range(4):
            writer = threading.Thread(target=self.insert, args=(last + 1, last + 400))
            writer.start()
            last += 400
            wait_until(lambda: len(self.ids()) > last - 400, 20, "some rows")
            daemon.kill9()
            writer.join()
            self.insert(last + 1, last + 30)
            last += 30
            daemon.start()
        self.drain(daemon)
        self.assertEqual(self.ids(), list(range(1, last + 1)))

    def test_a_kill_inside_a_large_transaction(self):
        daemon = self.streaming(self.daemon().start())
        self.drain(daemon)
        daemon.terminate()
        self.sql("CREATE TABLE digit (d int PRIMARY KEY)")
        self.sql("INSERT INTO digit VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
        self.sql("INSERT INTO t SELECT 1+a.d+10*b.d+100*c.d+1000*e.d+10000*f.d, 'v' FROM digit a, "
                 "digit b, digit c, digit e, digit f ORDER BY 1")
        # Launched and not awaited: it may be killed before its admin API has answered once.
        for point in ("source_after_row:30000", "source_after_row:70000"):
            daemon.launch(failpoint=point).wait(40)
        daemon.start()
        self.drain(daemon)
        self.assertEqual(self.ids(), list(range(1, 100_001)))

    def test_a_prepared_transaction_outlives_a_kill(self):
        daemon = self.streaming(self.daemon().start())
        connection = self.server.connect(self.database)
        for statement in ("XA START 'a'", "INSERT INTO t VALUES (1,'a')", "XA END 'a'",
                          "XA PREPARE 'a'"):
            connection.cursor().execute(statement)
        self.insert(2, 20)
        self.drain(daemon)
        daemon.kill9()
        daemon.start()
        self.insert(21, 30)
        self.drain(daemon)
        self.assertEqual(self.ids(), list(range(2, 31)))
        connection.cursor().execute("XA COMMIT 'a'")
        self.drain(daemon)
        daemon.kill9()
        daemon.start()
        self.insert(31, 31)
        self.drain(daemon)
        self.assertEqual(self.ids(), [*range(2, 31), 1, 31])
        connection.close()

    def test_a_server_that_is_restarted_and_one_that_is_killed(self):
        daemon = self.streaming(self.daemon().start())
        self.insert(1, 50)
        self.server.restart("fast")
        self.insert(51, 100)
        self.server.restart("immediate")
        self.insert(101, 150)
        self.drain(daemon)
        self.assertEqual(self.ids(), list(range(1, 151)))

    def test_a_killed_dump_connection(self):
        daemon = self.streaming(self.daemon().start())
        for round_ in range(3):
            self.insert(round_ * 10 + 1, round_ * 10 + 10)
            for thread in wait_until(self.dump_threads, 20, "a dump"):
                self.server.sql(f"KILL {thread}")
        self.drain(daemon)
        self.assertEqual(self.ids(), list(range(1, 31)))

    def test_a_pause_holds_everything_back_and_loses_nothing(self):
        daemon = self.streaming(self.daemon().start())
        self.assertEqual(daemon.tool("pause", "my").returncode, 0)
        self.insert(1, 2000)
        self.assertEqual(daemon.tool("resume", "my").returncode, 0)
        self.drain(daemon)
        self.assertEqual(self.ids(), list(range(1, 2001)))

    def test_rows_elsewhere_move_the_position(self):
        daemon = self.streaming(self.daemon().start())
        before = daemon.pipeline("my")["sinks"][0]["position"]
        self.sql("INSERT INTO other VALUES (1,'x')")
        wait_until(lambda: daemon.pipeline("my")["sinks"][0]["position"] > before, 20,
                   lambda: f"a position above {before}\n{daemon.describe()}")

    def test_the_status_says_where_it_stands(self):
        daemon = self.streaming(self.daemon().start())
        self.insert(1, 10)
        self.drain(daemon)
        wanted = self.server.gtid_position()
        found = wait_until(
            lambda: (s := daemon.pipeline("my")["source"])["position"] == wanted and s, 20,
            lambda: f"position {wanted}\n{daemon.describe()}")
        self.assertIn(f"{self.server.flavour} {self.server.version}", found["server"])
        self.assertTrue(found["connected"])
        self.assertEqual(found["lag_seconds"], 0)


class Stops(Case):
    """What cannot be read stops the pipeline, and says what to do."""

    def test_a_statement_in_place_of_rows(self):
        daemon = self.streaming(self.daemon().start())
        connection = self.server.connect(self.database)
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION binlog_format = STATEMENT")
            cursor.execute("INSERT INTO other VALUES (1,'x')")
        self.insert(1, 1)
        self.drain(daemon)
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (2,'x')")
        connection.close()
        self.wait_error(daemon, f"{self.database}.t", "statement", remedy=("binlog_format = ROW",))
        self.assertEqual(self.ids(), [1])

    def test_binary_logs_that_are_gone(self):
        daemon = self.streaming(self.daemon().start())
        self.insert(1, 5)
        self.drain(daemon)
        daemon.terminate()
        self.insert(6, 10)
        self.sql("FLUSH BINARY LOGS")
        self.insert(11, 12)
        newest = self.server.binlog_position()[0]

        def purged():
            # A file that an engine or a reader still needs is kept, for a moment.
            self.sql(f"PURGE BINARY LOGS TO '{newest}'")
            return self.sql("SHOW BINARY LOGS")[0][0] == newest

        wait_until(purged, 30, "only the newest file is there")
        daemon.start()
        self.wait_error(daemon, "purged", remedy=("snapshot",))
        self.assertEqual(self.ids(), [1, 2, 3, 4, 5])

    def test_another_server(self):
        daemon = self.streaming(self.daemon().start())
        self.insert(1, 20)
        self.drain(daemon)
        daemon.terminate()
        with type(self).make_server() as stranger:
            self.new_database(stranger)
            daemon.config["pipelines"][0]["source"]["url"] = stranger.url(self.database)
            daemon.write_config()
            daemon.start()
            self.wait_error(daemon, "delivered", remedy=("snapshot",))


class Tools(Case):
    """The operator's tool knows both flavours."""

    def test_check_finds_nothing_wrong_with_a_good_configuration(self):
        daemon = self.daemon()
        done = daemon.tool("check", daemon.config_path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("MariaDB" if self.mariadb else "MySQL", done.stdout)

    def test_check_names_a_table_without_a_key_for_a_mirror(self):
        self.sql("CREATE TABLE keyless (a int)")
        daemon = self.daemon(self.pipeline(
            sink("duckdb", path=self.scratch.join("k.duckdb"), mode="mirror")))
        done = daemon.tool("check", daemon.config_path)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("keyless", done.stdout)

    def test_init_writes_a_configuration_that_check_takes(self):
        daemon = self.daemon()
        done = daemon.tool("init", self.server.url(self.database))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("type: mysql", done.stdout)


class Memory(Case):
    make_server = MariaDb

    def test_a_transaction_of_a_million_rows_in_64_mib(self):
        daemon = self.streaming(self.daemon(extra={"memory_limit": "32MiB"}).start())
        self.sql("INSERT INTO t SELECT seq, 'value' FROM seq_1_to_1000000")
        fence = next(self.fences)
        self.sql(f"INSERT INTO fence VALUES ({fence})")
        wait_until(lambda: daemon.pipeline("my")["sinks"][0]["rows_delivered"] >= 1_000_001, 120,
                   daemon.describe)
        peak_bytes = daemon.peak_rss_bytes()
        self.assertLess(peak_bytes, 64 << 20)
        self.assertEqual(self.ids(), list(range(1, 1_000_001)))


class ByFile(Case):
    """A MySQL server without GTIDs."""

    make_server = MySql
    settings = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}

    def test_needs_to_be_asked_for(self):
        daemon = self.daemon().start()
        self.wait_error(daemon, "gtid_mode", remedy=("position: file",))

    def test_goes_on_behind_a_kill_and_across_files(self):
        daemon = self.streaming(self.daemon(self.pipeline(position="file")).start())
        last = 0
        for _ in range(3):
            self.insert(last + 1, last + 200)
            last += 200
            self.sql("FLUSH BINARY LOGS")
            wait_until(lambda: len(self.ids()) > last - 200, 20, "some rows")
            daemon.kill9()
            daemon.start()
        self.drain(daemon)
        self.assertEqual(self.ids(), list(range(1, last + 1)))

    def test_moves_on_while_nothing_happens_but_a_new_file(self):
        daemon = self.streaming(self.daemon(self.pipeline(position="file")).start())
        before = daemon.pipeline("my")["sinks"][0]["position"]
        self.sql("FLUSH BINARY LOGS")
        wait_until(lambda: daemon.pipeline("my")["sinks"][0]["position"] > before, 20,
                   daemon.describe)


on_each_server(globals(), Changes, Exactly, Stops, Tools)
del Changes, Exactly, Stops, Tools

if __name__ == "__main__":
    unittest.main()
