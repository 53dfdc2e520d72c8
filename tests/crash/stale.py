#!/usr/bin/env python3
"""Backfills of a table that is hot, under a stream that never rests: no row may go back in time.

usage: stale.py [--writers N] [--chunks N] [--seconds S] [--stuck-standby] [--from-standby]
                [--without-barrier]
  --writers          pgbench clients that update random rows of the table; default 4
  --chunks           ends after this many chunks; default 10000
  --seconds          or after this time; default no limit
  --stuck-standby    commits wait for a synchronous standby that is not there, half of the time
  --from-standby     chunks are read on a physical standby, whose replay stands still now and then
  --without-barrier  leaves out what keeps old rows away, and wants to see old rows

Every row carries a version that each update steps. The sink is jsonl, so its lines are what was
delivered, in order: a version that is below one delivered earlier for the same row is stale.
Exit code 1: stale rows (with --without-barrier: none), or an end that is not the source's.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from tests.e2e.harness import Jsonl, fence, source  # noqa: E402
from tests.servers.daemon import Daemon, wait_confirmed  # noqa: E402
from tests.servers.postgres import PostgresServer  # noqa: E402
from tests.servers.scratch import Scratch, dies_with_parent, kill_process, wait_until  # noqa: E402

ROWS = 200
CHUNK_ROWS = 10
LINE = re.compile(r'"op":"([cur])".*"table":"hot".*"after":\{"id":(\d+),"version":(\d+)')


def start_writers(server, scratch, writers):
    script = scratch.join("update.sql")
    with open(script, "w") as file:
        file.write(f"\\set id random(1, {ROWS})\n"
                   "UPDATE hot SET version = version + 1 WHERE id = :id;\n")
    return subprocess.Popen(
        [os.path.join(server.bin, "pgbench"), "-h", server.scratch.path, "-p", str(server.port),
         "-U", "postgres", "-n", "-c", str(writers), "-j", "1", "-T", "36000", "-f", script, "app"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=dies_with_parent(9))


class StuckStandby(threading.Thread):
    """Has commits wait for a standby that never comes, and lets them go, in turns."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ended = server, threading.Event()

    def run(self):
        while not self.ended.wait(0.7):
            self._set("nobody")
            self.ended.wait(0.7)
            self._set("")

    def _set(self, names):
        self.server.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.server.execute("SELECT pg_reload_conf()")

    def stop(self):
        self.ended.set()
        self.join()
        self._set("")


class PausedReplay(threading.Thread):
    """Has a standby fall behind and catch up again, in turns."""

    def __init__(self, standby):
        super().__init__(daemon=True)
        self.standby, self.ended = standby, threading.Event()

    def run(self):
        while not self.ended.wait(0.1):
            self.standby.pause_replay()
            self.ended.wait(0.2)
            self.standby.resume_replay()

    def stop(self):
        self.ended.set()
        self.join()
        self.standby.resume_replay()


def run_backfills(daemon, table, options):
    """Backfills one after the other; returns how many chunks they had."""
    chunks = 0
    deadline = time.monotonic() + (options.seconds or 36000)
    while chunks < options.chunks and time.monotonic() < deadline:
        started = daemon.tool("backfill", "start", "hot", "--table", table, "--json")
        if started.returncode != 0:
            raise RuntimeError(started.stdout + started.stderr)
        ended = wait_until(lambda: next((b for b in daemon.pipeline("hot")["backfills"][:1]
                                         if b["state"] == "finished"), None),
                           120, daemon.describe, 0.01)
        chunks += ended["chunks_read"]
    return chunks


def stale_rows(path):
    """(rows read by backfills, stale ones, last version by row) of the lines in order."""
    latest, reads, stale = {}, 0, 0
    for line in Jsonl(path).lines():
        found = LINE.search(line)
        if not found:
            continue
        row, version = int(found.group(2)), int(found.group(3))
        reads += found.group(1) == "r"
        if version < latest.get(row, 0):
            stale += 1
        latest[row] = version
    return reads, stale, latest


def run(options):
    settings = {"max_connections": 100, "synchronous_commit": "on"}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(PostgresServer(15, settings, name="stale"))
        scratch = stack.enter_context(Scratch("stale"))
        server.create_database("app")
        server.execute(f"""
            CREATE TABLE hot (id int PRIMARY KEY, version bigint NOT NULL) WITH (fillfactor = 50);
            INSERT INTO hot SELECT i, 1 FROM generate_series(1, {ROWS}) i""", database="app")
        more = {}
        if options.from_standby:
            replica = stack.enter_context(server.standby())
            more["backfill_url"] = replica.url("app")
        pipeline = {
            "name": "hot", "source": source(server, "app", "hot", **more), "snapshot": "never",
            "backfill": {"chunk_rows": CHUNK_ROWS},
            "sinks": [{"name": "lines", "type": "jsonl", "path": scratch.join("lines")}],
        }
        daemon = Daemon([pipeline], scratch=scratch)
        daemon.start(failpoint="skip_visibility_barrier" if options.without_barrier else None)
        daemon.wait_running()
        writers = start_writers(server, scratch, options.writers)
        troubles = [StuckStandby(server)] if options.stuck_standby else []
        troubles += [PausedReplay(replica)] if options.from_standby else []
        try:
            for trouble in troubles:
                trouble.start()
            chunks = run_backfills(daemon, "public.hot", options)
        finally:
            for trouble in troubles:
                trouble.stop()
            kill_process(writers)
        wait_until(lambda: not server.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pgbench'"), 30, "writers gone")
        wait_confirmed(server, "hot", fence(server, "app"), 60, daemon)
        daemon.terminate()
        reads, stale, latest = stale_rows(scratch.join("lines"))
        source_rows = dict(server.execute("SELECT id, version FROM hot", database="app"))
        wrong = sum(latest.get(row, version) != version for row, version in source_rows.items())
        updates = sum(source_rows.values())
    print(f"{chunks} chunks, {reads} rows read beside {updates} updates of {ROWS} rows by "
          f"{options.writers} writers: {stale} stale, {wrong} wrong at the end", flush=True)
    if options.without_barrier:
        return 0 if stale else 1
    return 1 if stale or wrong or not reads else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--stuck-standby", action="store_true")
    parser.add_argument("--from-standby", action="store_true")
    parser.add_argument("--without-barrier", action="store_true")
    sys.exit(run(parser.parse_args()))


if __name__ == "__main__":
    main()
