"""What the end-to-end tests share: a source database, sinks, a daemon, and reading sinks back."""

import glob
import os
import shutil
import tempfile

import duckdb

from tests.e2e import compare
from tests.servers.daemon import Daemon, wait_confirmed
from tests.servers.postgres import PostgresServer
from tests.servers.scratch import Scratch, wait_until

__all__ = ["Daemon", "PostgresServer", "Scratch", "wait_confirmed", "wait_until", "Jsonl",
           "Duck", "fence", "sink", "source", "versions"]


def versions(default):
    """The server versions of this run: `default`, or all with ROWTIDE_ALL_SERVERS=1."""
    if os.environ.get("ROWTIDE_ALL_SERVERS") == "1":
        return (13, 14, 15, 16, 17, 18)
    return default


def source(server, database, slot, tables=("public.*",), **more):
    return {"type": "postgres", "url": server.url(database), "slot": slot, "publication": slot,
            "tables": list(tables), **more}


def sink(type_, name=None, **more):
    return {"name": name or type_, "type": type_, **more}


def fence(server, database):
    """A log position behind everything committed so far, with more log after it."""
    lsn = int(server.execute("SELECT pg_current_wal_insert_lsn() - '0/0'", database=database)[0][0])
    server.execute("SELECT pg_logical_emit_message(true, 'rowtide-test', 'fence')",
                   database=database)
    server.execute("SELECT pg_logical_emit_message(true, 'rowtide-test', 'behind')",
                   database=database)
    return lsn


class Jsonl:
    """Events of a jsonl directory in order."""

    def __init__(self, path):
        self.path = path

    def lines(self):
        for path in sorted(glob.glob(os.path.join(self.path, "*.jsonl*"))):
            with open(path, encoding="utf-8") as file:
                yield from file

    def events(self, table=None, ops=None):
        """Each event as a dict; before, after and key as dicts or None."""
        found = []
        for line in self.lines():
            event = compare.members(compare.parse_line(line))
            if "op" not in event:
                continue
            if table is not None and event.get("table") != table:
                continue
            if ops is not None and event["op"] not in ops:
                continue
            for part in ("key", "before", "after"):
                if part in event:
                    event[part] = compare.members(event[part])
            found.append(event)
        return found


class Duck:
    """Reads a copy of a DuckDB file, so that the daemon does not notice."""

    def __init__(self, path):
        self.path = path

    def query(self, sql, args=None):
        with tempfile.TemporaryDirectory(dir=os.path.dirname(self.path)) as folder:
            copy = os.path.join(folder, "copy.duckdb")
            shutil.copyfile(self.path, copy)
            if os.path.exists(self.path + ".wal"):
                shutil.copyfile(self.path + ".wal", copy + ".wal")
            with duckdb.connect(copy) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                return connection.execute(sql, args or []).fetchall()

    def columns(self, schema, table):
        """{name: DuckDB type}, in order."""
        return dict(self.query(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE schema_name = ? AND table_name = ? ORDER BY column_index", [schema, table]))
