"""Every type and edge value: what arrives equals the server's own text, in every sink.

One corpus, inserted in the live stream; four pipelines (binary on and off, streaming on and off), each
with three sinks. PostgreSQL 15 and 18; 13, 14, 16 and 17 too with ROWTIDE_ALL_SERVERS=1.
"""

import unittest

import psycopg2

from tests.e2e import compare, corpus
from tests.e2e.harness import (
    Daemon, Duck, Jsonl, PostgresServer, Scratch, fence, sink, source, versions, wait_confirmed,
)

COMBINATIONS = [(b, s) for b in ("on", "off") for s in ("on", "off")]


def combinations(version):
    # Binary values and streaming came with 14.
    return [(b, s) for b, s in COMBINATIONS if version >= 14 or (b, s) == ("off", "off")]


def families_of(server, version):
    """{table: columns} that this server can hold."""
    found = {}
    for name, columns in corpus.FAMILIES.items():
        kept = [c for c in columns if c.since <= version]
        if kept:
            found[name] = kept
    for name, (probe, columns) in corpus.OPTIONAL.items():
        try:
            server.execute(probe, database="shop")
        except psycopg2.Error:
            continue  # this build of the server does not have the type
        found[name] = list(columns)
    return found


class TypeCorpus:
    """The tests of one server version; subclasses below set it."""

    version = None

    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch("types")
        cls.addClassCleanup(cls.scratch.close)
        # Small, so that the one transaction of the corpus is streamed while it runs.
        cls.server = PostgresServer(cls.version, {"logical_decoding_work_mem": "64kB"}, "types")
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.server.create_database("shop")
        for extension in corpus.EXTENSIONS:
            try:
                cls.server.execute(f"CREATE EXTENSION {extension}", database="shop")
            except psycopg2.Error:
                pass  # not shipped with this build
        cls.server.execute(corpus.SETUP.replace("%%", "%"), database="shop")
        cls.families = families_of(cls.server, cls.version)
        pipelines = []
        for binary, streaming in combinations(cls.version):
            name = f"b{binary}_s{streaming}"
            cls.server.create_database(name)
            pipelines.append({
                "name": name,
                "source": source(cls.server, "shop", name, binary=binary, streaming=streaming),
                "snapshot": "never",
                "sinks": [
                    sink("duckdb", path=cls.scratch.join(f"{name}.duckdb"), mode="mirror",
                         tables=["*.*", "!*.decimals_nan"]),
                    sink("duckdb", "as_text", path=cls.scratch.join(f"{name}-text.duckdb"),
                         mode="mirror", decimals="text", tables=["*.decimals*"]),
                    sink("postgres", url=cls.server.url(name), mode="mirror"),
                    sink("jsonl", path=cls.scratch.join(f"{name}-jsonl")),
                ],
            })
        cls._create_tables()
        cls.daemon = Daemon(pipelines, scratch=cls.scratch)
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start().wait_running()
        cls._insert()
        cls.expected = {name: cls._server_text(name) for name in cls.families}
        lsn = fence(cls.server, "shop")
        for pipeline in pipelines:
            wait_confirmed(cls.server, pipeline["name"], lsn, 60, cls.daemon)
        code = cls.daemon.terminate()
        if code != 0:
            raise AssertionError(f"rowtided ended with {code}\n{cls.daemon.log()}")
        cls.events = {}
        for pipeline in pipelines:
            rows = {}
            for event in Jsonl(cls.scratch.join(f"{pipeline['name']}-jsonl")).events(ops=("c",)):
                rows.setdefault(event["table"], {})[int(event["after"]["id"])] = event["after"]
            cls.events[pipeline["name"]] = rows

    @classmethod
    def _create_tables(cls):
        for name, columns in cls.families.items():
            listed = ", ".join(f"{c.name} {c.type}" for c in columns)
            cls.server.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, {listed})",
                               database="shop")

    @classmethod
    def _insert(cls):
        connection = cls.server.connect("shop", autocommit=False)
        with connection.cursor() as cursor:
            for name, columns in cls.families.items():
                places = ", ".join(["%s", *(f"%s::{c.type}" for c in columns)])
                for row in range(max(len(c.values) for c in columns)):
                    cursor.execute(
                        f"INSERT INTO {name} VALUES ({places})",
                        [row, *(c.values[row % len(c.values)] for c in columns)],
                    )
        connection.commit()
        connection.close()

    @classmethod
    def _server_text(cls, name, database="shop", schema="public"):
        columns = cls.families[name]
        # format() prints with the type's own output function; a cast to text does not for booleans,
        # char(n), inet and xml.
        listed = ", ".join(
            f"CASE WHEN num_nulls(\"{c.name}\") = 0 THEN format('%s', \"{c.name}\") END"
            for c in columns)
        rows = cls.server.execute(f'SELECT id::int, {listed} FROM "{schema}"."{name}"',
                                  database=database)
        return {row[0]: dict(zip((c.name for c in columns), row[1:])) for row in rows}

    def _compare(self, name, got, equal):
        """All differences of one table, so that one run shows them all."""
        wrong = []
        expected = self.expected[name]
        if set(got) != set(expected):
            wrong.append(f"rows {sorted(set(expected) ^ set(got))} are not on both sides")
        for id_ in sorted(set(got) & set(expected)):
            for column in self.families[name]:
                if column.name not in got[id_]:
                    wrong.append(f"row {id_}: no {column.name}")
                    continue
                want, have = expected[id_][column.name], got[id_][column.name]
                if not equal(column.kind, want, have):
                    wrong.append(f"row {id_} {column.name} {column.type}: "
                                 f"server {str(want)[:90]!r}, sink {str(have)[:90]!r}")
        self.assertFalse(wrong, "\n" + "\n".join(wrong[:40]))

    def _each(self, read, equal, chosen=lambda family: True):
        """Compares what `read(pipeline, family)` returns, for each combination and table."""
        for binary, streaming in combinations(self.version):
            for family in filter(chosen, self.families):
                with self.subTest(binary=binary, streaming=streaming, family=family):
                    self._compare(family, read(f"b{binary}_s{streaming}", family), equal)

    def test_postgres_holds_the_servers_own_text(self):
        self._each(lambda pipeline, family: self._server_text(family, pipeline), compare.equal)

    def test_duckdb_holds_the_servers_own_text(self):
        self._each(lambda pipeline, family: self._duckdb(f"{pipeline}.duckdb", family),
                   compare.equal, lambda family: family != "decimals_nan")

    def test_duckdb_with_decimals_as_text_holds_the_servers_own_text(self):
        self._each(lambda pipeline, family: self._duckdb(f"{pipeline}-text.duckdb", family),
                   compare.equal, lambda family: family.startswith("decimals"))

    def _duckdb(self, file, family):
        """{id: {column: text in the server's form}} of a table."""
        duck = Duck(self.scratch.join(file))
        types = duck.columns("public", family)
        listed = ", ".join(
            compare.duckdb_text(f'"{c.name}"', types.get(c.name)) for c in self.families[family])
        rows = {}
        for row in duck.query(f'SELECT id, {listed} FROM "public"."{family}"'):
            rows[row[0]] = {c.name: compare.from_duckdb(c.kind, v)
                            for c, v in zip(self.families[family], row[1:])}
        return rows

    def test_flat_json_holds_the_servers_own_text(self):
        self._each(lambda pipeline, family: self.events[pipeline].get(family, {}),
                   compare.json_member_equal)

    def test_every_combination_delivers_the_same_json(self):
        names = list(self.events)
        for name in names[1:]:
            self.assertEqual(self.events[names[0]], self.events[name], (names[0], name))


def load_tests(loader, _standard, _pattern):
    suite = unittest.TestSuite()
    for version in versions((15, 18)):
        case = type(f"TypeCorpusOn{version}", (TypeCorpus, unittest.TestCase),
                    {"version": version})
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()
