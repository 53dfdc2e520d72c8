"""What the transactions of one writer do, drawn by chance, whatever server they go to.

How a server wants it said is its source's business (sources.py). Table names come without a schema:
the source's connections find them.
"""

import random

from tests.crash.tables import (
    GHOST_VER, HOT_ROWS, KEYS, VERSIONED, WIDE, key_text, step_hash,
)


class Transaction:
    """What one transaction did so far, over what its writer knows to be committed."""

    def __init__(self, steps, txn):
        self.steps = steps
        self.txn = txn
        self.touches = 0
        self.hash = 0
        self.live = {}  # (table, key) -> version, or None when deleted here
        self.last = {}  # (table, key) -> last version, live or not
        self.adopted = []  # functions to run after the commit
        self.prepared_id = None  # of a transaction in two phases
        self.is_kept = None  # whether it is to be committed, once that is decided
        self.is_adopted = False  # it was committed, and its writer knows it

    def step(self, table, kind, key, ver):
        self.touches += 1
        self.hash ^= step_hash(table, kind, key, ver)

    def version(self, table, key):
        k = (table, key)
        return self.live[k] if k in self.live else self.steps.live[table].get(key)

    def next_version(self, table, key):
        k = (table, key)
        last = self.last.get(k)
        return (self.steps.last.get(k, 0) if last is None else last) + 1

    def put(self, table, key, ver):
        self.live[(table, key)] = ver
        self.last[(table, key)] = ver

    def drop(self, table, key, ver):
        self.live[(table, key)] = None
        self.last[(table, key)] = ver

    def keys(self, table):
        """Live keys of the table as this transaction sees them; a sample from a long list."""
        own = [k for (t, k), v in self.live.items() if t == table and v is not None]
        others = [k for k in self.steps.sample_keys(table) if (table, k) not in self.live]
        return own + others


