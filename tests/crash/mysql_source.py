"""MariaDB and MySQL as the server that the load writes to: sources.py says what that takes.

Positions are those of the stream: twice the number of transactions that were executed. The server
is told nothing of what is durable, so that is asked of the daemon, and while that is dead what it
said last counts. One writer's row images lack what it did not change of long columns.
"""

import time

import pymysql
from pymysql.constants import ER

from tests.crash.tables import KEYS, SCHEMA, rows_by_key
from tests.servers.mysql import MariaDb
from tests.servers.scratch import wait_until

_WHOLE_TRANSACTION = (1 << 40) - 1  # row index of a position behind all rows of its transaction
_FIRST_BACKFILL_ROW = 1 << 39
_ROW_IMAGES = ("FULL", "FULL", "NOBLOB")
_XA_ROLLED_BACK = (1402, 1613, 1614)
_TABLE_CHANGED = 1412
_LOST = (1053, 1152, 1158, 1159, 1160, 1161, 1317, 1927, 2002, 2003, 2006, 2013)
_NUMBERS = "aid.thousand"  # outside of what is captured

_SETUP = f"""
CREATE DATABASE aid;
CREATE TABLE {_NUMBERS} (i int PRIMARY KEY);
CREATE DATABASE `{SCHEMA}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
USE `{SCHEMA}`;
CREATE TABLE manifest (txn bigint PRIMARY KEY, writer int NOT NULL, seq bigint NOT NULL,
  touches int NOT NULL, hash bigint NOT NULL, atoms int NOT NULL);
CREATE TABLE atom (txn bigint, n int, PRIMARY KEY (txn, n));
CREATE TABLE fence (id bigint PRIMARY KEY);
CREATE TABLE item (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, was bigint,
  note text, big mediumtext, amount decimal(14,3), at timestamp(6) NULL, small int,
  code varchar(12));
CREATE TABLE full_item (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, was bigint,
  note text, big mediumtext);
CREATE TABLE pair (a int, b varchar(100), ver int NOT NULL, txn bigint NOT NULL, was text,
  note text, PRIMARY KEY (a, b));
CREATE TABLE hot (id int PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL);
CREATE TABLE bulk (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, pad text);
CREATE TABLE scrap (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL)
"""


def transactions_in(gtids):
    """How many transactions a GTID set (MySQL) or position (MariaDB) stands for."""
    count = 0
    for part in filter(None, gtids.replace("\n", "").split(",")):
        if ":" not in part:
            count += int(part.rsplit("-", 1)[1])
            continue
        for interval in part.split(":")[1:]:
            first, _, last = interval.partition("-")
            count += int(last or first) - int(first) + 1
    return count


def covered_by(text):
    """The last position whose whole transaction a durable position covers."""
    _, commit, row = (int(part, 16) for part in text.split("-"))
    whole = row == _WHOLE_TRANSACTION or row >= _FIRST_BACKFILL_ROW
    return commit if whole else commit - 1


