"""A self-checking load for a captured database.

Every committed transaction writes one row into the table manifest: how many key steps it made, and
a hash over them. Every row carries a version that steps by one for each change of its key, also
over deletes and key changes. So whoever holds the stream, or only a table, can tell by itself
whether anything is missing, doubled, out of order or torn.
"""

import contextlib
import threading
import time

from tests.crash.tables import HOT_ROWS, step_hash
from tests.crash.writer import Writer


class Workload:
    """Writers over one source (sources.py), their pace, and what they committed."""

    def __init__(self, source, seed, writers=3, rate=120, common_rows=300, large_rows=5000):
        self.source = source
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
        self._committed = []  # (txn, position at or after its end)
        self._prepared = 0  # transactions in two phases that are under way
        self._may_prepare = threading.Condition(self._lock)
        self._holds_prepared = False
        self._next_slot = time.monotonic()
        self._fences = 0
        self.writers = [Writer(self, n) for n in range(1, writers + 1)]

    def start(self):
        # After the stream has begun: rows committed before are not in it.
        hash_, touches = 0, HOT_ROWS
        connection = self.source.connect()
        with connection.cursor() as cursor:
            for id_ in range(HOT_ROWS):
                cursor.execute("INSERT INTO hot VALUES (%s, 1, 1)", (id_,))
                hash_ ^= step_hash("hot", "c", (id_,), 1)
            cursor.execute("INSERT INTO manifest VALUES (1, 0, 1, %s, %s, 0)",
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

    def record(self, txn, position):
        with self._lock:
            self._committed.append((txn, position))

    def committed(self):
        with self._lock:
            return list(self._committed)

    def order_rows(self, rows, prepared=False):
        """Soon, one transaction of this many inserted rows, in two phases where that is wanted."""
        self.writers[-1].wanted.append(("prepared rows" if prepared else "rows", rows))

    def order_ddl(self):
        """Soon, one more change of a table's shape."""
        self._ddl_count += 1
        n = self._ddl_count
        action = {2: ("widen", 0), 4: ("lengthen", 0)}.get(n, ("add", n))
        self.writers[0].wanted.append(("ddl", action))

    def enter_prepared(self):
        """Whether a transaction in two phases may begin now; leave_prepared() when it has ended."""
        with self._lock:
            self._prepared += not self._holds_prepared
            return not self._holds_prepared

    def leave_prepared(self):
        with self._lock:
            self._prepared -= 1
            self._may_prepare.notify_all()

    @contextlib.contextmanager
    def without_prepared(self):
        """Meanwhile no transaction in two phases is under way."""
        with self._lock:
            self._holds_prepared = True
            if not self._may_prepare.wait_for(lambda: self._prepared == 0, 60):
                raise TimeoutError("a prepared transaction does not end")
        try:
            yield
        finally:
            with self._lock:
                self._holds_prepared = False

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
        connection = self.source.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO fence VALUES (%s)", (self._fences,))
                connection.commit()
                position = self.source.position_seen_by(cursor)
                connection.rollback()
                cursor.execute("INSERT INTO fence VALUES (%s)", (-self._fences,))
            connection.commit()
            return position
        finally:
            connection.close()
