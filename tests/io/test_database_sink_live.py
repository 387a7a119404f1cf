"""Rows stored in tables of PostgreSQL and MySQL."""

from __future__ import annotations

import dataclasses
import datetime
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy

from pipeline_io import database
from pipeline_io.database_sink_rows import stored_rows
from pipeline_io.database_sink_store import DatabaseStore
from pipeline_io.database_sink_table import (
    DatabaseTable,
    SinkAccessError,
    SinkColumn,
    SinkTableError,
)
from pipeline_io.database_sink_writer import check
from pipeline_io.secrets import Secret
from tests.io.database_sink_rows import sink_batch, write
from tests.stack.databases import Database
from tests.stack.servers import DatabaseServer

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


@pytest.fixture(params=["postgresql", "mysql"])
def items(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DatabaseTable:
    """A new table, upserted in order and with marks of deleted rows."""
    fixture = {"postgresql": "postgres_database", "mysql": "mysql_database"}[request.param]
    return table_of(request.getfixturevalue(fixture), monkeypatch)


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


@pytest.fixture
def query(items: DatabaseTable) -> Callable[[str], list[tuple[Any, ...]]]:
    def run(statement: str) -> list[tuple[Any, ...]]:
        engine = items.database.engine() if statement.startswith("SELECT") else writer(items)
        with engine.begin() as connection:
            found = connection.exec_driver_sql(statement)
            rows = [tuple(row) for row in found] if found.returns_rows else []
        engine.dispose()
        return rows

    return run


def writer(table: DatabaseTable) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        table.database.url.set(password=Secret("env://SINK_PASSWORD").value())
    )


Query = Callable[[str], list[tuple[Any, ...]]]


def test_every_type_is_stored_exactly(items: DatabaseTable, query: Query) -> None:
    check(items)
    nothing = {**dict.fromkeys(ROW), "id": 2}
    assert write(items, [ROW, nothing], orders=[1, 1]) == []
    first, second = query("SELECT * FROM items ORDER BY id")
    found = dict(zip(ROW, first, strict=False))
    if items.database.kind == "mysql":
        found["at"] = found["at"].replace(tzinfo=UTC)
        found["clock"] = (MIDNIGHT + found["clock"]).time()
        found["yes"] = bool(found["yes"])
        assert found.pop("doc") == '{"a": ["é", 1.5]}'
    else:
        assert found.pop("doc") == {"a": ["é", 1.5]}
    assert found == {name: value for name, value in ROW.items() if name != "doc"}
    assert second[:11] == (2, *[None] * 10)


def test_an_older_row_never_overwrites_a_newer_one_nor_a_delete(
    items: DatabaseTable, query: Query
) -> None:
    def of(name: str) -> dict[str, Any]:
        return {**ROW, "name": name}

    write(items, [of("new")], ["u"], [5])
    write(items, [of("old")], ["u"], [4])
    assert query("SELECT name FROM items") == [("new",)]
    write(items, [of("late delete")], ["d"], [3])
    write(items, [of("delete")], ["d"], [7])
    write(items, [of("late")], ["u"], [6])
    assert [bool(gone) for (gone,) in query("SELECT gone FROM items")] == [True]
    write(items, [of("back")], ["c"], [8])
    ((name, gone),) = query("SELECT name, gone FROM items")
    assert (name, bool(gone)) == ("back", False)


def test_a_delete_takes_the_row_away_unless_that_is_newer(
    items: DatabaseTable, query: Query
) -> None:
    items = dataclasses.replace(items, deleted_column=None)
    write(items, [ROW, {**ROW, "id": 2}, {**ROW, "id": 3}], orders=[5, 5, 5])
    write(items, [ROW, {**ROW, "id": 2}, {**ROW, "id": 9}], ["d", "d", "d"], [6, 4, 6])
    assert query("SELECT id FROM items ORDER BY id") == [(2,), (3,)]


