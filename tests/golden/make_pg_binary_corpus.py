#!/usr/bin/env python3
"""Writes pg_binary_corpus.txt: values in a PostgreSQL server's binary form beside its own text.

usage: make_pg_binary_corpus.py 'host=/tmp port=5432 user=postgres' > pg_binary_corpus.txt

The server needs a superuser and the citext extension; a schema named corpus is dropped and made.
Settings are those under which the decoders promise the server's text.
"""
import os
import subprocess
import sys

CONNECTION = sys.argv[1]
SETTINGS = ("-c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC "
            "-c extra_float_digits=3 -c bytea_output=hex -c client_encoding=UTF8 "
            "-c client_min_messages=error")

SETUP = r"""
drop schema if exists corpus cascade;
drop extension if exists citext;
create schema corpus;
create extension citext schema corpus;
create type corpus.mood as enum ('sad', 'ok', 'a,b', 'qu"ote', '', 'NULL', 'two words');
create type corpus.pair as (x int, y text);
create type corpus."Odd Name" as (p corpus.pair, m corpus.mood, n numeric[], r int4range);
create domain corpus.positive as int check (value > 0);
create domain corpus.price as numeric(10,2);
create domain corpus.tags as text[];
create domain corpus.positive2 as corpus.positive;
create type corpus.frange as range (subtype = float8, multirange_type_name = corpus.fmultirange);
create type corpus.trange as range (subtype = text, collation = "C");
"""

