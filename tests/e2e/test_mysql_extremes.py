"""MySQL and MariaDB at their limits: events of 1 GiB, 4,096 columns, documents of 1 GiB.

A value is held whole, and more than once: in its event; in the text that is put together of a
document; in its batch; in the line that is made of it; and in that line's former place while it
grows. Every case says how many copies there may be, and prints what there was. All of them meet
from 64 MiB on: a pipeline's batches take no more, so the event waits while its row is written.

ROWTIDE_EXTREMES=1 adds the full sizes. They take half an hour, 14 GB of memory and 10 GB of disk.
ROWTIDE_EXTREMES=beyond adds what is larger than anything can take.
"""

import glob
import json
import os
import unittest

from tests.e2e.harness import Duck, sink, wait_until
from tests.e2e.mysql_extremes import MB, ROOM, SOON, Extreme, WideTable, md5_in_lines
from tests.servers.mysql import on_each_server

# What memory_limit is by default: no row of short values comes near it.
LIMIT = 256 << 20
FULL_SIZE = os.environ.get("ROWTIDE_EXTREMES") in ("1", "beyond")
BEYOND = os.environ.get("ROWTIDE_EXTREMES") == "beyond"


class Extremes(Extreme):
    """Values and events as large as a program may well write them, and the widest tables."""

    def test_a_blob_to_lines(self):
        self.to_lines("blob", 100 * MB, 5)

    def test_a_document_of_one_text_to_lines(self):
        self.to_lines("document", 70 * MB, 4 if self.mariadb else 5)

    def test_a_document_of_a_million_numbers_to_duckdb(self):
        self.to_duckdb("numbers", 7 * MB)
        self.check_duckdb("numbers")

    def test_a_blob_to_duckdb_waits_for_more_memory(self):
        self.waits_for_memory("blob", 100 * MB, "64MiB", "95.3 MiB", "512MiB")

    def test_both_images_of_an_update_to_lines(self):
        self.make_big("blob")
        self.insert("blob", 40 * MB)
        before = self.stored()
        self.watch(self.lines())
        self.sql("UPDATE big SET v = CONCAT(v, 'end')")
        self.delivered(1)
        self.check_update_in_lines("blob", before, 3.5)

    def test_an_event_of_a_hundred_thousand_rows_to_lines(self):
        self.many_rows(5, 90 * MB)

    def test_the_columns_of_a_table_with_transactions(self):
        self.columns("InnoDB", 1_017, mirror=self.mariadb)

    def test_the_columns_of_a_table_without_transactions(self):
        # DuckDB allocates a vector for each in every step, which takes it ten times as long as us.
        self.columns("MyISAM", self.most_columns(), mirror=FULL_SIZE)

    def most_columns(self):
        # MariaDB describes a table in 64 KiB, which has room for so many with such short names.
        return 2_900 if self.mariadb else 4_096

    def columns(self, engine, columns, mirror):
        """Rows that are copied first, then changed in every way; all of it is in the sinks."""
        table = WideTable(columns)
        self.sql(table.create(engine))
        self.sql(table.insert(*(table.new_row(key, key / 2) for key in range(3))))
        expected = [("r", None, dict(row), 0) for row in table.rows.values()]
        duck = self.scratch.join("wide.duckdb")
        pipeline = self.pipeline(
            self.lines(), *[sink("duckdb", path=duck, mode="mirror", **SOON)] * mirror)
        pipeline["snapshot"] = "initial"
        self.running = daemon = self.daemon(pipeline).start().wait_running()
        wait_until(lambda: (b := daemon.pipeline("my")["backfills"])
                   and b[0]["state"] == "finished", 60, daemon.describe)

        connection = self.server.connect(self.database)
        self.addCleanup(connection.close)

        def run(statement):
            with connection.cursor() as cursor:
                cursor.execute(statement)

        run(table.insert(*(table.new_row(key, share) for key, share in ((3, 0.5), (4, 1), (5, 0)))))
        expected += [("c", None, dict(table.rows[key]), 0) for key in (3, 4, 5)]
        some = table.names[1], table.names[-1]
        for key, changes in ((0, table.others(0)), (1, table.others(1, *some)), (5, {"id": 50})):
            before = dict(table.rows[key])
            run(table.update(key, changes))
            expected.append(("u", before, before | changes, 0))
        expected.append(("d", dict(table.rows[3]), None, 0))
        run(table.delete(3))
        # Only the key and what changes is logged: the bitmaps of both images have few bits.
        run("SET SESSION binlog_row_image = MINIMAL")
        changes = table.others(2, *some)
        run(table.update(2, changes))
        expected.append(("u", {"id": 2}, {"id": 2, **changes}, columns - 3))
        self.delivered(len(expected))
        self.check_changes(expected)
        if not mirror:
            self.assertLess(daemon.peak_rss_bytes(), LIMIT)
        else:
            wait_until(lambda: len({s["position"] for s in daemon.pipeline("my")["sinks"]}) == 1,
                       60, daemon.describe)
        self.assertEqual(daemon.terminate(), 0, daemon.log())
        if mirror:
            self.check_mirror(Duck(duck), table)

    def check_changes(self, expected):
        found = []
        for name in sorted(glob.glob(os.path.join(self.jsonl, "*.jsonl"))):
            with open(name, encoding="utf-8") as lines:
                found += [event for event in map(json.loads, lines)
                          if event["table"] == "wide" and event["op"] != "s"]
        self.assertEqual([event["op"] for event in found], [op for op, *_ in expected])
        for number, (event, (op, before, after, unchanged)) in enumerate(zip(found, expected), 1):
            with self.subTest(change=number, op=op):
                self.same_row(event["before"], before)
                self.same_row(event["after"], after)
                self.assertEqual(len(event["unchanged"]), unchanged)

    def check_mirror(self, duck, table):
        self.assertEqual(list(duck.columns(self.database, "wide")), table.names)
        rows = duck.query(f'SELECT * FROM "{self.database}".wide ORDER BY id')
        self.assertEqual([row[0] for row in rows], sorted(table.rows))
        for row in rows:
            with self.subTest(mirror=row[0]):
                self.same_row(dict(zip(table.names, row)), table.rows[row[0]])

    def same_row(self, found, wanted):
        """Tells the columns that differ and no others: nobody can read thousands of them."""
        if found is None or wanted is None:
            return self.assertEqual(found, wanted)
        self.assertEqual(list(found), list(wanted))
        self.assertEqual({k: v for k, v in found.items() if v != wanted[k]},
                         {k: v for k, v in wanted.items() if v != found[k]})

    def test_a_document_that_the_server_does_not_print_whole(self):
        """A query gives no more than max_allowed_packet of its text: else none, and a warning."""
        if self.mariadb:
            self.skipTest("of MySQL, whose documents are not stored as text")
        self.sql("SET GLOBAL max_allowed_packet = 16 * 1024 * 1024")
        self.addCleanup(self.sql, "SET GLOBAL max_allowed_packet = 1024 * 1024 * 1024")
        self.make_big("numbers")
        self.insert("numbers", 10 * MB)
        self.sql("UPDATE big SET v = JSON_MERGE_PRESERVE(v, v)")
        pipeline = self.pipeline(self.lines())
        pipeline["snapshot"] = "initial"
        self.running = daemon = self.daemon(pipeline).start().wait_running()

        def backfill():
            found = daemon.pipeline("my")["backfills"]
            return found[0] if found and found[0]["state"] not in ("running", "waiting") else None

        failed = wait_until(backfill, 60, daemon.describe)
        self.assertEqual(failed["state"], "failed")
        self.assertIn(f"{self.database}.big, column v", failed["last_error"]["message"])
        self.assertIn("max_allowed_packet", failed["last_error"]["remedy"])
        self.sql("SET GLOBAL max_allowed_packet = 1024 * 1024 * 1024")
        self.assertEqual(daemon.tool("backfill", "resume", failed["id"]).returncode, 0)
        wait_until(lambda: (b := backfill()) and b["state"] == "finished", 60, daemon.describe)
        self.delivered(1)
        self.assertEqual(md5_in_lines(self.jsonl, "numbers", "r"), self.stored()[0])


