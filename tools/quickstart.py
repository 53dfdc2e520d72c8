"""The story that tools/quickstart tells. See there for the usage."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import duckdb

from tests.servers.daemon import Daemon, program
from tests.servers.scratch import Scratch, wait_until
from tools.quickstart_databases import DATABASES, PAST_ROWS
from tools.quickstart_shop import LAST_CUSTOMER, TRANSACTIONS, Shop

# How each column is turned into text, alike on both sides; see tools/quickstart_databases.py.
TABLES = {
    "customers": {"id": "plain", "name": "plain", "email": "plain", "since": "instant"},
    "products": {"sku": "plain", "title": "plain", "price": "plain", "attributes": "plain"},
    "orders": {"id": "plain", "customer_id": "plain", "status": "plain", "total": "plain",
               "placed_at": "instant", "note": "plain"},
    "order_lines": {"order_id": "plain", "line": "plain", "sku": "plain", "quantity": "plain"},
}

KILL_AT = 300
RESTART_AT = 1500

started_at = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - started_at:6.1f} s] {text}", flush=True)


def rows_of_source(database, connection, table):
    columns = ", ".join(getattr(database, form)[0].format(name)
                        for name, form in TABLES[table].items())
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


def rows_of_copy(database, copy, table):
    columns = ", ".join(getattr(database, form)[1].format(name)
                        for name, form in TABLES[table].items())
    rows = copy.execute(f"SELECT {columns} FROM {database.schema}.{table}").fetchall()
    return sorted(rows, key=repr)


def compare(database, path):
    """Prints one line per table; true when every row is the same on both sides."""
    equal = True
    copy = open_copy(path)
    connection = database.connect()
    try:
        for table in TABLES:
            source = rows_of_source(database, connection, table)
            target = rows_of_copy(database, copy, table)
            same = source == target
            equal = equal and same
            say(f"  {table:12} {database.title} {len(source):6} rows   DuckDB {len(target):6} rows   "
                f"{'equal, row for row' if same else 'DIFFERENT'}")
            if not same:
                missing = len([row for row in source if row not in set(target)])
                extra = len([row for row in target if row not in set(source)])
                say(f"    {missing} rows are missing or differ, {extra} are too many")
    finally:
        connection.close()
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


def wait_closed(database, daemon):
    """Returns when the copy has what the shop wrote last, and so all that it wrote before."""
    asked = (f"SELECT count(*) AS closed FROM {database.schema}.customers "
             f"WHERE id = {LAST_CUSTOMER}")

    def arrived():
        answer = daemon.tool("query", "shop", asked, "--json")
        return answer.returncode == 0 and "1" in answer.stdout.split("closed")[-1]

    wait_until(arrived, 120, daemon.describe)


def story(database, daemon, copy_path):
    """Returns whether both sides are equal in the end."""
    shop = Shop(database)
    say("starting rowtided")
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
    wait_closed(database, daemon)
    say(f"  everything is in DuckDB {time.monotonic() - closed:.2f} s later")

    wait_until(lambda: all(b["state"] == "finished" for b in daemon.pipeline("shop")["backfills"]),
               120, daemon.describe)
    listed = daemon.tool("backfill", "list")
    print("\n".join("           " + line for line in listed.stdout.rstrip().splitlines()))
    say("comparing")
    equal = compare(database, copy_path)
    say("asking the daemon: orders by status")
    answer = daemon.tool(
        "query", "shop",
        f"SELECT status, count(*) AS orders, sum(total) AS total FROM {database.schema}.orders "
        "GROUP BY status ORDER BY status",
    )
    print("\n".join("           " + line for line in
                    (answer.stdout + answer.stderr).rstrip().splitlines()))
    say(f"  rowtided: {daemon.cpu_s():.2f} s of CPU, {daemon.peak_rss_bytes() / 2 ** 20:.0f} MiB "
        "at its largest, since the restart")
    return equal


def leave_running(database, daemon, scratch, copy_path):
    """Hands both processes over to the machine, so that they outlive this one."""
    daemon.terminate()
    kept = database.leave_running()
    scratch.keep = True
    with open(daemon.log_path, "ab") as log:
        process = subprocess.Popen(
            [program("rowtided"), "--config", daemon.config_path],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
    with open(scratch.join("quickstart.json"), "w") as file:
        json.dump({"daemon_pid": process.pid, "database": kept}, file)
    admin = f"--admin unix:{daemon.socket_path}"
    rowtide, python = os.path.relpath(program("rowtide")), os.path.relpath(sys.executable)
    print(f"""
Both are still running. Look around:
  {rowtide} status {admin}
  {rowtide} tail shop {admin}
  {rowtide} query shop 'SELECT count(*) FROM {database.schema}.orders' {admin}
  {database.client_command()}
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
    subprocess.run(kept["database"]["stop"], check=True, stdout=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL, cwd=kept["database"]["directory"])
    shutil.rmtree(kept["database"]["directory"], ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)
    print("stopped and removed")


def main():
    parser = argparse.ArgumentParser(prog="tools/quickstart")
    parser.add_argument("--source", choices=sorted(DATABASES), default="postgres")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", metavar="DIRECTORY")
    options = parser.parse_args()
    if options.stop:
        stop_kept(options.stop)
        return 0

    chosen = DATABASES[options.source]
    say(f"starting a throwaway {chosen.__doc__.rstrip('.')}")
    database = chosen()
    scratch = Scratch("quick")
    copy_path = scratch.join("warehouse.duckdb")
    daemon = Daemon([{
        "name": "shop",
        "source": database.source(),
        "snapshot": "initial",
        # Slow enough to be killed in the middle.
        "backfill": {"rows_per_second": 60_000},
        "sinks": [{"name": "warehouse", "type": "duckdb", "path": copy_path, "mode": "mirror"}],
    }], scratch=scratch)
    say("the configuration:")
    with open(daemon.config_path) as file:
        print("".join("           " + line for line in file), end="")

    equal = story(database, daemon, copy_path)
    if equal:
        say(f"done: {database.title} and DuckDB are equal, row for row")
        if options.keep:
            leave_running(database, daemon, scratch, copy_path)
    else:
        say("FAILED: the two sides differ")
        print(daemon.describe(), file=sys.stderr)
    daemon.close()
    database.server.close()
    scratch.close()
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
