"""The generated SQL as it is, on an emulator of BigQuery: the same rows as DuckDB's translation."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any, cast

import pyarrow as pa
import pytest

from kami.bigquery_warehouse import EMULATOR, BigQueryWarehouse
from kami.errors import KamiError, UnreachableError
from kami.warehouse import open_warehouse
from kami.warehouse_duckdb import DuckDbWarehouse
from tests.kami.hand_made import HandMade
from tests.stack.servers import BigQuery

# Each statement takes the emulator a second or more.
pytestmark = pytest.mark.slow

ORDERS = """
CREATE TABLE orders (
  id BIGINT PRIMARY KEY, total DECIMAL(10, 2), note VARCHAR(20), made DATETIME(6), paid TINYINT(1),
  score DOUBLE, raw BLOB, day DATE, more JSON
)
"""
ACCOUNTS = "CREATE TABLE public.accounts (id bigint PRIMARY KEY, note text, at timestamptz)"


class OnBigQuery(HandMade):
    """The same in BigQuery, where tests have tables of their own in one dataset."""

    def __init__(self, warehouse: BigQueryWarehouse, ddl: str, dialect: str = "mysql") -> None:
        super().__init__(ddl, dialect)
        self.warehouse.close()
        self.warehouse = cast("DuckDbWarehouse", warehouse)
        self.apply()


@pytest.fixture(scope="module")
def warehouse(bigquery: BigQuery) -> Iterator[BigQueryWarehouse]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(EMULATOR, f"http://{bigquery.rest_address}")
        with BigQueryWarehouse(f"kamiflow-{uuid.uuid4().hex[:8]}") as opened:
            yield opened


def orders(name: str) -> str:
    return ORDERS.replace("orders", name)


def order(key: int, **more: Any) -> dict[str, Any]:
    """A row as the log has it."""
    values = {"total": "12.50", "note": "ż 'x'", "made": "2026-01-01T03:46:00.123456", "paid": 1}
    rest = {"score": 0.1, "raw": "AP8=", "day": "2026-01-01", "more": '{"a": [1, null]}'}
    return {"id": key, **values, **rest, **more}


def mysql_story(made: HandMade) -> None:
    made.snapshot(5, order(1), order(2), order(3))
    made.log("u", 6, order(1, total="-0.01", note=None, made=None))
    made.log("d", 7, key={"id": 2})
    made.log("c", 8, order(4, note="four", score=None, raw=None, more=None))
    made.log("u", 4, order(3, note="older than the snapshot"))
    made.log("c", 9, order(9_223_372_036_854_775_807, paid=0))


def truncated_story(made: HandMade) -> None:
    made.snapshot(5, order(1), order(2))
    made.log("c", 6, order(3))
    made.log("t", 7)
    made.log("c", 8, order(4))


def postgresql_story(made: HandMade) -> None:
    made.log("c", 1, {"id": 1, "note": "long", "at": "2026-01-01T00:00:00Z"})
    made.log("u", 2, {"id": 1, "at": "2026-01-02T00:00:00.5Z"}, _missing_columns=["note"])
    made.log("c", 3, {"id": 2, "note": None, "at": None})
    made.log("d", 4, key={"id": 2})
    made.log("c", 5, {"id": 3, "note": "three", "at": None})


STORIES: dict[str, tuple[str, str, Callable[[HandMade], None]]] = {
    "snapshot and log": (orders("merged"), "mysql", mysql_story),
    "a truncate": (orders("truncated"), "mysql", truncated_story),
    "columns left out": (ACCOUNTS, "postgresql", postgresql_story),
}


@pytest.mark.parametrize("story", STORIES)
def test_the_god_view_has_the_same_rows_on_both_warehouses(
    warehouse: BigQueryWarehouse, story: str
) -> None:
    ddl, dialect, tell = STORIES[story]
    duckdb, bigquery = HandMade(ddl, dialect), OnBigQuery(warehouse, ddl, dialect)
    tell(duckdb)
    tell(bigquery)
    assert list(map(comparable, bigquery.rows())) == list(map(comparable, duckdb.rows()))
    more = {"bookkeeping": True, "deleted": True}
    ours, theirs = bigquery.newest(**more), duckdb.newest(**more)
    assert [row.keys() for row in ours] == [row.keys() for row in theirs]
    assert [comparable(tuple(row.values())) for row in ours] == [
        comparable(tuple(row.values())) for row in theirs
    ]


def comparable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row with its JSON read: BigQuery writes it without blanks."""
    return tuple(
        json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
        for value in row
    )


def test_what_was_made_is_not_made_again_and_what_is_new_is_added(
    warehouse: BigQueryWarehouse,
) -> None:
    # Of a view with JSON columns the emulator keeps another text than it was given.
    ddl = orders("grown").replace("more JSON", "more TEXT")
    made = OnBigQuery(warehouse, ddl)
    assert made.apply() == []
    assert warehouse.tables("shop")["grown"] == "view"
    made.log("c", 1, order(1))
    made.apply(ddl.replace("more TEXT", "more TEXT, extra INT"))
    made.log("c", 2, order(2, extra=7))
    assert made.rows("id", "extra") == [(1, None), (2, 7)]


def test_rows_are_appended_by_name_and_json_is_json(warehouse: BigQueryWarehouse) -> None:
    warehouse.run("CREATE SCHEMA `d`; CREATE TABLE `d`.`t` (a INT64, j JSON, b STRING)")
    warehouse.append("d", "t", pa.table({"b": ["x"], "j": ['{"k":1}'], "a": [1]}))
    warehouse.append("d", "t", pa.table({"a": [2]}))
    found = warehouse.query("SELECT a, JSON_VALUE(j, '$.k') AS k, b FROM d.t ORDER BY a")
    assert found.to_pylist() == [{"a": 1, "k": "1", "b": "x"}, {"a": 2, "k": None, "b": None}]
    assert warehouse.columns("d", "t") == {"a": "INT64", "j": "JSON", "b": "STRING"}
    assert warehouse.columns("d", "nothing") is None
    assert warehouse.tables("nothing") == {}


def test_a_statement_that_is_wrong_is_told_with_bigquerys_words(
    warehouse: BigQueryWarehouse,
) -> None:
    with pytest.raises(
        KamiError, match=r"(?s)project kamiflow-.*nowhere was not found.*SELECT nothing"
    ):
        warehouse.query("SELECT nothing FROM `nowhere`.`at_all`")


def test_a_server_that_is_not_there_is_told_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(EMULATOR, "http://127.0.0.1:9")
    monkeypatch.setattr("google.cloud.bigquery.retry.DEFAULT_RETRY._timeout", 0.1)
    with (
        open_warehouse("bigquery:shop-1") as opened,
        pytest.raises(UnreachableError, match="check"),
    ):
        opened.datasets()
