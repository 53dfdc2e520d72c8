"""The databases that tools/quickstart can begin with: each starts a throwaway server, fills it with
the shop's past, and says how Rowtide reads it."""

import os
import subprocess

from tests.servers.postgres import PostgresServer

PAST_ROWS = 320_000


def owned(command):
    """A server that root starts runs as somebody else."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


class Postgres:
    """PostgreSQL 15."""

    title = "PostgreSQL"
    # Of the tables in the copy.
    schema = "public"
    # How the database turns columns into text, and how DuckDB turns them into the same text.
    plain = ("{}::text", "CAST({} AS VARCHAR)")
    instant = ("(extract(epoch FROM {}) * 1000000)::bigint::text", "CAST(epoch_us({}) AS VARCHAR)")

    tables = """
CREATE TABLE customers (
  id bigint PRIMARY KEY, name text NOT NULL, email text, since timestamptz NOT NULL DEFAULT now());
CREATE TABLE products (
  sku text PRIMARY KEY, title text NOT NULL, price numeric(10,2) NOT NULL, attributes jsonb);
CREATE TABLE orders (
  id bigint PRIMARY KEY, customer_id bigint NOT NULL, status text NOT NULL,
  total numeric(12,2) NOT NULL, placed_at timestamptz NOT NULL DEFAULT now(), note text);
CREATE TABLE order_lines (
  order_id bigint, line int, sku text NOT NULL, quantity int NOT NULL, PRIMARY KEY (order_id, line));
"""
    # Keys that the days to come do not use.
    past = """
INSERT INTO customers SELECT 5000000 + i, 'Old customer ' || i, NULL, '2020-01-01'
  FROM generate_series(1, 20000) i;
INSERT INTO orders SELECT 20000000 + i, 5000000 + i % 20000 + 1, 'shipped', i::numeric / 100,
  '2021-01-01'::timestamptz + i * interval '1 minute', CASE WHEN i % 50 = 0 THEN repeat(md5(i::text), 80) END
  FROM generate_series(1, 150000) i;
INSERT INTO order_lines SELECT 20000000 + i, 1, 'sku-old', i % 9 + 1 FROM generate_series(1, 150000) i;
ANALYZE;
"""

    def __init__(self):
        import psycopg2

        self.error = psycopg2.Error
        self.server = PostgresServer(15, name="shop").start()
        self.server.execute("CREATE ROLE shop LOGIN REPLICATION")
        self.server.execute("CREATE DATABASE shop OWNER shop")
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute(self.tables)
            cursor.execute(self.past)
        connection.close()

    def connect(self, autocommit=True):
        return self.server.connect("shop", user="shop", autocommit=autocommit)

    def source(self):
        return {"type": "postgres", "url": self.server.url("shop", "shop"), "tables": ["public.*"]}

    def client_command(self):
        return f"psql -h 127.0.0.1 -p {self.server.port} -U shop shop"

    def leave_running(self):
        """Stops the server and starts it so that it outlives this process; returns what ends it."""
        server = self.server
        server.stop()
        server.scratch.keep = True
        control = [os.path.join(server.bin, "pg_ctl"), "-D", server.data, "-w"]
        self._run([*control, "start", "-o", f"-p {server.port}", "-l",
                   server.scratch.join("kept.log")])
        return {"stop": owned([*control, "stop", "-m", "fast"]), "directory": server.scratch.path}

    def _run(self, command):
        subprocess.run(owned(command), check=True, stdout=subprocess.DEVNULL,
                       stdin=subprocess.DEVNULL, cwd=self.server.scratch.path)


class MariaDb:
    """MariaDB 10.11."""

    title = "MariaDB"
    schema = "shop"
    plain = ("CAST({} AS CHAR)", "CAST({} AS VARCHAR)")
    instant = ("CAST(CAST(UNIX_TIMESTAMP({}) * 1000000 AS SIGNED) AS CHAR)",
               "CAST(epoch_us({}) AS VARCHAR)")

    tables = """
CREATE TABLE customers (
  id bigint PRIMARY KEY, name text NOT NULL, email text,
  since timestamp(6) NOT NULL DEFAULT current_timestamp(6));
CREATE TABLE products (
  sku varchar(64) PRIMARY KEY, title text NOT NULL, price decimal(10,2) NOT NULL, attributes json);
CREATE TABLE orders (
  id bigint PRIMARY KEY, customer_id bigint NOT NULL, status text NOT NULL,
  total decimal(12,2) NOT NULL, placed_at timestamp(6) NOT NULL DEFAULT current_timestamp(6),
  note longtext);
CREATE TABLE order_lines (
  order_id bigint, line int, sku varchar(64) NOT NULL, quantity int NOT NULL,
  PRIMARY KEY (order_id, line));
"""
    past = """
INSERT INTO customers SELECT 5000000 + seq, concat('Old customer ', seq), NULL, '2020-01-01'
  FROM seq_1_to_20000;
INSERT INTO orders SELECT 20000000 + seq, 5000000 + seq % 20000 + 1, 'shipped', seq / 100,
  '2021-01-01' + interval seq minute, CASE WHEN seq % 50 = 0 THEN repeat(md5(seq), 80) END
  FROM seq_1_to_150000;
INSERT INTO order_lines SELECT 20000000 + seq, 1, 'sku-old', seq % 9 + 1 FROM seq_1_to_150000;
"""

    def __init__(self):
        import pymysql

        from tests.servers.mysql import MariaDb as Server

        self.error = pymysql.MySQLError
        self.server = Server(name="shop").start()
        self.server.create_database("shop")
        self.server.sql("CREATE USER shop@'%'")
        self.server.sql("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO shop@'%'")
        self.server.sql("GRANT ALL ON shop.* TO shop@'%'")
        connection = self.connect()
        with connection.cursor() as cursor:
            for statement in (self.tables + self.past).split(";"):
                if statement.strip():
                    cursor.execute(statement)
        connection.close()

    def connect(self, autocommit=True):
        return self.server.connect("shop", user="shop", autocommit=autocommit)

    def source(self):
        return {"type": "mysql", "url": self.server.url("shop", "shop"), "tables": ["shop.*"]}

    def client_command(self):
        return f"mariadb -h 127.0.0.1 -P {self.server.port} -u shop shop"

    def leave_running(self):
        server = self.server
        server.stop()
        server.scratch.keep = True
        return {"stop": ["kill", str(server.start_detached())], "directory": server.scratch.path}


DATABASES = {"postgres": Postgres, "mysql": MariaDb}
