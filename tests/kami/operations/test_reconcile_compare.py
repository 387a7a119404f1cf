"""The checks of a reconciliation are checked: whatever is done to a row is found and named."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kami.reconcile_compare import Comparison, Difference, compare
from kami.reconcile_fingerprint import Shape
from kami.tables import Column

SHAPE = Shape(
    (
        Column("region", "STRING"),
        Column("id", "INT64"),
        Column("name", "STRING"),
        Column("price", "NUMERIC(10, 2)"),
        Column("at", "DATETIME"),
        Column("data", "BYTES"),
    ),
    ("region", "id"),
)
SCHEMA: dict[str, Any] = {
    "region": pl.String,
    "id": pl.Int64,
    "name": pl.String,
    "price": pl.Decimal(10, 2),
    "at": pl.Datetime("us"),
    "data": pl.Binary,
}
Row = dict[str, object]


def row(number: int, **values: object) -> Row:
    whole: Row = {
        "region": "eu",
        "id": number,
        "name": f"name {number}",
        "price": Decimal("12.50"),
        "at": datetime.datetime(2026, 1, 1, 3, 4, 5, 678901),  # noqa: DTZ001 - MySQL's DATETIME
        "data": b"\x00\xff",
    }
    return {**whole, **values}


ROWS = [row(number) for number in range(200)]


def frames(rows: list[Row], size: int = 50) -> Callable[[], Iterable[pl.DataFrame]]:
    return lambda: (
        pl.DataFrame(rows[start : start + size], SCHEMA) for start in range(0, len(rows), size)
    )


def compared(theirs: list[Row], ours: list[Row], limit: int = 100) -> Comparison:
    return compare(frames(theirs), frames(ours, 30), SHAPE, limit)


def test_the_same_rows_in_another_order_are_equal() -> None:
    found = compared(ROWS, list(reversed(ROWS)))
    assert found == Comparison(200, 200, 0, 0, [])
    assert found.is_equal


def test_two_empty_tables_are_equal() -> None:
    assert compared([], []).is_equal


@pytest.mark.parametrize(
    ("column", "value", "texts"),
    [
        ("name", "name 8", ("name 7", "name 8")),
        ("name", "Name 7", ("name 7", "Name 7")),
        ("name", "name 7 ", ("name 7", "name 7 ")),
        ("name", "", ("name 7", "")),
        ("name", None, ("name 7", None)),
        ("price", Decimal("12.51"), ("12.5", "12.51")),
        ("price", Decimal("-12.50"), ("12.5", "-12.5")),
        (
            "at",
            datetime.datetime(2026, 1, 1, 3, 4, 5, 678902),  # noqa: DTZ001
            ("2026-01-01T03:04:05.678901", "2026-01-01T03:04:05.678902"),
        ),
        ("data", b"\x00\xfe", ("AP8=", "AP4=")),
        ("data", b"", ("AP8=", "")),
    ],
)
def test_a_changed_value_is_named_by_key_and_column(
    column: str, value: object, texts: tuple[str | None, str | None]
) -> None:
    found = compared(ROWS, [*ROWS[:7], row(7, **{column: value}), *ROWS[8:]])
    key: dict[str, str | None] = {"region": "eu", "id": "7"}
    assert found == Comparison(200, 200, 1, 1, [Difference("changed", key, {column: texts})])


def test_null_and_the_empty_text_differ() -> None:
    found = compared([row(1, name=None)], [row(1, name="")])
    assert found.differences[0].columns == {"name": (None, "")}


def test_a_missing_and_an_added_row_are_named() -> None:
    found = compared(ROWS, [*ROWS[1:], row(500)])
    kinds = {(difference.kind, difference.key["id"]) for difference in found.differences}
    assert kinds == {("missing", "0"), ("added", "500")}
    assert (found.database_rows, found.god_view_rows, found.differing_rows) == (200, 200, 2)


def test_a_key_that_differs_in_case_is_another_row() -> None:
    found = compared([row(1)], [row(1, region="EU")])
    assert sorted(difference.kind for difference in found.differences) == ["added", "missing"]


def test_a_row_that_is_there_twice_is_named() -> None:
    found = compared(ROWS, [*ROWS, ROWS[3]])
    key: dict[str, str | None] = {"region": "eu", "id": "3"}
    assert found.differences == [Difference("repeated", key, {"count": ("1", "2")})]


def test_two_rows_that_swap_their_values_are_found() -> None:
    found = compared([row(1), row(2)], [row(1, name="name 2"), row(2, name="name 1")])
    assert found.differing_rows == 2


def test_no_more_differences_are_named_than_the_limit_and_all_are_counted() -> None:
    found = compared(ROWS, [], limit=5)
    assert (found.differing_rows, len(found.differences)) == (200, 5)


@given(st.data())
def test_any_one_change_of_a_table_is_found(data: st.DataObject) -> None:
    rows = [row(number) for number in range(data.draw(st.integers(1, 40)))]
    index = data.draw(st.integers(0, len(rows) - 1))
    column, value = data.draw(
        st.one_of(
            st.tuples(st.just("name"), st.none() | st.text()),
            st.tuples(st.just("price"), st.none() | st.decimals(-999, 999, places=2)),
            st.tuples(st.just("data"), st.none() | st.binary()),
            st.tuples(st.just("id"), st.integers(-(2**63), 2**63 - 1)),
        )
    )
    changed = [*rows]
    changed[index] = {**rows[index], column: value}
    found = compared(rows, changed)
    assert found.is_equal == (changed == rows)
    assert bool(found.differences) == (changed != rows)
