"""Snapshots that come as JSON."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from kami.commands.generate import warnings
from kami.errors import ConfigurationError
from kami.json_rows import move_json_rows
from kami.keys import key_text
from kami.snapshot_rows import typed_rows
from kami.views import refuse_bigquery_names
from kami.warehouse import Warehouse
from tests.kami.hand_made import TAKEN_AT, HandMade, configured, order_key

DDL = "CREATE TABLE t (b VARCHAR(9), a DECIMAL(9,2), n INT, PRIMARY KEY (b, a))"


def test_a_row_has_its_key_and_the_anchor() -> None:
    table = configured(DDL).table
    batch = typed_rows(table, [{"b": "x", "a": "1.50", "n": None}], "anchor", TAKEN_AT)
    assert batch.schema.names == ["_key", "_order_key", "_deleted", "_snapshot_at", "b", "a", "n"]
    (row,) = batch.to_pylist()
    assert row["_key"] == '["1.5","x"]'
    assert (row["_order_key"], row["_deleted"], row["_snapshot_at"]) == ("anchor", False, TAKEN_AT)


def test_the_key_of_a_snapshot_row_is_that_of_the_log() -> None:
    ddl = (
        "CREATE TABLE t (u UUID, n NUMERIC, at TIMESTAMPTZ, ok BOOLEAN, PRIMARY KEY (u, n, at, ok))"
    )
    row = {"u": "ABCDEF00-0000-0000-0000-000000000000", "n": "1.50", "ok": True}
    table = configured(ddl, "postgresql").table
    batch = typed_rows(table, [{**row, "at": "2026-01-01 03:00:00.5+02"}], "k", TAKEN_AT)
    expected = ["2026-01-01T01:00:00.5Z", "1.5", "1", str(row["u"]).lower()]
    assert json.loads(batch.column("_key")[0].as_py()) == expected


def test_no_rows_are_an_empty_snapshot() -> None:
    assert typed_rows(configured(DDL).table, [], "k", TAKEN_AT).num_rows == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"b": "x", "a": "y", "n": 1}, r"row 1 of the table 't': 'a' is 'y', which is no decimal"),
        ({"b": "x", "a": "1", "n": 1.5}, r"'n' is 1.5, which is no int"),
        ({"b": None, "a": "1", "n": 1}, r"the key column 'b' is None"),
        ({"b": "x", "a": "1", "m": 1}, r"row 1 .* has the columns \['m'\], which are none of b, a"),
    ],
)
def test_a_row_that_is_none_of_the_table_is_told(row: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        typed_rows(configured(DDL).table, [row], "k", TAKEN_AT)


def test_a_table_without_a_key_has_no_snapshot() -> None:
    with pytest.raises(ConfigurationError, match="no primary key"):
        typed_rows(configured("CREATE TABLE t (a INT)").table, [{"a": 1}], "k", TAKEN_AT)


def waiting(made: HandMade, rows: list[dict[str, object]], place: int) -> None:
    made.insert(
        "_snapshot_rows",
        [
            {
                "table_name": "t",
                "row": json.dumps(row),
                "order_key": order_key(place, 0),
                "taken_at": TAKEN_AT + datetime.timedelta(hours=place),
            }
            for row in rows
        ],
    )


def row(key: str, n: int) -> dict[str, object]:
    return {"b": key, "a": "1.00", "n": n}


def test_the_newest_of_several_waiting_snapshots_is_taken_whole() -> None:
    made = HandMade(DDL)
    made.snapshot(1, row("x", 1))
    waiting(made, [row("y", 2)], 2)
    waiting(made, [row("z", 3), row("z", 3)], 3)
    assert made.apply() == ["move rows shop.t_snapshot"]
    assert made.rows("b", "n") == [("z", 3)]
    assert made.apply() == []


class Broken:
    """A warehouse that ends before the rows are in."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.run = warehouse.run
        self.query = warehouse.query

    def append(self, dataset: str, table: str, rows: pa.Table) -> None:
        raise ConnectionError


def test_rows_that_were_not_moved_to_the_end_are_still_waiting() -> None:
    made = HandMade(DDL)
    waiting(made, [row("y", 2)], 2)
    with pytest.raises(ConnectionError):
        move_json_rows(Broken(made.warehouse), made.table)  # type: ignore[arg-type]
    made.apply()
    assert made.rows("n") == [2]


def test_a_key_is_the_same_text_in_log_and_snapshot() -> None:
    made = HandMade(DDL)
    made.snapshot(1, row("x", 1))
    found = made.warehouse.query("SELECT _key FROM `shop`.`t_snapshot`").to_pylist()
    assert found == [{"_key": key_text({"b": "x", "a": Decimal("1.00")})}]


def test_a_column_that_postgresql_generates_is_warned_of() -> None:
    ddl = "CREATE TABLE t (id INT PRIMARY KEY, n INT GENERATED ALWAYS AS (id * 2) STORED)"
    assert any("does not publish" in told for told in warnings(configured(ddl, "postgresql")))
    assert not any("does not publish" in told for told in warnings(configured(ddl)))


@pytest.mark.parametrize("name", ["a.b", "a`b", "a(b", "a\\b"])
def test_a_name_that_bigquery_does_not_have_is_refused_there(name: str) -> None:
    quoted = name.replace("`", "``")
    table = configured(f"CREATE TABLE t (`id` INT PRIMARY KEY, `{quoted}` INT)")
    with pytest.raises(ConfigurationError, match="BigQuery has no column named"):
        refuse_bigquery_names(table)
    refuse_bigquery_names(configured("CREATE TABLE t (`id` INT PRIMARY KEY, `order by ü` INT)"))
