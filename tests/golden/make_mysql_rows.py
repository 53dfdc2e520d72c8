#!/usr/bin/env python3
"""Records rows events of a real server beside the server's own text of the same rows.

usage: build/deps/venv/bin/python tests/golden/make_mysql_rows.py mariadb[-VERSION]|mysql-VERSION [ROWS] > FILE

Every table is filled, updated and emptied, so that each row is seen as an insert, as both images of
an update and as a delete. Events are read from the binary log's file; the text comes from SELECT,
through functions that show values as they are (HEX of text in UTF-8, BIN of bits). ROWS adds so many
random rows to each table of numbers and times.
"""
import itertools
import os
import random
import re
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from tests.servers.mysql import MariaDb, MySql  # noqa: E402

TABLE_MAP = 19
ROWS_EVENTS = (23, 24, 25, 30, 31, 32, 39)
HEADER_BYTES = 19

# How a column of a kind is asked for, so that the answer is exact.
PLAIN = "{}"
REAL = "{} + 0e0"
HEX = "HEX({})"
TEXT = "HEX(CONVERT({} USING utf8mb4))"
DOCUMENT = "HEX(CAST({} AS CHAR CHARACTER SET utf8mb4))"
BITS = "LPAD(BIN({} + 0), {width}, '0')"

random.seed(20260101)


def numbers(values):
    return [str(value) for value in values]


def quoted(values):
    return ["'" + str(value) + "'" for value in values]


def integer_edges(bits, unsigned):
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return numbers([low, high, 0, 1, high - 1, low + 1, 127, high // 2, 100] + ([] if unsigned else [-1]))


def decimal_edges(precision, scale):
    whole = precision - scale
    nines = ("9" * whole or "0") + ("." + "9" * scale if scale else "")
    out = [nines, "-" + nines, "0", "-0"]
    if scale:
        out += ["0." + "0" * (scale - 1) + "1", "-0." + "0" * (scale - 1) + "1"]
    if whole:
        out += ["1", "-1", "1" + "0" * (whole - 1)]
    for _ in range(4):
        digits = "".join(random.choice("0123456789") for _ in range(random.randint(1, whole or 1)))
        fraction = "".join(random.choice("0123456789") for _ in range(scale))
        out.append(random.choice(["", "-"]) + (digits if whole else "0") + ("." + fraction if scale else ""))
    return quoted(out)


def time_edges(digits):
    fraction = "." + "123456"[:digits] if digits else ""
    last = "." + "9" * digits if digits else ""
    out = ["-838:59:59", "838:59:59", "00:00:00", "-00:00:01" + fraction, "-00:00:00" + last,
           "23:59:59" + last, "24:00:00", "100:00:00" + fraction, "-12:34:56" + fraction,
           "00:00:00" + (("." + "0" * (digits - 1) + "1") if digits else ""),
           "-00:00:00" + (("." + "0" * (digits - 1) + "1") if digits else "")]
    return quoted(out)


def datetime_edges(digits):
    last = "." + "9" * digits if digits else ""
    fraction = "." + "123456"[:digits] if digits else ""
    return quoted(["1000-01-01 00:00:00", "9999-12-31 23:59:59" + last, "0000-00-00 00:00:00",
                   "2024-00-00 00:00:00", "2024-02-00 10:11:12" + fraction, "0001-01-01 00:00:01",
                   "0000-01-01 00:00:00", "1582-10-10 01:02:03" + fraction, "1969-12-31 23:59:59" + last,
                   "2024-02-29 12:34:56" + fraction, "2024-02-31 00:00:00", "0099-07-08 09:10:11"])


def timestamp_edges(digits):
    last = "." + "9" * digits if digits else ""
    fraction = "." + "004500"[:digits] if digits else ""
    return quoted(["1970-01-01 00:00:01", "2038-01-19 03:14:07" + last, "0000-00-00 00:00:00",
                   "2026-11-20 12:48:43" + fraction])


class Table:
    """Columns as (name, type, how to ask, values); values are SQL, used in turn."""

    def __init__(self, name, columns, options="", key="id", before="", insert_only=False,
                 updates=()):
        self.name, self.columns, self.options, self.key, self.before = name, columns, options, key, before
        self.insert_only, self.updates = insert_only, updates

    def create(self):
        parts = ["id int not null"] if self.key == "id" else []
        parts += [f"`{name}` {type}" for name, type, _, _ in self.columns]
        if self.key:
            parts.append(f"primary key ({self.key})")
        return f"create table {self.name} ({', '.join(parts)}) {self.options}"

    def rows(self):
        count = max(len(values) for _, _, _, values in self.columns)
        for i in range(count):
            yield [values[i] if i < len(values) else "NULL" if "not null" not in type else values[0]
                   for _, type, _, values in self.columns]


def number_tables():
    columns = []
    for word, bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)):
        columns.append((word[0] + str(bits), word, PLAIN, integer_edges(bits, False)))
        columns.append(("u" + str(bits), word + " unsigned", PLAIN, integer_edges(bits, True)))
    columns += [
        ("boolish", "tinyint(1)", PLAIN, numbers([0, 1, -5, 127])),
        ("filled", "int(6) unsigned zerofill", "{} + 0", numbers([0, 42, 4294967295])),
        ("y", "year", PLAIN, numbers([0, 1901, 2155, 2000, 1970])),
        ("f", "float", REAL, numbers([0, 0.1, -1.5, 3.4028234e38, 1.17549435e-38, 16777216, 1e-45, 8388609.5])),
        ("d", "double", REAL, numbers([0, 0.1, -1e-300, 1.7976931348623157e308, 5e-324, 9007199254740993, 1e22])),
        ("fm", "float(7,3)", REAL, numbers([1.5, -9999.999])),
        ("du", "double unsigned", REAL, numbers([1.5])),
    ]
    yield Table("numbers", columns)
    decimals = [(65, 30), (10, 0), (7, 7), (18, 9), (1, 0), (65, 0), (30, 30), (12, 2), (9, 0), (19, 10), (38, 1), (4, 4)]
    yield Table("decimals", [(f"d{p}_{s}", f"decimal({p},{s})", PLAIN, decimal_edges(p, s)) for p, s in decimals]
                + [("du", "decimal(10,2) unsigned", PLAIN, quoted(["0", "99999999.99"]))])


