"""PostgreSQL as the server that the load writes to: sources.py says what that takes."""

import psycopg2
import psycopg2.errors

from tests.crash.sinks import PostgresReader
from tests.servers.postgres import TEXT_FORM, PostgresServer

DATABASE = "shop"
SLOT = "crash"
_SETUP = """
CREATE SCHEMA load;
SET search_path = load;
CREATE TABLE manifest (txn bigint PRIMARY KEY, writer int NOT NULL, seq bigint NOT NULL,
  touches int NOT NULL, hash bigint NOT NULL, atoms int NOT NULL);
CREATE TABLE atom (txn bigint, n int, PRIMARY KEY (txn, n));
CREATE TABLE fence (id bigint PRIMARY KEY);
CREATE TABLE item (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, was bigint,
  note text, big text, amount numeric(14,3), at timestamptz, small int, code varchar(12));
ALTER TABLE item ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE TABLE full_item (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, was bigint,
  note text, big text);
ALTER TABLE full_item ALTER COLUMN big SET STORAGE EXTERNAL;
ALTER TABLE full_item REPLICA IDENTITY FULL;
CREATE TABLE pair (a int, b text, ver int NOT NULL, txn bigint NOT NULL, was text, note text,
  PRIMARY KEY (a, b));
CREATE TABLE hot (id int PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL);
CREATE TABLE bulk (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, pad text);
CREATE TABLE scrap (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL);
"""


class PostgresSource:
    ERRORS = (psycopg2.OperationalError, psycopg2.InterfaceError)
    ddl_in_transaction = True
    has_prepared = False
    told_what_is_durable = True
    backlog = 48 << 20  # bytes of log

    def __init__(self, version=15):
        self.server = PostgresServer(
            version, {"logical_decoding_work_mem": "64kB", "max_wal_size": "4GB"}, "crsrc")

    # --- the server ---

    def start(self):
        self.server.start()
        self.server.create_database(DATABASE)
        self.server.execute(_SETUP, database=DATABASE)

    def restart(self, mode):
        self.server.restart(mode)

    def close(self):
        self.server.close()

    def compress_log(self, wanted):
        raise RuntimeError("PostgreSQL does not compress what it sends")

    # --- the daemon ---

    def config(self):
        return {"type": "postgres", "url": self.server.url(DATABASE), "slot": SLOT,
                "publication": SLOT, "tables": ["load.*"]}

    def wait_streaming(self, daemon):
        """Returns when what is committed from now on is in the stream."""
        daemon.wait_running()

    def position(self):
        return self.server.wal_position()

    def acknowledged(self, daemon):
        """Everything up to here is durable in every sink, as far as is known; None: nothing yet."""
        row = self.server.slot(SLOT)
        return row and row["confirmed_flush_lsn"]

    # --- the load's statements ---

    def connect(self, writer=0):
        return self.server.connect(DATABASE, autocommit=False, connect_timeout=5,
                                   options=TEXT_FORM + " -c search_path=load")

    def is_busy(self, error):
        """Another writer was in the way: rolled back, and to be tried again."""
        return isinstance(error, (psycopg2.errors.DeadlockDetected,
                                  psycopg2.errors.LockNotAvailable))

    def is_lost(self, error):
        """The connection is gone, and nobody knows whether a commit was done."""
        return not self.is_busy(error)

    def begin(self, cursor, work):
        pass

    def end(self, connection, work, pause_s):
        if work.is_kept:
            connection.commit()
        else:
            connection.rollback()

    def end_what_is_prepared(self, cursor, work):
        pass

    def position_seen_by(self, cursor):
        """At or behind the end of every transaction that the session has committed."""
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(cursor.fetchone()[0])

    def insert_bulk(self, cursor, first, rows, ver, txn, pad):
        cursor.execute(
            "INSERT INTO bulk SELECT g, %s, %s, concat(%s, g) FROM generate_series(%s, %s) g",
            (ver, txn, pad, first, first + rows - 1),
        )

    def moment(self, text):
        return text + "+00"

    def lock_item(self, cursor):
        cursor.execute("SET LOCAL lock_timeout = '3s'")
        cursor.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")

    def change_item(self, cursor, kind, number):
        if kind == "add":
            cursor.execute(f"ALTER TABLE item ADD COLUMN extra_{number} int")
        elif kind == "widen":
            cursor.execute("ALTER TABLE item ALTER COLUMN small TYPE bigint")
        else:
            cursor.execute("ALTER TABLE item ALTER COLUMN code TYPE text")

    # --- the end ---

    def tables(self):
        """{table: {key: {column: text}}} in one snapshot."""
        return PostgresReader(self.server, DATABASE).tables()
