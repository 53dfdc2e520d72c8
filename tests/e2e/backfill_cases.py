"""The behaviour list of backfills: one entry per behaviour, with what is done and what must hold.

A step is SQL for the source, or a function of the run. `t` holds 200 rows with the keys 10 to 2000
and is read in the order of the key, 10 rows at a time and slowly, so that the window has three
parts when the first 60 rows are delivered: keys up to 600 are handed out, those behind them are
read and wait, and those from about 1500 on are not read yet.
"""

import json
import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import Callable

SLOW = {"workers": 1, "chunk_rows": 10, "rows_per_second": 80, "buffer": "1MiB"}
SLOW_SMALL = {"workers": 2, "chunk_rows": 7, "rows_per_second": 60}
FAST = {"workers": 2, "chunk_rows": 50}


@dataclass
class Case:
    name: str
    says: str
    do: list = field(default_factory=list)
    holds: list = field(default_factory=list)
    setup: str = ""
    snapshot: str = "initial"
    backfill: dict = field(default_factory=lambda: dict(SLOW))
    source: dict = field(default_factory=dict)
    capture: tuple = ("public.*",)
    mirrored: tuple = ("public.*",)
    tables: tuple = ()  # to compare; default: all of the source
    columns: dict = field(default_factory=dict)  # to compare; default: all but generated ones
    where: dict = field(default_factory=dict)  # rows of the source that are to be in the sinks
    own_slot: bool = False  # somebody else made it
    fold: bool = True
    settle: bool = True
    again: bool = False  # a row that was updated lies elsewhere then, and may be read there too
    told_as: dict = field(default_factory=dict)  # names of before, which the backfill goes on with
    broken: str = ""  # why the product does not do it yet


# --- tables

def table(big, storage):
    return (f"CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL DEFAULT 1, note text, big text);"
            f"ALTER TABLE t ALTER big SET STORAGE {storage};"
            f"INSERT INTO t SELECT i * 10, 1, 'n' || i, {big} FROM generate_series(1, 200) i;")


# The large value is in every event, or is left out of each update that does not change it.
WHOLE = table("repeat(md5(i::text), 240)", "PLAIN")
TOASTED = table("repeat(md5(i::text), 240)", "EXTERNAL")


def keyed(type_, value):
    """A table whose key is of `type_`; `value` makes one of `i`."""
    return (f"CREATE TABLE k (id {type_} PRIMARY KEY, v int NOT NULL DEFAULT 1, big text);"
            f"INSERT INTO k SELECT {value}, 1, repeat('x', 50) FROM generate_series(1, 120) i;")


def plain(*names, rows=60):
    """Small tables of these names."""
    return "".join(f"CREATE TABLE {name} (id int PRIMARY KEY, v int NOT NULL DEFAULT 1);"
                   f"INSERT INTO {name} SELECT i, 1 FROM generate_series(1, {rows}) i;"
                   for name in names)


WIDE = ("CREATE TABLE w (id int PRIMARY KEY, v int, "
        + ", ".join(f"c{i} {'int' if i % 2 else 'text'}" for i in range(298)) + ");"
        "INSERT INTO w SELECT i, 1, "
        + ", ".join(f"i + {i}" if i % 2 else f"'x' || i || '.{i}'" for i in range(298))
        + " FROM generate_series(1, 120) i")
PARTED = ("CREATE TABLE p (id int PRIMARY KEY, v int NOT NULL, note text) PARTITION BY RANGE (id);"
          "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (61);"
          "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (61) TO (500);"
          "INSERT INTO p SELECT i, 1, 'n' || i FROM generate_series(1, 120) i")
KEYLESS = ("CREATE TABLE n (a int, v int); ALTER TABLE n REPLICA IDENTITY FULL;"
           "INSERT INTO n SELECT i, 1 FROM generate_series(1, 4000) i;")
# 200 rows far apart in a table of more than 10,000 pages.
SCATTERED = ("CREATE TABLE t (id uuid PRIMARY KEY, v int NOT NULL, n int, big text);"
             "ALTER TABLE t ALTER big SET STORAGE PLAIN;"
             "ALTER TABLE t REPLICA IDENTITY FULL;"
             "INSERT INTO t SELECT md5(i::text)::uuid, 1, i, repeat('x', 7000) "
             "FROM generate_series(1, 10200) i; DELETE FROM t WHERE n % 51 <> 0; ANALYZE t")