# (type, [expressions that are cast to it])
CELLS = [
    ("boolean", ["true", "false"]),
    ("smallint", ["0", "-32768", "32767"]),
    ("integer", ["0", "-1", "-2147483648", "2147483647"]),
    ("bigint", ["0", "-9223372036854775808", "9223372036854775807", "9007199254740993"]),
    ("oid", ["0", "4294967295"]),
    ("xid", ["'4294967295'"]),
    ("cid", ["'7'"]),
    ("xid8", ["'0'", "'18446744073709551615'"]),
    ("tid", ["'(0,1)'", "'(4294967295,65535)'"]),
    ("pg_lsn", ["'0/0'", "'16/B374D848'", "'FFFFFFFF/FFFFFFFF'"]),
    ("real", ["0", "'-0'", "1.5", "0.1", "1e-45", "1.17549435e-38", "3.4028235e38", "8.5e9",
              "16777216", "99999", "100000", "123456", "999999", "1e6", "1234567", "0.0001",
              "0.00012345", "0.00001", "'NaN'", "'Infinity'", "'-Infinity'", "33554436", "-3.25"]),
    ("double precision", ["0", "'-0'", "0.1", "1e-310", "'5e-324'", "2.2250738585072014e-308",
                          "1.7976931348623157e308", "1e23", "9007199254740993", "2^(-44)", "1e14",
                          "123456789012345", "999999999999999", "1e15", "123456789012345678",
                          "0.0001", "0.00001", "1.0/3", "'NaN'", "'Infinity'", "'-Infinity'",
                          "-12.75", "2^70", "5e22", "1e22", "4e17", "9.5e25"]),
    ("numeric", ["0", "1", "-1", "0.0", "0.10", "12345.678900", "-12345.678900", "10000", "9999",
                 "100000000", "1e30", "1e-20", "0.00001234", "-0.01", "123456789.000000001",
                 "10000.0001", "1e131", "1e-130", "'NaN'", "'Infinity'", "'-Infinity'",
                 "99999999999999999999999999999999999999.9999", "1.20000000000000000000",
                 "0.0000", "-99999999.99"]),
    ("numeric(10,2)", ["0", "12.3", "-99999999.99"]),
    ("numeric(5,-2)", ["123456", "50"]),
    ("numeric(3,5)", ["0.00123"]),
    ("date", ["'2000-01-01'", "'1970-01-01'", "'2024-02-29'", "'1900-02-28'", "'1600-02-29'",
              "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'0001-12-31 BC'", "'0001-01-01'",
              "'4714-11-24 BC'", "'5874897-12-31'", "'10000-01-01'", "'1999-12-31'"]),
    ("time", ["'00:00:00'", "'24:00:00'", "'23:59:59.999999'", "'12:34:56.7'", "'00:00:00.000001'"]),
    ("time with time zone", ["'12:00:00+02'", "'00:00:00-03:30'", "'24:00:00+00'",
                             "'23:59:59.5+15:59:59'", "'01:02:03-15:59'", "'10:00+05:53:28'"]),
    ("timestamp", ["'2000-01-01'", "'1970-01-01'", "'1969-12-31 23:59:59.999999'",
                   "'2024-02-29 12:34:56.789'", "'infinity'", "'-infinity'",
                   "'4713-01-01 00:00:00 BC'", "'4714-11-24 00:00:00 BC'",
                   "'0001-12-31 23:59:59.999999 BC'", "'294246-12-31 23:59:59.999999'",
                   "'294247-01-10 04:00:54.775806'", "'294247-01-10 04:00:54.775807'",
                   "'294247-01-10 04:00:54.775808'", "'294276-12-31 23:59:59.999999'",
                   "'10000-01-01 00:00:00.1'"]),
    ("timestamp with time zone", ["'2024-02-29 12:34:56.789+00'", "'2024-02-29 00:30:00+02'",
                                  "'infinity'", "'-infinity'", "'0044-03-15 10:00:00+00 BC'",
                                  "'294276-12-31 23:59:59.999999+00'", "'1900-01-01 00:00:00-08'"]),
    ("timestamp(3) with time zone", ["'2024-02-29 12:34:56.7896+00'"]),
    ("interval", ["'0'", "'1 year 2 mons 3 days 04:05:06.7'", "'-1 mon -2 days -00:00:00.000001'",
                  "'1 mon -1 day'", "'-1 day 2 hours'", "'-1 year 2 days'", "'-13 months 1 hour'",
                  "'1 year'", "'1 day'", "'2 days'", "'100:00:00'", "'-100:00:00.5'",
                  "'1 year -1 mon'", "'-178000000 years'", "'2562047788:00:54.775807'",
                  "'-2562047788:00:54.775807'", "'1 mon 1 day 1 second'", "'-1 mon 00:00:01'"]),
    ("uuid", ["'00112233-4455-6677-8899-aabbccddeeff'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"]),
    ("bytea", [r"'\x'", r"'\x00ff10'", r"'\x5c22275c'"]),
    ("text", ["''", r"E'h\u00e9 \\ \'q\' \n\t\r'", "'plain'", "repeat('z', 300)"]),
    ("character varying(20)", ["'vc'"]),
    ("character(5)", ["'ab'", "''"]),
    ("name", ["'nm'"]),
    ("\"char\"", ["'c'", "''", r"'\200'", r"'\377'"]),
    ("xml", ["'<a>x</a>'", "'<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>\u00e9</a>'",
             "'<?xml version=\"1.0\" standalone=\"yes\"?><b/>'"]),
    ("corpus.citext", ["'MiXed'"]),
    ("json", ["'{\"a\" : [1,  null]}'"]),
    ("jsonb", ["'{\"b\": [1, null], \"a\": 1.50}'", "'null'", "'\"s\"'"]),
    ("bit(5)", ["B'10101'"]),
    ("bit(8)", ["B'11110000'"]),
    ("bit varying", ["B''", "B'101'", "B'111100001'"]),
    ("inet", ["'192.168.0.1/24'", "'192.168.0.1'", "'0.0.0.0/0'", "'::1'", "'::'", "'::/0'",
              "'2001:db8::1/64'", "'::ffff:1.2.3.4'", "'::1.2.3.4'", "'fe80::1:0:0:1'",
              "'1:0:0:2:0:0:0:3'", "'1::'", "'2001:0:1:0:2:0:3:0'", "'::2:0:0'", "'0:0:1::'",
              "'1:2:3:4:5:6:7:8'", "'::ffff:0:1'", "'0:1::/20'"]),
    ("cidr", ["'10.0.0.0/8'", "'192.168.0.1'", "'2001:db8::/32'", "'::/128'", "'::ffff:1.2.3.0/120'"]),
    ("macaddr", ["'08:00:2b:01:02:03'"]),
    ("macaddr8", ["'08:00:2b:ff:fe:01:02:03'"]),
    ("point", ["'(1,2)'", "'(-0,1e300)'", "'(NaN,Infinity)'"]),
    ("lseg", ["'[(0,0),(1.5,-2)]'"]),
    ("box", ["'(2,2),(0,0)'"]),
    ("path", ["'((0,0),(1,1),(2,0))'", "'[(0,0),(1,1)]'"]),
    ("polygon", ["'((0,0),(1,1),(2,0))'"]),
    ("line", ["'{1,-1,0}'", "'{0.5,2,3}'"]),
    ("circle", ["'<(1,2),3>'"]),
    ("refcursor", ["'cur'"]),
    ("int4range", ["'[1,5)'", "'empty'", "'(,)'", "'[3,]'", "'(,3]'"]),
    ("int8range", ["'[-9223372036854775808,5]'"]),
    ("numrange", ["'(,3.5]'", "'[1.10,2.0)'"]),
    ("daterange", ["'[2024-01-01,infinity)'", "'[0044-03-15 BC,2024-01-01)'"]),
    ("tsrange", ["'[2024-01-01 00:00:00.5,2024-01-02)'", "'(,infinity]'"]),
    ("tstzrange", ["'[2024-01-01 00:00:00+02,)'"]),
    ("int4multirange", ["'{}'", "'{[1,3),[5,7)}'", "'{(,3),[9,)}'"]),
    ("tsmultirange", ["'{[2024-01-01 10:00,2024-01-02)}'"]),
    ("corpus.frange", ["'[0.1,1e20)'", "'(-Infinity,NaN]'"]),
    ("corpus.fmultirange", ["'{[0.1,0.2],(1,)}'"]),
    ("corpus.trange", ["'[\"\",a]'", r"corpus.trange('a ""b', E'c\\d,')", "corpus.trange('(', ']')",
                       "corpus.trange('NULL', null)"]),
    ("integer[]", ["'{}'", "'{1,NULL,3}'", "'[2:3]={7,8}'", "'[-1:0][5:6]={{1,2},{3,4}}'",
                   "'{{{1},{2}},{{3},{4}}}'"]),
    ("text[]", [r"""'{"",NULL,"NULL",null,"nUlL","Null x"}'""",
                r"""array['a,b','c"d','e\f','{g}',' lead','tab'||chr(9),'nl'||chr(10),'vt'||chr(11),'plain','-','é']""",
                "'{{a,b},{c,\"d \\\"q\\\"\"}}'"]),
    ("bytea[]", [r"array['\x00'::bytea, '\x'::bytea, null]"]),
    ("boolean[]", ["'{t,f,NULL}'"]),
    ("numeric(10,2)[]", ["'{1.5,-0.01,NaN}'"]),
    ("double precision[]", ["'{0.1,-0,Infinity,NaN,1e-5}'"]),
    ("timestamp[]", ["'{2024-01-01 10:00:00,infinity,0044-03-15 10:00:00 BC}'"]),
    ("date[]", ["'{2024-01-01,0044-03-15 BC}'"]),
    ("interval[]", ["'{1 day,-1 mon}'"]),
    ("box[]", ["'{(1,1),(0,0);(3,3),(2,2)}'"]),
    ("point[]", ["'{\"(1,2)\",\"(3,4)\"}'"]),
    ("jsonb[]", ["array['{\"a\": \"q\"}'::jsonb, '1'::jsonb]"]),
    ("int4range[]", ["array['[1,5)'::int4range, 'empty'::int4range, null]"]),
    ("int4multirange[]", ["array['{[1,3),[5,7)}'::int4multirange]"]),
    ("uuid[]", ["'{00112233-4455-6677-8899-aabbccddeeff}'"]),
    ("inet[]", ["'{1.2.3.4,::1/64}'"]),
    ("\"char\"[]", ["array['c'::\"char\", ''::\"char\"]"]),
    ("character(3)[]", ["'{a,bb}'"]),
    ("corpus.mood", ["'ok'", "'a,b'", "''", "'two words'"]),
    ("corpus.mood[]", ["array['sad','a,b','qu\"ote','','NULL','two words',null]::corpus.mood[]"]),
    ("corpus.pair", ["row(1,'z')", "row(null,null)", "row(1,'')", "row(-5,'a,b')",
                     r"""row(1,'q"uote\back')""", "row(1,'(paren)')", "row(1,' space')",
                     "row(1,'{brace}')", "row(1,'NULL')", "row(1,'tab'||chr(9))"]),
    ("corpus.pair[]", ["array[row(1,'a'),row(null,'b c'),null,row(2,'\"')]::corpus.pair[]"]),
    ("corpus.\"Odd Name\"", [
        "row(row(1,'x y')::corpus.pair,'two words','{1.50,NULL}'::numeric[],'[1,5)'::int4range)",
        "row(null,null,'{}','empty')"]),
    ("corpus.\"Odd Name\"[]", [
        "array[row(row(1,'x\"y')::corpus.pair,'ok','{1}'::numeric[],'[1,5)')]::corpus.\"Odd Name\"[]"]),
    ("corpus.positive", ["7"]),
    ("corpus.positive2", ["8"]),
    ("corpus.positive[]", ["'{1,2}'"]),
    ("corpus.price", ["12.345"]),
    ("corpus.tags", ["'{a,\"b c\"}'"]),
]