def time_tables():
    for word, edges in (("time", time_edges), ("datetime", datetime_edges), ("timestamp", timestamp_edges)):
        yield Table(word + "s", [(f"f{digits}", f"{word}({digits}) null" if digits else word + " null", PLAIN, edges(digits))
                                 for digits in range(7)]
                    + ([("d", "date", PLAIN, quoted(["0000-00-00", "2024-00-00", "2024-02-31", "0001-01-01", "1000-01-01",
                                                     "9999-12-31", "0000-05-06", "1970-01-01", "2024-02-29", "1582-10-10"]))]
                       if word == "datetime" else []))


def bit_and_label_tables():
    columns = []
    for width in (1, 7, 8, 9, 15, 16, 33, 63, 64):
        top = 2**width - 1
        columns.append((f"b{width}", f"bit({width})", BITS.replace("{width}", str(width)),
                        numbers([0, top, 1, 1 << (width - 1), 0x5555555555555555 & top])))
    yield Table("bits", columns)
    many = ",".join(f"'m{i}'" for i in range(64))
    large = ",".join(f"'e{i}'" for i in range(300))
    yield Table("labels", [
        ("e", "enum('a','b','with,comma','it''s','ö','')", TEXT, ["'a'", "'ö'", "'it''s'", "'with,comma'", "0", "''"]),
        ("e300", f"enum({large})", TEXT, ["'e0'", "'e299'", "'e255'", "'e256'"]),
        ("s", "set('x','y','z')", TEXT, ["''", "'x'", "'x,z'", "7"]),
        ("s9", "set('1','2','3','4','5','6','7','8','9')", TEXT, ["'9'", "511", "'1,9'"]),
        ("s64", f"set({many})", TEXT, ["'m0'", "'m63'", "18446744073709551615", "'m0,m31,m32,m63'"]),
        ("el", "enum('é','ü') character set latin1", TEXT, ["'é'", "'ü'"]),
        ("eg", "enum('中','文') character set gbk", TEXT, ["'中'", "'文'"]),
        ("su", "set('é','中') character set utf16", TEXT, ["'é,中'", "'中'"]),
    ])


