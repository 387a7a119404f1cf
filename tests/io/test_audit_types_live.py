"""What values of real databases become when their tables are polled."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pipeline_io.audit_database import SqlAuditDatabase
from pipeline_io.audit_tables import UPDATED_US, Shard, TableRequest
from pipeline_io.audit_types_postgresql import INFINITE_DAYS, INFINITE_US
from pipeline_io.database import Database
from tests.stack.databases import Database as ServerDatabase

FUTURE_US = 4_000_000_000_000_000
NOON = datetime.datetime(2026, 1, 31, 12, 0, 0, 123456)  # noqa: DTZ001  # as it is read
NOON_US = 1_769_860_800_123_456

POSTGRESQL = {
    "int2": ("smallint", "7", pa.int16(), None, 7),
    "int4": ("integer", "-7", pa.int32(), None, -7),
    "int8": ("bigint", "9223372036854775807", pa.int64(), None, 2**63 - 1),
    "price": ("numeric(10, 2)", "12.5", pa.decimal128(10, 2), None, Decimal("12.50")),
    "wide": ("numeric(50, 3)", "1e40", pa.decimal256(50, 3), None, Decimal("1e40")),
    "free": ("numeric", "12.500", pa.string(), None, "12.5"),
    "nan": ("numeric(10, 2)", "'NaN'", pa.decimal128(10, 2), None, None),
    "cash": ("money", "'12.34'", pa.decimal128(19, 2), None, Decimal("12.34")),
    "yes": ("boolean", "true", pa.bool_(), None, True),
    "half": ("real", "0.1", pa.float32(), None, pytest.approx(0.1)),
    "third": ("double precision", "0.1", pa.float64(), None, 0.1),
    "note": ("text", "'é:x%s'", pa.string(), None, "é:x%s"),
    "fixed": ("char(4)", "'ab'", pa.string(), None, "ab  "),
    "who": (
        "uuid",
        "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
        pa.string(),
        "io.debezium.data.Uuid",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ),
    "doc": ("jsonb", """'{"a": 1.0}'""", pa.string(), "io.debezium.data.Json", '{"a": 1.0}'),
    "mood": ("mood", "'so, so'", pa.string(), "io.debezium.data.Enum", "so, so"),
    "raw": ("bytea", r"'\x00ff'", pa.binary(), None, b"\x00\xff"),
    "flag": ("bit(1)", "B'1'", pa.bool_(), None, True),
    "bits": ("bit(12)", "B'000100000010'", pa.binary(), "io.debezium.data.Bits", b"\x02\x01"),
    "day": ("date", "'2026-01-31'", pa.date32(), None, datetime.date(2026, 1, 31)),
    "local": (
        "timestamp",
        "'2026-01-31 12:00:00.123456'",
        pa.timestamp("us"),
        None,
        NOON,
    ),
    "instant": (
        "timestamptz",
        "'2026-01-31 13:00:00.123456+01'",
        pa.timestamp("us", "UTC"),
        None,
        NOON.replace(tzinfo=datetime.timezone.utc),
    ),
    "clock": ("time", "'23:59:59.5'", pa.time64("us"), None, datetime.time(23, 59, 59, 500000)),
    "zoned": ("timetz", "'01:00:00+02'", pa.string(), "io.debezium.time.ZonedTime", "23:00:00Z"),
    "length": (
        "interval",
        "'1 day 00:00:01.5'",
        pa.int64(),
        "io.debezium.time.MicroDuration",
        86_401_500_000,
    ),
    "numbers": ("integer[]", "'{1,NULL,3}'", pa.list_(pa.int32()), None, [1, None, 3]),
    "words": ("text[]", "'{a,\"b,c\"}'", pa.list_(pa.string()), None, ["a", "b,c"]),
    "prices": ("numeric(9,2)[]", "'{1.50}'", pa.list_(pa.string()), None, ["1.50"]),
    "address": ("inet", "'10.0.0.1/8'", pa.string(), None, "10.0.0.1/8"),
    "span": ("int4range", "'[1,5)'", pa.string(), None, "[1,5)"),
    "email": ("email", "'a@b'", pa.string(), None, "a@b"),
    "nothing": ("text", "NULL", pa.string(), None, None),
}
MYSQL = {
    "tiny": ("tinyint(1)", "1", pa.int16(), None, 1),
    "small": ("smallint unsigned", "65535", pa.int32(), None, 65535),
    "medium": ("mediumint", "-8388608", pa.int32(), None, -8388608),
    "whole": ("int unsigned zerofill", "42", pa.int64(), None, 42),
    "big": ("bigint", "-1", pa.int64(), None, -1),
    "huge": (
        "bigint unsigned",
        "18446744073709551615",
        pa.decimal128(20, 0),
        None,
        Decimal(18446744073709551615),
    ),
    "price": ("decimal(10, 2)", "12.5", pa.decimal128(10, 2), None, Decimal("12.50")),
    "wide": ("decimal(65, 2)", "1e40", pa.decimal256(65, 2), None, Decimal("1e40")),
    "half": ("float", "1234567.1", pa.float32(), None, 1234567.125),
    "third": ("double", "0.1", pa.float64(), None, 0.1),
    "flag": ("bit(1)", "b'1'", pa.bool_(), None, True),
    "bits": ("bit(12)", "b'000100000010'", pa.binary(), "io.debezium.data.Bits", b"\x02\x01"),
    "note": ("varchar(20)", "'é:x%s'", pa.string(), None, "é:x%s"),
    "long_note": ("longtext", "'x'", pa.string(), None, "x"),
    "raw": ("varbinary(4)", "x'00ff'", pa.binary(), None, b"\x00\xff"),
    "mood": ("enum('a', 'b')", "'b'", pa.string(), "io.debezium.data.Enum", "b"),
    "moods": ("set('a', 'b')", "'a,b'", pa.string(), "io.debezium.data.EnumSet", "a,b"),
    "doc": ("json", """'{"a": 1}'""", pa.string(), "io.debezium.data.Json", '{"a": 1}'),
    "day": ("date", "'2026-01-31'", pa.date32(), None, datetime.date(2026, 1, 31)),
    "local": ("datetime(6)", "'2026-01-31 12:00:00.123456'", pa.timestamp("us"), None, NOON),
    "instant": (
        "timestamp(6) NULL",
        "'2026-01-31 12:00:00.123456'",
        pa.timestamp("us", "UTC"),
        None,
        NOON.replace(tzinfo=datetime.timezone.utc),
    ),
    "year": ("year", "2026", pa.int32(), "io.debezium.time.Year", 2026),
    "nothing": ("text", "NULL", pa.string(), None, None),
}


def row_of(server: ServerDatabase) -> pa.RecordBatch:
    database = SqlAuditDatabase(Database(server.url))
    table = database.describe(TableRequest("everything", "updated_at"))
    (batch,) = database.changed(table, Shard(), None, FUTURE_US)
    keys = list(database.keys(table, Shard()))
    again = database.rows(table, keys[0])
    database.close()
    assert again.equals(batch)
    return batch


def connect_name(field: pa.Field[Any]) -> str | None:
    return (field.metadata or {}).get(b"connect.name", b"").decode() or None


def test_each_type_of_postgresql_is_read_as_the_connector_sends_it(
    postgres_database: ServerDatabase,
) -> None:
    columns = ", ".join(f"{name} {what[0]}" for name, what in POSTGRESQL.items())
    values = ", ".join(what[1] for what in POSTGRESQL.values())
    postgres_database.execute(
        "CREATE TYPE mood AS ENUM ('so, so')",
        "CREATE DOMAIN email AS varchar(40) CHECK (VALUE LIKE '%@%')",
        "CREATE TABLE everything (id integer PRIMARY KEY, updated_at timestamptz, " + columns + ")",
        f"INSERT INTO everything VALUES (1, '2026-01-31 12:00:00.123456Z', {values})",  # noqa: S608
    )

    batch = row_of(postgres_database)

    row = batch.to_pylist()[0]
    assert row == {
        "id": 1,
        "updated_at": NOON.replace(tzinfo=datetime.timezone.utc),
        **{name: what[4] for name, what in POSTGRESQL.items()},
        UPDATED_US: NOON_US,
    }
    for name, (_, _, arrow, connect, _) in POSTGRESQL.items():
        assert batch.schema.field(name).type == arrow, name
        assert connect_name(batch.schema.field(name)) == connect, name
    assert [batch.schema.field(name).nullable for name in ("id", "note")] == [False, True]


def test_times_of_postgresql_that_no_calendar_holds_are_those_of_the_connector(
    postgres_database: ServerDatabase,
) -> None:
    postgres_database.execute(
        "CREATE TABLE everything (id integer PRIMARY KEY, updated_at timestamptz, a date, b date, "
        "c timestamp, d timestamptz, e timestamp, f time)",
        "INSERT INTO everything VALUES (1, '2026-01-31 12:00:00Z', 'infinity', '-infinity', "
        "'infinity', '-infinity', '0044-03-15 12:00:00.000001 BC', '24:00')",
    )

    batch = row_of(postgres_database)

    days = [batch.column(name).cast(pa.int32())[0].as_py() for name in "ab"]
    micros = [batch.column(name).cast(pa.int64())[0].as_py() for name in "cdef"]
    assert days == list(INFINITE_DAYS)
    assert micros == [*INFINITE_US, -63_517_780_799_999_999, 86_400_000_000]


def test_each_type_of_mysql_is_read_as_the_connector_sends_it(
    mysql_database: ServerDatabase,
) -> None:
    columns = ", ".join(f"{name} {what[0]}" for name, what in MYSQL.items())
    values = ", ".join(what[1] for what in MYSQL.values())
    mysql_database.execute(
        "SET time_zone = '+00:00'",
        f"CREATE TABLE everything (id integer PRIMARY KEY, updated_at datetime(6), {columns})",
        f"INSERT INTO everything VALUES (1, '2026-01-31 12:00:00.123456', {values})",  # noqa: S608
    )

    batch = row_of(mysql_database)

    row = batch.to_pylist()[0]
    expected = {name: what[4] for name, what in MYSQL.items()}
    assert row == {"id": 1, "updated_at": NOON, **expected, UPDATED_US: NOON_US}
    for name, (_, _, arrow, connect, _) in MYSQL.items():
        assert batch.schema.field(name).type == arrow, name
        assert connect_name(batch.schema.field(name)) == connect, name


def test_times_of_mysql_beyond_a_day_and_zero_dates_are_those_of_the_connector(
    mysql_database: ServerDatabase,
) -> None:
    mysql_database.execute(
        "SET sql_mode = ''",
        "CREATE TABLE everything (id integer PRIMARY KEY, updated_at datetime, a time(6), b time, "
        "c date, d date NOT NULL, e datetime)",
        "INSERT INTO everything VALUES (1, '2026-01-31 12:00:00', '-00:00:00.5', '838:59:59', "
        "'0000-00-00', '0000-00-00', '0000-00-00')",
    )

    batch = row_of(mysql_database)

    assert [batch.column(name).cast(pa.int64())[0].as_py() for name in "ab"] == [
        -500_000,
        3_020_399_000_000,
    ]
    assert [batch.column(name)[0].as_py() for name in "cde"] == [
        None,
        datetime.date(1970, 1, 1),
        None,
    ]