def run(sql, binary=False):
    environment = dict(os.environ, PGOPTIONS=SETTINGS)
    done = subprocess.run(["psql", CONNECTION, "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql],
                          env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout if binary else done.stdout.decode()


def copy_cell(type_name, expression):
    select = f"select ({expression})::{type_name}"
    wire = run(f"copy ({select}) to stdout (format binary)", binary=True)
    # Signature 11 bytes, flags 4, extension length 4; Int16 field count, Int32 length, bytes.
    size = int.from_bytes(wire[21:25], "big")
    text = run(f"copy ({select}) to stdout")
    return wire[25:25 + size].hex(), text.removesuffix("\n")


def type_lines():
    return run(r"""
      select format('type %s %s %s %s %s %s %s', t.oid, n.nspname, replace(t.typname, ' ', '\040'),
        case when t.typtype = 'b' and t.typcategory = 'A' then 'array'
             else ('{"b":"base","e":"enum","d":"domain","c":"composite","r":"range","m":"multirange"}'
                   ::json)->>t.typtype::text end,
        coalesce((select rngsubtype from pg_range where rngtypid = t.oid),
                 (select rngtypid from pg_range where rngmultitypid = t.oid),
                 nullif(t.typbasetype, 0), nullif(t.typelem, 0), 0),
        t.typtypmod,
        coalesce((select string_agg(attname || ':' || atttypid, ',' order by attnum)
                  from pg_attribute where attrelid = t.typrelid and attnum > 0
                  and not attisdropped), '-'))
      from pg_type t join pg_namespace n on n.oid = t.typnamespace
      where n.nspname = 'corpus' order by t.oid""")


def main():
    run(SETUP)
    version = run("show server_version").strip()
    print(f"# Values of PostgreSQL {version} in binary form and the server's own text of each.")
    print("# Made by make_pg_binary_corpus.py. Types: oid, schema, name, kind, element, typmod, "
          "attributes.")
    print("# Cells, tab-separated: type oid, typmod, declared type, binary form in hex, text as COPY "
          "escapes it.")
    print(type_lines(), end="")
    for type_name, expressions in CELLS:
        run(f"drop table if exists corpus.probe; create table corpus.probe(c {type_name})")
        oid, typmod, declared = run(
            "select atttypid, atttypmod, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = 'corpus.probe'::regclass and attnum = 1").strip().split("|")
        for expression in expressions:
            wire, text = copy_cell(type_name, expression)
            print("cell", oid, typmod, declared, wire, text, sep="\t")


main()
