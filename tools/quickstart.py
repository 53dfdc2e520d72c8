"""The story that tools/quickstart tells. See there for the usage."""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import duckdb
import psycopg2

from tests.servers.daemon import Daemon, program, wait_confirmed
from tests.servers.postgres import PostgresServer
from tests.servers.scratch import Scratch, wait_until

SCHEMA = """
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

# What the shop already holds when Rowtide first looks; keys that the days to come do not use.
PAST = """
INSERT INTO customers SELECT 5000000 + i, 'Old customer ' || i, NULL, '2020-01-01'
  FROM generate_series(1, 20000) i;
INSERT INTO orders SELECT 20000000 + i, 5000000 + i % 20000 + 1, 'shipped', i::numeric / 100,
  '2021-01-01'::timestamptz + i * interval '1 minute', CASE WHEN i % 50 = 0 THEN repeat(md5(i::text), 80) END
  FROM generate_series(1, 150000) i;
INSERT INTO order_lines SELECT 20000000 + i, 1, 'sku-old', i % 9 + 1 FROM generate_series(1, 150000) i;
ANALYZE;
"""
PAST_ROWS = 320_000

# How each column is turned into text, alike on both sides: (PostgreSQL, DuckDB).
PLAIN = ("{}::text", "CAST({} AS VARCHAR)")
INSTANT = ("(extract(epoch FROM {}) * 1000000)::bigint::text", "CAST(epoch_us({}) AS VARCHAR)")
TABLES = {
    "customers": {"id": PLAIN, "name": PLAIN, "email": PLAIN, "since": INSTANT},
    "products": {"sku": PLAIN, "title": PLAIN, "price": PLAIN, "attributes": PLAIN},
    "orders": {"id": PLAIN, "customer_id": PLAIN, "status": PLAIN, "total": PLAIN,
               "placed_at": INSTANT, "note": PLAIN},
    "order_lines": {"order_id": PLAIN, "line": PLAIN, "sku": PLAIN, "quantity": PLAIN},
}

TRANSACTIONS = 4000
KILL_AT = 300
RESTART_AT = 1500

started_at = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - started_at:6.1f} s] {text}", flush=True)


class Shop(threading.Thread):
    """Customers at work: every transaction inserts, updates, deletes or changes keys."""

    def __init__(self, connection):
        super().__init__(daemon=True)
        self.connection = connection
        self.random = random.Random(7)
        self.done = 0
        self.rolled_back = 0
        self.rows = {"inserted": 0, "updated": 0, "deleted": 0, "given a new key": 0}
        self.next_customer = 1
        self.next_order = 1
        self.skus = []
        self.failure = None

    def count(self, kind, cursor):
        self.pending[kind] = self.pending.get(kind, 0) + cursor.rowcount

    def run(self):
        try:
            with self.connection.cursor() as cursor:
                for number in range(TRANSACTIONS):
                    self.pending = {}
                    self.transaction(cursor, number)
                    # Some customers change their mind: nothing of this may ever arrive.
                    if number % 17 == 16:
                        self.connection.rollback()
                        self.rolled_back += 1
                    else:
                        self.connection.commit()
                        for kind, rows in self.pending.items():
                            self.rows[kind] += rows
                    self.done = number + 1
        except psycopg2.Error as error:
            self.failure = error

    def transaction(self, cursor, number):
        pick = self.random.random()
        if number < 50 or pick < 0.05:
            self.new_customer_and_product(cursor, number)
        elif pick < 0.55:
            self.new_order(cursor)
        elif pick < 0.80:
            self.ship(cursor)
        elif pick < 0.88:
            self.reprice(cursor)
        elif pick < 0.94:
            self.cancel(cursor)
        else:
            self.change_keys(cursor, number)

    def new_customer_and_product(self, cursor, number):
        cursor.execute(
            "INSERT INTO customers VALUES (%s, %s, %s)",
            (self.next_customer, f"Customer {self.next_customer}", None if number % 3 else "a@b.example"),
        )
        self.count("inserted", cursor)
        cursor.execute(
            "INSERT INTO products VALUES (%s, %s, %s, %s)",
            (f"sku-{number}", f"Thing № {number}", f"{self.random.randint(1, 99999) / 100:.2f}",
             json.dumps({"weight_g": number, "tags": ["new", None]})),
        )
        self.count("inserted", cursor)
        self.next_customer += 1
        self.skus.append(f"sku-{number}")

    def new_order(self, cursor):
        number = self.next_order
        self.next_order += 1
        # A long note is stored out of line; later updates do not send it again.
        note = self.random.choice([None, "", "leave at the door", "".join(
            self.random.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(4000))])
        cursor.execute(
            "INSERT INTO orders (id, customer_id, status, total, note) VALUES (%s, %s, 'new', %s, %s)",
            (number, self.random.randrange(1, self.next_customer),
             f"{self.random.randint(100, 10 ** 8) / 100:.2f}", note),
        )
        self.count("inserted", cursor)
        lines = [(number, line, self.random.choice(self.skus), self.random.randint(1, 9))
                 for line in range(1, self.random.randint(2, 8))]
        for line in lines:
            cursor.execute("INSERT INTO order_lines VALUES (%s, %s, %s, %s)", line)
            self.count("inserted", cursor)

    def ship(self, cursor):
        # Now and then somebody deals with the past.
        past = 20_000_000 if self.random.random() < 0.3 else 0
        first = past + self.random.randrange(150_000 if past else self.next_order)
        cursor.execute(
            "UPDATE orders SET status = CASE status WHEN 'new' THEN 'paid' ELSE 'shipped' END "
            "WHERE id BETWEEN %s AND %s", (first, first + 9),
        )
        self.count("updated", cursor)

    def reprice(self, cursor):
        cursor.execute("UPDATE products SET price = round(price * 1.01, 2) WHERE sku LIKE %s",
                       (f"%{self.random.randrange(10)}",))
        self.count("updated", cursor)

    def cancel(self, cursor):
        number = self.random.randrange(self.next_order)
        cursor.execute("DELETE FROM order_lines WHERE order_id = %s", (number,))
        self.count("deleted", cursor)
        cursor.execute("DELETE FROM orders WHERE id = %s", (number,))
        self.count("deleted", cursor)

    def change_keys(self, cursor, number):
        order = self.random.randrange(self.next_order)
        moved = 10_000_000 + number
        cursor.execute("UPDATE orders SET id = %s WHERE id = %s", (moved, order))
        self.count("given a new key", cursor)
        cursor.execute("UPDATE order_lines SET order_id = %s WHERE order_id = %s", (moved, order))
        self.count("given a new key", cursor)


def rows_of_source(connection, table):
    columns = ", ".join(form[0].format(name) for name, form in TABLES[table].items())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table}")
        return sorted(cursor.fetchall(), key=repr)


def open_copy(path):
    """The daemon releases the file between two writes; until then the lock is a matter of waiting."""

    def attempt():
        try:
            return duckdb.connect(path, read_only=True)
        except duckdb.IOException:
            return None

    return wait_until(attempt, 30, "the DuckDB file released by the daemon")


def rows_of_copy(copy, table):
    columns = ", ".join(form[1].format(name) for name, form in TABLES[table].items())
    return sorted(copy.execute(f"SELECT {columns} FROM public.{table}").fetchall(), key=repr)


def compare(connection, path):
    """Prints one line per table; true when every row is the same on both sides."""
    equal = True
    copy = open_copy(path)
    try:
        for table in TABLES:
            source, target = rows_of_source(connection, table), rows_of_copy(copy, table)
            same = source == target
            equal = equal and same
            say(f"  {table:12} PostgreSQL {len(source):6} rows   DuckDB {len(target):6} rows   "
                f"{'equal, row for row' if same else 'DIFFERENT'}")
            if not same:
                missing = len([row for row in source if row not in set(target)])
                extra = len([row for row in target if row not in set(source)])
                say(f"    {missing} rows are missing or differ, {extra} are too many")
    finally:
        copy.close()
    return equal


def wait_transactions(shop, number):
    def reached():
        if shop.failure:
            raise RuntimeError(f"the shop failed: {shop.failure}")
        return shop.done >= number

    wait_until(reached, 180, lambda: f"{number} transactions; {shop.done} are done")


def delivered(daemon):
    return sum(sink["rows_delivered"] for sink in daemon.pipeline("shop")["sinks"])


def story(server, daemon, copy_path):
    """Returns whether both sides are equal in the end."""
    writer = server.connect("shop", user="shop", autocommit=False)
    shop = Shop(writer)
    say("starting rowtided; it creates its publication and its slot")
    began = time.monotonic()
    daemon.start().wait_running("shop")
    say(f"  running after {time.monotonic() - began:.2f} s")
    say(f"  it begins to copy the {PAST_ROWS} rows that are there, beside what changes from now on")
    say(f"the shop opens: {TRANSACTIONS} transactions, some of them rolled back")
    shop.start()
    wait_transactions(shop, KILL_AT)
    wait_until(lambda: delivered(daemon) > PAST_ROWS / 3, 60, daemon.describe)
    checked = daemon.tool("status")
    print("\n".join("           " + line for line in checked.stdout.rstrip().splitlines()))
    before = delivered(daemon)
    daemon.kill9()
    say(f"kill -9 of rowtided after {shop.done} transactions; it had delivered {before} changes")
    wait_transactions(shop, RESTART_AT)
    say(f"  the shop went on meanwhile: {shop.done} transactions")
    daemon.start().wait_running("shop")
    say("rowtided is back and reads on, log and tables, from where DuckDB says that it ended")
    wait_transactions(shop, TRANSACTIONS)
    shop.join()
    closed = time.monotonic()
    changes = ", ".join(f"{rows} {kind}" for kind, rows in shop.rows.items())
    say(f"the shop closes; rows: {changes}; {shop.rolled_back} transactions rolled back")
    writer.close()
    wait_confirmed(server, "rowtide_shop", server.wal_position(), 120, daemon)
    say(f"  everything is in DuckDB {time.monotonic() - closed:.2f} s later")

    wait_until(lambda: all(b["state"] == "finished" for b in daemon.pipeline("shop")["backfills"]),
               120, daemon.describe)
    listed = daemon.tool("backfill", "list")
    print("\n".join("           " + line for line in listed.stdout.rstrip().splitlines()))
    say("comparing")
    reader = server.connect("shop", user="shop")
    equal = compare(reader, copy_path)
    reader.close()
    say("asking the daemon: orders by status")
    answer = daemon.tool(
        "query", "shop",
        "SELECT status, count(*) AS orders, sum(total) AS total FROM public.orders "
        "GROUP BY status ORDER BY status",
    )
    print("\n".join("           " + line for line in
                    (answer.stdout + answer.stderr).rstrip().splitlines()))
    say(f"  rowtided: {daemon.cpu_s():.2f} s of CPU, {daemon.peak_rss_bytes() / 2 ** 20:.0f} MiB "
        "at its largest, since the restart")
    return equal


def pg_ctl(server, *arguments):
    command = [os.path.join(server["bin"], "pg_ctl"), "-D", server["data"], "-w", *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                   cwd=server["directory"])


def leave_running(server, daemon, scratch, copy_path):
    """Hands both processes over to the machine, so that they outlive this one."""
    daemon.terminate()
    server.stop()
    database = {"bin": server.bin, "data": server.data, "directory": server.scratch.path}
    pg_ctl(database, "start", "-o", f"-p {server.port}", "-l", server.scratch.join("kept.log"))
    server.scratch.keep = scratch.keep = True
    with open(daemon.log_path, "ab") as log:
        process = subprocess.Popen(
            [program("rowtided"), "--config", daemon.config_path],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
    with open(scratch.join("quickstart.json"), "w") as file:
        json.dump({"daemon_pid": process.pid, "database": database}, file)
    admin = f"--admin unix:{daemon.socket_path}"
    rowtide, python = os.path.relpath(program("rowtide")), os.path.relpath(sys.executable)
    print(f"""
