"""What goes wrong with databases that rows are stored in: what is waited for, and what stops."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

import pyarrow as pa
import pytest

from pipeline_io import database
from pipeline_io.database_sink_rows import stored_rows
from pipeline_io.database_sink_store import DatabaseStore
from pipeline_io.database_sink_table import DatabaseTable, SinkAccessError
from pipeline_io.database_sink_writer import check
from pipeline_io.secrets import Secret
from tests.io.database_sink_rows import sink_batch, write
from tests.io.database_sink_tables import COLUMNS, ROW, Query, query_of, table_of, writer
from tests.stack.servers import DatabaseServer


@pytest.fixture(params=["postgresql", "mysql"])
def items(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DatabaseTable:
    """A new table, upserted in order and with marks of deleted rows."""
    fixture = {"postgresql": "postgres_database", "mysql": "mysql_database"}[request.param]
    return table_of(request.getfixturevalue(fixture), monkeypatch)


@pytest.fixture
def query(items: DatabaseTable) -> Query:
    return query_of(items)


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