CHOSEN = "CREATE PUBLICATION chosen FOR TABLE t (id, v, note) WHERE (id > 500)"
CASELESS = ("CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', "
            "deterministic = false);")


# --- steps

def window(run):
    run.window(60)
    run.test.assertLess(run.backfill()["chunks_read"], 20, "nothing is unread any more")


def small_window(run):
    run.window(30)


def ended(run):
    run.ended()


def durable(run):
    run.drain()


def start(*arguments):
    return lambda run: run.tool("start", "shop", *arguments)


def act(action, index=-1):
    return lambda run: run.tool(action, run.backfill(index)["id"])


def state(wanted, index=-1):
    return lambda run: run.state(wanted, index)


def refused(*words, by):
    return lambda run: run.refused(words, *by)


def restart(number, *meanwhile):
    return lambda run: run.restart(number, meanwhile)


def by_location(run):
    run.test.assertEqual(run.backfill()["tables"][0]["method"], "row locations")


def stays_paused(run):
    """Changes go on while nothing of the backfill does."""
    run.drain()
    before = run.backfill()["rows_delivered"]
    run.sql("UPDATE t SET v = v + 1 WHERE id % 40 = 0")
    run.drain()
    run.test.assertEqual(run.backfill()["rows_delivered"], before)


def add_sink(run):
    run.daemon.config["pipelines"][0]["sinks"].append(run.duck("later"))
    run.restart(signal.SIGTERM)


def miss_deletes(run, each=50):
    """Rows of the mirror are deleted in the source without the stream telling."""
    run.drain()
    run.sql(f"ALTER PUBLICATION {run.slot} SET (publish = 'insert, update, truncate')")
    run.sql(f"DELETE FROM t WHERE id % {each} = 0")
    run.sql(f"ALTER PUBLICATION {run.slot} SET (publish = 'insert, update, delete, truncate')")


def never_fewer_rows(run):
    """Until the latest backfill is over, a reader of the mirror finds all rows of the source."""
    exist = run.sql("SELECT count(*) FROM t")[0][0]
    seen = set()
    while run.backfill()["state"] in ("waiting", "running"):
        asked = run.daemon.tool("query", "shop", "SELECT count(*) AS n FROM public.t", "--sink",
                                "duck", "--json")
        run.test.assertEqual(asked.returncode, 0, asked.stdout + asked.stderr)
        seen.add(int(json.loads(asked.stdout)["rows"][0][0]))
    run.test.assertEqual(seen - {exist, exist + 40}, set())
    run.test.assertIn(exist + 40, seen, "nobody looked while the copy was being filled")


def second_waits(run):
    run.until(lambda: run.backfill(0)["state"] == "running", "the first runs")
    run.test.assertEqual(run.backfill(1)["state"], "waiting")
    run.test.assertEqual([b["id"] for b in run.tool("list")["backfills"]],
                         [run.backfill(1)["id"], run.backfill(0)["id"]])


def transaction_is_short(run):
    """While rows wait for their turn, no transaction of a backfill is open at the source."""
    run.until(lambda: not run.sql(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'rowtide backfill' "
        "AND xact_start IS NOT NULL"), "no transaction is open")
    run.test.assertEqual(run.backfill()["state"], "running")
    run.test.assertTrue(run.sql("SELECT 1 FROM pg_stat_activity "
                                "WHERE application_name = 'rowtide backfill'"))


def pipeline_ends(run):
    run.until(lambda: run.daemon.pipeline("shop")["state"] == "finished", "the pipeline ends")
    run.test.assertIsNone(run.daemon.pipeline("shop")["last_error"])
    run.test.assertEqual([b["state"] for b in run.backfills()], ["finished"])


# --- checks

def reads(name, rows):
    """Backfills brought that many rows of the table."""
    return lambda run: run.test.assertEqual(len(run.events(name, ("r",))), rows, f"reads: {name}")


def backfilled(*states):
    """Oldest first."""
    return lambda run: run.test.assertEqual(
        [b["state"] for b in run.notes["backfills"]], list(states))


def outdated(run):
    """Rows that were read and overtaken were left out, not delivered over the stream's."""
    run.test.assertGreater(run.notes["backfills"][-1]["rows_outdated"], 0)


