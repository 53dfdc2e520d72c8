"""Every built-in type with its edge values, as texts that the server reads.

A family is one table: an integer key and one column per type. Kinds say how a sink's own rendering is
compared with the server's (see compare.py): 'text' is compared as it is.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Column:
    name: str
    type: str
    values: tuple  # texts; None = NULL
    kind: str = "text"
    since: int = 13  # first major version that has the type or value


def _c(name, type_, values, kind="text", since=13):
    return Column(name, type_, (*values, None), kind, since)


SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy', 'quo"te''d,');
CREATE TYPE "Odd Type" AS (a int, b text, c numeric(8,2), d timestamptz);
CREATE TYPE nested AS (x "Odd Type", y int[], m mood);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN email AS text CHECK (value LIKE '%%@%%');
CREATE DOMAIN deep AS positive;
CREATE DOMAIN grid AS int[][];
CREATE DOMAIN when_ AS timestamptz(3);
CREATE TYPE floatrange AS RANGE (subtype = float8);
"""
EXTENSIONS = ("hstore", "citext", "ltree")

_LONG = "x" * 5000
_INT_ARRAYS = (
    "{}", "{1,2,3}", "{NULL}", "{1,NULL,-2147483648}", "{{1,2},{3,4}}", "{{{1},{2}},{{3},{4}}}",
    "[0:2]={1,2,3}", "[-5:-4][2:3]={{1,2},{3,4}}",
)
_TEXTS = (
    "", " ", "plain", "quote'\"\\back", "tab\tnew\nline\rreturn", "null", "NULL", "\\N",
    "\u00e4\u00f6\u00fc \u20ac \U0001d11e \u202e", "\x01\x1f\x7f", "{\"a\":1}", _LONG,
)