def text_tables():
    yield Table("texts", [
        ("c", "char(10)", TEXT, ["'abc'", "''", "'  x'", "'äöü€😀'", "'0123456789'", "'trail   '"]),
        ("c255", "char(255)", TEXT, ["repeat('ä',255)", "''", "repeat('😀',200)"]),
        ("v", "varchar(20)", TEXT, ["'a'", "'tail  '", "''", "'NULL'", "'tab\\tnew\\nline'", "'\\0nul'"]),
        ("v300", "varchar(300)", TEXT, ["repeat('x',300)", "'é'"]),
        ("vb", "varchar(255) character set latin1", TEXT, ["repeat('ÿ',255)", "'€'", "'plain'"]),
        ("va", "varchar(300) character set ascii", TEXT, ["'ascii'"]),
        ("tt", "tinytext", TEXT, ["'tiny'", "''"]),
        ("t", "text", TEXT, ["repeat('text ', 200)", "''"]),
        ("mt", "mediumtext", TEXT, ["repeat('m', 300)", "'m'"]),
        ("lt", "longtext character set utf8mb4", TEXT, ["'long'", "'語'"]),
        ("b3", "binary(3)", HEX, ["x'000000'", "x'0100'", "x'ffffff'", "''", "x'20'"]),
        ("b300", "binary(255)", HEX, ["x'01'", "repeat(x'ff', 255)"]),
        ("vbin", "varbinary(300)", HEX, ["x'00ff'", "''", "repeat(x'00',300)"]),
        ("bl", "blob", HEX, ["x'00010203fffe'", "''"]),
        ("tb", "tinyblob", HEX, ["x'00'"]),
        ("mb", "mediumblob", HEX, ["repeat(x'ab', 300)"]),
        ("lb", "longblob", HEX, ["x'ff00'"]),
    ], options="character set utf8mb4")


def charset_tables(server):
    names = [row[0] for row in server.sql("select character_set_name from information_schema.character_sets"
                                          " where character_set_name <> 'binary' order by 1")]
    columns = []
    for name in names:
        values = [charset_sample(server, name)]
        columns.append((f"v_{name}", f"varchar(400) character set {name}", TEXT, ["''", "'abc'"] + values))
        columns.append((f"c_{name}", f"char(20) character set {name}", TEXT, ["''", "'abc  '", "'x'"]))
    half = len(columns) // 2
    for part, chosen in enumerate((columns[:half], columns[half:])):
        chosen = [(n, t.replace("varchar(400)", "text"), a, v) for n, t, a, v in chosen]
        yield Table(f"charsets{part}", chosen, insert_only=True)


