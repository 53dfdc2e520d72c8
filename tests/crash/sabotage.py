"""Breaks one rule of the engine or of a sink on purpose: the checks must notice.

Each rule says which invariants have to be reported; README.md lists what was seen.
"""

import glob
import os
import shutil

from tests.crash import check
from tests.crash.sinks import JsonlSink, PostgresSink
from tests.servers.scratch import wait_until

# What is broken, and the invariants of which at least one must be reported.
RULES = {
    "over-ack": ("I5", "I1"),  # the source is told more than the sinks have
    "lost-marker": ("I2",),  # data and marker are not one: the marker goes, the data stays
    "lost-row": ("I1", "I4"),
    "doubled-row": ("I2",),
    "swapped-rows": ("I3",),
    "stale-row": ("I7",),
    "torn": ("I4",),
    "null-toast": ("I7",),  # an unchanged column became NULL
    "stalled": ("I11",),  # nothing is ever acknowledged
}


def _postgres(run, mode):
    for sink in run.sinks:
        if isinstance(sink, PostgresSink) and sink.mode == mode:
            return sink
    raise RuntimeError("this sabotage needs the postgres sinks")


def _execute(sink, sql):
    return sink.server.execute(sql, database=sink.database)


def before_the_end(run, rule):
    """While the load still runs."""
    if rule == "over-ack":
        run.daemon.kill9()
        seen = len(run.load.committed())
        wait_until(lambda: len(run.load.committed()) > seen + 20, 30, "more transactions")
        wait_until(lambda: not run.source.slot("crash")["active"], 30, "the slot is free")
        run.source.execute(
            "SELECT pg_replication_slot_advance('crash', pg_current_wal_lsn())", database="shop")
        run.at_rest()
        run.daemon.start().wait_running()
    elif rule == "lost-marker":
        # Dies between the sink's commit and the acknowledgement; then both memories are lost.
        run.kill_at("committer_before_store")
        run.daemon.kill9()
        _execute(_postgres(run, "history"), "DELETE FROM rowtide.markers")
        shutil.rmtree(run.daemon.state_dir)
        run.daemon.start().wait_running()
    elif rule == "stalled":
        connection = run.target.connect("history", autocommit=False)
        connection.cursor().execute("LOCK TABLE rowtide.markers IN ACCESS EXCLUSIVE MODE")
        run.caught_up(15)


def after_the_end(run, rule):
    """The load has ended, everything is drained and the daemon is gone."""
    if rule == "lost-row":
        _execute(_postgres(run, "history"), "DELETE FROM load.item WHERE ctid = "
                 "(SELECT ctid FROM load.item ORDER BY _position DESC OFFSET 50 LIMIT 1)")
    elif rule == "doubled-row":
        jsonl = next(s for s in run.sinks if isinstance(s, JsonlSink))
        path = sorted(glob.glob(os.path.join(jsonl.path, "*.jsonl*")))[0]
        with open(path) as file:
            lines = file.readlines()
        at = next(i for i, line in enumerate(lines) if '"item"' in line and i > 50)
        with open(path, "w") as file:
            file.writelines(lines[:at] + [lines[at]] + lines[at:])
    elif rule == "swapped-rows":
        _execute(_postgres(run, "history"), """
            WITH two AS (
              SELECT a.ctid AS c1, b.ctid AS c2, a._position AS p1, b._position AS p2
              FROM load.hot a JOIN load.hot b ON a.id = b.id AND b.ver = a.ver + 1
              ORDER BY a._position LIMIT 1)
            UPDATE load.hot SET _position = CASE WHEN hot.ctid = c1 THEN p2 ELSE p1 END
            FROM two WHERE hot.ctid IN (c1, c2)""")
    elif rule == "stale-row":
        _execute(_postgres(run, "mirror"), "UPDATE load.hot SET ver = ver - 1 WHERE id = 0")
    elif rule == "torn":
        _execute(_postgres(run, "mirror"),
                 "DELETE FROM load.atom WHERE txn = (SELECT max(txn) FROM load.atom)")
        manifests, atoms = _postgres(run, "mirror").atoms_now()


        check.check_atoms(manifests, atoms, "postgres_mirror", run.report)
    elif rule == "null-toast":
        _execute(_postgres(run, "mirror"), "UPDATE load.item SET big = NULL WHERE id = "
                 "(SELECT min(id) FROM load.item WHERE length(big) > 2000)")