def only_the_rest(run):
    """60 of 200 rows were durable at the restart; chunks count from there."""
    run.test.assertLessEqual(run.notes["backfills"][-1]["chunks_read"], 16)


def tells_of_each_chunk(run):
    """20 chunks of 10 rows, one of which a kill may have cut in two."""
    told = [e for e in run.events(None, ("m",)) if e["prefix"] == "rowtide.backfill"]
    kinds = Counter(json.loads(e["content"])["event"] for e in told)
    run.test.assertEqual((kinds["started"], kinds["finished"]), (2, 2), kinds)
    run.test.assertIn(kinds["chunk"], (20, 21), kinds)


def no_word_of_it(run):
    prefixes = {e["prefix"] for e in run.events(None, ("m",))}
    run.test.assertNotIn("rowtide.backfill", prefixes)


def later_sink_has_everything(run):
    run.check_mirror("later")


def one_snapshot(run):
    """All rows of a table without a key are of one moment."""
    rows = [e["after"]["v"] for e in run.events("n", ("r",))]
    run.test.assertEqual((len(rows), set(rows)), (4000, {"1"}))
    one_bag(run)


def one_bag(run):
    """The lines of a table without a key fold to the source's rows, as often as they are there."""
    bag = Counter()
    for event in run.events("n", ("r", "c", "u", "d")):
        for image, sign in (("before", -1), ("after", 1)):
            if event.get(image):
                bag[tuple(event[image].values())] += sign
    source = Counter(tuple(r) for r in run.sql("SELECT a::text, v::text FROM n"))
    wrong = [(k, n, source[k]) for k, n in bag.items() if n != source[k]]
    run.test.assertEqual((len(wrong), wrong[:3], source - bag), (0, [], Counter()),
                         "rows that are there another number of times")


# --- what is done to rows of every part of the window at once

UPDATE = "UPDATE t SET v = v + 1, note = 'u' || v WHERE id % 70 = 0"
DELETE = "DELETE FROM t WHERE id % 70 = 0"
INSERT = "INSERT INTO t SELECT i, 7, 'new', '' FROM unnest(ARRAY[5, 405, 1205, 1655, 1995, 2005]) i"
TO_READ = "UPDATE t SET id = id - 1195, v = v + 1 WHERE id IN (1200, 1210, 1500, 1850, 1900, 1990)"
TO_UNREAD = "UPDATE t SET id = id + 1195, v = v + 1 WHERE id IN (10, 20, 700, 790)"
WITHIN = "UPDATE t SET id = id + 5, v = v + 1 WHERE id IN (20, 300, 1000, 1210, 1850, 1990)"
SWAP = ("BEGIN; UPDATE t SET id = -1, v = v + 1 WHERE id = 100;"
        "UPDATE t SET id = 100, v = v + 1 WHERE id = 1900;"
        "UPDATE t SET id = 1900, v = v + 1 WHERE id = -1; COMMIT")
REFILL = ("BEGIN; TRUNCATE t; INSERT INTO t SELECT i * 5, 9, 'again', 'y' "
          "FROM generate_series(1, 420) i; COMMIT")
# Keys of any type; the values of md5 are spread over all of them.
TOUCH = ("UPDATE k SET v = v + 1 WHERE md5(id::text) < '5';"
         "DELETE FROM k WHERE md5(id::text) > 'e'; UPDATE k SET v = v + 1 WHERE v > 1")
SAVEPOINT = (f"BEGIN; {UPDATE}; SAVEPOINT s; UPDATE t SET v = v + 100; DELETE FROM t "
             f"WHERE id % 30 = 0; ROLLBACK TO s; UPDATE t SET v = v + 1 WHERE id % 90 = 0; COMMIT")


def key_case(name, says, setup, value=None, touch=TOUCH, **more):
    setup = keyed(setup, value) if value else setup
    return Case(name, says, [small_window, touch], [backfilled("finished")], setup,
                backfill=SLOW_SMALL, **more)


