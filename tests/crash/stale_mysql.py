#!/usr/bin/env python3
"""stale.py on MySQL and MariaDB: backfills of a hot table, and no row may go back in time.

usage: stale_mysql.py [--flavour mariadb|mysql|mariadb-11.8|mysql-9.7] [--writers N] [--chunks N]
                      [--seconds S] [--stuck-replica] [--without-barrier]
  --flavour          default mariadb, which is 10.11; mysql is 8.0
  --writers          sessions that update random rows of the table; default 4
  --chunks           ends after this many chunks; default 2000
  --seconds          or after this time; default no limit
  --stuck-replica    commits wait for a semi-synchronous replica that is not there, half of the time
                     (not on MySQL 8.0, which comes without the plugin); on MySQL transactions are
                     shown in another order than logged, too
  --without-barrier  leaves out what keeps old rows away, and wants to see old rows

The writers are procedures in the server, whose every update is a transaction of its own. Exit code
1: stale rows (with --without-barrier: none), or an end that is not the source's.
"""

import argparse
import contextlib
import os
import sys
import threading

import pymysql

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from tests.crash.stale import CHUNK_ROWS, ROWS, run_backfills, stale_rows  # noqa: E402
from tests.servers.daemon import Daemon  # noqa: E402
from tests.servers.mysql import MariaDb, MariaDb118, MySql, MySql97  # noqa: E402
from tests.servers.scratch import Scratch, wait_until  # noqa: E402

SERVERS = {"mariadb": MariaDb, "mysql": MySql, "mariadb-11.8": MariaDb118, "mysql-9.7": MySql97}
# What a server that must not lose anything is run with: the log is synced before a commit is seen.
SETTINGS = {"sync_binlog": 1, "innodb_flush_log_at_trx_commit": 1}
STORM = f"""CREATE PROCEDURE storm() BEGIN
  WHILE NOT EXISTS (SELECT 1 FROM calm) DO
    UPDATE hot SET version = version + 1 WHERE id = 1 + FLOOR(RAND() * {ROWS});
  END WHILE;
END"""


class StuckReplica(threading.Thread):
    """Has commits wait, written to the log and not yet visible, and lets them go, in turns."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ended = server, threading.Event()
        self.prefix = "rpl_semi_sync_master"
        if not isinstance(server, MariaDb):
            self.prefix = "rpl_semi_sync_source"
            server.sql(f"INSTALL PLUGIN {self.prefix} SONAME 'semisync_source.so'")

    def run(self):
        while not self.ended.wait(0.3):
            self._set("ON")
            self.ended.wait(0.3)
            self._set("OFF")

    def _set(self, value):
        self.server.sql(f"SET GLOBAL {self.prefix}_wait_point = 'AFTER_SYNC'")
        self.server.sql(f"SET GLOBAL {self.prefix}_timeout = 200")
        self.server.sql(f"SET GLOBAL {self.prefix}_enabled = {value}")

    def stop(self):
        self.ended.set()
        self.join()
        self._set("OFF")


class Writers:
    def __init__(self, server, count):
        self.server = server
        self.threads = [threading.Thread(target=self.write, daemon=True) for _ in range(count)]

    def write(self):
        with contextlib.closing(self.server.connect("app")) as connection:
            with connection.cursor() as cursor:
                while True:
                    try:
                        return cursor.execute("CALL storm()")
                    except pymysql.err.OperationalError as error:
                        if error.args[0] not in (1205, 1213):  # a deadlock or a lock that was busy
                            raise

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.server.sql("INSERT INTO calm VALUES (1)", database="app")
        for thread in self.threads:
            thread.join(30)


def run(options):
    make = SERVERS[options.flavour]
    mariadb = issubclass(make, MariaDb)
    settings = dict(SETTINGS)
    if options.stuck_replica and not mariadb:
        settings["binlog_order_commits"] = "OFF"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(make(settings=settings, name="stale"))
        scratch = stack.enter_context(Scratch("stale"))
        server.create_database("app")
        server.sql("CREATE TABLE hot (id int PRIMARY KEY, version bigint NOT NULL)", database="app")
        server.sql("CREATE TABLE calm (id int PRIMARY KEY)", database="app")
        server.sql("INSERT INTO hot VALUES " + ", ".join(f"({i}, 1)" for i in range(1, ROWS + 1)),
                   database="app")
        server.sql(STORM, database="app")
        daemon = Daemon([{
            "name": "hot",
            "source": {"type": "mysql", "url": server.url("app"), "tables": ["app.hot"]},
            "snapshot": "never",
            "backfill": {"chunk_rows": CHUNK_ROWS},
            "sinks": [{"name": "lines", "type": "jsonl", "path": scratch.join("lines")}],
        }], scratch=scratch)
        stack.enter_context(daemon)
        daemon.start(failpoint="skip_visibility_barrier" if options.without_barrier else None)
        daemon.wait_running()
        writers = Writers(server, options.writers)
        writers.start()
        stuck = options.stuck_replica and options.flavour != "mysql" and StuckReplica(server)
        try:
            if stuck:
                stuck.start()
            chunks = run_backfills(daemon, "app.hot", options)
        finally:
            if stuck:
                stuck.stop()
            writers.stop()
        source_rows = dict(server.sql("SELECT id, version FROM hot", database="app"))

        def arrived():
            latest = stale_rows(scratch.join("lines"))[2]
            return all(latest.get(row) == version for row, version in source_rows.items())

        with contextlib.suppress(TimeoutError):  # what is missing is told below
            wait_until(arrived, 60, "the end", 1)
        daemon.terminate()
        reads, stale, latest = stale_rows(scratch.join("lines"))
        wrong = sum(latest.get(row, version) != version for row, version in source_rows.items())
        updates = sum(source_rows.values()) - ROWS
    print(f"{server.flavour} {server.version}: {chunks} chunks, {reads} rows read beside {updates} updates of {ROWS} "
          f"rows by {options.writers} writers: {stale} stale, {wrong} wrong at the end", flush=True)
    if options.without_barrier:
        return 0 if stale else 1
    return 1 if stale or wrong or not reads else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flavour", choices=SERVERS, default="mariadb")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--chunks", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--stuck-replica", action="store_true")
    parser.add_argument("--without-barrier", action="store_true")
    sys.exit(run(parser.parse_args()))


if __name__ == "__main__":
    main()