@unittest.skipUnless(FULL_SIZE, "ROWTIDE_EXTREMES=1")
class FullSize(Extreme):
    """What the servers end at, as long as they send it: nearly 1 GiB in one event."""

    def test_a_blob_to_lines(self):
        self.to_lines("blob", 1000 * MB, 5)

    def test_a_text_to_lines(self):
        self.to_lines("text", 1000 * MB, 3)

    def test_a_document_of_one_text_to_lines(self):
        self.to_lines("document", 1000 * MB, 4 if self.mariadb else 5)

    def test_a_document_of_thirty_million_numbers_to_lines(self):
        # More of them, and the server takes ten times their text to make a document of it.
        self.to_lines("numbers", 210 * MB, 5)

    def test_a_part_of_a_document_of_ten_million_numbers_to_lines(self):
        if self.mariadb:
            self.skipTest("of MySQL, which can log what changed in a document alone")
        self.make_big("numbers", "InnoDB")  # others log all of it
        self.insert("numbers", 70 * MB)
        before = self.stored()
        self.watch(self.lines())
        connection = self.server.connect(self.database)
        self.addCleanup(connection.close)
        with connection.cursor() as cursor:
            cursor.execute("SET binlog_row_value_options = PARTIAL_JSON")
            since = self.server.binlog_position()
            cursor.execute("UPDATE big SET v = JSON_SET(v, '$[5]', 54321)")
        self.assertLess(sum(self.large_events(since)), before[1])
        self.delivered(1)
        self.check_update_in_lines("numbers", before, 5)

    def test_a_blob_to_a_sink_that_only_counts(self):
        self.make_big("blob")
        self.watch(sink("blackhole", format="flat-json"))
        self.insert("blob", 1000 * MB)
        self.delivered(1)
        _, stored_bytes = self.stored()
        self.check_peak("blob to blackhole", stored_bytes, 5 * stored_bytes + ROOM)

    def test_a_blob_to_duckdb_waits_for_more_memory(self):
        self.waits_for_memory("blob", 1000 * MB, "512MiB", "953.6 MiB", "4GiB")

    def test_an_event_of_a_million_rows_to_lines(self):
        self.many_rows(6, 900 * MB)


