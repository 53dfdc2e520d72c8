"""What tests/e2e/test_mysql_extremes.py puts into tables, and how it finds it again in a sink."""

import base64
import glob
import hashlib
import json
import mmap
import os
import random

from tests.e2e.harness import Duck, sink, wait_until
from tests.e2e.test_mysql import Case

MB = 1_000_000

# What a daemon grows by with its first rows, whatever they are.
ROOM = 24 * MB
# Rows are handed out of their event as there is room, so the event is there once, beside the
# pipeline's part of memory_limit.
ROWS_ROOM = 128 * MB

# So that nothing is waited for that has arrived.
SOON = {"flush_interval": "100ms"}

# name: the column's type, the expression of a value, and how many bytes of text n is worth.
VALUES = {
    "blob": ("longblob", "REPEAT(UNHEX('00010203fffe'), {n})", 6),
    "text": ("longtext", "REPEAT('aä€z', {n})", 7),
    "document": ("json", """CONCAT('{{"a": "', REPEAT('0123456789', {n}), '"}}')""", 10),
    "numbers": ("json", "CONCAT('[', REPEAT('12345, ', {n}), '6]')", 7),
    # Six bytes of text for each that the binary form has.
    "controls": ("json", "JSON_OBJECT('a', REPEAT(CHAR(1 USING utf8mb4), {n}))", 6),
}


