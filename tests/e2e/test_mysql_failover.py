"""One server is gone and another takes its place, found by GTID: nothing lost, nothing twice.

Two live servers of each kind, one the other's replica with a binary log of its own. The daemon is
told of the new one by a new start, by a reload, or not at all, because the address moves. Where the
new server does not have what was delivered, or no longer has what comes next, it stops and says so.
"""

import json
import os
import unittest

from tests.e2e.harness import Duck, Jsonl, sink, wait_until
from tests.e2e.test_mysql import Case
from tests.servers import mysql_replica as replica
from tests.servers.balancer import Balancer
from tests.servers.mysql import on_each_server, with_copied_tables

BIG_ROWS = 100_000
WHOLE = "FFFFFFFFFF"  # row part of a position that covers a whole transaction


class Failover(Case):
    """A new pair for each test, `a` and its replica `b`; `server` is the one that is written to."""

    @classmethod
    def setUpClass(cls):
        if cls.make_server is None:
            raise unittest.SkipTest("of both flavours")
        cls.make_copied = staticmethod(with_copied_tables(cls.make_server))

    def new_server(self, server_id):
        made = self.make_copied(settings=replica.replica_settings(self.make_server, server_id))
        self.addCleanup(made.close)
        return made.start()

    def setUp(self):
        self.server = self.a = self.new_server(1)
        self.b = self.new_server(2)
        super().setUp()
        self.mirror = self.scratch.join("mirror.duckdb")
        self.expected = []
        replica.replicate(self.b, self.a)
        replica.wait_replicated(self.b, self.a)

    def following(self, *sinks):
        """A daemon that has a position on the primary."""
        sinks = sinks or (sink("jsonl", path=self.jsonl),
                          sink("duckdb", path=self.mirror, mode="mirror"))
        return self.streaming(self.daemon(self.pipeline(*sinks)).start())

    # --- load ---

    def work(self, first, last, server=None, expected=True):
        """New rows, each a transaction of its own, then ten changed in one and one deleted."""
        server = server or self.server
        self.insert(first, last, server)
        server.sql(f"UPDATE t SET v = 'changed' WHERE id BETWEEN {first} AND {first + 9}",
                   database=self.database)
        server.sql(f"DELETE FROM t WHERE id = {last}", database=self.database)
        if expected:
            self.expected += [("c", i) for i in range(first, last + 1)]
            self.expected += [("u", i) for i in range(first, first + 10)] + [("d", last)]

    # --- what happens to the servers and the daemon ---

    def fail_over(self, old, new):
        """The old primary dies, and its replica, which has all that it had, is the primary."""
        replica.wait_replicated(new, old)
        old.kill()
        self.promote(new)

    def promote(self, new):
        replica.promote(new)
        self.server = new

    def rebuild(self, old, primary):
        """A former primary comes back as the replica of the one that took its place."""
        replica.replicate(old.start(), primary)
        replica.wait_replicated(old, primary)

    def purge(self, server):
        """Nothing that was logged so far is in the server's files any more."""
        server.sql("FLUSH BINARY LOGS")
        newest = server.binlog_position()[0]

        def purged():
            # A file that an engine or a reader still needs is kept, for a moment.
            server.sql(f"PURGE BINARY LOGS TO '{newest}'")
            return server.sql("SHOW BINARY LOGS")[0][0] == newest

        wait_until(purged, 30, "only the newest file is there")

    def point(self, daemon, server):
        daemon.config["pipelines"][0]["source"]["url"] = server.url(self.database)
        daemon.write_config()

    def reload(self, daemon, server):
        self.point(daemon, server)
        done = daemon.tool("reload", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + daemon.log())
        self.assertEqual(json.loads(done.stdout)["pipelines"][0]["action"], "restarted")

    # --- what arrived ---

    def told(self):
        """(kind, id) of what the lines hold, whose positions have to ascend across all servers."""
        found = [e for e in Jsonl(self.jsonl).events(ops=("c", "u", "d")) if e["table"] != "other"]
        positions = [e["position"] for e in found]
        self.assertEqual(positions, sorted(set(positions)))
        return [(e["op"], int(e["key"]["id"])) for e in found if e["table"] == "t"]

    def check(self, server):
        """With the daemon at rest: the lines are the load, and the mirror is the table."""
        self.assertEqual(self.told(), self.expected)
        if not os.path.exists(self.mirror):
            return
        rows = server.sql("SELECT id, v FROM t ORDER BY id", database=self.database)
        mirrored = Duck(self.mirror).query(f'SELECT id, v FROM "{self.database}".t ORDER BY id')
        self.assertEqual(mirrored, list(rows))

    def finish(self, daemon):
        self.drain(daemon)
        self.assertEqual(daemon.terminate(), 0)
        self.check(self.server)

    def wait_stopped(self, daemon, *words, remedy=()):
        """It stops, says why and what to do, by the tool as well; what was delivered stays so."""
        error = self.wait_error(daemon, *words, remedy=remedy)["last_error"]
        done = daemon.tool("status", "--json")
        told = json.loads(done.stdout)["pipelines"][0]
        self.assertEqual((told["state"], told["last_error"]), ("stopped", error))
        self.assertEqual(self.told(), self.expected)


