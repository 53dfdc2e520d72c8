"""What each kind of sink holds, read back as the plain data that check.py wants."""

import glob
import json
import os
import shutil
import tempfile

import duckdb
import psycopg2
import psycopg2.errors

from tests.crash.check import Event
from tests.crash.tables import KEYS, SCHEMA, rows_by_key

DUCKDB_MEMORY_MIB = 128  # of each DuckDB sink
HIDDEN = ("_op", "_position", "_tx", "_row", "_committed_at", "_unchanged")


def _history_event(table, row):
    row = dict(row)
    op, at, tx = row.pop("_op"), row.pop("_position"), row.pop("_tx")
    unchanged = frozenset(json.loads(row.get("_unchanged") or "[]"))
    cells = {c: v for c, v in row.items() if c not in HIDDEN}
    return Event(at, op, table, tx, cells, unchanged)


class PostgresReader:
    """All columns of a table as text, from any PostgreSQL."""

    def __init__(self, server, database):
        self.server = server
        self.database = database

    def columns(self, cursor, table):
        cursor.execute(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
            (SCHEMA, table),
        )
        return [row[0] for row in cursor.fetchall()]

    def rows(self, cursor, table, order=""):
        names = self.columns(cursor, table)
        if not names:
            return None
        listed = ", ".join(f'"{n}"::text' for n in names)
        cursor.execute(f'SELECT {listed} FROM "{SCHEMA}"."{table}" {order}')
        return [dict(zip(names, row)) for row in cursor]

    def tables(self):
        """{table: {key: {column: text}}} in one snapshot; missing tables are left out."""
        connection = self.server.connect(self.database, autocommit=False)
        try:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                found = {t: self.rows(cursor, t) for t in KEYS}
            return {t: rows_by_key(t, r, HIDDEN) for t, r in found.items() if r is not None}
        finally:
            connection.close()


class PostgresSink:
    def __init__(self, name, server, database, mode):
        self.name, self.server, self.database, self.mode = name, server, database, mode
        self.reader = PostgresReader(server, database)
        self.connection = None

    def config(self):
        return {"name": self.name, "type": "postgres", "url": self.server.url(self.database),
                "mode": self.mode}

    def tables(self):
        return self.reader.tables()

    def events(self):
        connection = self.server.connect(self.database)
        try:
            with connection.cursor() as cursor:
                found = []
                for table in KEYS:
                    rows = self.reader.rows(cursor, table, "ORDER BY _position")
                    found += [_history_event(table, row) for row in rows or ()]
            return sorted(found, key=lambda e: e.position)
        finally:
            connection.close()

    def held(self):
        """Transactions whose manifest is there, as any reader sees it now."""
        return set(self.atoms_now()[0])

    def atoms_now(self):
        """({txn: atoms promised}, {txn: atoms there}) of one snapshot."""
        if self.connection is None or self.connection.closed:
            self.connection = self.server.connect(self.database, autocommit=False)
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                manifests = self._pairs(cursor, "manifest", "txn, atoms", "")
                atoms = self._pairs(cursor, "atom", "txn, count(*)", "GROUP BY txn")
            return manifests, atoms
        finally:
            self.connection.rollback()

    def _pairs(self, cursor, table, what, rest):
        cursor.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.{table}",))
        if cursor.fetchone()[0] is None:
            return {}
        cursor.execute(f"SELECT {what} FROM {SCHEMA}.{table} {rest}")
        return dict(cursor.fetchall())


