"""A self-checking load for a captured database.

Every committed transaction writes one row into load.manifest: how many key steps it made, and a hash
over them. Every row carries a version that steps by one for each change of its key, also over deletes
and key changes. So whoever holds the stream, or only a table, can tell by itself whether anything is
missing, doubled, out of order or torn.
"""

import hashlib
import random
import threading
import time

import psycopg2
import psycopg2.errors

SCHEMA = "load"
GHOST_VER = 900_000_000  # rows of rolled back work carry at least this version: nobody may see them
WIDE = 1 << 40  # what load.item.small holds beyond `ver` once the column is a bigint

# Key columns by table; all of them but manifest, atom and fence hold versioned rows.
KEYS = {
    "manifest": ("txn",),
    "atom": ("txn", "n"),
    "fence": ("id",),
    "item": ("id",),
    "full_item": ("id",),
    "pair": ("a", "b"),
    "hot": ("id",),
    "bulk": ("id",),
    "scrap": ("id",),
}
VERSIONED = tuple(t for t in KEYS if t not in ("manifest", "atom", "fence"))

_SETUP = """
CREATE SCHEMA load;
CREATE TABLE load.manifest (txn bigint PRIMARY KEY, writer int NOT NULL, seq bigint NOT NULL,
  touches int NOT NULL, hash bigint NOT NULL, atoms int NOT NULL);
CREATE TABLE load.atom (txn bigint, n int, PRIMARY KEY (txn, n));
CREATE TABLE load.fence (id bigint PRIMARY KEY);
CREATE TABLE load.item (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, was bigint,
  note text, big text, amount numeric(14,3), at timestamptz, small int, code varchar(12));
ALTER TABLE load.item ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE TABLE load.full_item (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, was bigint,
  note text, big text);
ALTER TABLE load.full_item ALTER COLUMN big SET STORAGE EXTERNAL;
ALTER TABLE load.full_item REPLICA IDENTITY FULL;
CREATE TABLE load.pair (a int, b text, ver int NOT NULL, txn bigint NOT NULL, was text, note text,
  PRIMARY KEY (a, b));
CREATE TABLE load.hot (id int PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL);
CREATE TABLE load.bulk (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL, pad text);
CREATE TABLE load.scrap (id bigint PRIMARY KEY, ver int NOT NULL, txn bigint NOT NULL);
"""
HOT_ROWS = 8


def key_text(key):
    return "/".join(str(part) for part in key)


def step_hash(table, kind, key, ver):
    """63 bits for one step of one key: kind 'c', 'u' or 'd'. A key change is a 'd' and a 'c'."""
    text = f"{table}|{kind}|{key_text(key)}|{ver}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


class _Transaction:
    """What one transaction did so far, over the writer's committed knowledge of its keys."""

    def __init__(self, writer, txn):
        self.writer = writer
        self.txn = txn
        self.touches = 0
        self.hash = 0
        self.live = {}  # (table, key) -> version, or None when deleted here
        self.last = {}  # (table, key) -> last version, live or not
        self.bulk = []  # functions to run on the writer's bulk ranges after the commit

    def step(self, table, kind, key, ver):
        self.touches += 1
        self.hash ^= step_hash(table, kind, key, ver)

    def version(self, table, key):
        k = (table, key)
        return self.live[k] if k in self.live else self.writer.live[table].get(key)

    def next_version(self, table, key):
        k = (table, key)
        last = self.last.get(k)
        return (self.writer.last.get(k, 0) if last is None else last) + 1

    def put(self, table, key, ver):
        self.live[(table, key)] = ver
        self.last[(table, key)] = ver

    def drop(self, table, key, ver):
        self.live[(table, key)] = None
        self.last[(table, key)] = ver

    def keys(self, table):
        """Live keys of the table as this transaction sees them; a sample from a long list."""
        own = [k for (t, k), v in self.live.items() if t == table and v is not None]
        others = [k for k in self.writer.sample_keys(table) if (table, k) not in self.live]
        return own + others


