"""One writer of the load: commits what steps.py draws, and finds out what a lost commit became."""

import contextlib
import threading
import time

from tests.crash.steps import Steps


class Writer(threading.Thread):
    """One connection that commits transactions of random content until told to stop."""

    def __init__(self, load, number):
        super().__init__(name=f"writer-{number}", daemon=True)
        self.load = load
        self.source = load.source
        self.number = number
        self.steps = Steps(load, number)
        self.random = self.steps.random
        self.connection = None
        # Transactions that somebody ordered: ("rows", n), ("prepared rows", n) or ("ddl", action).
        self.wanted = []
        self.attempts = 0
        self.two_phases = 0  # transactions that were committed so
        self.failure = None

    def run(self):
        try:
            while not self.load.stopping.is_set():
                self.load.pace()
                order = self.wanted.pop(0) if self.wanted else None
                in_two_phases = self._draw_two_phases(order) and self.load.enter_prepared()
                try:
                    self._one_transaction(order, in_two_phases)
                finally:
                    if in_two_phases:
                        self.load.leave_prepared()
        except Exception as error:  # reported by Workload.stop()
            self.failure = error
        finally:
            self._disconnect()

    def _draw_two_phases(self, order):
        if not self.source.has_prepared or (order and order[0] == "ddl"):
            return False
        return (order is not None and order[0] == "prepared rows") or self.random.random() < 0.1

    def _connect(self):
        while True:
            try:
                self.connection = self.source.connect(self.number)
                return
            except self.source.ERRORS as error:
                if self.load.abandoned.is_set() or not self.source.is_lost(error):
                    raise
                time.sleep(0.1)

    def _disconnect(self):
        if self.connection is not None:
            with contextlib.suppress(*self.source.ERRORS):
                self.connection.close()
            self.connection = None

    def _one_transaction(self, order, in_two_phases):
        if self.connection is None:
            self._connect()
        work = self.steps.transaction()
        if in_two_phases:
            self.attempts += 1
            work.prepared_id = f"{work.txn}-{self.attempts}"
        try:
            with self.connection.cursor() as cursor:
                self.steps.shape(cursor, work, order)
                self.source.begin(cursor, work)
                work.is_kept = self.steps.write(cursor, work, order)
                self.source.end(self.connection, work, self._pause_s(work))
                if work.is_kept:
                    self._committed(cursor, work)
        except self.source.ERRORS as error:
            if self.source.is_busy(error):
                self._give_up(work)
                self._again(order)
            elif not self.source.is_lost(error):
                raise
            elif not self._resolve(work):
                self._again(order)

    def _pause_s(self, work):
        """How long a prepared transaction waits for its end."""
        return self.random.choice((0, 0, 0.02, 0.2)) if work.prepared_id else 0

    def _give_up(self, work):
        if work.prepared_id is None:
            self.connection.rollback()
        else:
            self._disconnect()

    def _resolve(self, work):
        """After a lost connection the commit may have happened or not; the manifest says which."""
        while True:
            try:
                self._disconnect()
                self._connect()
                with self.connection.cursor() as cursor:
                    self.source.end_what_is_prepared(cursor, work)
                    cursor.execute("SELECT 1 FROM manifest WHERE txn = %s", (work.txn,))
                    happened = cursor.fetchone() is not None
                    if happened:
                        self._committed(cursor, work)
                self.connection.rollback()
                return happened
            except self.source.ERRORS as error:
                if self.load.abandoned.is_set() or not self.source.is_lost(error):
                    raise

    def _again(self, order):
        if order is not None:
            self.wanted.insert(0, order)

    def _committed(self, cursor, work):
        if not work.is_adopted:  # the connection may break here, too, and this be done again
            work.is_adopted = True
            self.steps.adopt(work)
            self.two_phases += work.prepared_id is not None
        position = self.source.position_seen_by(cursor)
        self.connection.rollback()
        self.load.record(work.txn, position)