class GoesOn(Failover):
    def test_a_new_start_with_the_other_address(self):
        daemon = self.following()
        self.work(1, 100)
        self.drain(daemon)
        daemon.kill9()
        self.work(101, 200)  # which only the other server's log will tell
        self.fail_over(self.a, self.b)
        self.work(201, 300)
        self.point(daemon, self.b)
        daemon.start()
        self.finish(daemon)

    def test_a_reload_with_the_other_address(self):
        daemon = self.following()
        self.work(1, 100)
        self.fail_over(self.a, self.b)
        wait_until(lambda: not daemon.pipeline("my")["source"]["connected"], 20,
                   lambda: f"a lost connection\n{daemon.describe()}")
        self.work(101, 200)
        self.reload(daemon, self.b)
        self.work(201, 300)
        self.finish(daemon)

    def test_an_address_that_moves(self):
        daemon = self.following()
        self.work(1, 100)
        self.fail_over(self.a, self.b)
        self.work(101, 200)
        self.b.stop()
        self.b.port = self.a.port
        self.b.start()
        self.work(201, 300)
        self.finish(daemon)

    def test_an_address_that_stands_for_both(self):
        """What one server says of its history must not be taken for the other's."""
        daemon = self.following()
        self.work(1, 100)
        self.drain(daemon)
        balancer = Balancer(self.a.port, self.b.port)
        self.addCleanup(balancer.close)
        daemon.config["pipelines"][0]["source"]["url"] = (
            f"mysql://root@127.0.0.1:{balancer.port}/{self.database}")
        daemon.write_config()
        self.assertEqual(daemon.tool("reload").returncode, 0)
        self.wait_error(daemon, "reached two servers", "server_id 1", "2",
                        remedy=("one server",), state="retrying")
        self.work(101, 200)
        balancer.send_all_to(self.a.port)
        self.finish(daemon)

    def test_there_and_back_and_to_a_server_that_is_new(self):
        daemon = self.following()
        self.work(1, 100)
        self.fail_over(self.a, self.b)
        self.work(101, 200)
        self.reload(daemon, self.b)
        self.drain(daemon)
        self.rebuild(self.a, self.b)
        self.work(201, 300)
        self.fail_over(self.b, self.a)
        self.work(301, 400)
        self.reload(daemon, self.a)
        self.drain(daemon)
        new = self.new_server(3)  # whose files have the names that those of the others have
        replica.replicate(new, self.a)
        self.work(401, 500)
        self.fail_over(self.a, new)
        self.work(501, 600)
        self.reload(daemon, new)
        self.finish(daemon)

    def test_a_replica_that_is_behind_has_to_catch_up_first(self):
        daemon = self.following()
        replica.apply(self.b, False)
        self.work(1, 100)
        self.drain(daemon)
        self.reload(daemon, self.b)
        self.wait_stopped(daemon, "delivered", "not on this server", remedy=("behind", "restart"))
        replica.apply(self.b, True)
        replica.wait_replicated(self.b, self.a)
        self.assertEqual(daemon.tool("restart", "my").returncode, 0)
        self.work(101, 200)  # through the replica, which follows on
        self.finish(daemon)

    def kill_inside(self, daemon, before):
        """Has the daemon killed when the lines end inside the large transaction, behind `before`."""
        daemon.launch(failpoint="sink_after_commit").wait(40)
        with open(f"{self.jsonl}/.rowtide-marker.json", encoding="utf-8") as file:
            row = json.load(file)["position"].rsplit("-", 1)[1]
        self.assertNotEqual(row, WHOLE)
        self.assertTrue(before < int(row, 16) < BIG_ROWS, f"{before} < {int(row, 16)}")
        return int(row, 16)

    def go_on_inside(self, *more_sinks):
        """One transaction, of which each of three servers tells a part."""
        daemon = self.following(
            sink("jsonl", path=self.jsonl, flush_interval="1ms", split_transaction_rows=1000),
            *more_sinks)
        self.work(1, 20)
        self.sql("CREATE TABLE digit (d int PRIMARY KEY)")
        self.sql("INSERT INTO digit VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
        self.drain(daemon)
        daemon.terminate()
        self.sql("INSERT INTO t SELECT 101+a.d+10*b.d+100*c.d+1000*e.d+10000*f.d, 'v' "
                 "FROM digit a, digit b, digit c, digit e, digit f ORDER BY 1")
        self.expected += [("c", i) for i in range(101, 101 + BIG_ROWS)]
        row = self.kill_inside(daemon, 0)
        self.fail_over(self.a, self.b)
        self.point(daemon, self.b)
        self.kill_inside(daemon, row)
        self.rebuild(self.a, self.b)
        self.fail_over(self.b, self.a)
        self.point(daemon, self.a)
        self.work(200_001, 200_100)
        daemon.start()
        self.finish(daemon)

    def test_kills_inside_a_large_transaction(self):
        self.go_on_inside()

    def test_kills_inside_a_large_transaction_with_a_sink_that_stands_before_it(self):
        # A mirror that takes it as a whole stands before it until it is complete.
        self.go_on_inside(sink("duckdb", path=self.mirror, mode="mirror"))

    def test_a_prepared_transaction_ends_on_the_other_server(self):
        daemon = self.following()
        connection = self.a.connect(self.database)
        for statement in ("XA START 'a'", "INSERT INTO t VALUES (1000, 'v')", "XA END 'a'",
                          "XA PREPARE 'a'"):
            connection.cursor().execute(statement)
        self.work(1, 20)
        self.drain(daemon)
        self.fail_over(self.a, self.b)
        self.work(21, 40)
        self.reload(daemon, self.b)
        self.drain(daemon)
        self.sql("XA COMMIT 'a'")
        self.expected += [("c", 1000)]
        self.work(41, 60)
        self.finish(daemon)

    def test_logs_that_are_gone_but_were_delivered(self):
        daemon = self.following()
        self.work(1, 100)
        self.drain(daemon)
        daemon.terminate()
        self.fail_over(self.a, self.b)
        self.purge(self.b)
        self.work(101, 200)
        self.point(daemon, self.b)
        daemon.start()
        self.finish(daemon)


class Stops(Failover):
    """No server that lacks what was delivered, or what comes next, is gone on with."""

    def deliver_what_the_replica_lacks(self):
        """A daemon; the primary has died, and took transactions along that only the sinks have."""
        daemon = self.following()
        self.work(1, 100)
        self.drain(daemon)
        replica.wait_replicated(self.b, self.a)
        replica.receive(self.b, False)
        self.work(101, 120)
        self.drain(daemon)
        self.a.kill()
        self.promote(self.b)
        return daemon

    def goes_on_with_the_old_one(self, daemon):
        """The remedy helps: a server with the full history is all that it takes."""
        self.server = self.a.start()
        self.reload(daemon, self.a)
        self.work(901, 1000)
        self.finish(daemon)

    def test_a_server_that_lacks_what_was_delivered(self):
        daemon = self.deliver_what_the_replica_lacks()
        self.reload(daemon, self.b)
        self.wait_stopped(daemon, "transactions that were delivered are not on this server",
                          remedy=("full history", "snapshot"))
        self.goes_on_with_the_old_one(daemon)

    def test_a_server_that_went_on_without_what_was_delivered(self):
        daemon = self.deliver_what_the_replica_lacks()
        # More than was lost: on MariaDB its numbers go beyond those that were delivered.
        self.work(201, 300, expected=False)
        self.reload(daemon, self.b)
        self.wait_stopped(daemon, "not in the master's binlog" if self.mariadb else "delivered",
                          remedy=("history", "snapshot"))
        self.goes_on_with_the_old_one(daemon)

    def test_the_same_hidden_by_a_server_of_the_lost_ones_id(self):
        daemon = self.deliver_what_the_replica_lacks()
        self.work(201, 300, expected=False)
        new = self.new_server(3)
        replica.replicate(new, self.b)
        self.fail_over(self.b, new)
        # The last number of this server is then beyond the lost ones, which it never had.
        new.sql("SET GLOBAL server_id = 1")
        self.work(301, 400, expected=False)
        self.reload(daemon, new)
        self.wait_stopped(daemon, "is missing the GTID" if self.mariadb else "delivered",
                          remedy=("history", "snapshot"))
        self.goes_on_with_the_old_one(daemon)

    def test_logs_that_are_gone_and_were_not_delivered(self):
        daemon = self.following()
        self.work(1, 100)
        self.drain(daemon)
        daemon.terminate()
        delivered = list(self.expected)
        self.work(101, 200)
        self.fail_over(self.a, self.b)
        self.purge(self.b)
        self.work(201, 300)
        self.point(daemon, self.b)
        daemon.start()
        self.expected, everything = delivered, self.expected
        self.wait_stopped(daemon, "purged", remedy=("snapshot",))
        # The one that died still has them, and gets the rest from the one that took its place.
        self.expected = everything
        self.rebuild(self.a, self.b)
        self.reload(daemon, self.a)
        self.finish(daemon)

    def test_an_unrelated_server_that_has_done_more(self):
        daemon = self.following()
        self.work(1, 100)
        self.drain(daemon)
        self.fail_over(self.a, self.b)
        self.work(101, 200)
        self.reload(daemon, self.b)
        self.drain(daemon)
        stranger = self.new_server(9)
        self.new_database(stranger)
        self.work(1, 400, stranger, expected=False)
        self.reload(daemon, stranger)
        self.wait_stopped(daemon, "not in the master's binlog" if self.mariadb else "delivered",
                          remedy=("history", "snapshot"))
        self.reload(daemon, self.b)
        self.work(201, 300)
        self.finish(daemon)


on_each_server(globals(), GoesOn, Stops)
del GoesOn, Stops

if __name__ == "__main__":
    unittest.main()
