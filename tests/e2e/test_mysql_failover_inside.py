"""Failover while rows are owed that the new server does not have, or has in another order.

Positions are numbers of transactions, so a server that has another transaction under the number that
was read must not be gone on with: either it is told apart and everything is right, or the pipeline
stops and says so. Never are rows of one transaction taken for those of another.
"""

import os
import signal
import threading
import unittest

from tests.e2e.harness import sink, wait_until
from tests.e2e.test_mysql_failover import BIG_ROWS, Failover
from tests.servers import mysql_replica as replica
from tests.servers.mysql import on_each_server

SPLIT = {"flush_interval": "1ms", "split_transaction_rows": 1000}
DIGITS = "INSERT INTO digit VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)"


class Inside(Failover):
    def setUp(self):
        super().setUp()
        self.sql("CREATE TABLE digit (d int PRIMARY KEY)")
        self.sql(DIGITS)
        self.sql("CREATE TABLE local (id int PRIMARY KEY)")
        replica.wait_replicated(self.b, self.a)

    def large(self, first, server=None):
        (server or self.server).sql(
            f"INSERT INTO t SELECT {first}+a.d+10*b.d+100*c.d+1000*e.d+10000*f.d, 'v' "
            "FROM digit a, digit b, digit c, digit e, digit f ORDER BY 1", database=self.database)

    def write_on_the_replica(self):
        """A transaction of the replica's own, as by an operator; in a domain of its own on MariaDB."""
        connection = self.b.connect(self.database)
        with connection, connection.cursor() as cursor:
            if self.mariadb:
                cursor.execute("SET gtid_domain_id = 7")
            cursor.execute("INSERT INTO local VALUES (1), (2), (3)")

    def right_or_stopped(self, daemon):
        """All of it once, the replica's own rows too; or it has stopped, and what is there is right."""
        self.sql("INSERT INTO fence VALUES (1000)")
        stopped = wait_until(
            lambda: (1000 in self.ids("fence") and "no")
            or (daemon.pipeline("my")["state"] == "stopped" and "yes"), 60, daemon.describe)
        if stopped == "yes":
            self.assertTrue(daemon.pipeline("my")["last_error"]["remedy"])
            told = self.told()
            self.assertEqual(told, self.expected[:len(told)])
            return
        self.assertEqual(daemon.terminate(), 0)
        self.check(self.server)
        self.assertEqual(self.ids("local"), [1, 2, 3])

    def inside(self, daemon):
        daemon.launch(failpoint="sink_after_commit").wait(40)

    def test_a_transaction_that_was_read_in_part_is_lost(self):
        daemon = self.following(sink("jsonl", path=self.jsonl, **SPLIT))
        self.work(1, 20)
        self.drain(daemon)
        daemon.terminate()
        replica.wait_replicated(self.b, self.a)
        replica.receive(self.b, False)
        self.large(101)
        self.inside(daemon)
        self.expected += [("c", i) for i in range(101, 101 + BIG_ROWS)]
        part = self.told()
        self.assertTrue(20 < len(part) < BIG_ROWS)
        self.a.kill()
        self.promote(self.b)
        self.large(500_101)  # under the number of the lost one, and longer than what was read of it
        self.point(daemon, self.b)
        daemon.start()
        self.wait_error(daemon, remedy=("history",))
        self.assertEqual(self.told(), part)
        self.server = self.a.start()
        self.reload(daemon, self.a)
        self.finish(daemon)

    def test_a_reader_that_is_alive_and_in_the_middle(self):
        daemon = self.following()
        self.work(1, 20)
        self.drain(daemon)
        replica.wait_replicated(self.b, self.a)
        replica.receive(self.b, False)
        writer = threading.Thread(target=self.a.sql, args=(
            "INSERT INTO t SELECT 101+a.d+10*b.d+100*c.d+1000*e.d+10000*f.d+100000*g.d, "
            "REPEAT('v', 20) FROM digit a, digit b, digit c, digit e, digit f, digit g ORDER BY 1",
            None, self.database))
        writer.start()
        path = os.path.join(self.jsonl, "0000000001.jsonl")
        wait_until(lambda: os.path.getsize(path) > 1_000_000, 60, "some of it", 0.001)
        os.kill(daemon.pid, signal.SIGSTOP)
        writer.join()
        self.a.kill()
        self.promote(self.b)
        self.b.stop()
        own_port, self.b.port = self.b.port, self.a.port
        self.b.start()
        self.large(5_000_101)
        os.kill(daemon.pid, signal.SIGCONT)
        self.wait_error(daemon, remedy=("history",))
        self.b.stop()
        self.b.port = own_port
        self.server = self.a.start()
        self.assertEqual(daemon.tool("restart", "my").returncode, 0)
        self.expected += [("c", i) for i in range(101, 1_000_101)]
        self.finish(daemon)

    def test_a_transaction_of_the_replica_comes_first_inside_a_large_one(self):
        daemon = self.following(sink("jsonl", path=self.jsonl, **SPLIT))
        self.work(1, 20)
        self.drain(daemon)
        daemon.terminate()
        self.write_on_the_replica()
        self.large(101)
        self.expected += [("c", i) for i in range(101, 101 + BIG_ROWS)]
        self.inside(daemon)
        self.fail_over(self.a, self.b)
        self.point(daemon, self.b)
        daemon.start()
        self.right_or_stopped(daemon)

    def test_a_transaction_of_the_replica_comes_between_two_sinks(self):
        daemon = self.following(
            sink("jsonl", path=self.jsonl, flush_interval="1ms"),
            sink("duckdb", path=self.mirror, mode="mirror", flush_interval="30s"))
        self.work(1, 20)
        self.drain(daemon)
        daemon.terminate()
        daemon.start().wait_running()
        self.write_on_the_replica()
        self.work(21, 60)
        wait_until(lambda: self.told() == self.expected, 20, "all of it in the lines")
        daemon.kill9()
        self.fail_over(self.a, self.b)
        self.point(daemon, self.b)
        daemon.start()
        self.work(61, 80)
        self.right_or_stopped(daemon)

    def test_a_transaction_of_the_replica_comes_behind_one_that_is_prepared(self):
        daemon = self.following()
        self.work(1, 20)
        connection = self.a.connect(self.database)
        for statement in ("XA START 'a'", "INSERT INTO t VALUES (1000, 'v')", "XA END 'a'",
                          "XA PREPARE 'a'"):
            connection.cursor().execute(statement)
        replica.wait_replicated(self.b, self.a)
        self.write_on_the_replica()
        self.work(21, 40)
        self.drain(daemon)
        self.fail_over(self.a, self.b)
        self.reload(daemon, self.b)
        self.work(41, 60)
        self.sql("XA COMMIT 'a'")
        self.expected += [("c", 1000)]
        self.right_or_stopped(daemon)


on_each_server(globals(), Inside)
del Inside, Failover

if __name__ == "__main__":
    unittest.main()
