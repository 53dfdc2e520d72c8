"""Checks what arrived in a sink against the self-checking load of workload.py.

Pure functions over plain data: they know no database and no daemon, so test_check.py can feed them
sinks that are wrong in every way there is.
"""

import dataclasses

from tests.crash.tables import GHOST_VER, KEYS, VERSIONED, WIDE, key_text, step_hash


@dataclasses.dataclass
class Event:
    """One change as a sink that keeps every change holds it."""

    position: str  # sorts in delivery order, unique for a row
    op: str  # c u d t
    table: str
    tx: str  # the source's transaction id
    row: dict  # the row after the change as {column: text or None}; for a delete: the key columns
    unchanged: frozenset = frozenset()  # columns of `row` whose value the change does not hold
    old_key: tuple | None = None  # the key before the change where the sink tells it


@dataclasses.dataclass(frozen=True)
class Manifest:
    txn: int
    writer: int
    seq: int
    touches: int
    hash: int
    atoms: int


class Report:
    """Violations by invariant and sink; keeps the first few of each kind."""

    KEPT = 8

    def __init__(self):
        self.violations = {}  # (invariant, sink) -> [messages]
        self.counts = {}
        self.facts = []  # what was checked, for the reader of a good run

    def add(self, invariant, sink, message):
        kind = (invariant, sink)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        kept = self.violations.setdefault(kind, [])
        if len(kept) < self.KEPT:
            kept.append(message)

    def fact(self, text):
        self.facts.append(text)

    @property
    def ok(self):
        return not self.violations

    def invariants(self):
        return {invariant for invariant, _ in self.violations}

    def text(self):
        lines = []
        for (invariant, sink), messages in sorted(self.violations.items()):
            lines.append(f"{invariant} violated in {sink}: {self.counts[(invariant, sink)]} times")
            lines.extend(f"    {message}" for message in messages)
        return "\n".join(lines) if lines else "every invariant holds"


def manifest_of(row):
    """A Manifest of a row of the table manifest given as texts."""
    return Manifest(*(int(row[c]) for c in ("txn", "writer", "seq", "touches", "hash", "atoms")))


def _integer(row, column):
    value = row.get(column)
    return None if value is None else int(value)


def _key(table, row):
    return tuple(row[c] for c in KEYS[table])


class _Keys:
    """The version that every key has reached, replayed from the events."""

    def __init__(self, sink, report):
        self.sink = sink
        self.report = report
        self.last = {}
        self.live = {}  # table -> keys

    def step(self, table, kind, key, ver, where):
        """Returns the version of this step; `ver` is what the row says, None for a delete."""
        k = (table, key)
        live = self.live.setdefault(table, set())
        expected = self.last.get(k, 0) + 1
        if ver is not None and ver != expected:
            self.report.add(
                "I3", self.sink,
                f"{where}: {table} {key_text(key)} has version {ver} after {expected - 1}",
            )
        if kind == "c" and key in live:
            self.report.add("I3", self.sink, f"{where}: {table} {key_text(key)} created twice")
        if kind in ("u", "d") and key not in live:
            self.report.add(
                "I3", self.sink, f"{where}: {table} {key_text(key)} '{kind}' of a row not there"
            )
        reached = expected if ver is None else ver
        self.last[k] = reached
        live.discard(key) if kind == "d" else live.add(key)
        return reached

    def truncate(self, table):
        self.live[table] = set()


def _check_content(event, key, ver, sink, report):
    """The columns of a row that say by themselves what they must hold (I9 and I12 in short)."""
    row = event.row

    def wrong(column, expected):
        report.add(
            "I12", sink,
            f"{event.position}: {event.table} {key_text(key)} version {ver}: "
            f"{column} is not {expected}",
        )

    def known(column):
        return row.get(column) is not None and column not in event.unchanged

    if known("note") and row["note"] != f"{key_text(key)}:{ver}":
        wrong("note", "key:version")
    if known("big"):
        head = row["big"].split(":", 1)[0]
        if not head.isdigit() or int(head) > int(row["txn"]):
            wrong("big", "of this or an earlier transaction of its writer")
    if known("small") and int(row["small"]) not in (ver, ver + WIDE):
        wrong("small", "the version")
    if known("amount") and row["amount"].split(".")[0] != str(ver):
        wrong("amount", "the version")
    for column in row:
        if column.startswith("extra_") and known(column):
            if int(row[column]) != ver * 10 + int(column[6:]):
                wrong(column, "version * 10 + its number")


def check_events(events, expected, sink, report):
    """I1 to I4 and I12 of a sink that keeps every change.

    `events` in the sink's own order; `expected`: {txn: Manifest} of the source.
    """
    positions = {}
    previous = ""
    for event in events:
        where = (event.position, event.table)
        if event.op != "t" and event.position in positions:
            report.add("I2", sink, f"position {event.position} twice: {where[1]} and "
                                   f"{positions[event.position]}")
        positions[event.position] = event.table
        if event.position < previous:
            report.add("I3", sink, f"position {event.position} after {previous}")
        previous = event.position

    keys = _Keys(sink, report)
    by_tx = {}  # tx -> [touches, hash, atoms, txn values seen]
    manifests = {}  # txn -> (Manifest, tx)
    last_seq = {}
    for event in sorted(events, key=lambda e: e.position):
        seen = by_tx.setdefault(event.tx, [0, 0, 0, set()])
        table = event.table
        if event.op == "t":
            keys.truncate(table)
            continue
        if table == "manifest":
            manifest = manifest_of(event.row)
            if manifest.txn in manifests:
                report.add("I2", sink, f"transaction {manifest.txn} arrived twice")
            if manifest.seq != last_seq.get(manifest.writer, 0) + 1:
                report.add(
                    "I3", sink,
                    f"{event.position}: writer {manifest.writer} transaction {manifest.seq} after "
                    f"{last_seq.get(manifest.writer, 0)}",
                )
            last_seq[manifest.writer] = manifest.seq
            manifests[manifest.txn] = (manifest, event.tx)
            continue
        if table == "atom":
            seen[2] += 1
            seen[3].add(int(event.row["txn"]))
            continue
        if table not in VERSIONED:
            continue
        _replay(event, keys, seen, sink, report)
    _compare_transactions(by_tx, manifests, expected, sink, report)
    report.fact(f"{sink}: {len(events)} changes of {len(manifests)} transactions")


