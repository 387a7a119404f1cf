"""A table of every type in PostgreSQL and MySQL, and a row of it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy

from pipeline_io import database
from pipeline_io.database_sink_table import DatabaseTable, SinkColumn
from pipeline_io.secrets import Secret
from tests.stack.databases import Database

UTC = datetime.timezone.utc
MIDNIGHT = datetime.datetime(2026, 1, 31, tzinfo=UTC)
COLUMNS = (
    SinkColumn("id", pa.int64()),
    SinkColumn("name", pa.string()),
    SinkColumn("price", pa.decimal128(20, 10)),
    SinkColumn("at", pa.timestamp("us", "UTC"), 6),
    SinkColumn("wall", pa.timestamp("us"), 6),
    SinkColumn("day", pa.date32()),
    SinkColumn("clock", pa.time64("us"), 6),
    SinkColumn("raw", pa.binary()),
    SinkColumn("doc", pa.string(), is_json=True),
    SinkColumn("yes", pa.bool_()),
    SinkColumn("f", pa.float64()),
)
POSTGRES = """CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(100), price NUMERIC(30, 10),
  at TIMESTAMPTZ, wall TIMESTAMP, day DATE, clock TIME, raw BYTEA, doc JSONB, yes BOOLEAN,
  f DOUBLE PRECISION, order_key TEXT, gone BOOLEAN)"""
MYSQL = """CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(100), price DECIMAL(30, 10),
  at TIMESTAMP(6) NULL, wall DATETIME(6), day DATE, clock TIME(6), raw BLOB, doc JSON, yes BOOLEAN,
  f DOUBLE, order_key VARCHAR(64), gone BOOLEAN)"""
ROW: dict[str, Any] = {
    "id": 1,
    "name": "it's 100% \\ :p0 Ω",
    "price": Decimal("0.0000000123"),
    "at": datetime.datetime(2026, 1, 31, 23, 59, 59, 999_999, UTC),
    "wall": datetime.datetime(2026, 1, 31, 23, 59, 59, 1, UTC).replace(tzinfo=None),
    "day": datetime.date(1969, 12, 31),
    "clock": datetime.time(23, 59, 59, 5),
    "raw": b"\x00\xff'",
    "doc": '{"a": ["\\u00e9", 1.5]}',
    "yes": True,
    "f": 0.1,
}


def table_of(server: Database, monkeypatch: pytest.MonkeyPatch) -> DatabaseTable:
    server.execute(POSTGRES if "postgresql" in server.url else MYSQL)
    monkeypatch.setenv("SINK_PASSWORD", server.password)
    address = sqlalchemy.engine.make_url(server.url).set(password=None).render_as_string()
    return DatabaseTable(
        database.Database(address, password=Secret("env://SINK_PASSWORD")),
        "items",
        COLUMNS,
        key=("id",),
        order_key_column="order_key",
        deleted_column="gone",
        max_retries=3,
    )


def writer(table: DatabaseTable) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        table.database.url.set(password=Secret("env://SINK_PASSWORD").value())
    )


Query = Callable[[str], list[tuple[Any, ...]]]


def query_of(items: DatabaseTable) -> Query:
    """What runs a statement in the table's database, and gives its rows."""

    def run(statement: str) -> list[tuple[Any, ...]]:
        engine = items.database.engine() if statement.startswith("SELECT") else writer(items)
        with engine.begin() as connection:
            found = connection.exec_driver_sql(statement)
            rows = [tuple(row) for row in found] if found.returns_rows else []
        engine.dispose()
        return rows

    return run