def test_bad_rows_are_refused_alone_with_the_databases_message(
    items: DatabaseTable, query: Query
) -> None:
    rows = [{**ROW, "id": number} for number in range(30)]
    rows[4]["name"] = "x" * 101
    rows[11]["doc"] = "{"
    rows[12]["price"] = Decimal(10**9)
    mysql = items.database.kind == "mysql"
    change = "MODIFY price DECIMAL" if mysql else "ALTER COLUMN price TYPE NUMERIC"
    query(f"ALTER TABLE items {change}(14, 10)")
    refused = write(items, rows, orders=[1] * 30)
    assert [one.place for one in refused] == [4, 11, 12]
    assert {one.error_class for one in refused} == {"RefusedByDatabase"}
    too_long, no_json, too_large = (one.message.lower() for one in refused)
    assert "too long" in too_long
    assert "json" in no_json
    assert "out of range" in too_large or "overflow" in too_large
    assert query("SELECT COUNT(*) FROM items") == [(27,)]


def test_another_unique_index_refuses_a_row_and_changes_no_other(
    items: DatabaseTable, query: Query
) -> None:
    query("ALTER TABLE items ADD CONSTRAINT one_name UNIQUE (name)")
    write(items, [ROW], orders=[1])
    refused = write(items, [{**ROW, "id": 2}, {**ROW, "id": 3, "name": "c"}], orders=[2, 2])
    assert [one.place for one in refused] == [0]
    assert query("SELECT id, name FROM items ORDER BY id") == [(1, ROW["name"]), (3, "c")]
    # And the same statements update and mark rows.
    write(items, [{**ROW, "id": 3, "name": "d"}, ROW], ["u", "d"], [3, 3])
    write(items, [{**ROW, "id": 3, "name": "late"}], ["u"], [2])
    found = query("SELECT id, name, gone FROM items ORDER BY id")
    assert [(*row[:2], bool(row[2])) for row in found] == [(1, ROW["name"], True), (3, "d", False)]


def test_a_composite_key_of_texts_and_names_that_need_quotes(
    items: DatabaseTable, query: Query
) -> None:
    quote = "`" if items.database.kind == "mysql" else '"'
    name = f"{quote}Or%%der: x{quote}"
    query(f"CREATE TABLE odd (a VARCHAR(20), b INT, {name} VARCHAR(20), PRIMARY KEY (a, b))")
    columns = (
        SinkColumn("a", pa.string()),
        SinkColumn("b", pa.int32()),
        SinkColumn("Or%der: x", pa.string()),
    )
    table = dataclasses.replace(
        items,
        name="odd",
        columns=columns,
        key=("a", "b"),
        order_key_column=None,
        deleted_column=None,
    )
    check(table)
    rows = [{"a": "x", "b": number % 2, "Or%der: x": str(number)} for number in range(4)]
    assert write(table, rows) == []
    assert query("SELECT * FROM odd ORDER BY b") == [("x", 0, "2"), ("x", 1, "3")]
    write(table, rows[:1], ["d"])
    assert query("SELECT b FROM odd") == [(1,)]


def test_a_deadlock_is_tried_again(items: DatabaseTable, query: Query) -> None:
    write(items, [{**ROW, "id": number} for number in (1, 2)], orders=[1, 1])
    other = writer(items)
    with other.connect() as connection:
        if items.database.kind == "mysql":
            # Who has changed less gives way.
            connection.exec_driver_sql("CREATE TABLE more (id BIGINT, name VARCHAR(100))")
            connection.exec_driver_sql(
                "INSERT INTO more SELECT 1, 'x' FROM information_schema.columns"
            )
        else:
            # Who finds it out gives way: the other one waits longer before it looks.
            connection.exec_driver_sql("SET deadlock_timeout = '20s'")
        connection.exec_driver_sql("UPDATE items SET name = 'other' WHERE id = 2")
        slept: list[float] = []
        store = DatabaseStore(items, sleep=slept.append)
        kinds = {column.name: column.type for column in COLUMNS}
        rows = [{**ROW, "id": number, "name": "ours"} for number in (1, 2)]
        thread = threading.Thread(
            target=stored, args=(store, sink_batch(rows, kinds, "uu", [2, 2]))
        )
        thread.start()
        time.sleep(0.5)
        connection.exec_driver_sql("UPDATE items SET name = 'other' WHERE id = 1")
        connection.commit()
        thread.join(30)
    other.dispose()
    store.close()
    assert not thread.is_alive()
    assert slept
    assert query("SELECT name FROM items") == [("ours",), ("ours",)]