def md5_in_lines(path, kind, op="c", image="after"):
    """The MD5 of the value of table big in the one event of this kind in a directory of lines.

    The line is not parsed: it may be longer than what Python should hold.
    """
    head = f'{{"op":"{op}","pipeline":"my","schema":'.encode()
    member = f'"{image}":{{"id":1,"v":'.encode()
    behind = (b'},"unchanged":[', b'},"after":{"id":1,"v":')
    for name in sorted(glob.glob(os.path.join(path, "*.jsonl"))):
        with open(name, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as lines:
            line = lines.find(head)
            while line >= 0 and b'"table":"big"' not in lines[line:line + 200]:
                line = lines.find(head, line + 1)
            if line >= 0:
                start = lines.find(member, line) + len(member)
                ends = [lines.find(mark, start) for mark in behind]
                return md5_of(lines, start, min(end for end in ends if end >= 0), kind)
    raise AssertionError(f"no {op} of table big in {path}")


def md5_of(lines, start, end, kind):
    digest = hashlib.md5(usedforsecurity=False)
    if kind in ("blob", "text"):
        start, end = start + 1, end - 1  # the quotes
    for at in range(start, end, 4 * MB):
        part = lines[at:min(end, at + 4 * MB)]
        digest.update(base64.b64decode(part) if kind == "blob" else part)
    return digest.hexdigest()


class Extreme(Case):
    """A table big of one value, and a daemon whose memory is looked at."""

    # One statement's rows may be one event of 1 GiB.
    settings = {"max_allowed_packet": "1G", "binlog_row_event_max_size": str(1 << 30)}

    def watch(self, target):
        """A daemon that streams into `target`; what it takes without rows is noted."""
        self.running = self.streaming(self.daemon(self.pipeline(target)).start())
        self.empty_bytes = self.running.rss_bytes()
        return self.running

    def lines(self):
        return sink("jsonl", path=self.jsonl, **SOON)

    def make_big(self, kind, engine="MyISAM"):
        # The engine is the same to the log, and this one writes a value once and not twice.
        self.sql(f"CREATE TABLE big (id int PRIMARY KEY, v {VALUES[kind][0]}) ENGINE={engine}")

    def insert(self, kind, size_bytes):
        _, expression, unit_bytes = VALUES[kind]
        self.sql(f"INSERT INTO big VALUES (1, {expression.format(n=size_bytes // unit_bytes)})")

    def stored(self):
        """(MD5, bytes) of the value as the server prints it."""
        return self.sql("SELECT MD5(CAST(v AS BINARY)), LENGTH(CAST(v AS BINARY)) FROM big")[0]

    def large_events(self, since):
        """The sizes of the events from a place in the log on that are larger than 1 MB."""
        events = self.sql(f"SHOW BINLOG EVENTS IN '{since[0]}' FROM {since[1]}")
        return [event[4] - event[1] for event in events if event[4] - event[1] > MB]

    def delivered(self, rows, timeout_s=120):
        """Returns when so many rows are durable, and fails at once when something has stopped."""

        def there():
            status = self.running.pipeline("my")
            if "stopped" in (status["state"], *(s["state"] for s in status["sinks"])):
                raise AssertionError(f"stopped\n{self.running.describe()}")
            return status["sinks"] and status["sinks"][0]["rows_delivered"] >= rows

        wait_until(there, timeout_s, lambda: f"{rows} rows\n{self.running.describe()}")

    def check_peak(self, what, size_bytes, limit_bytes):
        peak_bytes = self.running.peak_rss_bytes() - self.empty_bytes
        kept_bytes = self.running.rss_bytes() - self.empty_bytes
        print(f"\n  {self.server.flavour} {self.server.version}, {what}: {size_bytes // MB} MB "
              f"took {peak_bytes // MB} MB ({peak_bytes / size_bytes:.2f} times) and keep "
              f"{kept_bytes // MB} MB", flush=True)
        self.assertLess(peak_bytes, limit_bytes)

    def to_lines(self, kind, size_bytes, copies):
        """Inserts a value, and it arrives in the lines with so many copies of it at most."""
        self.make_big(kind)
        self.watch(self.lines())
        self.insert(kind, size_bytes)
        self.delivered(1)
        digest, stored_bytes = self.stored()
        self.assertGreater(stored_bytes, 0.99 * size_bytes)
        self.assertEqual(md5_in_lines(self.jsonl, kind), digest)
        self.check_peak(f"{kind} to jsonl", stored_bytes, copies * stored_bytes + ROOM)

    def check_update_in_lines(self, kind, before, copies):
        """Both images of an update of the value that was stored() before."""
        after = self.stored()
        for image, (digest, _) in (("before", before), ("after", after)):
            self.assertEqual(md5_in_lines(self.jsonl, kind, "u", image), digest, image)
        size_bytes = before[1] + after[1]
        self.check_peak("an update to jsonl", size_bytes, copies * size_bytes + ROOM)

    def to_duckdb(self, kind, size_bytes, **settings):
        """Inserts a value while a mirror in DuckDB is kept. Its memory has a limit of its own."""
        self.duck = self.scratch.join("big.duckdb")
        self.make_big(kind)
        self.watch(sink("duckdb", path=self.duck, mode="mirror", **SOON, **settings))
        self.insert(kind, size_bytes)

    def check_duckdb(self, kind):
        self.delivered(1)
        digest, stored_bytes = self.stored()
        # In the event, in its batch, and thrice in what DuckDB appends, keeps and writes.
        self.check_peak(f"{kind} to duckdb", stored_bytes, 5 * stored_bytes + ROOM)
        self.assertEqual(self.running.terminate(), 0, self.running.log())
        self.assertEqual(Duck(self.duck).query(f'SELECT id, md5(v) FROM "{self.database}".big'),
                         [(1, digest)])

    def waits_for_memory(self, kind, size_bytes, too_little, told, enough):
        """The mirror says how large the value is and which setting helps, and with that goes on."""
        self.to_duckdb(kind, size_bytes, memory_limit=too_little)
        daemon = self.running
        self.wait_error(daemon, "could not allocate", told, remedy=("memory_limit",), timeout_s=120)
        self.assertEqual(daemon.terminate(), 0, daemon.log())
        daemon.config["pipelines"][0]["sinks"][0]["memory_limit"] = enough
        daemon.write_config()
        daemon.start()
        self.check_duckdb(kind)

    def many_rows(self, digits, event_bytes):
        """10 ** digits rows in one event: all of it is there at once, the rows' batches are not."""
        self.sql("CREATE TABLE digit (d int PRIMARY KEY)")
        self.sql("INSERT INTO digit VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
        self.sql("CREATE TABLE many (id int PRIMARY KEY, v varchar(1000)) "
                 "CHARACTER SET latin1 ENGINE=MyISAM")
        self.watch(self.lines())
        since = self.server.binlog_position()
        self.sql("INSERT INTO many SELECT "
                 + " + ".join(f"d{i}.d * {10 ** i}" for i in range(digits)) + ", REPEAT('x', 900) "
                 "FROM " + ", ".join(f"digit d{i}" for i in reversed(range(digits))))
        events = self.large_events(since)
        self.assertEqual([size >= event_bytes for size in events], [True], events)
        self.delivered(10 ** digits)
        found = bytearray(10 ** digits)
        head, key = b'"table":"many","key":{"id":', b"}"
        for name in glob.glob(os.path.join(self.jsonl, "*.jsonl")):
            with open(name, "rb") as lines:
                for line in lines:
                    if line.startswith(b'{"op":"c"') and (start := line.find(head, 0, 200)) > 0:
                        start += len(head)
                        found[int(line[start:line.index(key, start)])] += 1
        self.assertEqual(found.count(1), 10 ** digits)
        self.check_peak("many rows to jsonl", events[0], events[0] + ROWS_ROOM)


class WideTable:
    """A table of very many columns, and what its rows hold: every type is short, many are NULL."""

    # The column's type, and its value as JSON and DuckDB show it.
    KINDS = (
        ("tinyint", lambda n: n % 256 - 128),
        ("tinyint unsigned", lambda n: n % 256),
        ("bit(3)", lambda n: f"{n % 8:03b}"),
        ("smallint", lambda n: n % 65536 - 32768),
        ("char(2)", lambda n: "abcdefgh"[n % 8] + "ijklmnop"[n // 8 % 8]),
        ("year", lambda n: 1901 + n % 255),
        ("varchar(3)", lambda n: "xyz"[:n % 4]),
        ("bit(1)", lambda n: str(n % 2)),
    )

    def __init__(self, columns):
        self.names = ["id"] + [f"c{i:x}" for i in range(1, columns)]
        self.rows = {}
        self.random = random.Random(columns)

    def create(self, engine):
        columns = ", ".join(f"{name} {self.KINDS[i % len(self.KINDS)][0]}"
                            for i, name in enumerate(self.names) if i > 0)
        return (f"CREATE TABLE wide (id int PRIMARY KEY, {columns}) "
                f"CHARACTER SET latin1 ENGINE={engine}")

    def new_row(self, key, null_share):
        """Every bitmap of NULLs is another one: none, all, or any."""
        return {"id": key} | {
            name: None if self.random.random() < null_share else self.value(i)
            for i, name in enumerate(self.names[1:], 1)}

    def value(self, column):
        return self.KINDS[column % len(self.KINDS)][1](self.random.getrandbits(20))

    def others(self, key, *names):
        """Another value for each of these columns of a row, or of all: NULL where there is one."""
        return {name: self.value(i) if self.rows[key][name] is None else None
                for i, name in enumerate(self.names) if i > 0 and (not names or name in names)}

    def insert(self, *rows):
        self.rows.update((row["id"], row) for row in rows)
        return "INSERT INTO wide VALUES " + ", ".join(
            "(" + ", ".join(self.literals(row)) + ")" for row in rows)

    def literals(self, row):
        kinds = ["int"] + [self.KINDS[i % len(self.KINDS)][0] for i in range(1, len(self.names))]
        for kind, value in zip(kinds, row.values()):
            bits = kind.startswith("bit") and value is not None
            yield "NULL" if value is None else f"b'{value}'" if bits else json.dumps(value)

    def update(self, key, changes):
        row = self.rows.pop(key) | changes
        self.rows[row["id"]] = row
        literals = dict(zip(self.names, self.literals(row)))
        return ("UPDATE wide SET " + ", ".join(f"{name} = {literals[name]}" for name in changes)
                + f" WHERE id = {key}")

    def delete(self, key):
        del self.rows[key]
        return f"DELETE FROM wide WHERE id = {key}"
