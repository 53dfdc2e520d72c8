"""Brings each sink's own rendering of a value to the server's text, so that equal means equal."""

import base64
import json
import re
import struct

_BC = re.compile(r"^(\S+) \(BC\)(.*)$")


def _float_bits(text, width):
    value = float(text)
    if value != value:
        return "NaN"
    try:
        return struct.pack(">f" if width == 4 else ">d", value)
    except OverflowError:
        return f"overflow {text}"


def _pairs(text):
    """JSON as nested tuples: order, repeated keys and the digits of numbers all count."""
    return json.loads(text, parse_int=str, parse_float=str,
                      object_pairs_hook=lambda pairs: ("object", tuple(pairs)))



def duckdb_text(column, type_):
    """The SQL expression that from_duckdb() reads."""
    if type_ == "BLOB":
        return f"hex({column})"
    if type_ == "TIMESTAMP WITH TIME ZONE":
        # The cast goes through milliseconds in a double and loses digits of far years.
        return (f"CASE WHEN isfinite({column}) THEN CAST(make_timestamp(epoch_us({column})) AS "
                f"VARCHAR) || '+00' ELSE CAST({column} AS VARCHAR) END")
    return f"CAST({column} AS VARCHAR)"


def from_duckdb(kind, text):
    """`text`: what duckdb_text() selects; None for NULL."""
    if text is None:
        return None
    if kind == "bool":
        return {"true": "t", "false": "f"}.get(text, text)
    if kind == "bytes":
        return "\\x" + text.lower()
    if kind == "decimal":
        return re.sub(r"^(-?)\.", r"\g<1>0.", text)
    if kind == "time":
        found = _BC.match(text)
        return f"{found.group(1)}{found.group(2)} BC" if found else text
    return text


def from_json(kind, raw):
    """`raw`: the member's JSON text, parsed with numbers as texts; None for null."""
    if kind == "json" or raw is None:
        return raw
    if raw is True or raw is False:
        return "t" if raw else "f"
    if not isinstance(raw, str):
        return f"not a scalar: {raw!r}"
    if kind == "bytes":
        return "\\x" + base64.b64decode(raw, validate=True).hex()
    if kind == "time" and re.match(r"^\d+-\d\d-\d\dT", raw):
        return raw.replace("T", " ", 1).replace("Z", "+00")
    return raw


def equal(kind, expected, got):
    """Whether `got` (already brought to the server's form) is the server's `expected`."""
    if expected is None or got is None:
        return expected is got
    try:
        if kind == "float4":
            return _float_bits(expected, 4) == _float_bits(got, 4)
        if kind == "float8":
            return _float_bits(expected, 8) == _float_bits(got, 8)
        if kind == "json" and not isinstance(got, str):
            return False
    except ValueError:
        return False
    return expected == got


def json_member_equal(kind, expected, line_member):
    """As equal(), for a member of a flat JSON event; embedded JSON is compared token by token."""
    if kind != "json":
        return equal(kind, expected, from_json(kind, line_member))
    if expected is None:
        return line_member is None
    return _pairs(expected) == line_member


def parse_line(line):
    """A flat JSON event: numbers as texts, nested objects as ('object', pairs)."""

    def plain_top(pairs):
        return ("object", tuple(pairs))

    return json.loads(line, parse_int=str, parse_float=str, object_pairs_hook=plain_top)


def members(parsed):
    """The ('object', pairs) form as a dict, one level."""
    return None if parsed is None else dict(parsed[1])