def stored(store: DatabaseStore, batch: pa.RecordBatch) -> None:
    payload: Any = batch.column("payload")
    attributes: Any = batch.column("attributes")
    assert store.write(stored_rows(payload, attributes, store.table, 0)) == []


def test_a_connection_that_the_server_has_ended_is_made_anew(
    items: DatabaseTable, query: Query
) -> None:
    slept: list[float] = []
    store = DatabaseStore(items, sleep=slept.append)
    kinds = {column.name: column.type for column in COLUMNS}
    stored(store, sink_batch([ROW], kinds, orders=[1]))
    if items.database.kind == "mysql":
        found = query("SELECT id FROM information_schema.processlist WHERE command = 'Sleep'")
        for (number,) in found:
            query(f"KILL {number}")
    else:
        query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    stored(store, sink_batch([{**ROW, "name": "again"}], kinds, orders=[2]))
    store.close()
    assert query("SELECT name FROM items") == [("again",)]


def test_a_server_that_comes_back_is_waited_for(
    request: pytest.FixtureRequest, items: DatabaseTable, query: Query
) -> None:
    server: DatabaseServer = request.getfixturevalue(
        "mysql" if items.database.kind == "mysql" else "postgres"
    )
    kinds = {column.name: column.type for column in COLUMNS}
    store = DatabaseStore(items, sleep=lambda seconds: server.start())
    stored(store, sink_batch([ROW], kinds, orders=[1]))
    server.stop()
    stored(store, sink_batch([{**ROW, "name": "again"}], kinds, orders=[2]))
    assert store.counts["retries"] == 1
    store.close()
    assert query("SELECT name FROM items") == [("again",)]


def test_a_wrong_password_and_missing_rights_stop_before_a_row(
    items: DatabaseTable, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"reader_{time.time_ns()}"[:30]
    if items.database.kind == "mysql":
        query(f"CREATE USER {name} IDENTIFIED BY 'pw'")
        query(f"GRANT SELECT ON items TO {name}")
    else:
        query(f"CREATE USER {name} PASSWORD 'pw'")
        query(f"GRANT SELECT ON items TO {name}")
    try:
        where = dataclasses.replace(items.database, user=name)
        reader = dataclasses.replace(items, database=where)
        monkeypatch.setenv("SINK_PASSWORD", "pw")
        with pytest.raises(SinkAccessError, match="INSERT"):
            check(reader)
        monkeypatch.setenv("SINK_PASSWORD", "hunter2")
        with pytest.raises(SinkAccessError) as refused:
            check(dataclasses.replace(reader, database=_anew(where)))
        assert "hunter2" not in str(refused.value)
    finally:
        monkeypatch.undo()


def _anew(where: database.Database) -> database.Database:
    return dataclasses.replace(where, password=Secret("env://SINK_PASSWORD"))


def test_what_the_columns_would_round_is_told_of_before_a_row(items: DatabaseTable) -> None:
    columns = [*COLUMNS]
    columns[2] = SinkColumn("price", pa.decimal128(30, 11))
    columns[10] = SinkColumn("f", pa.decimal128(5, 2))
    with pytest.raises(SinkTableError) as refused:
        check(dataclasses.replace(items, columns=tuple(columns)))
    assert "10 digits behind the point" in str(refused.value)
    assert "the column 'f' is" in str(refused.value)