CASES = [
    # --- the initial snapshot
    Case("initial_of_several_tables", "full, empty and one-row tables all arrive, each row once",
         [], [reads("a", 120), reads("empty", 0), reads("one", 1), reads("z", 60),
              backfilled("finished")],
         plain("a", rows=120) + plain("empty", rows=0) + plain("one", rows=1) + plain("z"),
         backfill=FAST),
    Case("snapshot_only", "the pipeline ends by itself when everything is there",
         [pipeline_ends], [reads("a", 60), reads("z", 60)], plain("a", "z"), "only", FAST,
         settle=False),
    Case("snapshot_never", "nothing is read; changes arrive",
         ["INSERT INTO a VALUES (100, 1)"], [reads("a", 0), backfilled()], plain("a"), "never",
         where={"a": "id = 100"}),

    # --- changes in the parts of the window: delivered, read and waiting, not read yet
    Case("insert", "inserts in every part", [window, INSERT], [], WHOLE),
    Case("update", "updates in every part", [window, UPDATE, UPDATE], [outdated], WHOLE),
    Case("delete", "deletes in every part", [window, DELETE], [outdated], WHOLE),
    Case("delete_and_insert_again", "deleted keys come back with other values",
         [window, DELETE, INSERT.replace("ARRAY[5, 405, 1205, 1655, 1995, 2005]",
                                         "ARRAY[70, 420, 840, 1260, 1680, 1960]")], [outdated],
         WHOLE),
    Case("update_toasted", "updates that leave a large value out, in every part",
         [window, UPDATE, UPDATE], [reads("t", 200)], TOASTED),
    Case("update_the_large_value", "changed and unchanged large values of one row, mixed",
         [window, UPDATE, "UPDATE t SET v = v + 1, big = 'b' || v WHERE id % 140 = 0", UPDATE], [],
         TOASTED),
    Case("key_to_read", "keys move from unread and waiting to what was read",
         [window, TO_READ], [], WHOLE),
    Case("key_to_unread", "keys move from delivered to waiting and unread",
         [window, TO_UNREAD], [], WHOLE),
    Case("key_within", "keys move within each part", [window, WITHIN], [], WHOLE),
    Case("key_swap", "keys of a delivered and an unread row swap", [window, SWAP], [], WHOLE),
    Case("toasted_key_to_read", "the same with an unchanged large value: unread to read",
         [window, TO_READ], [], TOASTED),
    Case("toasted_key_to_unread", "read to unread", [window, TO_UNREAD], [], TOASTED),
    Case("toasted_key_within", "within each part", [window, WITHIN], [], TOASTED),
    Case("toasted_key_swap", "swapped", [window, SWAP], [], TOASTED),
    Case("toasted_key_while_down", "keys move while the daemon is down, and it catches up",
         [window, durable, restart(signal.SIGTERM, TO_READ, TO_UNREAD)], [], TOASTED),
    Case("toasted_key_while_paused", "keys move while the backfill is paused",
         [window, act("pause"), TO_READ, TO_UNREAD, durable, act("resume")], [], TOASTED),
    Case("toasted_key_while_paused_over_a_restart", "and were paused before the daemon started",
         [window, act("pause"), restart(signal.SIGTERM), TO_READ, TO_UNREAD, durable,
          act("resume")], [], TOASTED),
    Case("toasted_key_then_crash", "keys move, and the daemon is killed before they are read again",
         [window, TO_READ, TO_UNREAD, restart(signal.SIGKILL)], [], TOASTED),
    Case("toasted_key_after_add_column", "keys move after the table got another column",
         [window, "ALTER TABLE t ADD extra text", TO_READ, TO_UNREAD], [], TOASTED),
    Case("truncate", "the table is emptied in the middle", [window, "TRUNCATE t"], [], WHOLE),
    Case("truncate_and_refill", "emptied and filled with other rows of the same keys",
         [window, REFILL, UPDATE], [], WHOLE),
    Case("savepoint", "what a rolled back savepoint did is in nobody's way",
         [window, SAVEPOINT], [], WHOLE),
    Case("prepared_transaction", "prepared while rows are read, committed when they have been",
         [window, f"BEGIN; {UPDATE}; {TO_READ}; PREPARE TRANSACTION 'middle'",
          lambda run: run.window(140), "COMMIT PREPARED 'middle'"], [], TOASTED),
    Case("open_before", "a transaction open since before the first chunk commits in the middle",
         ["BEGIN; UPDATE t SET v = v + 1 WHERE id % 30 = 0; PREPARE TRANSACTION 'before'",
          start("--table", "public.t"), window, "COMMIT PREPARED 'before'"], [], WHOLE, "never"),

    # --- the table changes
    Case("add_column", "a column comes in the middle, with changes",
         [window, "ALTER TABLE t ADD extra text",
          "UPDATE t SET v = v + 1, extra = 'e' WHERE id % 70 = 0"], [], WHOLE),
    Case("add_column_quietly", "a column comes in the middle, and no change tells",
         [window, "ALTER TABLE t ADD extra text"], [], WHOLE),
    Case("drop_column", "a column goes in the middle",
         [window, "ALTER TABLE t DROP note; UPDATE t SET v = v + 1 WHERE id % 70 = 0"], [], WHOLE),
    Case("replace_column", "one goes and another one comes: values stay under their names",
         [window, "ALTER TABLE t DROP note, ADD other text; UPDATE t SET v = v + 1, other = 'o' "
                  "WHERE id % 70 = 0"], [], WHOLE),
    Case("widen_column", "a type gets wider in the middle and is used at once",
         [window, "ALTER TABLE t ALTER v TYPE bigint",
          "UPDATE t SET v = 5000000000 + id WHERE id % 70 = 0"], [], WHOLE),
    Case("rename_table", "another name in the middle: another backfill completes it",
         [window, "ALTER TABLE t RENAME TO renamed", ended, start("--table", "public.renamed"),
          UPDATE.replace(" t ", " renamed ")], [], WHOLE, tables=("renamed",), fold=False,
         told_as={"renamed": "t"}),
    Case("drop_table", "gone in the middle: the tables behind it are read",
         [window, "DROP TABLE t"], [reads("z", 60), backfilled("finished")], WHOLE + plain("z")),

    # --- the operator
    Case("sigterm", "a restart reads only the rest", [window, restart(signal.SIGTERM)],
         [only_the_rest], WHOLE),
    Case("sigkill", "and after a crash", [window, UPDATE, durable, restart(signal.SIGKILL)],
         [only_the_rest], WHOLE),
    Case("events_over_a_crash", "the stream tells once where it begins, gets on and ends",
         [window, restart(signal.SIGKILL)], [tells_of_each_chunk], WHOLE),
    Case("no_events", "unless it is not to", [window], [no_word_of_it], WHOLE,
         backfill={**SLOW, "events": False}),
    Case("pause_and_resume", "nothing is read meanwhile, changes go on",
         [window, act("pause"), state("paused"), stays_paused, TO_READ, act("resume")],
         [backfilled("finished")], WHOLE),
    Case("paused_over_a_crash", "stays paused until an operator resumes it",
         [window, act("pause"), restart(signal.SIGKILL), state("paused"), stays_paused,
          act("resume")], [backfilled("finished")], WHOLE),
    Case("cancel", "a cancelled backfill can be followed by another",
         [window, act("cancel"), state("cancelled"), UPDATE, start("--table", "public.t")],
         [backfilled("cancelled", "finished")], WHOLE),
    Case("queue", "two backfills run one after the other",
         [start("--table", "public.t"), start("--table", "public.t"), second_waits],
         [reads("t", 400), backfilled("finished", "finished")], WHOLE, "never"),
    Case("several_tables", "one command, two of three tables",
         [start("--table", "public.a", "--table", "public.z", "--wait")],
         [reads("a", 60), reads("z", 60), reads("m", 0), backfilled("finished")],
         plain("a", "m", "z"), "never", FAST, where={"m": "false"}, tables=("a", "z")),
    Case("predicate", "only the rows that a condition names",
         [start("--table", "public.t", "--where", "id <= 500 -- or so", "--wait")],
         [reads("t", 50)], WHOLE, "never", FAST, where={"t": "id <= 500"}),
    Case("columns", "fills columns of rows that are there",
         [ended, "ALTER TABLE t ADD extra text DEFAULT 'd', ADD other int DEFAULT 4",
          start("--table", "public.t", "--columns", "extra,other", "--wait")], [reads("t", 400)],
         WHOLE, backfill=FAST),
    Case("columns_of_missing_rows", "makes no rows",
         [start("--table", "public.t", "--columns", "note", "--wait"),
          "INSERT INTO t VALUES (1, 1)"], [reads("t", 200)], WHOLE, "never", FAST,
         where={"t": "id = 1"}, fold=False),
    Case("columns_in_a_window", "and keeps what changes say of them and of others",
         [ended, "ALTER TABLE t ADD extra text DEFAULT 'd'",
          start("--table", "public.t", "--columns", "extra"), lambda run: run.state("running"),
          UPDATE, DELETE, INSERT, "UPDATE t SET v = v + 1, extra = 'e' WHERE id % 60 = 0"], [],
         TOASTED, backfill=SLOW),
    Case("replace", "a copy takes the place of a mirror that holds rows of its own, at once",
         [ended, miss_deletes, start("--table", "public.t", "--replace"), never_fewer_rows,
          UPDATE], [reads("t", 360)], WHOLE, fold=False),
    Case("replace_killed", "and is filled on after a kill, with what changes meanwhile",
         [ended, miss_deletes, start("--table", "public.t", "--replace"), window, UPDATE, durable,
          restart(signal.SIGKILL, "DELETE FROM t WHERE id % 70 = 0"), lambda run: run.window(120),
          INSERT, restart(signal.SIGKILL)], [], TOASTED, fold=False),
    Case("replace_cancelled", "leaves the mirror as it is, and the next one starts anew",
         [ended, miss_deletes, start("--table", "public.t", "--replace"), window, act("cancel"),
          state("cancelled"), UPDATE, lambda run: miss_deletes(run, 30),
          start("--table", "public.t", "--replace")], [], WHOLE, fold=False),
    Case("unknown_names", "are refused by name, and bad conditions with the server's words",
         [refused("public.nope", by=("backfill", "start", "shop", "--table", "public.nope",
                                     "--wait")),
          refused("nowhere", by=("backfill", "start", "nowhere", "--table", "public.a")),
          refused("shop-99", by=("backfill", "show", "shop-99")),
          refused("shop-99", by=("backfill", "pause", "shop-99")),
          refused("nocolumn", by=("backfill", "start", "shop", "--table", "public.a", "--columns",
                                  "nocolumn", "--wait")),
          refused("nofield", by=("backfill", "start", "shop", "--table", "public.a", "--where",
                                 "nofield = 1", "--wait")), "INSERT INTO a VALUES (100, 1)"],
         [reads("a", 0), backfilled("failed", "failed", "failed")], plain("a"), "never", FAST,
         where={"a": "id = 100"}),
    Case("ended_stays_ended", "one that has ended cannot be paused or cancelled",
         [ended, refused("ended", by=("backfill", "cancel", "shop-1")),
          refused("ended", by=("backfill", "pause", "shop-1"))], [backfilled("finished")],
         plain("a"), backfill=FAST),
    Case("sink_added_later", "gets everything, the other sink nothing twice",
         [ended, "UPDATE a SET v = 2 WHERE id < 20", add_sink],
         [reads("a", 60), later_sink_has_everything, backfilled("finished", "finished")],
         plain("a"), backfill=FAST),
    Case("sink_added_in_the_middle", "while the first backfill still runs",
         [window, add_sink], [reads("t", 200), later_sink_has_everything], WHOLE),
    Case("table_captured_later", "is read whole by itself, and nothing else again",
         [ended, plain("late"), restart(signal.SIGTERM), ended],
         [reads("late", 60), reads("a", 60)],
         plain("a"), backfill=FAST),
    Case("short_transactions", "no transaction stays open at the source while rows wait",
         [window, transaction_is_short], [reads("t", 200)], WHOLE),

    # --- keys and shapes
    Case("no_key", "read from one snapshot while every row changes",
         [lambda run: run.window(1000), "UPDATE n SET v = v + 1 WHERE a % 2 = 0",
          "DELETE FROM n WHERE a % 5 = 0"], [one_snapshot, reads("z", 60)], KEYLESS + plain("z"),
         backfill={"workers": 1, "chunk_rows": 100, "rows_per_second": 1500},
         mirrored=("public.*", "!public.n"), tables=("z",)),
    Case("no_key_behind_the_stream", "rows that the stream is still to bring do not come twice",
         ["INSERT INTO z VALUES (100, 1)",
          "INSERT INTO n SELECT 4000 + i, 1 FROM generate_series(1, 60000) i",
          start("--table", "public.n", "--wait")], [one_bag], KEYLESS.replace("4000", "1")
         + plain("z"), "never", FAST, mirrored=("public.*", "!public.n"), tables=("z",),
         where={"z": "id = 100"},
         broken="rows are handed out before the stream has reached their snapshot"),
    Case("by_location", "a table whose key does not follow its rows is read where they lie",
         [lambda run: run.window(60), by_location,
          "UPDATE t SET v = v + 1 WHERE n % 70 = 0; DELETE FROM t WHERE n % 110 = 0;"
          " UPDATE t SET id = md5(n::text || 'x')::uuid, v = v + 1 WHERE n % 90 = 0"],
         [], SCATTERED, again=True),
    key_case("composite_key", "a key of two columns in the index's order",
             "CREATE TABLE k (a int, id text, v int NOT NULL DEFAULT 1, PRIMARY KEY (id, a));"
             "INSERT INTO k SELECT i, 'k' || i % 7, 1 FROM generate_series(1, 120) i",
             touch="UPDATE k SET v = v + 1 WHERE a % 3 = 0; DELETE FROM k WHERE a % 7 = 0;"
                   "UPDATE k SET id = 'k' || a % 5, v = v + 1 WHERE a % 11 = 0"),
    key_case("wide_text_key", "keys of 2 kB", "text", "repeat(md5(i::text), 60)"),
    key_case("uuid_key", "uuids", "uuid", "md5(i::text)::uuid",
             TOUCH + "; UPDATE k SET id = md5(id::text)::uuid WHERE v = 1"),
    key_case("numeric_key", "numbers of all sizes and scales, NaN and infinities", "numeric",
             "CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' "
             "WHEN 4 THEN 0.000 ELSE (i - 60.50) * 10::numeric ^ (i % 20 - 9) END"),
    key_case("timestamptz_key", "moments to the microsecond, BC, infinities", "timestamptz",
             "CASE i WHEN 1 THEN '-infinity' WHEN 2 THEN 'infinity' WHEN 3 THEN '4000-01-02 BC' "
             "ELSE timestamptz '1999-12-31 23:59:59.999999+00' + i * interval '7 days 3 us' END"),
    key_case("caseless_text_key", "a collation in which different texts are equal",
             CASELESS + keyed("text COLLATE caseless", "CASE WHEN i % 2 = 0 THEN 'KEY' ELSE 'key' "
                              "END || chr(192 + i % 60) || i"),
             touch=TOUCH + "; UPDATE k SET id = upper(id), v = v + 1 WHERE v = 1"),
    key_case("partitions_by_root", "a partitioned table under its own name", PARTED, touch=
             "UPDATE p SET v = v + 1 WHERE id % 7 = 0; UPDATE p SET id = id + 125, v = v + 1 "
             "WHERE id IN (3, 50, 90, 110)", tables=("p",)),
    key_case("partitions_by_leaf", "each partition under its name", PARTED, touch=
             "UPDATE p SET v = v + 1 WHERE id % 7 = 0; UPDATE p SET id = id + 125, v = v + 1 "
             "WHERE id IN (3, 50, 90, 110)", tables=("p1", "p2"),
             source={"publish_via_partition_root": False}),
    Case("column_list_and_row_filter", "a publication of somebody else's that narrows both",
         [window, UPDATE, DELETE.replace("70", "110")], [outdated], WHOLE + CHOSEN,
         source={"publication": "chosen", "create": False}, own_slot=True, where={"t": "id > 500"},
         columns={"t": ["id", "v", "note"]}),
    key_case("generated_column", "is left out as the stream leaves it out",
             "CREATE TABLE k (id int PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) "
             "STORED, note text); INSERT INTO k SELECT i, 1 FROM generate_series(1, 120) i"),
    key_case("three_hundred_columns", "a wide table", WIDE,
             touch="UPDATE w SET v = v + 1, c7 = NULL, c8 = 'u' WHERE id % 5 = 0"),
    Case("large_values", "values of 1 MB in a buffer of 1 MiB",
         [lambda run: run.window(4), "UPDATE k SET v = v + 1 WHERE id % 2 = 0"], [],
         keyed("int", "i").replace("repeat('x', 50)", "repeat(md5(i::text), 32768)")
         .replace("120", "16") + "ALTER TABLE k ALTER big SET STORAGE EXTERNAL",
         backfill={"workers": 2, "chunk_rows": 2, "buffer": "1MiB", "rows_per_second": 8}),
]
