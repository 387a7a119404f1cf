"""Every type of the sources: its type in the warehouse, and the value that a view has of it."""

from __future__ import annotations

import datetime
import json
import math
from decimal import Decimal
from typing import Any

import pytest

from kami.schema import Dialect, SourceColumn
from kami.snapshot_rows import typed_rows
from kami.types import UnsupportedTypeError, warehouse_type
from kami.warehouse import literal
from kami.warehouse_duckdb import DuckDbWarehouse
from tests.kami.hand_made import TAKEN_AT, configured
from tests.kami.type_rows import MYSQL, POSTGRESQL, Row

ROWS = [("mysql", row) for row in MYSQL] + [("postgresql", row) for row in POSTGRESQL]


def name(parameter: object) -> str:
    return parameter.source_type if isinstance(parameter, Row) else str(parameter)


@pytest.fixture(scope="module")
def warehouse() -> DuckDbWarehouse:
    return DuckDbWarehouse(":memory:")


def kind_of(dialect: Dialect, source_type: str) -> Any:
    return warehouse_type(SourceColumn("c", source_type), dialect)


def extracted(warehouse: DuckDbWarehouse, dialect: Dialect, source_type: str, value: object) -> Any:
    """What a view has of a value in `after`."""
    sql = kind_of(dialect, source_type).extract("after['c']")
    document = literal(json.dumps({"c": value}))
    table = warehouse.query(f"SELECT {sql} AS c FROM (SELECT PARSE_JSON({document}) AS after)")  # noqa: S608
    return table.column("c")[0].as_py()


@pytest.mark.parametrize(("dialect", "row"), ROWS, ids=name)
def test_a_value_comes_out_as_the_source_has_it(
    warehouse: DuckDbWarehouse, dialect: Dialect, row: Row
) -> None:
    assert kind_of(dialect, row.source_type).bigquery == row.bigquery
    for value, expected in row.values:
        found = extracted(warehouse, dialect, row.source_type, value)
        if isinstance(expected, float) and math.isnan(expected):
            assert math.isnan(found)
        else:
            assert found == expected
            assert isinstance(found, type(expected))
    assert extracted(warehouse, dialect, row.source_type, None) is None


@pytest.mark.parametrize(("dialect", "row"), ROWS, ids=name)
def test_a_value_that_is_none_of_the_type_does_not_stop_the_view(
    warehouse: DuckDbWarehouse, dialect: Dialect, row: Row
) -> None:
    for value in ("no such value", "", "-", "9" * 60, 10**30, {"a": 1}, [1], "\u0000"):
        extracted(warehouse, dialect, row.source_type, value)


@pytest.mark.parametrize(("dialect", "row"), ROWS, ids=name)
def test_a_snapshot_row_has_the_value_that_the_log_has(dialect: Dialect, row: Row) -> None:
    ddl_type = row.ddl or row.source_type
    if ddl_type == "":
        pytest.skip("no DDL has this type")
    key = "`id`" if dialect == "mysql" else "id"
    table = configured(f"CREATE TABLE t ({key} INT PRIMARY KEY, c {ddl_type})", dialect)
    rows = [{"id": number, "c": value} for number, (value, _) in enumerate(row.values)]
    batch = typed_rows(table.table, rows, "k", TAKEN_AT)
    for found, (_, expected) in zip(batch.column("c").to_pylist(), row.values, strict=True):
        if isinstance(expected, float) and math.isnan(expected):
            assert isinstance(found, float)
            assert math.isnan(found)
        elif row.bigquery == "JSON":
            assert json.loads(str(found)) == json.loads(str(expected))
        else:
            assert found == expected


@pytest.mark.parametrize("source_type", ["path", "circle", "txid_snapshot", "unknown"])
def test_a_type_that_debezium_does_not_send_is_refused(source_type: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=f"'c' has the type '{source_type}'.*exclude"):
        kind_of("postgresql", source_type)


def test_the_widest_value_of_each_decimal_comes_out(warehouse: DuckDbWarehouse) -> None:
    for digits, scale in ((38, 9), (29, 0), (38, 37), (38, 10), (65, 30), (38, 0), (39, 0)):
        text = f"{'9' * (digits - scale)}{'.' if scale else ''}{'9' * scale}"
        found = extracted(warehouse, "mysql", f"decimal({digits},{scale})", text)
        assert str(found) == (text if digits != scale else f"0{text}")


@pytest.mark.parametrize(
    ("digits", "scale", "expected"),
    [
        (38, 9, "NUMERIC(38, 9)"),
        (29, 0, "NUMERIC(29, 0)"),
        (30, 0, "BIGNUMERIC(30, 0)"),
        (30, 10, "BIGNUMERIC(30, 10)"),
        (65, 30, "BIGNUMERIC(65, 30)"),
        (76, 38, "BIGNUMERIC(76, 38)"),
        (39, 0, "STRING"),
        (60, 5, "STRING"),
        (5, -2, "NUMERIC(7, 0)"),
        (3, 5, "NUMERIC(5, 5)"),
    ],
)
def test_a_decimal_is_in_the_narrowest_type_that_holds_it(
    digits: int, scale: int, expected: str
) -> None:
    assert kind_of("postgresql", f"numeric({digits},{scale})").bigquery == expected


@pytest.mark.parametrize(
    ("source_type", "value", "expected"),
    [
        ("date", "infinity", datetime.date(9999, 12, 31)),
        ("date", "-infinity", datetime.date(1, 1, 1)),
        ("date", "12000-01-01", None),
        ("date", "0000-12-30", None),
        ("timestamp", "infinity", datetime.datetime(9999, 12, 31, 23, 59, 59, 999999)),  # noqa: DTZ001
        ("timestamp", "0044-03-15T00:00:00 BC", None),
        ("time", "24:00:00", datetime.time(23, 59, 59, 999999)),
        ("numeric(5,2)", "NaN", None),
        ("timestamptz", "+12000-01-01T00:00:00Z", None),
    ],
)
def test_what_a_type_cannot_hold_is_the_nearest_value_or_null_and_noted(
    warehouse: DuckDbWarehouse, source_type: str, value: str, expected: object
) -> None:
    assert extracted(warehouse, "postgresql", source_type, value) == expected
    assert kind_of("postgresql", source_type).warnings


def test_an_unsigned_number_that_debezium_wrapped_is_put_right(
    warehouse: DuckDbWarehouse,
) -> None:
    assert extracted(warehouse, "mysql", "bigint unsigned", -1) == Decimal(2**64 - 1)
    assert extracted(warehouse, "mysql", "bigint(20) unsigned", -(2**63)) == Decimal(2**63)