class Writer(threading.Thread):
    """One connection that commits transactions of random content until told to stop."""

    def __init__(self, load, number):
        super().__init__(name=f"writer-{number}", daemon=True)
        self.load = load
        self.number = number
        self.random = random.Random(f"{load.seed}-{number}")
        self.connection = None
        self.seq = 0
        self.next_id = number * 1_000_000_000
        self.live = {t: {} for t in VERSIONED}
        self.last = {}
        self.ranges = []  # [first id, rows, version] of load.bulk
        self.wanted = []  # transactions that somebody ordered: ("rows", n) or ("ddl",)
        self.failure = None

    # --- knowledge ---

    def fresh(self):
        self.next_id += 1
        return self.next_id

    def sample_keys(self, table):
        keys = self.live[table]
        if len(keys) <= 40:
            return list(keys)
        pool = list(keys)
        return [self.random.choice(pool) for _ in range(20)]

    def _adopt(self, work):
        self.seq += 1
        for (table, key), ver in work.live.items():
            if ver is None:
                self.live[table].pop(key, None)
            else:
                self.live[table][key] = ver
        self.last.update(work.last)
        for action in work.bulk:
            action()

    # --- running ---

    def run(self):
        try:
            while not self.load.stopping.is_set():
                self.load.pace()
                self._one_transaction()
        except Exception as error:  # reported by Workload.stop()
            self.failure = error
        finally:
            if self.connection is not None:
                self.connection.close()

    def _connect(self):
        while True:
            try:
                self.connection = self.load.connect()
                return
            except psycopg2.OperationalError:
                if self.load.abandoned.is_set():
                    raise
                time.sleep(0.1)

    def _one_transaction(self):
        if self.connection is None or self.connection.closed:
            self._connect()
        work = _Transaction(self, self.number * 1_000_000_000 + self.seq + 1)
        order = self.wanted.pop(0) if self.wanted else None
        try:
            with self.connection.cursor() as cursor:
                kept = self._work(cursor, work, order)
                if kept:
                    self.connection.commit()
                    self._adopt(work)
                    self._committed(cursor, work.txn)
                else:
                    self.connection.rollback()
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            if isinstance(error, (psycopg2.errors.DeadlockDetected,
                                  psycopg2.errors.LockNotAvailable)):
                self.connection.rollback()
                self._again(order)
                return
            if not self._resolve(work):
                self._again(order)

    def _resolve(self, work):
        """After a lost connection the commit may have happened or not; the manifest says which."""
        while True:
            try:
                self.connection.close()
                self._connect()
                with self.connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM load.manifest WHERE txn = %s", (work.txn,))
                    happened = cursor.fetchone() is not None
                    if happened:
                        if work.txn == self.number * 1_000_000_000 + self.seq + 1:
                            self._adopt(work)
                        self._committed(cursor, work.txn)
                self.connection.rollback()
                return happened
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                if self.load.abandoned.is_set():
                    raise

    def _again(self, order):
        if order is not None:
            self.wanted.insert(0, order)

    def _committed(self, cursor, txn):
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        lsn = int(cursor.fetchone()[0])
        self.connection.rollback()
        self.load.record(txn, lsn)

    # --- one transaction's content ---

    def _work(self, cursor, work, order):
        """Returns whether to commit."""
        dice = self.random
        if order is None and dice.random() < 0.04:
            self._ghosts(cursor)
            return False
        atoms = dice.choice((0, 1, 2, 3, 7))
        for n in range(atoms):
            cursor.execute("INSERT INTO load.atom VALUES (%s, %s)", (work.txn, n))
        if order and order[0] == "ddl":
            self._ddl(cursor, work, order[1])
        elif order:
            self._bulk_insert(cursor, work, order[1])
            self._small(cursor, work, 3)
        else:
            size = dice.random()
            if size < 0.70:
                self._small(cursor, work, dice.randint(1, 4))
            elif size < 0.90:
                self._small(cursor, work, dice.randint(10, 60))
            else:
                top = self.load.common_rows if size < 0.99 else self.load.large_rows
                self._bulk(cursor, work, dice.randint(1, top))
        if dice.random() < 0.15:
            cursor.execute("SAVEPOINT kept")
            self._small(cursor, work, 2)
            cursor.execute("RELEASE SAVEPOINT kept")
        # Last, and in one order over all writers, so that locks of shared rows are short.
        if dice.random() < 0.5:
            for id_ in sorted(dice.sample(range(HOT_ROWS), dice.randint(1, 3))):
                cursor.execute(
                    "UPDATE load.hot SET ver = ver + 1, txn = %s WHERE id = %s RETURNING ver",
                    (work.txn, id_),
                )
                work.step("hot", "u", (id_,), cursor.fetchone()[0])
        cursor.execute(
            "INSERT INTO load.manifest VALUES (%s, %s, %s, %s, %s, %s)",
            (work.txn, self.number, self.seq + 1, work.touches, work.hash, atoms),
        )
        return True

    def _small(self, cursor, work, steps):
        dice = self.random
        for _ in range(steps):
            if dice.random() < 0.06:
                cursor.execute("SAVEPOINT ghost")
                self._ghosts(cursor)
                cursor.execute("ROLLBACK TO SAVEPOINT ghost")
                if dice.random() < 0.5:
                    cursor.execute("RELEASE SAVEPOINT ghost")
            table = dice.choice(("item", "item", "item", "full_item", "pair", "scrap"))
            if table == "scrap":
                self._scrap(cursor, work)
                continue
            keys = work.keys(table)
            kind = dice.random()
            if not keys or kind < 0.40:
                self._insert(cursor, work, table)
            elif kind < 0.75:
                self._update(cursor, work, table, dice.choice(keys))
            elif kind < 0.88:
                self._remove(cursor, work, table, dice.choice(keys))
            elif kind < 0.97 or len(keys) < 2:
                self._move(cursor, work, table, dice.choice(keys), self._unused(work, table))
            else:
                self._swap(cursor, work, table, *dice.sample(sorted(set(keys)), 2)
                           if len(set(keys)) > 1 else (keys[0], keys[0]))

    def _unused(self, work, table):
        """A key without a live row: often one that had rows before."""
        if self.random.random() < 0.4:
            gone = [k for (t, k) in list(self.last)[-200:] if t == table
                    and work.version(t, k) is None]
            if gone:
                return self.random.choice(gone)
        id_ = self.fresh()
        return (self.number, f"k'{id_}\\é") if table == "pair" else (id_,)

    @staticmethod
    def _where(table):
        return " AND ".join(f"{c} = %s" for c in KEYS[table])

    def _values(self, table, key, ver, txn, was, with_big):
        """Columns and values of a row besides the key."""
        values = {"ver": ver, "txn": txn, "was": was, "note": f"{key_text(key)}:{ver}"}
        if with_big and table != "pair":
            values["big"] = f"{txn}:" + f"{self.random.getrandbits(64):016x}" * (
                self.random.choice((0, 1, 150, 400)))
        if table == "item":
            values["amount"] = f"{ver}.{self.number:03d}"
            values["at"] = f"2026-01-01 00:00:00.{ver % 1000000:06d}+00"
            values["small"] = ver + (WIDE if self.load.is_wide else 0)
            values["code"] = None if ver % 5 == 0 else ("v" * (30 if self.load.is_long else 6))
            for n in self.load.extra_columns:
                values[f"extra_{n}"] = ver * 10 + n
        return values

    def _insert(self, cursor, work, table):
        key = self._unused(work, table)
        ver = work.next_version(table, key)
        values = dict(zip(KEYS[table], key))
        values.update(self._values(table, key, ver, work.txn, None, with_big=True))
        cursor.execute(
            f"INSERT INTO load.{table} ({', '.join(values)}) "
            f"VALUES ({', '.join(['%s'] * len(values))})",
            list(values.values()),
        )
        work.put(table, key, ver)
        work.step(table, "c", key, ver)

    def _update(self, cursor, work, table, key):
        ver = work.next_version(table, key)
        # Mostly without the big column: its value then travels as "unchanged".
        values = self._values(table, key, ver, work.txn, None, self.random.random() < 0.2)
        cursor.execute(
            f"UPDATE load.{table} SET {', '.join(c + ' = %s' for c in values)} "
            f"WHERE {self._where(table)}",
            [*values.values(), *key],
        )
        assert cursor.rowcount == 1
        work.put(table, key, ver)
        work.step(table, "u", key, ver)

    def _remove(self, cursor, work, table, key):
        ver = work.next_version(table, key)
        cursor.execute(f"DELETE FROM load.{table} WHERE {self._where(table)}", key)
        assert cursor.rowcount == 1
        work.drop(table, key, ver)
        work.step(table, "d", key, ver)

    def _move(self, cursor, work, table, old, new):
        if old == new:
            return
        gone = work.next_version(table, old)
        ver = work.next_version(table, new)
        values = dict(zip(KEYS[table], new))
        was = key_text(old) if table == "pair" else old[0]
        values.update(self._values(table, new, ver, work.txn, was, self.random.random() < 0.2))
        cursor.execute(
            f"UPDATE load.{table} SET {', '.join(c + ' = %s' for c in values)} "
            f"WHERE {self._where(table)}",
            [*values.values(), *old],
        )
        assert cursor.rowcount == 1
        work.drop(table, old, gone)
        work.put(table, new, ver)
        work.step(table, "d", old, gone)
        work.step(table, "c", new, ver)

    def _swap(self, cursor, work, table, a, b):
        if a == b:
            return
        spare = self._unused(work, table)
        self._move(cursor, work, table, a, spare)
        self._move(cursor, work, table, b, a)
        self._move(cursor, work, table, spare, b)

    def _scrap(self, cursor, work):
        # One writer only: TRUNCATE locks out everybody else.
        if self.number != 1:
            return
        if self.random.random() < 0.1:
            cursor.execute("TRUNCATE load.scrap")
        else:
            key = (self.fresh(),)
            cursor.execute("INSERT INTO load.scrap VALUES (%s, 1, %s)", (*key, work.txn))
            work.step("scrap", "c", key, 1)

    def _ghosts(self, cursor):
        """Work that is rolled back afterwards."""
        id_ = self.fresh()
        cursor.execute(
            "INSERT INTO load.bulk SELECT %s + g, %s, -1, 'ghost' FROM generate_series(1, %s) g",
            (id_, GHOST_VER, self.random.choice((1, 3, 400))),
        )
        keys = self.sample_keys("item")
        if keys:
            cursor.execute(
                "UPDATE load.item SET ver = %s, note = 'ghost' WHERE id = %s",
                (GHOST_VER, keys[0][0]),
            )

    def _bulk(self, cursor, work, rows):
        kind = self.random.random()
        if not self.ranges or kind < 0.5:
            self._bulk_insert(cursor, work, rows)
            return
        piece = self.random.choice(self.ranges)
        first, count, ver = piece
        bounds = (first, first + count - 1)
        if kind < 0.8 or count > self.load.large_rows:
            cursor.execute(
                "UPDATE load.bulk SET ver = ver + 1, txn = %s WHERE id BETWEEN %s AND %s",
                (work.txn, *bounds),
            )
            work.bulk.append(lambda: piece.__setitem__(2, ver + 1))
            letter = "u"
        else:
            cursor.execute("DELETE FROM load.bulk WHERE id BETWEEN %s AND %s", bounds)
            work.bulk.append(lambda: self.ranges.remove(piece))
            letter = "d"
        assert cursor.rowcount == count
        for id_ in range(first, first + count):
            work.step("bulk", letter, (id_,), ver + 1)

    def _bulk_insert(self, cursor, work, rows):
        first = self.next_id + 1
        self.next_id += rows
        cursor.execute(
            "INSERT INTO load.bulk SELECT g, 1, %s, 'pad ' || g FROM generate_series(%s, %s) g",
            (work.txn, first, first + rows - 1),
        )
        for id_ in range(first, first + rows):
            work.step("bulk", "c", (id_,), 1)
        work.bulk.append(lambda: self.ranges.append([first, rows, 1]))

    def _ddl(self, cursor, work, action):
        """A change of load.item's shape with rows before and after it in the same transaction."""
        cursor.execute("SET LOCAL lock_timeout = '3s'")
        cursor.execute("LOCK TABLE load.item IN ACCESS EXCLUSIVE MODE")
        self._insert(cursor, work, "item")
        kind, number = action
        if kind == "add":
            cursor.execute(f"ALTER TABLE load.item ADD COLUMN extra_{number} int")
            work.bulk.append(lambda: self.load.extra_columns.append(number))
        elif kind == "widen":
            cursor.execute("ALTER TABLE load.item ALTER COLUMN small TYPE bigint")
            work.bulk.append(lambda: setattr(self.load, "is_wide", True))
        else:
            cursor.execute("ALTER TABLE load.item ALTER COLUMN code TYPE text")
            work.bulk.append(lambda: setattr(self.load, "is_long", True))
        self._insert(cursor, work, "item")


