"""What load and checks both know: the names of the tables, and how a step of a key is summed up."""

import hashlib

SCHEMA = "load"  # PostgreSQL: a schema; MySQL and MariaDB: a database
GHOST_VER = 900_000_000  # rows of rolled back work carry at least this version: nobody may see them
WIDE = 1 << 40  # what item.small holds beyond `ver` once the column is a bigint
HOT_ROWS = 8

# Key columns by table; all of them but manifest, atom and fence hold versioned rows.
KEYS = {
    "manifest": ("txn",),
    "atom": ("txn", "n"),
    "fence": ("id",),
    "item": ("id",),
    "full_item": ("id",),
    "pair": ("a", "b"),
    "hot": ("id",),
    "bulk": ("id",),
    "scrap": ("id",),
}
VERSIONED = tuple(t for t in KEYS if t not in ("manifest", "atom", "fence"))


def key_text(key):
    return "/".join(str(part) for part in key)


def step_hash(table, kind, key, ver):
    """63 bits for one step of one key: kind 'c', 'u' or 'd'. A key change is a 'd' and a 'c'."""
    text = f"{table}|{kind}|{key_text(key)}|{ver}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def rows_by_key(table, rows, hidden=()):
    """{key: {column: text}} of rows given as texts, without NULLs."""
    result = {}
    for row in rows:
        kept = {c: v for c, v in row.items() if v is not None and c not in hidden}
        result[tuple(kept.get(c) for c in KEYS[table])] = kept
    return result
