"""Breaks one rule of the engine or of a sink on purpose: the checks must notice.

Each rule says which invariants have to be reported; README.md lists what was seen.
"""

import glob
import json
import os
import shutil

from tests.crash import check
from tests.crash.postgres_source import DATABASE, SLOT
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


def _over_ack(run):
    """Transactions are behind the acknowledged position that no sink was ever given."""
    run.daemon.kill9()
    seen = len(run.load.committed())
    wait_until(lambda: len(run.load.committed()) > seen + 20, 30, "more transactions")
    if run.source.told_what_is_durable:
        server = run.source.server
        wait_until(lambda: not server.slot(SLOT)["active"], 30, "the slot is free")
        server.execute(f"SELECT pg_replication_slot_advance('{SLOT}', pg_current_wal_lsn())",
                       database=DATABASE)
    else:
        # Without any memory of a position the stream begins anew at the log's end.
        if not all(isinstance(sink, PostgresSink) for sink in run.sinks):
            raise RuntimeError("this sabotage of this source needs --sink postgres")
        for sink in run.sinks:
            _execute(sink, "DELETE FROM rowtide.markers")
        shutil.rmtree(run.daemon.state_dir)
    run.at_rest()
    run.daemon.start().wait_running()


def _lost_marker(run):
    """Dies between the sink's commit and the acknowledgement; then both memories are lost.

    Where the source remembers nothing they go back to an older state instead.
    """
    goes_back = not run.source.told_what_is_durable
    older, history = run.daemon.state_dir + ".older", _postgres(run, "history")
    if goes_back:
        run.daemon.kill9()
        shutil.copytree(run.daemon.state_dir, older)
        _execute(history, "CREATE TABLE public.older AS SELECT * FROM rowtide.markers")
        run.daemon.start().wait_running()
        run.caught_up(60)
    run.kill_at("committer_before_store")
    run.daemon.kill9()
    _execute(history, "DELETE FROM rowtide.markers")
    shutil.rmtree(run.daemon.state_dir)
    if goes_back:
        _execute(history, "INSERT INTO rowtide.markers SELECT * FROM public.older")
        shutil.move(older, run.daemon.state_dir)
    run.daemon.start().wait_running()


def before_the_end(run, rule):
    """While the load still runs."""
    if rule == "over-ack":
        _over_ack(run)
    elif rule == "lost-marker":
        _lost_marker(run)
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
        at = next(i for i, line in enumerate(lines)
                  if i > 50 and json.loads(line).get("table") == "item"
                  and json.loads(line)["op"] in ("c", "u", "d"))
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
