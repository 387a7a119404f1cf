"""Lookup joins against a source in memory."""

import dataclasses
import datetime as dt
import logging
import pickle
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.lookup import CachePolicy, Lookup

Row = tuple[object, ...]


class RefusedError(Exception):
    """The source refuses a key."""


@dataclasses.dataclass
class Table:
    """A source that finds rows by a loop, keys first; it refuses the keys in `refused`."""

    content: list[Row]
    key_width: int = 1
    refused: frozenset[object] = frozenset()
    name: str = "table users"
    queries: int = 0
    retries: int = 0
    opened: int = 0
    asked: list[Row] = dataclasses.field(default_factory=list)

    @property
    def key_errors(self) -> tuple[type[Exception], ...]:
        return (RefusedError,)

    def __enter__(self) -> "Table":
        self.opened += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.opened -= 1

    def fetch(self, keys: Sequence[Row]) -> list[Row]:
        self.queries += 1
        for key in keys:
            if key[0] in self.refused:
                message = f"no uuid: {key[0]!r}"
                raise RefusedError(message)
        self.asked.extend(keys)
        return [row for row in self.content if row[: self.key_width] in set(keys)]


USERS: list[Row] = [(1, "Ann", "10.50"), (2, "Bob", None), (2, "Bea", "7"), (3, "Cy", "x")]
KEYS = {"user_id": pl.Int64()}
COLUMNS = {"name": pl.String(), "limit": pl.Decimal(10, 2)}
FOR_EVER = CachePolicy(ttl_seconds=None, max_rows=None)


def keys(*values: int | None) -> pl.DataFrame:
    return pl.DataFrame({"user_id": list(values)}, schema=KEYS)


def lookup(table: Table, policy: CachePolicy = FOR_EVER) -> Lookup:
    return Lookup(table, KEYS, COLUMNS, policy)


def test_a_join_multiplies_rows_keeps_their_order_and_drops_misses() -> None:
    with lookup(Table(USERS)) as users:
        joined = users.join(keys(2, 9, 1, None, 1), keep_misses=False)

    assert joined.positions.to_list() == [0, 0, 2, 4]
    assert joined.values.rows() == [
        ("Bob", None),
        ("Bea", Decimal("7.00")),
        ("Ann", Decimal("10.50")),
        ("Ann", Decimal("10.50")),
    ]
    assert joined.values.schema == pl.Schema(COLUMNS)


def test_a_left_join_keeps_misses_and_null_keys_with_nulls() -> None:
    with lookup(Table(USERS)) as users:
        joined = users.join(keys(9, 1, None), keep_misses=True)

    assert joined.positions.to_list() == [0, 1, 2]
    assert joined.values["name"].to_list() == [None, "Ann", None]
    assert users.counters.misses == 2


def test_arrays_hold_the_rows_of_each_key_and_are_empty_without() -> None:
    with lookup(Table(USERS)) as users:
        arrays = users.arrays(keys(2, 9, None, 2))

    both = [{"name": "Bob", "limit": None}, {"name": "Bea", "limit": Decimal("7.00")}]
    assert arrays.values.to_list() == [both, [], [], both]
    assert arrays.values.dtype == pl.List(pl.Struct(COLUMNS))


@pytest.mark.parametrize("keep_misses", [True, False])
def test_a_value_that_does_not_fit_fails_the_rows_with_that_key_alone(keep_misses: bool) -> None:
    with lookup(Table(USERS)) as users:
        joined = users.join(keys(3, 1, 3), keep_misses)
        arrays = users.arrays(keys(3, 1, 9))

    assert joined.positions.to_list() == [1]
    assert [(f.position, f.error_class) for f in joined.failures] == [
        (0, "LookupValueError"),
        (2, "LookupValueError"),
    ]
    assert joined.failures[0].message.startswith("table users, column 'limit': str 'x' does not")
    assert [f.position for f in arrays.failures] == [0]
    assert arrays.values.to_list()[0] is None
    assert arrays.values.to_list()[2] == []


def test_a_refused_key_fails_its_rows_alone() -> None:
    table = Table(USERS, refused=frozenset({4, 7}))
    with lookup(table) as users:
        joined = users.join(keys(1, 4, 2, 7, 4), keep_misses=True)

    assert joined.positions.to_list() == [0, 2, 2]
    assert [(f.position, f.error_class, f.message) for f in joined.failures] == [
        (1, "LookupKeyError", "no uuid: 4"),
        (3, "LookupKeyError", "no uuid: 7"),
        (4, "LookupKeyError", "no uuid: 4"),
    ]
    assert users.counters.misses == 0


def test_a_key_that_failed_is_asked_for_again_and_found_when_repaired() -> None:
    table = Table(list(USERS))
    with lookup(table) as users:
        assert users.join(keys(3), keep_misses=True).failures
        table.content[3] = (3, "Cy", "1")

        assert users.join(keys(3), keep_misses=True).values["name"].to_list() == ["Cy"]


def test_known_keys_and_misses_are_not_asked_for_again() -> None:
    table = Table(USERS)
    with lookup(table) as users:
        for _ in range(3):
            users.join(keys(1, 2, 9, 1), keep_misses=True)

    assert sorted(table.asked) == [(1,), (2,), (9,)]
    assert users.counters.hits == 6
    assert users.counters.fetched_keys == 3
    assert users.counters.queries == table.queries == 1


def test_misses_are_asked_for_again_when_the_policy_forgets_them() -> None:
    table = Table(USERS)
    with lookup(table, CachePolicy(None, None, cache_misses=False)) as users:
        for _ in range(2):
            users.join(keys(1, 9), keep_misses=True)

    assert sorted(table.asked) == [(1,), (9,), (9,)]


