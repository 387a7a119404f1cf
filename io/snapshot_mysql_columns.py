"""What MySQL is asked for, so that each value comes in the log's canonical text."""

from __future__ import annotations

import re

_GEOMETRIES = {
    *("geometry", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
    *("geometrycollection", "geomcollection"),
}
_BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
_BASE64 = "REPLACE(TO_BASE64({value}), '\\n', '')"
# The keys of an object that the connector writes, in its order.
_SHAPE = (
    "'\"wkb\":\"', REPLACE(TO_BASE64(ST_AsWKB({value})), '\\n', ''), '\",\"srid\":', "
    "IF(ST_SRID({value}) = 0, 'null', ST_SRID({value})), '}}'"
)
_GEOMETRY = "CONCAT('{{', " + _SHAPE + ")"
_POINT = "CONCAT('{{\"x\":', ST_X({value}), ',\"y\":', ST_Y({value}), ',', " + _SHAPE + ")"
_ORDERED = {
    *("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year", "decimal", "numeric"),
    *("char", "varchar", "date", "datetime", "timestamp", "binary", "varbinary", "uuid"),
}
_NUMBERS = {
    *("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year", "decimal", "numeric"),
}


def select_expression(column: str, source_type: str) -> str:
    """SQL of the column's canonical text, or of what is one when it is read as a text.

    Args:
        column: quoted.
        source_type: in lower case, such as `decimal(10,2) unsigned` or `bit(12)`.
    """
    base = base_type(source_type)
    if base in _BYTES:
        return _BASE64.format(value=column)
    if base == "bit":
        if base_length(source_type) in (None, 1):
            return f"({column} + 0)"
        # The lowest byte first, as the connector writes bits.
        return _BASE64.format(value=f"REVERSE(CAST({column} AS BINARY))")
    if base == "float":
        # A FLOAT prints six digits; as a DOUBLE it has them all.
        return f"({column} * 1e0)"
    if base == "timestamp":
        return f"CONCAT({column}, 'Z')"
    if base == "time" and (base_length(source_type) or 0) > 0:
        return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {column}))"
    if base == "year" or "zerofill" in source_type:
        return f"({column} + 0)"
    if base == "json":
        return f"CAST({column} AS CHAR)"
    if base == "point":
        return _POINT.format(value=column)
    if base in _GEOMETRIES:
        return _GEOMETRY.format(value=column)
    return column


def is_float32(source_type: str) -> bool:
    return base_type(source_type) == "float"


def can_be_cut(source_type: str) -> bool:
    """Whether values compare as they are sorted: an ENUM sorts by number and compares as text."""
    return base_type(source_type) in _ORDERED


def bound_expression(column: str, source_type: str) -> str:
    """SQL of a key value's text, from which `bound_literal` makes the same value."""
    return f"HEX({column})" if base_type(source_type) in ("binary", "varbinary") else column


def bound_literal(text: str, source_type: str) -> str:
    """A key's value as a literal that compares exactly."""
    base = base_type(source_type)
    if base in ("binary", "varbinary"):
        return f"x'{text}'"
    if base in _NUMBERS:
        # As a text it would be compared as a DOUBLE.
        return str(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def base_type(source_type: str) -> str:
    found = re.match(r"\s*(\w+)", source_type.lower())
    return found[1] if found else source_type


def base_length(source_type: str) -> int | None:
    found = re.match(r"\s*\w+\s*\(\s*(\d+)", source_type)
    return int(found[1]) if found else None