class Workload:
    """Writers over one database, their pace, and what they committed."""

    def __init__(self, server, database, seed, writers=3, rate=120, common_rows=300,
                 large_rows=5000):
        self.server = server
        self.database = database
        self.seed = seed
        self.rate = rate  # transactions per second over all writers
        self.common_rows = common_rows  # bound of most set-based transactions
        self.large_rows = large_rows  # bound of one in a hundred
        self.stopping = threading.Event()
        self.slowed = False  # set by whoever sees that nobody keeps up
        self.abandoned = threading.Event()  # set when a server that is away will not come back
        self.extra_columns = []
        self.is_wide = False
        self.is_long = False
        self._ddl_count = 0
        self._lock = threading.Lock()
        self._committed = []  # (txn, LSN at or after its end)
        self._next_slot = time.monotonic()
        self._fences = 0
        self.writers = [Writer(self, n) for n in range(1, writers + 1)]

    def connect(self):
        return self.server.connect(self.database, autocommit=False, connect_timeout=5)

    def setup(self):
        self.server.execute(_SETUP, database=self.database)

    def start(self):
        # After the slot exists: rows committed before it are not in the stream.
        hash_, touches = 0, HOT_ROWS
        connection = self.connect()
        with connection.cursor() as cursor:
            for id_ in range(HOT_ROWS):
                cursor.execute("INSERT INTO load.hot VALUES (%s, 1, 1)", (id_,))
                hash_ ^= step_hash("hot", "c", (id_,), 1)
            cursor.execute("INSERT INTO load.manifest VALUES (1, 0, 1, %s, %s, 0)",
                           (touches, hash_))
        connection.commit()
        connection.close()
        for writer in self.writers:
            writer.start()

    def pace(self):
        with self._lock:
            now = time.monotonic()
            step = (20.0 if self.slowed else 1.0) / self.rate
            self._next_slot = max(self._next_slot + step, now - 0.5)
            wait = self._next_slot - now
        if wait > 0:
            self.stopping.wait(wait)

    def record(self, txn, lsn):
        with self._lock:
            self._committed.append((txn, lsn))

    def committed(self):
        with self._lock:
            return list(self._committed)

    def order_rows(self, rows):
        """Soon, one transaction of this many inserted rows."""
        self.writers[-1].wanted.append(("rows", rows))

    def order_ddl(self):
        """Soon, one more change of a table's shape."""
        self._ddl_count += 1
        n = self._ddl_count
        action = {2: ("widen", 0), 4: ("lengthen", 0)}.get(n, ("add", n))
        self.writers[0].wanted.append(("ddl", action))

    def check_alive(self):
        for writer in self.writers:
            if writer.failure is not None:
                raise RuntimeError(f"{writer.name} failed") from writer.failure

    def stop(self):
        self.stopping.set()
        for writer in self.writers:
            writer.join(120)
            if writer.is_alive():
                self.abandoned.set()
                raise TimeoutError(f"{writer.name} does not stop")
        self.check_alive()

    def fence(self):
        """Commits one more row, pushes the log past it and returns a position behind it."""
        self._fences += 1
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO load.fence VALUES (%s)", (self._fences,))
                connection.commit()
                cursor.execute("SELECT pg_current_wal_lsn() - '0/0'")
                lsn = int(cursor.fetchone()[0])
                cursor.execute("INSERT INTO load.fence VALUES (%s)", (-self._fences,))
            connection.commit()
            return lsn
        finally:
            connection.close()