def test_a_changed_row_is_seen_after_the_time_to_live() -> None:
    now = [0.0]
    table = Table(list(USERS))
    with Lookup(table, KEYS, COLUMNS, CachePolicy(60, None), clock=lambda: now[0]) as users:
        users.join(keys(1), keep_misses=True)
        table.content[0] = (1, "Anna", None)
        now[0] = 59
        assert users.join(keys(1), keep_misses=True).values["name"].to_list() == ["Ann"]
        now[0] = 60

        assert users.join(keys(1), keep_misses=True).values["name"].to_list() == ["Anna"]


def test_rows_for_other_keys_are_not_joined_but_counted_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class IgnoresCase(Table):
        def fetch(self, keys: Sequence[Row]) -> list[Row]:
            return [("ABC", 1), ("abc", 2)]

    types = {"code": pl.String()}
    with (
        caplog.at_level(logging.WARNING),
        Lookup(IgnoresCase([]), types, {"n": pl.Int64()}, CachePolicy(None, 0)) as codes,
    ):
        for _ in range(2):
            joined = codes.join(pl.DataFrame({"code": ["abc"]}), keep_misses=False)

    assert joined.values["n"].to_list() == [2]
    assert codes.counters.unmatched_rows == 2
    assert len(caplog.records) == 1
    assert "ABC" not in caplog.text


def test_keys_are_equal_as_values_of_the_streams_type() -> None:
    table = Table([(1, "one"), ("2.50", "two and a half"), ("n/a", "none")])
    table.fetch = lambda keys: table.content  # type: ignore[method-assign] # whatever the key
    types = {"price": pl.Decimal(10, 2)}
    prices = pl.DataFrame({"price": ["1.00", "2.5"]}).cast(types["price"])
    with Lookup(table, types, {"name": pl.String()}, FOR_EVER) as names:
        joined = names.join(prices, keep_misses=True)

    assert joined.values["name"].to_list() == ["one", "two and a half"]


def test_nan_matches_nothing_and_is_not_asked_for() -> None:
    types = {"x": pl.Float64()}
    table = Table([(1.5, "a")])
    with Lookup(table, types, {"name": pl.String()}, FOR_EVER) as names:
        joined = names.join(pl.DataFrame({"x": [float("nan"), 1.5]}), keep_misses=False)

    assert joined.positions.to_list() == [1]
    assert table.asked == [(1.5,)]


def test_the_hour_that_a_clock_repeats_is_found_by_its_instant() -> None:
    instant = dt.datetime(2024, 10, 27, 1, 30, tzinfo=dt.timezone.utc)
    types = {"at": pl.Datetime("us", "Europe/Berlin")}
    frame = pl.DataFrame({"at": [instant]}).select(pl.col("at").cast(types["at"]))
    with Lookup(Table([(instant, "a")]), types, {"name": pl.String()}, FOR_EVER) as names:
        assert names.join(frame, keep_misses=True).values["name"].to_list() == ["a"]


def test_an_empty_batch_asks_for_nothing() -> None:
    table = Table(USERS)
    with lookup(table) as users:
        assert users.join(keys(), keep_misses=True).positions.to_list() == []
        assert users.arrays(keys()).values.to_list() == []

    assert table.queries == 0


def test_another_number_of_columns_than_declared_is_told() -> None:
    with lookup(Table([(1, "Ann")])) as users, pytest.raises(ValueError, match="gives 1 columns"):
        users.join(keys(1), keep_misses=True)


def test_keys_of_another_type_are_refused() -> None:
    with lookup(Table(USERS)) as users, pytest.raises(TypeError, match="expected \\[Int64\\]"):
        users.join(pl.DataFrame({"user_id": ["1"]}), keep_misses=True)


def test_a_lookup_pickles_before_it_is_opened_and_closes_its_source() -> None:
    users: Lookup = pickle.loads(pickle.dumps(lookup(Table(USERS))))  # noqa: S301 - our own bytes
    with users:
        assert users.join(keys(1), keep_misses=True).values["name"].to_list() == ["Ann"]
    assert isinstance(users.source, Table)
    assert users.source.opened == 0
    with pytest.raises(RuntimeError, match="not open"):
        users.join(keys(1), keep_misses=True)


SMALL = st.one_of(st.none(), st.integers(0, 6))
REGION = st.one_of(st.none(), st.sampled_from(["eu", "us", "ä"]))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["eu", "us", "ä"]), st.text(max_size=3))),
    st.lists(st.lists(st.tuples(SMALL, REGION), max_size=12), max_size=4),
    st.sampled_from([0, 1, 3, None]),
    st.booleans(),
)
def test_a_join_equals_a_loop_over_the_rows(
    content: list[Row], batches: list[list[Row]], max_rows: int | None, keep_misses: bool
) -> None:
    types: dict[str, pl.DataType] = {"id": pl.Int64(), "region": pl.String()}
    policy = CachePolicy(None, max_rows, cache_misses=keep_misses)
    with Lookup(Table(content, key_width=2), types, {"name": pl.String()}, policy) as names:
        for batch in batches:
            frame = pl.DataFrame(batch, schema=types, orient="row")
            joined = names.join(frame, keep_misses)
            arrays = names.arrays(frame)

            found: list[list[Any]] = [
                [row[2] for row in content if None not in key and row[:2] == key] for key in batch
            ]
            expected = [
                (position, name)
                for position, rows in enumerate(found)
                for name in (rows or ([None] if keep_misses else []))
            ]
            pairs = zip(joined.positions, joined.values["name"], strict=True)
            assert list(pairs) == expected
            assert arrays.values.to_list() == [[{"name": name} for name in rows] for rows in found]