@unittest.skipUnless(BEYOND, "ROWTIDE_EXTREMES=beyond")
class Beyond(Extreme):
    """What is too large: it stops with a remedy, and nothing is lost where that is taken."""

    settings = {"max_allowed_packet": "1G"}
    # With its default no server sends an event of more than 1 GiB.
    SENDS_ALL = {"binlog_row_event_max_size": str(2 << 30)}

    def send_all(self, wanted):
        for key in self.SENDS_ALL:
            self.server.settings.pop(key, None)
        if wanted:
            self.server.settings |= self.SENDS_ALL
        self.server.restart()

    def update_in_half(self, size_bytes):
        """An event of twice `size_bytes`, of which half was there before; the value before."""
        self.make_big("blob")
        self.insert("blob", size_bytes)
        before = self.stored()
        self.watch(self.lines())
        self.sql("UPDATE big SET v = CONCAT(v, 'end')")
        return before

    def test_an_event_that_the_server_does_not_send(self):
        self.send_all(False)
        before = self.update_in_half(540 * MB)
        self.wait_error(self.running, "max_allowed_packet", f"{self.database}.big",
                        remedy=("binlog_row_event_max_size",), timeout_s=120)
        self.send_all(True)
        self.assertEqual(self.running.tool("restart", "my").returncode, 0)
        self.delivered(1)
        self.check_update_in_lines("blob", before, 3.5)

    def test_an_event_that_is_too_large_for_us(self):
        self.send_all(True)
        self.update_in_half(600 * MB)
        self.skip_what_is_too_large()

    def test_a_compressed_event_that_is_too_large_for_us(self):
        if not self.mariadb:
            self.skipTest("of MariaDB; this MySQL compresses nothing")
        self.send_all(False)
        self.sql("SET GLOBAL log_bin_compress = ON")
        self.addCleanup(self.sql, "SET GLOBAL log_bin_compress = OFF")
        self.update_in_half(600 * MB)
        self.skip_what_is_too_large()

    def skip_what_is_too_large(self):
        """What the remedy says: a position behind the event, the last in the log; a backfill."""
        self.wait_error(self.running, f"{self.database}.big", "bytes",
                        remedy=("offsets set", "backfill"), timeout_s=120)
        shown = json.loads(self.running.tool("offsets", "show", "my", "--json").stdout)
        commit = int(shown["offsets"][0]["position"].split("-")[1], 16) + 2
        kind = "mariadb" if self.mariadb else "gtid"
        done = self.running.tool("offsets", "set", "my", f"00000000-{commit:016X}-FFFFFFFFFF",
                                 "--token", f"{kind}:{self.server.gtid_position()}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.running.wait_running()
        done = self.running.tool("backfill", "start", "my", "--table", f"{self.database}.big",
                                 "--wait", timeout_s=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.delivered(1)
        self.assertEqual(md5_in_lines(self.jsonl, "blob", "r"), self.stored()[0])

    def test_a_document_whose_text_has_more_than_4_gib(self):
        if self.mariadb:
            self.skipTest("of MySQL, whose documents are not stored as text")
        self.make_big("controls")
        daemon = self.watch(self.lines())
        self.insert("controls", 4_300 * MB)
        self.wait_error(daemon, f"{self.database}.big", "column v", timeout_s=240,
                        remedy=("leave the table out",))
        self.assertEqual(daemon.terminate(), 0, daemon.log())
        daemon.config["pipelines"][0]["source"]["tables"].append(f"!{self.database}.big")
        daemon.write_config()
        self.drain(daemon.start())


on_each_server(globals(), Extremes, FullSize, Beyond)
del Extremes, FullSize, Beyond, Extreme

if __name__ == "__main__":
    unittest.main()