class DuckdbSink:
    """Reads a copy of the file, so that neither the daemon nor the file notices."""

    def __init__(self, name, path, mode):
        self.name, self.path, self.mode = name, path, mode

    def config(self):
        return {"name": self.name, "type": "duckdb", "path": self.path, "mode": self.mode,
                "memory_limit": f"{DUCKDB_MEMORY_MIB}MiB"}

    def _with_copy(self, action):
        if not os.path.exists(self.path):
            return None
        with tempfile.TemporaryDirectory(dir=os.path.dirname(self.path)) as folder:
            copy = os.path.join(folder, "copy.duckdb")
            shutil.copyfile(self.path, copy)
            if os.path.exists(self.path + ".wal"):
                shutil.copyfile(self.path + ".wal", copy + ".wal")
            with duckdb.connect(copy) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                return action(connection)

    @staticmethod
    def _columns(connection, table):
        return [row[0] for row in connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
            "ORDER BY column_index", [SCHEMA, table]).fetchall()]

    def _rows(self, connection, table, order=""):
        names = self._columns(connection, table)
        if not names:
            return None
        listed = ", ".join(f'CAST("{n}" AS VARCHAR)' for n in names)
        rows = connection.execute(f'SELECT {listed} FROM "{SCHEMA}"."{table}" {order}').fetchall()
        return [dict(zip(names, row)) for row in rows]

    def tables(self):
        """Only while the daemon does not run."""

        def read(connection):
            found = {t: self._rows(connection, t) for t in KEYS}
            return {t: rows_by_key(t, r, HIDDEN) for t, r in found.items() if r is not None}

        return self._with_copy(read) or {}

    def events(self):
        def read(connection):
            found = []
            for table in KEYS:
                rows = self._rows(connection, table, "ORDER BY _position")
                found += [_history_event(table, row) for row in rows or ()]
            return sorted(found, key=lambda e: e.position)

        return self._with_copy(read) or []

    def atoms_now(self):
        def read(connection):
            manifests, atoms = {}, {}
            if self._columns(connection, "manifest"):
                manifests = dict(connection.execute(
                    f"SELECT txn, atoms FROM {SCHEMA}.manifest").fetchall())
            if self._columns(connection, "atom"):
                atoms = dict(connection.execute(
                    f"SELECT txn, count(*) FROM {SCHEMA}.atom GROUP BY txn").fetchall())
            return manifests, atoms

        return self._with_copy(read) or ({}, {})

    def held(self):
        return set(self.atoms_now()[0])


def _text_or_none(value):
    return value if value is None or isinstance(value, str) else json.dumps(value)


class JsonlSink:
    mode = "events"

    def __init__(self, name, path):
        self.name, self.path = name, path

    def config(self):
        return {"name": self.name, "type": "jsonl", "path": self.path}

    def lines(self, torn_tail=False, tables=None):
        """The parsed lines in file order; a last line that is cut off may be there after a kill.

        With `tables` only theirs, which need not be all that is parsed.
        """
        wanted = [f'"table":"{table}"'.encode() for table in tables or ()]
        for path in sorted(glob.glob(os.path.join(self.path, "*.jsonl*"))):
            with open(path, "rb") as file:
                for line in file:
                    if torn_tail and not line.endswith(b"\n"):
                        break
                    if not wanted or any(text in line for text in wanted):
                        yield json.loads(line, parse_int=str, parse_float=str)

    def events(self):
        found = []
        for line in self.lines():
            if line.get("op") not in ("c", "u", "d", "t") or line.get("schema") != SCHEMA:
                continue
            table = line["table"]
            source = line["key"] if line["op"] == "d" else line["after"]
            row = {c: _text_or_none(v) for c, v in (source or {}).items()}
            unchanged = frozenset(line.get("unchanged") or ())
            old_key = None
            if line["op"] == "u" and line.get("before"):
                before = line["before"]
                old_key = tuple(_text_or_none(before.get(c)) for c in KEYS[table])
            found.append(Event(line["position"], line["op"], table, line["tx"], row, unchanged,
                               old_key))
        return found

    def atoms_now(self):
        """Only while the daemon does not run; may end inside a transaction."""
        manifests, atoms = {}, {}
        for line in self.lines(torn_tail=True, tables=("manifest", "atom")):
            if line.get("op") != "c" or line.get("schema") != SCHEMA:
                continue
            txn = int(line["after"]["txn"])
            if line["table"] == "manifest":
                manifests[txn] = int(line["after"]["atoms"])
            elif line["table"] == "atom":
                atoms[txn] = atoms.get(txn, 0) + 1
        return manifests, atoms

    def held(self):
        return set(self.atoms_now()[0])