def _replay(event, keys, seen, sink, report):
    table, where = event.table, event.position

    def step(kind, key, ver):
        reached = keys.step(table, kind, key, ver, where)
        seen[0] += 1
        seen[1] ^= step_hash(table, kind, key, reached)

    if event.op == "d":
        step("d", _key(table, event.row), None)
        return
    key = _key(table, event.row)
    ver = int(event.row["ver"])
    if ver >= GHOST_VER or event.row["txn"] == "-1":
        report.add("I4", sink, f"{where}: {table} {key_text(key)} was rolled back")
        return
    seen[3].add(int(event.row["txn"]))
    old = event.old_key
    if old is None and event.op == "u" and event.row.get("was") is not None:
        # Sinks that keep only the new image: the load itself wrote down the key before.
        was = event.row["was"]
        old = tuple(was.split("/", 1)) if table == "pair" else (was,)
    if event.op == "u" and old is not None and old != key:
        step("d", old, None)
        step("c", key, ver)
    else:
        step(event.op, key, ver)
    _check_content(event, key, ver, sink, report)


def _compare_transactions(by_tx, manifests, expected, sink, report):
    for txn in expected:
        if txn not in manifests:
            report.add("I1", sink, f"transaction {txn} is missing")
    announced = set()
    for txn, (manifest, tx) in manifests.items():
        announced.add(tx)
        if txn not in expected:
            report.add("I2", sink, f"transaction {txn} never committed at the source")
            continue
        touches, hash_, atoms, txns = by_tx[tx]
        if (touches, atoms) != (manifest.touches, manifest.atoms):
            report.add(
                "I4", sink,
                f"transaction {txn}: {touches} steps and {atoms} atoms instead of "
                f"{manifest.touches} and {manifest.atoms}",
            )
        elif hash_ != manifest.hash:
            report.add("I4", sink, f"transaction {txn}: other steps than it made")
        if txns - {txn}:
            report.add("I4", sink, f"transaction {txn}: holds rows of {sorted(txns - {txn})}")
        if expected[txn] != manifest:
            report.add("I7", sink, f"transaction {txn}: its manifest differs from the source's")
    for tx, (touches, _, atoms, txns) in by_tx.items():
        if tx not in announced and (touches or atoms):
            report.add("I4", sink, f"tx {tx} (transactions {sorted(txns)}) has no manifest")


def check_equal(source, mirror, sink, report):
    """I7: `source` and `mirror` are {table: {key: {column: text}}}; I1 and I2 by key as well."""
    rows = 0
    for table, wanted in source.items():
        got = mirror.get(table)
        if got is None:
            if wanted:
                report.add("I1", sink, f"table {table} is missing")
            continue
        rows += len(got)
        for key, row in wanted.items():
            if key not in got:
                report.add("I1", sink, f"{table} {key_text(key)} is missing")
            elif got[key] != row:
                names = sorted(c for c in set(row) | set(got[key])
                               if row.get(c) != got[key].get(c))
                report.add(
                    "I7", sink,
                    f"{table} {key_text(key)} version {row.get('ver')} "
                    f"(sink: {got[key].get('ver')}) differs in {names}",
                )
        for key in got:
            if key not in wanted:
                report.add("I2", sink, f"{table} {key_text(key)} is not at the source")
    report.fact(f"{sink}: {rows} rows equal to the source's" if report.ok
                else f"{sink}: {rows} rows compared")


def check_atoms(manifests, atoms, sink, report):
    """I4 of one consistent look: `manifests` {txn: atoms}, `atoms` {txn: rows}."""
    for txn in set(manifests) | set(atoms):
        if manifests.get(txn) is None:
            report.add("I4", sink, f"transaction {txn}: {atoms[txn]} atoms without the manifest")
        elif atoms.get(txn, 0) != manifests[txn]:
            report.add(
                "I4", sink,
                f"transaction {txn}: {atoms.get(txn, 0)} atoms of {manifests[txn]} visible",
            )


def check_acknowledged(acknowledged, committed, held, sink, report):
    """I5: what ends at or below the acknowledged position is in the sink.

    `committed`: [(txn, position at or after its end)]; `held`: transactions that the sink has durably.
    Returns how many transactions the position covers.
    """
    covered = [txn for txn, position in committed if position <= acknowledged]
    for txn in covered:
        if txn not in held:
            report.add(
                "I5", sink, f"acknowledged {acknowledged:#x}, but transaction {txn} is not there"
            )
    return len(covered)


class Monotone:
    """I6: feed it positions as they are seen; the order is the order of the calls."""

    def __init__(self, report):
        self.report = report
        self.last = {}

    def see(self, sink, position):
        if position is None:
            return
        last = self.last.get(sink)
        if last is not None and position < last:
            self.report.add("I6", sink, f"durable position {position} after {last}")
        self.last[sink] = position


def check_peak(peak_bytes, limit_bytes, what, report):
    """I10."""
    if peak_bytes > limit_bytes:
        report.add("I10", what, f"{peak_bytes >> 20} MiB resident, allowed {limit_bytes >> 20}")
