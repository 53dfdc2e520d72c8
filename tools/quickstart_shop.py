"""The shop whose database tools/quickstart replicates: what it does all day."""

import json
import random
import threading

TRANSACTIONS = 4000
# Put in behind all else, so that everything has arrived once this has.
LAST_CUSTOMER = 9_999_999


class Shop(threading.Thread):
    """Customers at work: every transaction inserts, updates, deletes or changes keys."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.database = database
        self.connection = database.connect(autocommit=False)
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
                cursor.execute("INSERT INTO customers (id, name) VALUES (%s, 'the night watch')",
                               (LAST_CUSTOMER,))
                self.connection.commit()
            self.connection.close()
        except self.database.error as error:
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
            "INSERT INTO customers (id, name, email) VALUES (%s, %s, %s)",
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