FAMILIES = {
    "numbers": (
        _c("b", "boolean", ("t", "f"), "bool"),
        _c("i2", "smallint", ("0", "-32768", "32767"), "int"),
        _c("i4", "integer", ("0", "-2147483648", "2147483647"), "int"),
        _c("i8", "bigint", ("0", "-9223372036854775808", "9223372036854775807",
                            "9007199254740993"), "int"),
        _c("f4", "real", ("0", "-0", "1.1", "3.4028235e38", "1e-45", "-1.17549435e-38", "NaN",
                          "Infinity", "-Infinity", "1e6", "999999", "1000000", "0.0001",
                          "0.00001", "16777217"), "float4"),
        _c("f8", "double precision", ("0", "-0", "0.1", "1.7976931348623157e308", "5e-324",
                                      "2.2250738585072014e-308", "NaN", "Infinity", "-Infinity",
                                      "1e15", "123456789012345", "1e14", "0.0001", "0.00001",
                                      "9007199254740993", "0.30000000000000004"), "float8"),
        _c("o", "oid", ("0", "1", "4294967295"), "int"),
    ),
    "decimals": (
        _c("n", "numeric", ("0", "0.0", "-0.00", "1", "10000", "100000000", "0.0001", "1e-20",
                            "123456789012345678901234567890.123456789", "-9999.9999", "NaN",
                            "1e100", "1.000", "9" * 60 + "." + "1" * 40, "1e-1000", "5e3000"),
           "decimal"),
        _c("n12_2", "numeric(12,2)", ("0", "0.01", "-0.01", "9999999999.99", "-9999999999.99",
                                      "12.5"), "decimal"),
        _c("n38_0", "numeric(38,0)", ("9" * 38, "-" + "9" * 38, "0"), "decimal"),
        _c("n38_38", "numeric(38,38)", ("0." + "9" * 38, "-0." + "0" * 37 + "1"), "decimal"),
        _c("n100_50", "numeric(100,50)", ("9" * 50 + "." + "9" * 50, "0"), "decimal"),
        _c("n1000", "numeric(1000,1000)", ("0." + "7" * 1000,), "decimal"),
        _c("m", "money", ("0", "-1.05", "92233720368547758.07", "-92233720368547758.08")),
    ),
    # Declared limits let it through and no fixed-point column holds it: only for sinks that keep
    # decimals as text.
    "decimals_nan": (
        _c("nan", "numeric(12,2)", ("NaN", "1.50"), "decimal"),
    ),
    "decimals_odd": (
        _c("inf", "numeric", ("Infinity", "-Infinity"), "decimal", since=14),
        _c("negative_scale", "numeric(3,-2)", ("12300", "99900"), "decimal", since=15),
        _c("scale_over", "numeric(3,5)", ("0.00999", "-0.00123"), "decimal", since=15),
    ),
    "times": (
        _c("d", "date", ("2026-11-20", "1970-01-01", "0001-01-01", "0001-12-31 BC", "4713-01-01 BC",
                         "9999-12-31", "10000-01-01", "5874897-12-31", "infinity", "-infinity",
                         "2000-02-29", "1900-02-28", "0044-03-15 BC"), "time"),
        _c("t", "time", ("00:00:00", "23:59:59.999999", "24:00:00", "12:34:56.5",
                         "00:00:00.000001"), "time"),
        _c("t3", "time(3)", ("12:34:56.789",), "time"),
        _c("tz", "timetz", ("00:00:00+00", "24:00:00-15:59:59", "23:59:59.999999+15:59:59",
                            "12:00:00+05:30", "12:00:00.5-00:00:07")),
        _c("ts", "timestamp", ("2026-11-20 12:34:56.123456", "1970-01-01 00:00:00",
                               "1969-12-31 23:59:59.999999", "4713-01-01 00:00:00 BC",
                               "0001-12-31 23:59:59.5 BC", "10000-01-01 00:00:00",
                               "294246-12-31 23:59:59.999999", "infinity", "-infinity",
                               "2000-01-01 00:00:00"), "time"),
        _c("ts0", "timestamp(0)", ("2026-11-20 12:34:56.9",), "time"),
        _c("tstz", "timestamptz", ("2026-11-20 12:34:56.123456+05:30", "1970-01-01 00:00:00+00",
                                   "1969-12-31 23:59:59.999999+00", "0044-03-15 12:00:00+00 BC",
                                   "294246-12-31 23:59:59.999999+00", "infinity", "-infinity",
                                   "12345-06-07 08:09:10+00"), "time"),
        _c("tstz3", "timestamptz(3)", ("2026-11-20 12:34:56.7896+00",), "time"),
        _c("iv", "interval", ("0", "1 year -2 mons +3 days -04:05:06.789", "-178000000 years",
                              "178000000 years", "1 microsecond", "-1 microsecond",
                              "2147483647:59:59.999999", "-1 day +00:00:01", "1 mon -1 day",
                              "P1Y2M3DT4H5M6S")),
        _c("iv_ym", "interval year to month", ("1 year 2 months",)),
        _c("iv_inf", "interval", ("infinity", "-infinity"), since=17),
    ),
    "texts": (
        _c("t", "text", _TEXTS),
        _c("v", "varchar(20)", ("", "twenty characters!!!", "\u20ac" * 20)),
        _c("v_any", "varchar", _TEXTS),
        _c("c", "char(6)", ("", "abc", "abcdef", "\u00e9")),
        _c("c1", "char", ("y",)),
        _c("q", '"char"', ("a", "", "\\")),
        _c("n", "name", ("", "a name", "x" * 63)),
        _c("by", "bytea", ("", "\\x00", "\\xdeadbeef", "\\x" + "00ff" * 3000, "\\x0a0d5c27"),
           "bytes"),
        _c("bt", "bit(5)", ("00000", "10101", "11111")),
        _c("bt1", "bit", ("1", "0")),
        _c("vb", "varbit", ("", "1", "101010101010101010101", "0000000000")),
        _c("vb7", "varbit(7)", ("1010101",)),
    ),
    "documents": (
        _c("j", "json", ("null", "{}", "[]", "{\"a\" :  1,\t\"a\": 2.50}", " [1 , 2 ,{ } ] ",
                         "\"\\u00e4 \\\" \\/\"", "1e400", "-0", "12345678901234567890.000",
                         "{\"n\": {\"deep\": [[[[null]]]]}}", "true"), "json"),
        _c("jb", "jsonb", ("null", "{}", "[]", "{\"b\": 1, \"a\": [1, 2.50, null], \"\": \"\"}",
                           "\"\\u00e4\\n\"", "12345678901234567890.000", "true", "\"\""), "json"),
        _c("jp", "jsonpath", ("$", "$.a[*] ? (@ > 1)", "strict $.\"k y\"", "lax $[0 to last]")),
        _c("tv", "tsvector", ("", "'a':1A,2B 'fat':3C 'quo''te' 'sp ace':4", "a b c")),
        _c("tq", "tsquery", ("'fat' & ('rat' | !'cat')", "'a':*AB <-> 'b'", "'x' <3> 'y'")),
    ),
    "things": (
        _c("u", "uuid", ("00000000-0000-0000-0000-000000000000",
                         "ffffffff-ffff-ffff-ffff-ffffffffffff",
                         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), "uuid"),
        _c("ip", "inet", ("0.0.0.0", "192.168.1.5/24", "::", "2001:db8::1/64", "::ffff:1.2.3.4",
                          "255.255.255.255")),
        _c("ci", "cidr", ("10.0.0.0/8", "192.168.1.0/24", "::/0", "2001:db8::/32", "1.2.3.4/32")),
        _c("mac", "macaddr", ("08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff")),
        _c("mac8", "macaddr8", ("08:00:2b:01:02:03:04:05",)),
        _c("lsn", "pg_lsn", ("0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF")),
        _c("x8", "xid8", ("0", "18446744073709551615")),
        _c("x", "xid", ("0", "4294967295")),
        _c("cid", "cid", ("0", "4294967295")),
        _c("tid", "tid", ("(0,0)", "(4294967295,65535)")),
        _c("snap", "pg_snapshot", ("10:20:10,14,15", "1:1:")),
        _c("rc", "refcursor", ("", "my cursor")),
    ),
    "shapes": (
        _c("pt", "point", ("(0,0)", "(1.5,-2.25)", "(NaN,Infinity)", "(1e300,-1e-300)")),
        _c("ln", "line", ("{1,-1,0}", "{0.5,2,-3}")),
        _c("ls", "lseg", ("[(0,0),(1,1)]",)),
        _c("bx", "box", ("(1,1),(0,0)", "(-1,-2),(3,4)")),
        _c("pa", "path", ("[(0,0),(1,1),(2,0)]", "((0,0),(1,1),(2,0))")),
        _c("po", "polygon", ("((0,0),(1,1),(2,0))",)),
        _c("ci", "circle", ("<(1,2),3>", "<(0,0),0>")),
    ),
    "ranges": (
        _c("i4", "int4range", ("empty", "[1,10)", "(,)", "[5,)", "(,5]")),
        _c("i8", "int8range", ("[-9223372036854775808,9223372036854775807)", "empty")),
        _c("nu", "numrange", ("[1.10,2.200]", "(1,2)", "empty")),
        _c("ts", "tsrange", ("[2026-01-01,2026-02-01 12:00:00.5)", "(-infinity,infinity)")),
        _c("tz", "tstzrange", ("[2026-01-01 00:00:00+02,)", "empty")),
        _c("da", "daterange", ("[2026-01-01,2026-01-31]", "(,2026-01-01)", "[0044-03-15 BC,)")),
        _c("fl", "floatrange", ("[-0.5,1e300]", "(-1.5,)")),
        _c("mi", "int4multirange", ("{}", "{[1,3),[5,9)}", "{(,)}"), since=14),
        _c("mt", "tstzmultirange", ("{[2026-01-01 00:00:00+00,2026-02-01 00:00:00+00)}",),
           since=14),
        _c("mn", "nummultirange", ("{[1.10,2.5],(7,8)}",), since=14),
    ),
    "arrays": (
        _c("i4", "integer[]", _INT_ARRAYS),
        _c("i2", "smallint[]", ("{-1,0,1}",)),
        _c("i8", "bigint[]", ("{9223372036854775807}",)),
        _c("f4", "real[]", ("{1.1,NaN,-0,1e-45}",)),
        _c("f8", "double precision[]", ("{0.1,Infinity,5e-324}",)),
        _c("nu", "numeric[]", ("{1.00,NaN,123456789012345678901234567890.5}",)),
        _c("nu2", "numeric(8,2)[]", ("{1.00,-2.5}",)),
        _c("bo", "boolean[]", ("{t,f,NULL}",)),
        _c("te", "text[]", ('{}', '{a,"b c","d\\"e\\\\f",NULL,"NULL","",{}}'.replace(",{}", ""),
                            '{{"{","}"},{",", " "}}', '{"\u20ac","new\nline"}', "{null}")),
        _c("vc", "varchar(5)[]", ("{abc,de}",)),
        _c("ch", "char(3)[]", ("{a,bcd}",)),
        _c("by", "bytea[]", ('{"\\\\x00ff","\\\\x"}', "{NULL}")),
        _c("da", "date[]", ('{2026-01-01,"0044-03-15 BC",infinity}',)),
        _c("ti", "time[]", ("{24:00:00,00:00:01.5}",)),
        _c("ts", "timestamp[]", ('{"2026-01-01 00:00:00.5",-infinity,"0044-03-15 00:00:00 BC"}',)),
        _c("tz", "timestamptz[]", ('{"2026-01-01 00:00:00+02"}',)),
        _c("iv", "interval[]", ('{"1 day","-00:00:01"}',)),
        _c("uu", "uuid[]", ("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",)),
        _c("js", "json[]", ('{"{\\"a\\":  1}","[1, 2]"}',)),
        _c("jb", "jsonb[]", ('{"{\\"a\\": 1}",null}',)),
        _c("ip", "inet[]", ("{10.0.0.1,::1}",)),
        _c("bx", "box[]", ("{(1,1),(0,0);(3,3),(2,2)}",)),
        _c("pt", "point[]", ('{"(1,2)","(3,4)"}',)),
        _c("rg", "int4range[]", ('{"[1,5)",empty}',)),
        _c("bi", "bit(3)[]", ("{101,010}",)),
        _c("oi", "oid[]", ("{1,4294967295}",)),
        _c("mo", "money[]", ('{"$1.00","-$2.50"}',)),
        _c("na", "name[]", ("{a,\"b c\"}",)),
        _c("lsn", "pg_lsn[]", ("{0/1}",)),
        _c("en", "mood[]", ('{sad,"very happy",NULL}',)),
        _c("co", '"Odd Type"[]', ('{"(1,\\"a,b\\",2.50,)",NULL}',)),
        _c("dm", "positive[]", ("{1,2}",)),
    ),
    "vectors": (
        _c("ov", "oidvector", ("", "1 2 4294967295")),
        _c("iv", "int2vector", ("", "1 -2 32767")),
    ),
    "customs": (
        _c("en", "mood", ("sad", "ok", "very happy", "quo\"te'd,")),
        _c("co", '"Odd Type"', ("(1,a,2.50,\"2026-01-01 00:00:00+00\")", "(,,,)",
                                "(-5,\"a \"\"q\"\" \\\\ , ()\",,infinity)", "(1,\"\",0.00,)")),
        _c("ne", "nested", ("(\"(1,a,2.50,)\",\"{1,2}\",ok)", "(,,\"very happy\")")),
        _c("dp", "positive", ("1", "2147483647"), "int"),
        _c("dd", "deep", ("7",), "int"),
        _c("de", "email", ("a@b", "@")),
        _c("dg", "grid", ("{{1,2},{3,4}}", "{}")),
        _c("dw", "when_", ("2026-01-01 00:00:00.1239+00",), "time"),
    ),
    "registers": (
        _c("cl", "regclass", ("pg_class", "pg_type")),
        _c("ty", "regtype", ("integer", "timestamp with time zone", "text[]")),
        _c("na", "regnamespace", ("pg_catalog",)),
        _c("ro", "regrole", ("postgres",)),
        _c("ac", "aclitem", ("postgres=r/postgres",)),
    ),
}

# Families whose types a server may have been built without, or only with an extension.
OPTIONAL = {
    "xmls": ("SELECT '<a/>'::xml", (
        _c("x", "xml", ("<a/>", "<?xml version=\"1.0\"?><a b=\"c\"> t &amp; \u20ac</a>", "text")),
    )),
    "hstores": ("SELECT ''::hstore", (
        _c("h", "hstore", ("", '"a"=>"1", "b"=>NULL', '"k y"=>"v\\"q", "\u20ac"=>""')),
        _c("ha", "hstore[]", ('{"\\"a\\"=>\\"1\\""}',)),
    )),
    "citexts": ("SELECT ''::citext", (
        _c("c", "citext", ("", "MiXed", "\u00c4\n")),
        _c("ca", "citext[]", ("{A,b}",)),
    )),
    "ltrees": ("SELECT 'a.b'::ltree", (
        _c("l", "ltree", ("a.b.c", "Top")),
    )),
}
