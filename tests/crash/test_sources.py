"""What sources say of positions, without any server."""

import unittest

from tests.crash.mysql_source import covered_by, transactions_in

UUID = "3ada4a36-0000-11e1-9e33-c80aa9429562"


class Positions(unittest.TestCase):
    def test_transactions_of_a_mysql_set_are_counted_by_interval(self):
        self.assertEqual(transactions_in(""), 0)
        self.assertEqual(transactions_in(f"{UUID}:1-14"), 14)
        self.assertEqual(transactions_in(f"{UUID}:1-5:7:9-10,\n{UUID[::-1]}:3"), 9)

    def test_transactions_of_a_mariadb_position_are_summed_over_its_domains(self):
        self.assertEqual(transactions_in("0-1-678"), 678)
        self.assertEqual(transactions_in("0-1-10,5-77-3"), 13)

    def test_a_position_inside_a_transaction_does_not_cover_it(self):
        self.assertEqual(covered_by("00000000-0000000000000240-FFFFFFFFFF"), 0x240)
        self.assertEqual(covered_by("00000000-0000000000000240-000000000B"), 0x23f)
        # Rows of a backfill come behind the transaction.
        self.assertEqual(covered_by("00000000-0000000000000241-8000000001"), 0x241)


if __name__ == "__main__":
    unittest.main()
