"""Reconciling with a live database, as far as it goes without one: what is read of which side."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from kami.errors import ConfigurationError
from kami.reconcile_columns import live_columns, live_frame, live_shape, select_sql
from kami.reconcile_fingerprint import Shape
from kami.reconcile_moment import consistent_read
from kami.reconcile_settle import compare_and_settle
from kami.reconcile_sides import shape_of
from kami.schema import SourceColumn
from kami.tables import Column
from tests.kami.operations.shop import orders

SHAPE = Shape((Column("id", "INT64"), Column("note", "STRING")), ("id",))
Frames = list[pl.DataFrame]


def frame(**notes: str) -> Frames:
    ids = [int(name[1:]) for name in notes]
    return [
        pl.DataFrame({"id": ids, "note": list(notes.values())}, {"id": pl.Int64, "note": pl.String})
    ]


class Steady:
    """A database with two rows, and a warehouse whose log arrives while a writer goes on.

    Time passes only in sleep and with every read of the god view. `arrives`: when the view as of
    the read of the database has what that read saw.
    """

    def __init__(self, arrives: float, wrong: bool = False, positions: int = 1) -> None:
        self.time = 0.0
        self.looks = self.database_reads = 0
        self._arrives, self._wrong, self._positions = arrives, wrong, positions

    def database(self) -> Frames:
        self.database_reads += 1
        return frame(k1="a", k2="b")

    def now(self) -> Frames:
        """The writer changes a row between any two looks."""
        self._look()
        return frame(k1=f"written at {self.time}", k2="b")

    def as_of(self) -> list[object]:
        return [lambda place=place: self._as_of(place) for place in range(self._positions)]

    def _as_of(self, place: int) -> Frames:
        self._look()
        if self._wrong:
            return frame(k1="a", k2="wrong")
        # Of several places, the last one is what the read saw.
        is_it = place == self._positions - 1 and self.time >= self._arrives
        return frame(k1="a", k2="b") if is_it else frame(k1="a", k2="old")

    def _look(self) -> None:
        self.looks += 1
        self.time += 1

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def differences(self, wait_seconds: float, limit: int = 10) -> list[tuple[str, str | None]]:
        found = compare_and_settle(
            self.database,
            self.now,
            self.as_of,  # type: ignore[arg-type]
            SHAPE,
            limit=limit,
            wait_seconds=wait_seconds,
            clock=lambda: self.time,
            sleep=self.sleep,
        )
        assert found.is_equal == (not found.differences)
        return [(one.kind, one.key["id"]) for one in found.differences]


def test_a_steady_writer_makes_no_difference_and_takes_no_waiting() -> None:
    steady = Steady(arrives=0)
    assert steady.differences(60) == []
    assert steady.time < 5


def test_what_arrives_in_time_is_no_difference() -> None:
    assert Steady(arrives=8).differences(60) == []


@pytest.mark.parametrize("limit", [10, 1])
def test_what_does_not_arrive_in_time_is_a_difference(limit: int) -> None:
    assert Steady(arrives=100).differences(10, limit) == [("changed", "2")]


def test_a_comparison_under_a_steady_writer_ends_soon_after_its_time() -> None:
    for positions in (1, 16):
        steady = Steady(arrives=0, wrong=True, positions=positions)
        assert steady.differences(30) == [("changed", "2")]
        # One more look at each place at most.
        assert steady.time <= 30 + 2 * positions + 4
        assert steady.database_reads <= 4


def test_a_row_is_the_same_as_of_any_place_that_the_read_may_have_been_at() -> None:
    steady = Steady(arrives=0, positions=4)
    assert steady.differences(0) == []


def test_a_database_that_stands_still_is_compared_with_what_people_query() -> None:
    found = compare_and_settle(
        lambda: frame(k1="a"),
        lambda: frame(k1="a"),
        lambda: pytest.fail("there is no need to look at another place"),
        SHAPE,
        limit=10,
        wait_seconds=0,
    )
    assert (found.is_equal, found.database_rows, found.god_view_rows) == (True, 1, 1)


def test_a_source_without_an_address_is_refused() -> None:
    with (
        pytest.raises(ConfigurationError, match=r"--against FILE\.json"),
        consistent_read(orders().source),
    ):
        pass


def test_columns_are_asked_for_in_the_databases_own_dialect() -> None:
    assert select_sql(orders(), ["id", "price"]) == (
        "SELECT `id`, CAST(`price` AS CHAR) FROM `shop`.`orders`"
    )
    assert select_sql(orders("postgresql"), ["price", "note"]) == (
        """SELECT NULLIF("price"::numeric::text, 'NaN'), "note"::text FROM "public"."orders\""""
    )


@pytest.mark.parametrize(
    ("dialect", "source_type", "compared_as"),
    [
        ("mysql", "float", "FLOAT32"),
        ("mysql", "double", "FLOAT64"),
        ("mysql", "point", None),
        ("mysql", "bit(9)", None),
        ("mysql", "datetime(6)", "DATETIME"),
        ("postgresql", "real", "FLOAT32"),
        ("postgresql", "integer[]", "JSON"),
        ("postgresql", "numeric[]", None),
        ("postgresql", "interval", None),
        ("postgresql", "time(6) with time zone", None),
        ("postgresql", "timestamp(6) with time zone", "TIMESTAMP"),
    ],
)
def test_what_debezium_has_in_a_form_of_its_own_is_left_out(
    dialect: str, source_type: str, compared_as: str | None
) -> None:
    table = orders("postgresql" if dialect == "postgresql" else "mysql")
    columns = (*table.table.columns, SourceColumn("x", source_type))
    table = dataclasses.replace(table, table=dataclasses.replace(table.table, columns=columns))
    found = dict(live_shape(table, shape_of(table)).columns)
    assert found.get("x") == compared_as
    assert ("x" in live_columns(table)) == (compared_as is not None)


def test_fetched_rows_become_columns() -> None:
    wanted = list(live_columns(orders()).values())
    assert live_frame(wanted, [(1, "1.50", None)]).to_dicts() == [
        {"id": 1, "price": "1.50", "note": None}
    ]
    assert live_frame(wanted, []).is_empty()