class Steps:
    """Draws transactions, and knows what the ones that were committed have left."""

    def __init__(self, load, number):
        self.load = load
        self.source = load.source
        self.number = number
        self.random = random.Random(f"{load.seed}-{number}")
        self.seq = 0
        self.next_id = number * 1_000_000_000
        self.live = {t: {} for t in VERSIONED}
        self.last = {}
        self.ranges = []  # [first id, rows, version] of bulk
        self.truncate_next = False

    # --- knowledge ---

    def transaction(self):
        """The next one, still empty."""
        return Transaction(self, self.number * 1_000_000_000 + self.seq + 1)

    def fresh(self):
        self.next_id += 1
        return self.next_id

    def sample_keys(self, table):
        keys = self.live[table]
        if len(keys) <= 40:
            return list(keys)
        pool = list(keys)
        return [self.random.choice(pool) for _ in range(20)]

    def adopt(self, work):
        self.seq += 1
        for (table, key), ver in work.live.items():
            if ver is None:
                self.live[table].pop(key, None)
            else:
                self.live[table][key] = ver
        self.last.update(work.last)
        for action in work.adopted:
            action()

    # --- one transaction's content ---

    def write(self, cursor, work, order):
        """Writes the rows; returns whether to commit them."""
        dice = self.random
        if order is None and dice.random() < 0.04:
            self._ghosts(cursor)
            return False
        if order and order[0] == "ddl" and self.source.ddl_in_transaction:
            self.source.lock_item(cursor)
        atoms = dice.choice((0, 1, 2, 3, 7))
        for n in range(atoms):
            cursor.execute("INSERT INTO atom VALUES (%s, %s)", (work.txn, n))
        if order and order[0] == "ddl":
            self._insert(cursor, work, "item")
            if self.source.ddl_in_transaction:
                self._change_shape(cursor, work, order[1])
            self._insert(cursor, work, "item")
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
                    "UPDATE hot SET ver = ver + 1, txn = %s WHERE id = %s", (work.txn, id_))
                cursor.execute("SELECT ver FROM hot WHERE id = %s", (id_,))
                work.step("hot", "u", (id_,), cursor.fetchone()[0])
        cursor.execute(
            "INSERT INTO manifest VALUES (%s, %s, %s, %s, %s, %s)",
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
            values["at"] = self.source.moment(f"2026-01-01 00:00:00.{ver % 1000000:06d}")
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
            f"INSERT INTO {table} ({', '.join(values)}) "
            f"VALUES ({', '.join(['%s'] * len(values))})",
            list(values.values()),
        )
        work.put(table, key, ver)
        work.step(table, "c", key, ver)

    def _set(self, cursor, table, key, values):
        cursor.execute(
            f"UPDATE {table} SET {', '.join(c + ' = %s' for c in values)} "
            f"WHERE {self._where(table)}",
            [*values.values(), *key],
        )
        assert cursor.rowcount == 1

    def _update(self, cursor, work, table, key):
        ver = work.next_version(table, key)
        # Mostly without the big column: its value then travels as "unchanged".
        values = self._values(table, key, ver, work.txn, None, self.random.random() < 0.2)
        self._set(cursor, table, key, values)
        work.put(table, key, ver)
        work.step(table, "u", key, ver)

    def _remove(self, cursor, work, table, key):
        ver = work.next_version(table, key)
        cursor.execute(f"DELETE FROM {table} WHERE {self._where(table)}", key)
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
        self._set(cursor, table, old, values)
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
            if self.source.ddl_in_transaction:
                cursor.execute("TRUNCATE scrap")
            else:
                self.truncate_next = True
        else:
            key = (self.fresh(),)
            cursor.execute("INSERT INTO scrap VALUES (%s, 1, %s)", (*key, work.txn))
            work.step("scrap", "c", key, 1)

    def _ghosts(self, cursor):
        """Work that is rolled back afterwards."""
        id_ = self.fresh()
        self.source.insert_bulk(cursor, id_ + 1, self.random.choice((1, 3, 400)), GHOST_VER, -1,
                                "ghost ")
        keys = self.sample_keys("item")
        if keys:
            cursor.execute(
                "UPDATE item SET ver = %s, note = 'ghost' WHERE id = %s",
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
                "UPDATE bulk SET ver = ver + 1, txn = %s WHERE id BETWEEN %s AND %s",
                (work.txn, *bounds),
            )
            work.adopted.append(lambda: piece.__setitem__(2, ver + 1))
            letter = "u"
        else:
            cursor.execute("DELETE FROM bulk WHERE id BETWEEN %s AND %s", bounds)
            work.adopted.append(lambda: self.ranges.remove(piece))
            letter = "d"
        assert cursor.rowcount == count
        for id_ in range(first, first + count):
            work.step("bulk", letter, (id_,), ver + 1)

    def _bulk_insert(self, cursor, work, rows):
        first = self.next_id + 1
        self.next_id += rows
        self.source.insert_bulk(cursor, first, rows, 1, work.txn, "pad ")
        for id_ in range(first, first + rows):
            work.step("bulk", "c", (id_,), 1)
        work.adopted.append(lambda: self.ranges.append([first, rows, 1]))

    def shape(self, cursor, work, order):
        """What some servers allow as a transaction of its own only."""
        if self.source.ddl_in_transaction:
            return
        if self.truncate_next:
            cursor.execute("TRUNCATE TABLE scrap")
            self.truncate_next = False
        if order and order[0] == "ddl":
            self._change_shape(cursor, work, order[1])

    def _change_shape(self, cursor, work, action):
        kind, number = action
        self.source.change_item(cursor, kind, number)
        if kind == "add":
            work.adopted.append(lambda: self.load.extra_columns.append(number))
        elif kind == "widen":
            work.adopted.append(lambda: setattr(self.load, "is_wide", True))
        else:
            work.adopted.append(lambda: setattr(self.load, "is_long", True))
