"""What PostgreSQL is asked for, so that each value comes in the log's canonical text.

Dates and timestamps come as PostgreSQL prints them in UTC, which casts take as they take ISO 8601.
"""

from __future__ import annotations

import re

_MICROSECONDS_A_MONTH = 2_629_800_000_000
"""A year of 365.25 days: how the connector counts an interval's months."""

_BYTES = "translate(encode({value}, 'base64'), E'\\n', '')"
_ISO = (
    "regexp_replace(regexp_replace(replace({value}::text, ' ', 'T'), "
    "'(\\.[0-9]*?)0+(\\+00)?$', '\\1\\2'), '\\+00$', 'Z')"
)
# The lowest byte first and no zero bytes at the end, as the connector writes bit strings.
_BITS = (
    "CASE WHEN {value} IS NOT NULL THEN (SELECT translate(encode(coalesce(string_agg("
    "decode(lpad(to_hex(substring(padded.bits FROM length(padded.bits) - 8 * byte - 7 FOR 8)"
    "::bit(8)::integer), 2, '0'), 'hex'), ''::bytea "
    "ORDER BY byte), ''::bytea), 'base64'), E'\\n', '') "
    "FROM (SELECT lpad(ltrim({value}::text, '0'), "
    "(length(ltrim({value}::text, '0')) + 7) / 8 * 8, '0') AS bits) AS padded, "
    "generate_series(0, length(padded.bits) / 8 - 1) AS byte) END"
)
_INTERVAL = (
    "CASE WHEN {value} IS NOT NULL THEN least(greatest(round("
    "(extract(year FROM {value}) * 12 + extract(month FROM {value}))::numeric "
    f"* {_MICROSECONDS_A_MONTH}"
    " + extract(day FROM {value})::numeric * 86400000000"
    " + extract(hour FROM {value})::numeric * 3600000000"
    " + extract(minute FROM {value})::numeric * 60000000"
    " + extract(second FROM {value})::numeric * 1000000), "
    # What 64 bits hold is where the connector ends too.
    "-9223372036854775808), 9223372036854775807)::text END"
)
# NaN and the infinities are NULL, as the connector sends them.
_FREE_NUMERIC = (
    "CASE WHEN {value}::text NOT IN ('NaN', 'Infinity', '-Infinity') "
    "THEN trim_scale({value})::text END"
)
_ZONED_TIME = "(({value} AT TIME ZONE 'UTC')::time)::text || 'Z'"


def _reversed_hex(number: str) -> str:
    """SQL of a float's eight bytes in hexadecimal digits, the lowest byte first."""
    digits = f"encode(float8send({number}), 'hex')"
    return " || ".join(f"substr({digits}, {place}, 2)" for place in range(15, 0, -2))


# The well-known binary of a point: lowest byte first (01), a point (01000000), x and y.
_POINT = (
    "CASE WHEN {value} IS NOT NULL THEN '{{\"x\":' || ({value})[0] || ',\"y\":' || ({value})[1] || "
    "',\"wkb\":\"' || encode(decode('0101000000' || "
    + _reversed_hex("({value})[0]")
    + " || "
    + _reversed_hex("({value})[1]")
    + ", 'hex'), 'base64') || '\",\"srid\":null}}' END"
)

# A year of more than four digits or BC has a sign before it, as in ISO 8601; no cast takes it.
_CALENDAR = (
    "CASE WHEN isfinite({value}) AND ({value} < '0001-01-01' OR {value} >= '10000-01-01') "
    "THEN '+' || {value}::text ELSE {value}::text END"
)

_EXPRESSIONS = {
    "date": _CALENDAR,
    "timestamp": _CALENDAR,
    "timestamp without time zone": _CALENDAR,
    "timestamptz": _CALENDAR,
    "timestamp with time zone": _CALENDAR,
    "numeric": _FREE_NUMERIC,
    "money": "{value}::numeric::text",
    "bytea": _BYTES,
    "interval": _INTERVAL,
    "timetz": _ZONED_TIME,
    "time with time zone": _ZONED_TIME,
    "hstore": "hstore_to_json({value})::text",
    "point": _POINT,
    "bit": _BITS,
    "bit varying": _BITS,
    "varbit": _BITS,
    "bit(1)": "({value} = B'1')",
}
# Of an element of an array; what is not here is JSON as PostgreSQL makes it.
_ELEMENTS = {
    "numeric": "CASE WHEN element::text NOT IN ('NaN', 'Infinity', '-Infinity') "
    "THEN element::text END",
    "money": "element::numeric::text",
    "bytea": _BYTES.format(value="element"),
    "timestamp": _ISO.format(value="element"),
    "timestamp without time zone": _ISO.format(value="element"),
    "timestamptz": _ISO.format(value="element"),
    "timestamp with time zone": _ISO.format(value="element"),
    "date": "element::text",
    "timetz": _ZONED_TIME.format(value="element"),
    "time with time zone": _ZONED_TIME.format(value="element"),
    "interval": f"({_INTERVAL.format(value='element')})::bigint",
    "json": "element::text",
    "jsonb": "element::text",
}


def select_expression(column: str, source_type: str) -> str:
    """SQL of the column's canonical text, or of what prints as it.

    Args:
        column: quoted.
        source_type: in lower case, such as `numeric(10,2)` or `timestamp(3) with time zone[]`.
    """
    kind = " ".join(source_type.lower().split())
    if kind.endswith("[]") or kind.endswith(" array"):
        return _array(column, kind)
    base = _base(kind)
    if base == "numeric" and "(" in kind:
        # A declared scale prints itself; NaN has no place in the decimal and becomes NULL there.
        return column
    found = _EXPRESSIONS.get("bit(1)" if kind in ("bit", "bit(1)") else base)
    return column if found is None else found.format(value=column)


def _array(column: str, kind: str) -> str:
    base = _base(re.sub(r"(\[\d*\])+$|( array)$", "", kind))
    element = _ELEMENTS.get(base)
    if element is None:
        return f"array_to_json({column})::text"
    # Built element by element; a loop of the server's, for the types whose JSON differs.
    return (
        f"CASE WHEN {column} IS NOT NULL THEN array_to_json(ARRAY(SELECT {element} "  # noqa: S608
        f"FROM unnest({column}) WITH ORDINALITY AS each (element, place) ORDER BY place))::text END"
    )


def _base(kind: str) -> str:
    """The type without its numbers in parentheses: `timestamp(3) with time zone` -> without (3)."""
    name = " ".join(re.sub(r"\([^)]*\)", " ", kind).split())
    return {"decimal": "numeric", "dec": "numeric"}.get(name, name)
