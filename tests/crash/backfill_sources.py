"""The shop whose tables backfill.py has copied, on each kind of server."""

import hashlib

import psycopg2
import pymysql
from pymysql.constants import ER

from tests.crash.mysql_source import MySqlSource
from tests.e2e.harness import fence, source
from tests.servers.daemon import wait_confirmed
from tests.servers.mysql import MariaDb, MySql
from tests.servers.postgres import PostgresServer
from tests.servers.scratch import wait_until

DATABASE = "app"
ROWS = {"items": 30_000, "pairs": 8_000}


def _rows():
    """{table: rows} before anybody changes them."""
    def big(number):
        return hashlib.md5(str(number).encode()).hexdigest() * 100 if number % 20 == 0 else None

    return {"items": [(i, 1, f"n{i}", big(i)) for i in range(1, ROWS["items"] + 1)],
            "pairs": [(i % 50, f"k{i}", 1) for i in range(1, ROWS["pairs"] + 1)]}


class PostgresShop:
    schema = "public"

    def __init__(self, version=None):
        self.server = PostgresServer(int(version or 15), name="bf")

    def start(self):
        self.server.start()
        self.server.create_database(DATABASE)
        self.query("""
            CREATE TABLE items (id bigint PRIMARY KEY, version bigint NOT NULL, note text,
              big text);
            ALTER TABLE items ALTER big SET STORAGE EXTERNAL;
            CREATE TABLE pairs (a int, b text, version bigint NOT NULL, PRIMARY KEY (a, b))""")
        with self.connect() as connection, connection.cursor() as cursor:
            for table, rows in _rows().items():
                marks = ", ".join(["%s"] * len(rows[0]))
                for i in range(0, len(rows), 1000):
                    part = rows[i:i + 1000]
                    cursor.execute(f"INSERT INTO {table} VALUES "
                                   + ", ".join([f"({marks})"] * len(part)),
                                   [value for row in part for value in row])
        self.query("ANALYZE")

    def close(self):
        self.server.close()

    def config(self):
        return source(self.server, DATABASE, "shop")

    def connect(self):
        return self.server.connect(DATABASE, autocommit=False)

    def is_busy(self, error):
        return isinstance(error, psycopg2.errors.DeadlockDetected)

    def query(self, sql):
        return self.server.execute(sql, database=DATABASE)

    def wait_durable(self, daemon):
        """Returns when all that is committed so far is durable in every sink."""
        wait_confirmed(self.server, "shop", fence(self.server, DATABASE), 60, daemon)


class MySqlShop:
    schema = DATABASE

    def __init__(self, server):
        self.server = server
        self.positions = MySqlSource(server)

    def start(self):
        self.server.start()
        self.server.create_database(DATABASE)
        self.query("CREATE TABLE items (id bigint PRIMARY KEY, version bigint NOT NULL, note text,"
                   " big mediumtext)")
        self.query("CREATE TABLE pairs (a int, b varchar(40), version bigint NOT NULL,"
                   " PRIMARY KEY (a, b))")
        connection = self.connect()
        with connection.cursor() as cursor:
            for table, rows in _rows().items():
                marks = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.commit()
        connection.close()

    def close(self):
        self.server.close()

    def config(self):
        return {"type": "mysql", "url": self.server.url(DATABASE)}

    def connect(self):
        return self.server.connect(DATABASE, autocommit=False)

    def is_busy(self, error):
        return error.args[0] in (ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT)

    def query(self, sql):
        return self.server.sql(sql, database=DATABASE)

    def wait_durable(self, daemon):
        """Returns when all that is committed so far is durable in every sink."""
        wanted = self.positions.position()
        wait_until(lambda: (self.positions.acknowledged(daemon) or 0) >= wanted, 60,
                   daemon.describe, 0.05)


ERRORS = (psycopg2.Error, pymysql.err.MySQLError)


def make_shop(kind, version=None):
    if kind == "postgres":
        return PostgresShop(version)
    chosen = {"version": version} if version else {}
    return MySqlShop((MariaDb if kind == "mariadb" else MySql)(name="bf", **chosen))