Both are still running. Look around:
  {rowtide} status {admin}
  {rowtide} tail shop {admin}
  {rowtide} query shop 'SELECT count(*) FROM public.orders' {admin}
  psql -h 127.0.0.1 -p {server.port} -U shop shop
  {python} -c "import duckdb; print(duckdb.connect('{copy_path}', read_only=True).sql('SHOW ALL TABLES'))"
  less {daemon.config_path} {daemon.log_path}
End it all:
  tools/quickstart --stop {scratch.path}
""", flush=True)


def stop_kept(directory):
    with open(os.path.join(directory, "quickstart.json")) as file:
        kept = json.load(file)
    try:
        os.kill(kept["daemon_pid"], signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{kept['daemon_pid']}"), 30, "rowtided ended")
    except ProcessLookupError:
        pass
    pg_ctl(kept["database"], "stop", "-m", "fast")
    shutil.rmtree(kept["database"]["directory"], ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)
    print("stopped and removed")


def main():
    parser = argparse.ArgumentParser(prog="tools/quickstart")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", metavar="DIRECTORY")
    options = parser.parse_args()
    if options.stop:
        stop_kept(options.stop)
        return 0

    say("starting a throwaway PostgreSQL 15")
    server = PostgresServer(15, name="shop").start()
    server.execute("CREATE ROLE shop LOGIN REPLICATION")
    server.execute("CREATE DATABASE shop OWNER shop")
    connection = server.connect("shop", user="shop")
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        cursor.execute(PAST)
    connection.close()

    scratch = Scratch("quick")
    copy_path = scratch.join("shop.duckdb")
    daemon = Daemon([{
        "name": "shop",
        "source": {"type": "postgres", "url": server.url("shop", "shop"), "tables": ["public.*"]},
        "snapshot": "initial",
        # Slow enough to be killed in the middle.
        "backfill": {"rows_per_second": 60_000},
        "sinks": [{"name": "warehouse", "type": "duckdb", "path": copy_path, "mode": "mirror"}],
    }], scratch=scratch)
    say("the configuration:")
    with open(daemon.config_path) as file:
        print("".join("           " + line for line in file), end="")

    equal = story(server, daemon, copy_path)
    if equal:
        say("done: PostgreSQL and DuckDB are equal, row for row")
        if options.keep:
            leave_running(server, daemon, scratch, copy_path)
    else:
        say("FAILED: the two sides differ")
        print(daemon.describe(), file=sys.stderr)
    daemon.close()
    server.close()
    scratch.close()
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
