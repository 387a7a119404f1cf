"""Types of the sources, with values as the log has them and as a view shows them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any, NamedTuple

UTC = datetime.timezone.utc


class Row(NamedTuple):
    """A type: (value in canonical JSON, value in the view) for some values.

    Args:
        ddl: the type in a CREATE TABLE statement, where it is another text.
    """

    source_type: str
    bigquery: str
    values: list[tuple[Any, Any]]
    ddl: str | None = None


def at(*parts: int) -> datetime.datetime:
    return datetime.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def instant(*parts: int) -> datetime.datetime:
    return at(*parts).replace(tzinfo=UTC)


INTEGER: list[tuple[Any, Any]] = [(0, 0), (-(2**63), -(2**63)), (2**63 - 1, 2**63 - 1)]
SMALL: list[tuple[Any, Any]] = [(0, 0), (-128, -128), (127, 127)]
TEXT: list[tuple[Any, Any]] = [("", ""), ('line 1\nü "q" \\', 'line 1\nü "q" \\')]
BYTES: list[tuple[Any, Any]] = [("", b""), ("3q2+7wA=", b"\xde\xad\xbe\xef\x00")]
FLOAT: list[tuple[Any, Any]] = [
    (1.5, 1.5),
    (1.7976931348623157e308, 1.7976931348623157e308),
    ("NaN", float("nan")),
    ("-Infinity", float("-inf")),
]
JSON: list[tuple[Any, Any]] = [
    ('{"a": 12345678901234567890,  "b": [true, null]}',) * 2,
    ("null", "null"),
    ('"text"', '"text"'),
]
POINT: list[tuple[Any, Any]] = [
    (
        {"x": 1.5, "y": -2.25, "wkb": "AQ==", "srid": None},
        '{"x":1.5,"y":-2.25,"wkb":"AQ==","srid":null}',
    )
]
BOOL: list[tuple[Any, Any]] = [(True, True), (False, False)]
DATES: list[tuple[Any, Any]] = [
    ("2026-03-15", datetime.date(2026, 3, 15)),
    ("1000-01-01", datetime.date(1000, 1, 1)),
    ("9999-12-31", datetime.date(9999, 12, 31)),
]
DATETIMES: list[tuple[Any, Any]] = [
    ("2026-03-15T13:14:15.678901", at(2026, 3, 15, 13, 14, 15, 678901)),
    ("1969-12-31T23:59:59.9", at(1969, 12, 31, 23, 59, 59, 900000)),
    ("9999-12-31T23:59:59", at(9999, 12, 31, 23, 59, 59)),
]
TIMESTAMPS: list[tuple[Any, Any]] = [
    ("2026-03-15T11:14:15.678901Z", instant(2026, 3, 15, 11, 14, 15, 678901)),
    ("1970-01-01T00:00:01Z", instant(1970, 1, 1, 0, 0, 1)),
]
ARRAY: list[tuple[Any, Any]] = [([1, None, "a"], '[1,null,"a"]'), ([], "[]")]


def same(*values: str) -> list[tuple[Any, Any]]:
    return [(value, value) for value in values]


MYSQL = [
    Row("tinyint", "INT64", SMALL),
    Row("tinyint(1)", "INT64", [*SMALL, (True, 1), (False, 0)]),
    Row("tinyint unsigned", "INT64", [(255, 255)]),
    Row("boolean", "INT64", [(True, 1), (0, 0), (127, 127)]),
    Row("smallint unsigned", "INT64", [(65535, 65535)]),
    Row("mediumint", "INT64", [(-8388608, -8388608)]),
    Row("int", "INT64", SMALL),
    Row("int(10) unsigned zerofill", "INT64", [(4294967295, 4294967295)]),
    Row("bigint", "INT64", INTEGER),
    Row("bigint unsigned", "NUMERIC(20, 0)", [(2**64 - 1, Decimal(2**64 - 1)), ("7", Decimal(7))]),
    Row("bit", "BOOL", BOOL),
    Row("bit(1)", "BOOL", BOOL),
    Row("bit(12)", "BYTES", [("qgo=", b"\xaa\x0a")]),
    Row("float", "FLOAT64", FLOAT[:1]),
    Row("float(7,4)", "FLOAT64", FLOAT[:1]),
    Row("double", "FLOAT64", FLOAT[:2]),
    Row("real", "FLOAT64", FLOAT[:2]),
    Row("decimal(10,2)", "NUMERIC(10, 2)", [("12345678.90", Decimal("12345678.90"))]),
    Row("decimal(10,2) unsigned", "NUMERIC(10, 2)", [("0.00", Decimal("0.00"))]),
    Row("decimal(38,10)", "BIGNUMERIC(38, 10)", [("-1.0123456789", Decimal("-1.0123456789"))]),
    Row("decimal(60,5)", "STRING", same("1234567890123456789012345678901234567890.12345")),
    Row("numeric", "NUMERIC(10, 0)", [("5", Decimal(5))]),
    Row("date", "DATE", DATES),
    Row("time(6)", "STRING", same("13:14:15.678901", "-838:59:59", "838:59:59", "00:00:00")),
    Row("datetime(6)", "DATETIME", DATETIMES),
    Row("timestamp(6)", "TIMESTAMP", TIMESTAMPS),
    Row("year", "INT64", [(2026, 2026)]),
    *(
        Row(of, "STRING", TEXT)
        for of in ("char(9)", "varchar(9)", "tinytext", "text", "mediumtext", "longtext")
    ),
    *(
        Row(of, "BYTES", BYTES)
        for of in ("binary(5)", "varbinary(9)", "tinyblob", "blob", "mediumblob", "longblob")
    ),
    Row("json", "JSON", JSON),
    Row("enum('small','größer','x,y')", "STRING", same("größer", "x,y")),
    Row("set('a','b')", "STRING", same("a,b", "")),
    *(
        Row(of, "JSON", POINT)
        for of in (
            "point",
            "geometry",
            "linestring",
            "polygon",
            "multipoint",
            "multilinestring",
            "multipolygon",
            "geometrycollection",
        )
    ),
    Row("uuid", "STRING", same("123e4567-e89b-12d3-a456-426614174000")),
    Row("inet6", "STRING", same("::1")),
]

POSTGRESQL = [
    Row("smallint", "INT64", SMALL),
    Row("integer", "INT64", SMALL),
    Row("bigint", "INT64", INTEGER),
    Row("oid", "INT64", [(4294967295, 4294967295)]),
    Row("real", "FLOAT64", FLOAT),
    Row("double precision", "FLOAT64", FLOAT),
    Row("numeric(10,2)", "NUMERIC(10, 2)", [("-12345678.90", Decimal("-12345678.90"))]),
    Row("numeric(38,10)", "BIGNUMERIC(38, 10)", [("0.0000000001", Decimal("0.0000000001"))]),
    Row("numeric(60,5)", "STRING", same("1234567890123456789012345678901234567890.12345")),
    Row("numeric", "STRING", same("123.45", "-0.001")),
    Row("money", "NUMERIC(19, 2)", [("92233720368547758.07", Decimal("92233720368547758.07"))]),
    Row("date", "DATE", DATES),
    Row(
        "time(6) without time zone",
        "TIME",
        [("13:14:15.678901", datetime.time(13, 14, 15, 678901))],
    ),
    Row(
        "time",
        "TIME",
        [("00:00:00", datetime.time(0)), ("13:14:15.5", datetime.time(13, 14, 15, 500000))],
    ),
    Row("time with time zone", "STRING", same("11:14:15.678901Z")),
    Row("timestamp(6) without time zone", "DATETIME", DATETIMES),
    Row("timestamp(6) with time zone", "TIMESTAMP", TIMESTAMPS),
    Row("timestamptz", "TIMESTAMP", TIMESTAMPS),
    Row("interval", "STRING", [(93784000005, "93784000005"), ("P1DT2H", "P1DT2H")]),
    Row("boolean", "BOOL", BOOL),
    *(
        Row(of, "STRING", TEXT)
        for of in ("character(10)", "character varying(10)", "text", "citext", "name", "xml")
    ),
    Row("bytea", "BYTES", BYTES),
    Row("uuid", "STRING", same("123e4567-e89b-12d3-a456-426614174000")),
    Row("json", "JSON", JSON),
    Row("jsonb", "JSON", JSON),
    Row("inet", "STRING", same("192.168.1.5/24")),
    Row("cidr", "STRING", same("10.0.0.0/8")),
    Row("macaddr", "STRING", same("08:00:2b:01:02:03")),
    Row("macaddr8", "STRING", same("08:00:2b:01:02:03:04:05")),
    *(
        Row(of, "STRING", ARRAY)
        for of in ("integer[]", "text[]", "numeric(10,2)[]", "timestamp without time zone[]")
    ),
    Row(
        "hstore",
        "JSON",
        [({"a": "1", "b": None}, '{"a":"1","b":null}'), ('{"a":"1"}', '{"a":"1"}')],
    ),
    Row("ltree", "STRING", same("top.middle.leaf")),
    Row("enum", "STRING", same("sehr glücklich"), "text"),
    Row("bit(1)", "BOOL", BOOL),
    Row("bit(8)", "BYTES", [("qg==", b"\xaa")]),
    Row("bit varying(5)", "BYTES", BYTES),
    Row("point", "JSON", POINT),
    Row("int4range", "STRING", same("[1,10)")),
    Row("tstzrange", "STRING", same('["2026-01-01 00:00:00+00",)')),
    Row("datemultirange", "STRING", same("{[2026-01-01,2026-02-01)}")),
    Row("tsvector", "STRING", same("'cat':3 'fat':2,11")),
    Row("pg_lsn", "STRING", same("16/B374D848")),
]
