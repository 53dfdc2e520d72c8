"""Tables that a MySQL or MariaDB pipeline gets by a reload: which are new, and what comes of them."""

import json
import unittest

from tests.e2e.harness import Jsonl, wait_until
from tests.e2e.test_mysql import Case
from tests.servers.mysql import MariaDb, MySql

ROWS = 50


class Reload(Case):
    def setUp(self):
        super().setUp()
        self.sql("CREATE TABLE `odd.näme` (id int PRIMARY KEY, v varchar(20))")
        for table in ("t", "other", "`odd.näme`"):
            self.sql(f"INSERT INTO {table} VALUES "
                     + ", ".join(f"({i}, 'old')" for i in range(1, ROWS + 1)))
        pipeline = self.pipeline()
        pipeline["snapshot"] = "initial"
        self.source = pipeline["source"]
        self.source["tables"] = [f"{self.database}.t", f"{self.database}.fence"]
        self.shop = self.daemon(pipeline)
        self.shop.start().wait_running()
        self.settle()

    def settle(self):
        """Every backfill has ended, and all that is committed has arrived."""
        wait_until(lambda: all(b["state"] == "finished"
                               for b in self.shop.pipeline("my")["backfills"]), 30,
                   lambda: f"backfills have ended\n{self.shop.describe()}")
        self.drain(self.shop)

    def reload(self, *tables):
        """What the tool says of a reload with these tables of the database and the fence."""
        self.source["tables"] = [f"{self.database}.{t}" for t in (*tables, "fence")]
        self.shop.write_config()
        done = self.shop.tool("reload", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.shop.log())
        answer = json.loads(done.stdout)["pipelines"][0]
        return answer["action"], answer["backfilled_tables"]

    def rows(self, table, *ops):
        return [int(e["key"]["id"]) for e in Jsonl(self.jsonl).events(table, ops)]

    def test_new_tables_are_told_and_read_once(self):
        self.sql("UPDATE other SET v = 'unseen'")
        self.assertEqual(self.reload("t", "other"), ("restarted", [f"{self.database}.other"]))
        self.sql("INSERT INTO other VALUES (1000, 'new')")
        self.sql("UPDATE t SET v = 'new' WHERE id = 1")
        self.settle()
        # The new row may have been there when the table was read.
        self.assertEqual(sorted(set(self.rows("other", "r", "c"))), [*range(1, ROWS + 1), 1000])
        self.assertEqual(len(self.rows("other", "r")), len(set(self.rows("other", "r"))))
        self.assertEqual(self.rows("other", "u"), [])
        self.assertEqual(self.rows("t", "r"), list(range(1, ROWS + 1)))
        self.assertEqual(self.rows("t", "u"), [1])


class MariaDbReload(Reload):
    make_server = MariaDb

    def test_a_pattern_brings_all_that_it_matches_and_nothing_known(self):
        self.assertEqual(self.reload("*"),
                         ("restarted", [f"{self.database}.odd.näme", f"{self.database}.other"]))
        self.settle()
        for table in ("t", "other", "odd.näme"):
            self.assertEqual(self.rows(table, "r"), list(range(1, ROWS + 1)), table)

    def test_a_reload_that_brings_no_table_reads_none(self):
        self.assertEqual(self.reload("t"), ("unchanged", []))
        self.assertEqual(self.reload(), ("restarted", []))
        self.settle()
        self.assertEqual(self.rows("t", "r"), list(range(1, ROWS + 1)))
        self.assertEqual(len(self.shop.pipeline("my")["backfills"]), 1)


class MySqlReload(Reload):
    make_server = MySql


del Case, Reload

if __name__ == "__main__":
    unittest.main()