class MySqlSource:
    ERRORS = (pymysql.err.OperationalError, pymysql.err.InterfaceError, pymysql.err.InternalError)
    ddl_in_transaction = False
    has_prepared = True
    told_what_is_durable = False
    backlog = 2 * 2500  # transactions count twice

    def __init__(self, server):
        self.server = server
        self._gtids = ("SELECT @@global.gtid_binlog_pos" if isinstance(server, MariaDb)
                       else "SELECT @@global.gtid_executed")
        self._acknowledged = None
        self._compressed = None  # MySQL: wanted of each session

    # --- the server ---

    def start(self):
        self.server.start()
        connection = self.server.connect()
        with connection.cursor() as cursor:
            for statement in _SETUP.split(";\n"):
                cursor.execute(statement)
            cursor.execute(f"INSERT INTO {_NUMBERS} VALUES "
                           + ", ".join(f"({i})" for i in range(1000)))
        connection.close()

    def restart(self, mode):
        if mode == "immediate":
            # MySQL before 8.0.30 forgets an XA COMMIT that it has answered and logged until then.
            self.server.sql("FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS")
        self.server.restart(mode)

    def close(self):
        self.server.close()

    def compress_log(self, wanted):
        """From now on, of all sessions; an error when the server cannot."""
        value = "ON" if wanted else "OFF"
        if isinstance(self.server, MariaDb):
            self.server.sql(f"SET GLOBAL log_bin_compress = {value},"
                            " GLOBAL log_bin_compress_min_len = 10")
            return
        self.server.sql(f"SET SESSION binlog_transaction_compression = {value}")
        self._compressed = value

    # --- the daemon ---

    def config(self):
        return {"type": "mysql", "url": self.server.url(SCHEMA), "tables": [f"{SCHEMA}.*"]}

    def wait_streaming(self, daemon):
        """Returns when what is committed from now on is in the stream."""
        daemon.wait_running()
        wait_until(lambda: self.acknowledged(daemon) is not None, 30, daemon.describe)

    def position(self):
        return 2 * transactions_in(self.server.sql(self._gtids)[0][0])

    def acknowledged(self, daemon):
        """Everything up to here is durable in every sink, as far as is known; None: nothing yet."""
        try:
            sinks = [sink for pipeline in daemon.status()["pipelines"]
                     for sink in pipeline["sinks"]]
        except OSError:
            return self._acknowledged  # it is dead
        if sinks and all(sink["position"] for sink in sinks):
            covered = min(covered_by(sink["position"]) for sink in sinks)
            self._acknowledged = max(covered, self._acknowledged or 0)
        return self._acknowledged

    # --- the load's statements ---

    def connect(self, writer=0):
        connection = self.server.connect(SCHEMA, autocommit=False, connect_timeout=5)
        with connection.cursor() as cursor:
            # Ranges that are read must not lock out other writers' rows.
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute("SET innodb_lock_wait_timeout = 5, lock_wait_timeout = 3")
            cursor.execute(f"SET SESSION binlog_row_image = {_ROW_IMAGES[writer % 3]}")
        connection.commit()
        return connection

    def is_busy(self, error):
        """Another writer was in the way: rolled back, and to be tried again."""
        return error.args[0] in (ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, _TABLE_CHANGED,
                                 *_XA_ROLLED_BACK)

    def is_lost(self, error):
        """The connection is gone, and nobody knows whether a commit was done."""
        return isinstance(error, pymysql.err.InterfaceError) or error.args[0] in _LOST

    def begin(self, cursor, work):
        if self._compressed:
            cursor.execute(f"SET SESSION binlog_transaction_compression = {self._compressed}")
        if work.prepared_id is not None:
            cursor.execute("XA START %s", (work.prepared_id,))

    def end(self, connection, work, pause_s):
        if work.prepared_id is None:
            if work.is_kept:
                connection.commit()
            else:
                connection.rollback()
            return
        with connection.cursor() as cursor:
            cursor.execute("XA END %s", (work.prepared_id,))
            cursor.execute("XA PREPARE %s", (work.prepared_id,))
            time.sleep(pause_s)  # others commit meanwhile
            self._end_prepared(cursor, work)

    @staticmethod
    def _end_prepared(cursor, work):
        verb = "COMMIT" if work.is_kept else "ROLLBACK"
        cursor.execute(f"XA {verb} %s", (work.prepared_id,))

    def end_what_is_prepared(self, cursor, work):
        """The session that prepared a transaction is gone: does what it wanted to do."""
        if work.prepared_id is None:
            return
        cursor.execute("XA RECOVER")
        names = [name.encode() if isinstance(name, str) else name
                 for *_, name in cursor.fetchall()]
        if work.prepared_id.encode() in names:
            self._end_prepared(cursor, work)

    def position_seen_by(self, cursor):
        """At or behind the end of every transaction that the session has committed."""
        cursor.execute(self._gtids)
        return 2 * transactions_in(cursor.fetchone()[0])

    def insert_bulk(self, cursor, first, rows, ver, txn, pad):
        cursor.execute(
            "INSERT INTO bulk SELECT %s + a.i * 1000 + b.i, %s, %s,"
            " CONCAT(%s, %s + a.i * 1000 + b.i)"
            f" FROM {_NUMBERS} a JOIN {_NUMBERS} b"
            " WHERE a.i <= %s DIV 1000 AND a.i * 1000 + b.i < %s ORDER BY a.i, b.i",
            (first, ver, txn, pad, first, rows, rows),
        )

    def moment(self, text):
        return text

    def change_item(self, cursor, kind, number):
        if kind == "add":
            try:
                cursor.execute(f"ALTER TABLE item ADD COLUMN extra_{number} int")
            except pymysql.err.OperationalError as error:
                # An attempt whose rows had to be given up, or whose end nobody saw.
                if error.args[0] != ER.DUP_FIELDNAME:
                    raise
        elif kind == "widen":
            cursor.execute("ALTER TABLE item MODIFY small bigint")
        else:
            cursor.execute("ALTER TABLE item MODIFY code text")

    # --- the end ---

    def tables(self):
        """{table: {key: {column: text}}} in one snapshot."""
        connection = self.server.connect(SCHEMA, autocommit=False)
        try:
            with connection.cursor() as cursor:
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                return {table: rows_by_key(table, self._rows(cursor, table)) for table in KEYS}
        finally:
            connection.close()

    @staticmethod
    def _rows(cursor, table):
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
            (SCHEMA, table))
        kinds = dict(cursor.fetchall())
        cursor.execute("SELECT " + ", ".join(f"CAST(`{name}` AS CHAR)" for name in kinds)
                       + f" FROM `{table}`")
        for row in cursor.fetchall():
            yield {name: _as_sinks_print(kind, text)
                   for (name, kind), text in zip(kinds.items(), row)}


def _as_sinks_print(kind, text):
    if text is None or kind != "timestamp":
        return text
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "+00"