def charset_sample(server, name):
    """Characters from all over the set, as an expression."""
    connection = server.connect()
    with connection.cursor() as cursor:
        points = list(range(0x80, 0x600)) + list(range(0x600, 0xd800, 97)) + list(range(0xff01, 0xffe7, 5))
        if name in ("utf8mb4", "utf16", "utf16le", "utf32", "gb18030"):
            points += [0x10000, 0x1f600, 0x10ffff]
        found = []
        for start in range(0, len(points), 200):
            part = points[start:start + 200]
            cursor.execute("select " + ",".join(
                f"convert(convert(_utf32 x'{point:08x}' using {name}) using utf32) = _utf32 x'{point:08x}'"
                for point in part))
            found += [point for point, same in zip(part, cursor.fetchone()) if same]
    connection.close()
    step = max(1, len(found) // 60)
    text = "".join(f"{point:08x}" for point in found[::step] + [0x41])
    return f"convert(_utf32 x'{text}' using {name})"


def document_tables(server):
    if server.flavour == "MariaDB":
        return
    values = [
        """'{}'""", """'[]'""", """'null'""", """'true'""", """'"text"'""", """'1'""", """'-1'""",
        """'{"a": 1, "b": [true, false, null], "longer key": {"x": "y"}, "ä": "ö\\\\n\\\\t\\\\"q\\\\\\\\"}'""",
        """'[0, -1, 127, -128, 32767, -32768, 32768, 65535, 65536, -32769, 2147483647, -2147483648, 2147483648, 4294967295, 4294967296, 9223372036854775807, -9223372036854775808, 18446744073709551615]'""",
        """'[1.5, 0.1, 1e20, 1e15, 1e14, 1e-7, -0.0, 123456789012345678, 1.7976931348623157e308, 5e-324, 100.0, 1e16, 0.00001, 123456.789, 1e5, 12345678901234567890123]'""",
        """json_array(cast(1.50 as decimal(10,2)), cast(-0.05 as decimal(65,30)), date'2024-02-29', time'-12:34:56.789', timestamp'2024-02-29 12:34:56.789', cast('2024-01-01' as datetime(6)))""",
        """json_array(x'000102ff', repeat(x'ab', 100), b'101', cast('a' as char), year(now()) > 2000)""",
        """json_object('k', repeat('v', 70000), 'l', json_array(1, 2, 3), 'n', 70000, 'm', -70000, 'u', 3000000000, 's', 7)""",
        """json_array(repeat('ä', 127), repeat('b', 128), repeat('c', 16383), repeat('d', 16384))""",
        """'"\\\\u0000\\\\u0001\\\\u001f\\\\u007f\\\\u2028😀"'""",
        """concat('[', repeat('[', 98), repeat(']', 98), ']')""",
        """cast(unix_timestamp() > 0 as json)""",
        """json_object('geo', st_geomfromtext('POINT(1 2)'))""",
        """concat('[', repeat('{"a": 1, "b": "text"}, ', 300), '1]')""",
    ]
    yield Table("documents", [("j", "json", DOCUMENT, values)],
                insert_only=True)


def geometry_tables():
    yield Table("shapes", [
        ("g", "geometry", HEX, ["st_geomfromtext('POINT(1 2)')", "st_geomfromtext('POINT(1 2)', 4326)",
                                "st_geomfromtext('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')"]),
        ("p", "point", HEX, ["st_geomfromtext('POINT(-1.5 2)')"]),
        ("l", "linestring", HEX, ["st_geomfromtext('LINESTRING(0 0,1 1,2 0)')"]),
        ("po", "polygon", HEX, ["st_geomfromtext('POLYGON((0 0,0 1,1 1,0 0))')"]),
        ("mp", "multipoint", HEX, ["st_geomfromtext('MULTIPOINT(0 0,1 1)')"]),
        ("ml", "multilinestring", HEX, ["st_geomfromtext('MULTILINESTRING((0 0,1 1),(2 2,3 3))')"]),
        ("mo", "multipolygon", HEX, ["st_geomfromtext('MULTIPOLYGON(((0 0,0 1,1 1,0 0)))')"]),
        ("gc", "geometrycollection", HEX, ["st_geomfromtext('GEOMETRYCOLLECTION(POINT(1 1))')"]),
        ("t1", "varchar(10) character set latin1", TEXT, ["'é'"]),
        ("t2", "varchar(10) character set utf16", TEXT, ["'é'"]),
        ("t3", "varchar(10) character set utf8mb4", TEXT, ["'é'"]),
    ])


def mariadb_tables():
    yield Table("mariadb_types", [
        ("u", "uuid", PLAIN, quoted(["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a00", "00112233-4455-1677-8899-aabbccddeeff",
                                     "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                                     "00112233-4455-7677-8899-aabbcc000000", "00112233-4455-6677-0899-aabbccddee00",
                                     "12345678-9abc-0def-0000-000000000000"])),
        ("i6", "inet6", PLAIN, quoted(["::", "::1", "fe80::1:2", "::ffff:1.2.3.4", "1::", "2001:db8::1:0:0:1",
                                       "1:2:3:4:5:6:7:0", "::1.2.3.4", "1:0:3:4:5:6:7:8", "0:1:2:3:4:5:6:7",
                                       "64:ff9b::1.2.3.4", "1:2:0:0:0:6:0:0"])),
        ("i4", "inet4", PLAIN, quoted(["0.0.0.0", "1.2.3.0", "255.255.255.255", "10.0.0.1"])),
        ("j", "json", TEXT, ["'{\"a\":1, \"b\":[]}'", "'null'"]),
        ("vc", "varchar(100) compressed", TEXT, ["''", "'short'", "repeat('ä', 100)"]),
        ("vb", "varbinary(500) compressed", HEX, ["''", "x'00'", "repeat(x'01',500)"]),
        ("bc", "blob compressed", HEX, ["x'00'", "repeat(x'ab',1000)"]),
        ("tc", "mediumtext compressed character set latin1", TEXT, ["repeat('é', 300)", "'s'"]),
        ("tu", "text compressed character set utf16", TEXT, ["repeat('語', 300)"]),
        ("hidden", "int invisible default 5", PLAIN, ["7"]),
        ("gv", "int as (id + 1) virtual", PLAIN, ["default"]),
        ("gs", "int as (id + 2) stored", PLAIN, ["default"]),
    ])


def shape_tables(server):
    yield Table("no_key", [("a", "int", PLAIN, ["1", "2"]), ("b", "varchar(5)", TEXT, ["'x'", "'y'"])], key="")
    yield Table("two_keys", [("b", "varchar(5) not null", TEXT, ["'x'", "'y'"]), ("a", "int not null", PLAIN, ["1", "2"]),
                             ("v", "int", PLAIN, ["3"])], key="a, b")
    yield Table("prefix_key", [("t", "text not null", TEXT, ["'other'", "'prefix and more'"]), ("v", "int", PLAIN, ["3"])],
                key="t(10)")
    yield Table("wide", [(f"c{i}", "int", PLAIN, [str(i)]) for i in range(1015)], insert_only=True)
    yield Table("`Odd Näme`", [("a b", "int", PLAIN, ["1"])])
    if server.flavour == "MySQL":
        yield Table("generated_columns", [("v", "int as (id + 1) virtual", PLAIN, ["default"]),
                                  ("s", "int as (id + 2) stored", PLAIN, ["default"])])


def image_tables():
    columns = [("k2", "int not null", PLAIN, ["1", "2", "3"]), ("v", "varchar(10)", TEXT, ["'a'", "'b'"]),
               ("t", "text", TEXT, ["'text'"])]
    for image in ("minimal", "noblob"):
        yield Table(image, columns, before=f"set session binlog_row_image = '{image}'")


def partial_tables(server):
    if server.flavour == "MariaDB":
        return
    pad = "repeat('p', 300)"
    document = (f"json_object('k', 1, 's', 'x', 'z', null, 'o', json_object('p', 1, 'q', {pad}), 'arr', json_array(1, 2, 3),"
                r""" 'list', json_array(json_object('x', 1), json_object('x', 2), json_object('x', 3)), 'a "q"', 1, 'ö', 2)""")
    yield Table("partial", [
        ("j", "json", DOCUMENT, [document, document, "NULL"]),
        ("v", "int", PLAIN, ["1", "2", "3"]),
        ("j2", "json", DOCUMENT, [document, "'[1]'", document]),
    ], before="set session binlog_row_value_options = 'PARTIAL_JSON'", updates=[
        "j = json_set(j, '$.k', 3, '$.s', 'yy', '$.o.p', 5, '$.newkey', 1.5)",
        "j = json_remove(j, '$.z'), j2 = json_set(j2, '$.k', 'much longer than before')",
        "v = v + 1",
        "j = json_replace(j, '$.arr[1]', json_object('deep', json_array(1, 2)))",
        "j = json_remove(j, '$.arr[0]')",
        "j = json_set(j, '$.arr[10]', 'appended'), v = v + 1",
        "j = json_set(j, '$.list[1].x', 9.25, '$.list[2].y', true)",
        r"""j = json_set(j, '$."a \\"q\\""', 7, '$."ö"', date'2024-01-01', '$."new key"', '\n')""",
        "j = json_array_insert(j, '$.arr[0]', 'first')",
        "j = json_set(j, '$.o', 1), j2 = json_set(j2, '$.o.p', cast(1.50 as decimal(10,2)))",
        "j2 = json_remove(j2, '$.list[0]', '$.list[0]'), v = v - 1",
        "j = null",
    ])


class Recorder:
    def __init__(self, server):
        self.server = server
        self.connection = server.connect()
        self.out = []
        self.maps = {}
        self.read_to = 0
        self.run("create database golden")
        self.run("use golden")
        self.run("set sql_mode = 'ALLOW_INVALID_DATES'")
        self.run("set time_zone = '+00:00'")

    def run(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def new_events(self):
        """(type, body) of what was logged since the last call."""
        name, end = self.server.binlog_position()
        with open(os.path.join(self.server.data, name), "rb") as file:
            file.seek(max(self.read_to, 4))
            data = file.read(end - max(self.read_to, 4))
        self.read_to = end
        at = 0
        while at < len(data):
            _, event_type, _, size, _, _ = struct.unpack_from("<IBIIIH", data, at)
            yield event_type, data[at + HEADER_BYTES:at + size - 4]
            at += size

    def emit_events(self, table, seen):
        for event_type, body in self.new_events():
            if event_type == TABLE_MAP and body[6:] not in seen:
                seen.add(body[6:])
                self.out.append("map " + squeezed(body.hex()))
            elif event_type in ROWS_EVENTS:
                self.out.append(f"rows {event_type} {squeezed(body.hex())}")

    def select(self, table):
        columns = ([("id", "int", PLAIN, [])] if table.key == "id" else []) + table.columns
        asked = ", ".join(ask.replace("{}", f"`{name}`") for name, _, ask, _ in columns)
        order = {"": "1", "id": "1"}.get(table.key, table.key.replace("(10)", ""))
        return raw_rows(self.connection, f"select {asked} from {table.name} order by {order}")

    def record(self, table):
        print("recording", table.name, file=sys.stderr)
        self.run("set session binlog_row_image = 'full'")
        self.run(table.create())
        if table.before:
            self.run(table.before)
        list(self.new_events())
        self.out.append(f"table {table.name}")
        self.describe(table)
        seen = set()
        names = ([("id")] if table.key == "id" else []) + [name for name, _, _, _ in table.columns]
        columns = ", ".join(f"`{name}`" for name in names)
        for number, row in enumerate(table.rows(), 1):
            cells = ([str(number)] if table.key == "id" else []) + row
            self.run(f"insert into {table.name} ({columns}) values ({', '.join(cells)})")
        inserted = self.select(table)
        self.emit_events(table, seen)
        self.expect("c", [], inserted)
        if table.insert_only:
            return
        for assignments in table.updates:
            self.run(f"update {table.name} set {assignments}")
            changed = self.select(table)
            self.emit_events(table, seen)
            differ = [i for i in range(len(changed)) if changed[i] != inserted[i]]
            self.expect("u", [inserted[i] for i in differ], [changed[i] for i in differ])
            inserted = changed
        first = table.columns[0][0]
        if table.key == "id":
            self.run(f"update {table.name} set id = id + 100000 order by id")
        elif table.key:
            self.run(f"update {table.name} set v = 77")
        else:
            self.run(f"update {table.name} set {first} = {first} + 10")
        changed = self.select(table)
        self.emit_events(table, seen)
        self.expect("u", inserted, changed)
        order = "" if not table.key else " order by " + ("id" if table.key == "id" else table.key.replace("(10)", ""))
        self.run(f"delete from {table.name}{order}")
        self.emit_events(table, seen)
        self.expect("d", changed, [])

    def describe(self, table):
        bare = table.name.strip("`")
        json_check = "0"
        if self.server.flavour == "MariaDB":
            json_check = ("exists (select 1 from information_schema.check_constraints k where k.constraint_schema = 'golden'"
                          " and k.table_name = c.table_name and k.constraint_name = c.column_name"
                          " and k.check_clause like 'json_valid%')")
        for row in self.run(
                "select c.column_name, c.column_type, coalesce(c.character_set_name, ''), c.column_type like '%unsigned%', "
                f"{json_check} from information_schema.columns c where c.table_schema = 'golden' and c.table_name = "
                f"'{bare}' order by c.ordinal_position"):
            self.out.append("column " + "\t".join(str(cell) for cell in row))
        keys = self.run("select column_name from information_schema.statistics where table_schema = 'golden' and "
                        f"table_name = '{bare}' and index_name = 'PRIMARY' order by seq_in_index")
        self.out.append("key " + "\t".join(row[0] for row in keys))

    def expect(self, letter, before, after):
        for i in range(max(len(before), len(after))):
            for image, rows in (("before", before), ("after", after)):
                if rows:
                    self.out.append(f"{letter} {image} " + "\t".join("\\N" if c is None else squeezed(c) for c in rows[i]))


def squeezed(text):
    """Hex in which a byte that comes often in a row is written once: "(76x65600)"."""
    if len(text) < 64 or len(text) % 2 or re.search("[^0-9A-Fa-f]", text):
        return text
    out = []
    for byte, run in itertools.groupby(text[i:i + 2] for i in range(0, len(text), 2)):
        count = len(list(run))
        out.append(f"({byte}x{count})" if count > 8 else byte * count)
    return "".join(out)


def raw_rows(connection, statement):
    """Rows as text, by the server's hand."""
    from pymysql.cursors import Cursor
    decoders, connection.decoders = connection.decoders, {}
    try:
        with connection.cursor(Cursor) as cursor:
            cursor.execute(statement)
            return [[None if cell is None else cell if isinstance(cell, str) else cell.decode() for cell in row]
                    for row in cursor.fetchall()]
    finally:
        connection.decoders = decoders


def random_rows(table, count):
    for name, type, _, values in table.columns:
        for _ in range(count):
            if type.startswith("decimal"):
                p, s = [int(x) for x in type[8:type.index(")")].split(",")]
                values.append(random.choice(decimal_edges(p, s)) if "unsigned" not in type else "1.25")
            elif type.startswith("time") and not type.startswith("timestamp"):
                values.append(f"'{random.choice(['', '-'])}{random.randint(0, 837):02}:{random.randint(0, 59):02}:"
                              f"{random.randint(0, 59):02}.{random.randint(0, 999999):06}'")
            elif type.startswith("datetime"):
                values.append(f"'{random.randint(0, 9999):04}-{random.randint(0, 12):02}-{random.randint(0, 31):02} "
                              f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}."
                              f"{random.randint(0, 999999):06}'")
            elif type.startswith("timestamp"):
                values.append(f"from_unixtime({random.randint(1, 2**31 - 2)}.{random.randint(0, 999999):06})")
            elif type.startswith(("float", "double")):
                values.append(repr(random.uniform(0, 1000)))
            elif "int" in type and "zerofill" not in type:
                values.append(str(random.randint(0, 127)))


def main():
    flavour = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    name, _, version = flavour.partition("-")
    server = MariaDb(version or "10.11") if name == "mariadb" else MySql(version)
    with server:
        recorder = Recorder(server)
        version = server.sql("select version()")[0][0]
        tables = [*number_tables(), *time_tables()]
        for table in tables:
            random_rows(table, count)
        tables += [*bit_and_label_tables(), *text_tables(), *charset_tables(server), *document_tables(server),
                   *geometry_tables(), *shape_tables(server), *image_tables(), *partial_tables(server)]
        if server.flavour == "MariaDB":
            tables += mariadb_tables()
        for table in tables:
            recorder.record(table)
    print(f"# {server.flavour} {version}, made by make_mysql_rows.py {flavour}")
    print(f"server {server.flavour}")
    for line in recorder.out:
        print(line)


main()
