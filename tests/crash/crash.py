"""Kills the real daemon and restarts real servers under load, then checks every invariant.

usage: python tests/crash/crash.py [--source postgres|mariadb|mysql] [--version V] [--seed S]
         [--sink duckdb|postgres|jsonl|all] [--kills N] [--failpoint NAME|each|source]
         [--server-restarts] [--minutes M] [--big-rows N] [--compressed] [--sabotage RULE]

Prints its seed first. Exit code 0: every invariant holds; 1: a violation, with a report; 2: the run
itself could not be carried out. --sabotage breaks one rule on purpose, so that the run must end
with 1; it is how each check is seen to fail (README.md).
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.crash import check, sabotage  # noqa: E402
from tests.crash.observer import Observer  # noqa: E402
from tests.crash.sinks import (  # noqa: E402
    DUCKDB_MEMORY_MIB, DuckdbSink, JsonlSink, PostgresSink,
)
from tests.crash.sources import KINDS, make_source  # noqa: E402
from tests.crash.workload import Workload  # noqa: E402
from tests.servers.daemon import Daemon  # noqa: E402
from tests.servers.postgres import PostgresServer  # noqa: E402
from tests.servers.scratch import Scratch, wait_until  # noqa: E402

# Largest count that still comes soon under the load, by failpoint.
FAILPOINTS = {
    "source_after_begin": 60,
    "source_after_row": 1500,
    "source_before_commit": 60,
    "source_after_commit": 60,
    "source_spill_write": 4,
    "source_spill_release": 2,
    "reader_before_append": 30,
    "reader_after_append": 30,
    "lane_before_submit": 60,
    "lane_after_submit": 60,
    "sink_mid_write": 40,
    "sink_before_commit": 12,
    "sink_after_commit": 12,
    "committer_before_store": 12,
    "committer_after_store": 12,
    "source_before_ack": 8,
    "source_after_ack": 8,
    "schema_write": 1,
}
BIG = ("source_spill_write", "source_spill_release")  # reached only by large transactions
BIG_ROWS = 4000
RSS_LIMIT = int(os.environ.get("ROWTIDE_CRASH_RSS_MIB", "256")) << 20


class Run:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.report = check.Report()
        self.monotone = check.Monotone(self.report)
        self.scratch = Scratch("crash")
        self.source = make_source(options.source, options.version)
        self.source.start()
        self.target = PostgresServer(15, {"max_wal_size": "4GB"}, "crtgt").start()
        self.sinks = self._sinks()
        self.load = Workload(
            self.source, options.seed, writers=options.writers, rate=options.rate)
        self.daemon = Daemon(
            [{
                "name": "crash",
                "source": self.source.config(),
                "snapshot": "never",
                "retry": {"initial": "100ms", "max": "1s"},
                "sinks": [sink.config() for sink in self.sinks],
            }],
            scratch=self.scratch,
        )
        self.observer = Observer(self)
        self.kills = 0
        self.compressed_lives = 0
        self.peak = 0
        self.slowest_recovery = 0.0

    def _sinks(self):
        chosen = self.options.sink
        found = []
        if chosen in ("duckdb", "all"):
            for mode in ("mirror", "history"):
                path = self.scratch.join(f"{mode}.duckdb")
                found.append(DuckdbSink(f"duckdb_{mode}", path, mode))
        if chosen in ("postgres", "all"):
            for mode in ("mirror", "history"):
                self.target.create_database(mode)
                found.append(PostgresSink(f"postgres_{mode}", self.target, mode, mode))
        if chosen in ("jsonl", "all"):
            found.append(JsonlSink("jsonl", self.scratch.join("jsonl")))
        return found

    # --- the plan ---

    def go(self):
        print("crash: starting", flush=True)
        self.source.wait_streaming(self.daemon.start())
        self.load.start()
        self.observer.start()
        self.caught_up(60)
        for name in self._failpoints():
            self.kill_at(name)
        for _ in range(self.options.kills):
            self.kill_at_random()
        if self.options.server_restarts:
            for mode in ("immediate", "fast"):
                self.restart_source(mode)
            self.restart_target()
        deadline = time.monotonic() + self.options.minutes * 60
        while time.monotonic() < deadline:
            getattr(self, self.random.choice(
                ("kill_at_random", "kill_at_random", "kill_at_any", "restart_any")))()
        self.stay_up(2)
        if self.options.sabotage:
            sabotage.before_the_end(self, self.options.sabotage)
        if self.options.big_rows:
            self.load.order_rows(self.options.big_rows)
            time.sleep(0.5)
            self.kill_at_random()
        self.finish()

    def _failpoints(self):
        if self.options.failpoint is None:
            return []
        if self.options.failpoint in ("each", "source"):
            names = [name for name in FAILPOINTS
                     if self.options.failpoint == "each" or name.startswith("source_")]
            self.random.shuffle(names)
            return names
        return [self.options.failpoint]

    def kill_at_any(self):
        self.kill_at(self.random.choice(list(FAILPOINTS)))

    def restart_any(self):
        self.random.choice((lambda: self.restart_source("immediate"),
                            lambda: self.restart_source("fast"), self.restart_target))()

    # --- faults ---

    def kill_at(self, name):
        count = self.random.randint(1, FAILPOINTS[name])
        self.stop_daemon()
        if name in BIG and self.options.compressed:
            self.source.compress_log(False)  # what is packed hardly fills a block
        self.daemon.launch(failpoint=f"{name}:{count}")
        started = time.monotonic()
        next_order = 0.0
        while self.daemon.running:
            waited = time.monotonic() - started
            if waited > 45:
                raise RuntimeError(f"failpoint {name}:{count} is never reached\n"
                                   f"{self.daemon.describe()}")
            if waited >= next_order:
                next_order = waited + 2
                if name in BIG:
                    self.load.order_rows(self.big_rows(), prepared=self.source.has_prepared)
                elif name == "schema_write":
                    self.load.order_ddl()
            time.sleep(0.01)
        if self.daemon.exit_code != -signal.SIGKILL:
            raise RuntimeError(
                f"rowtided ended with {self.daemon.exit_code} before failpoint {name}:{count}\n"
                f"{self.daemon.log()}"
            )
        self.after_kill(f"{name}:{count}", time.monotonic() - started)

    def big_rows(self):
        # Rows of a prepared transaction are kept as the server packed them, which takes less room.
        return BIG_ROWS * (3 if self.source.has_prepared else 1)

    def kill_at_random(self):
        if self.random.random() < 0.15 and len(self.load.extra_columns) < 12:
            self.load.order_ddl()
        if self.random.random() < 0.15:
            self.load.order_rows(self.random.randint(1000, 20000))
        if self.random.random() < 0.3:
            # Else slow sinks never get anywhere, and every life begins at the same place.
            self._acknowledged_beyond(self.source.acknowledged(self.daemon), 60)
        self.stay_up(self.random.choice((0.05, 0.3, 0.8, 1.6)) * self.random.random() + 0.01)
        self.after_kill("a random moment", None)

    def stay_up(self, seconds):
        if not self.daemon.running:
            self.daemon.launch()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.daemon.running:
                raise RuntimeError(
                    f"rowtided ended with {self.daemon.exit_code}\n{self.daemon.log()}")
            time.sleep(0.01)

    def stop_daemon(self):
        if self.daemon.running:
            self._note_peak()
            self.daemon.kill9()
            self.kills += 1

    def after_kill(self, where, after_s):
        self.stop_daemon()
        self.kills += 1 if after_s is not None else 0
        self.at_rest()
        self.load.check_alive()
        self._compress_or_not()
        text = "" if after_s is None else f" after {after_s:.1f} s"
        committed, acknowledged = self.load.committed(), self.source.acknowledged(self.daemon) or 0
        covered = sum(position <= acknowledged for _, position in committed)
        print(f"crash: killed at {where}{text}; {len(committed)} transactions so far, {covered} "
              "acknowledged", flush=True)
        started = time.monotonic()
        self.daemon.start().wait_running()
        self.slowest_recovery = max(self.slowest_recovery, time.monotonic() - started)

    def _compress_or_not(self):
        if self.options.compressed:
            wanted = self.random.random() < 0.5
            self.source.compress_log(wanted)
            self.compressed_lives += wanted

    def restart_source(self, mode):
        self.stay_up(0.5)
        started = time.monotonic()
        # What a server that is killed makes of a prepared transaction and its log may differ.
        with contextlib.ExitStack() as stack:
            if mode == "immediate":
                stack.enter_context(self.load.without_prepared())
            self.source.restart(mode)
        print(f"crash: source restarted ({mode}) in {time.monotonic() - started:.1f} s", flush=True)
        self.daemon.wait_running()
        self.caught_up(60)

    def restart_target(self):
        if not any(isinstance(s, PostgresSink) for s in self.sinks):
            return
        self.stay_up(0.5)
        self.target.restart("immediate")
        print("crash: target server restarted (immediate)", flush=True)
        self.daemon.wait_running()
        self.caught_up(60)

    # --- checks ---

    def _note_peak(self):
        try:
            self.peak = max(self.peak, self.daemon.peak_rss_bytes())
        except (OSError, KeyError):
            pass  # it has just ended

    def at_rest(self):
        """The daemon is dead: nothing moves on our side, so look into every sink."""
        acknowledged = self.source.acknowledged(self.daemon)
        committed = self.load.committed()
        for sink in self.sinks:
            manifests, atoms = sink.atoms_now()
            if not isinstance(sink, JsonlSink):
                check.check_atoms(manifests, atoms, sink.name, self.report)
            if acknowledged:
                check.check_acknowledged(
                    acknowledged, committed, manifests, sink.name, self.report)

    def caught_up(self, timeout_s):
        """I11: what is committed now becomes durable everywhere, while the load goes on.

        `timeout_s`: longest time without any progress.
        """
        wanted = self.load.fence()
        started = time.monotonic()
        reached = 0
        while reached < wanted:
            reached = self._acknowledged_beyond(reached, timeout_s)
        return time.monotonic() - started

    def _acknowledged_beyond(self, position, timeout_s):
        def beyond():
            if not self.daemon.running:
                raise RuntimeError(
                    f"rowtided ended with {self.daemon.exit_code}\n{self.daemon.log()}")
            reached = self.source.acknowledged(self.daemon)
            return reached and reached > position and reached

        try:
            return wait_until(beyond, timeout_s, lambda: f"acknowledged beyond {position:#x}\n"
                              f"{self.daemon.describe()}", 0.05)
        except TimeoutError as error:
            self.report.add("I11", "pipeline", str(error))
            raise

    def finish(self):
        self.load.stop()
        before = self.source.acknowledged(self.daemon)
        try:
            seconds = self.caught_up(60)
        except TimeoutError:
            seconds = None  # reported; what is there is checked all the same
        self.observer.stopping.set()
        self.observer.join(30)
        self._note_peak()
        if seconds is not None:
            self.report.fact(f"drained in {seconds:.1f} s after the load had ended")
            after = self.source.acknowledged(self.daemon)
            if after < before:
                self.report.add("I11", "acknowledged", f"went from {before:#x} to {after:#x}")
        code = self.daemon.terminate(60)
        if code != 0:
            self.report.add("I11", "daemon", f"SIGTERM ended with {code}\n{self.daemon.log()}")
        if self.options.sabotage:
            sabotage.after_the_end(self, self.options.sabotage)
        self.check_everything(drained=seconds is not None)

    def check_everything(self, drained):
        source = self.source.tables()
        expected = {int(k[0]): check.manifest_of(row) for k, row in source["manifest"].items()}
        for txn, _ in self.load.committed():
            if txn not in expected:
                raise RuntimeError(f"the source itself lost transaction {txn}")
        for sink in self.sinks:
            if sink.mode == "mirror":
                if drained:
                    check.check_equal(source, sink.tables(), sink.name, self.report)
                continue
            wanted = expected
            if not drained:
                wanted = {txn: expected[txn] for txn in sink.held() if txn in expected}
            check.check_events(sink.events(), wanted, sink.name, self.report)
        duckdbs = sum(isinstance(s, DuckdbSink) for s in self.sinks)
        limit = RSS_LIMIT + (duckdbs * DUCKDB_MEMORY_MIB << 20)
        check.check_peak(self.peak, limit, "daemon", self.report)
        self.report.fact(
            f"{len(expected)} transactions, {self.kills} kills, {self.observer.looks} looks from "
            f"outside, peak {self.peak >> 20} MiB, slowest recovery {self.slowest_recovery:.1f} s"
        )
        if self.source.has_prepared:
            count = sum(writer.two_phases for writer in self.load.writers)
            self.report.fact(f"{count} of the transactions in two phases")
        if self.options.compressed:
            self.report.fact(f"the log was compressed after {self.compressed_lives} of the kills")

    def close(self):
        self.load.stopping.set()
        self.load.abandoned.set()
        self.observer.stopping.set()
        self.daemon.close()
        self.source.close()
        self.target.close()
        self.scratch.close()


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--source", choices=KINDS, default="postgres")
    parser.add_argument("--version", default=None, help="of the source's server")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--sink", choices=("duckdb", "postgres", "jsonl", "all"), default="all")
    parser.add_argument("--kills", type=int, default=0, help="kills at random moments")
    parser.add_argument("--failpoint", choices=("each", "source", *FAILPOINTS),
                        metavar="NAME|each|source", help="one, all, or all of the source's own")
    parser.add_argument("--server-restarts", action="store_true")
    parser.add_argument("--minutes", type=float, default=0, help="go on with random faults")
    parser.add_argument("--big-rows", type=int, default=0, help="one transaction of this size")
    parser.add_argument("--compressed", action="store_true",
                        help="the source compresses its log in turns")
    parser.add_argument("--sabotage", choices=sabotage.RULES, metavar="RULE",
                        help=", ".join(sabotage.RULES))
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--rate", type=float, default=120, help="transactions per second")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    return options


def main(arguments=None):
    options = parse(arguments)
    print(f"crash: seed {options.seed}: {json.dumps(vars(options))}", flush=True)
    run = None
    try:
        run = Run(options)
        run.go()
    except Exception as error:  # whatever it was, the report says it and the seed
        import traceback

        traceback.print_exc()
        if run is not None and not run.report.ok:
            print(run.report.text())
        print(f"crash: FAILED (seed {options.seed}): {type(error).__name__}", flush=True)
        return 1 if run is not None and not run.report.ok else 2
    finally:
        if run is not None:
            run.close()
    for fact in run.report.facts:
        print(f"crash: {fact}")
    print(run.report.text())
    print(f"crash: {'passed' if run.report.ok else 'FAILED'} (seed {options.seed})", flush=True)
    return 0 if run.report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
