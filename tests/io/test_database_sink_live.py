"""Rows stored in tables of PostgreSQL and MySQL."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pipeline_io.database_sink_table import (
    DatabaseTable,
    SinkColumn,
    SinkTableError,
)
from pipeline_io.database_sink_writer import check
from tests.io.database_sink_rows import write
from tests.io.database_sink_tables import (
    COLUMNS,
    MIDNIGHT,
    ROW,
    UTC,
    Query,
    query_of,
    table_of,
)


@pytest.fixture(params=["postgresql", "mysql"])
def items(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DatabaseTable:
    """A new table, upserted in order and with marks of deleted rows."""
    fixture = {"postgresql": "postgres_database", "mysql": "mysql_database"}[request.param]
    return table_of(request.getfixturevalue(fixture), monkeypatch)


@pytest.fixture
def query(items: DatabaseTable) -> Query:
    return query_of(items)


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


def test_what_the_columns_would_round_is_told_of_before_a_row(items: DatabaseTable) -> None:
    columns = [*COLUMNS]
    columns[2] = SinkColumn("price", pa.decimal128(30, 11))
    columns[10] = SinkColumn("f", pa.decimal128(5, 2))
    with pytest.raises(SinkTableError) as refused:
        check(dataclasses.replace(items, columns=tuple(columns)))
    assert "10 digits behind the point" in str(refused.value)
    assert "the column 'f' is" in str(refused.value)
