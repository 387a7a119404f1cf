"""Rows are compared by what they say, not by how they were written."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.benchmarks.flink_rows import OtherRows, canonical, check_same, multiset


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1,"b":null}', b'{"a":1}'),
        (b'{"a":1.50}', b'{"a":1.5}'),
        (b'{"a":1,"b":2}', b'{"b":2,"a":1}'),
        (b'{"a":"2026-01-01 12:00:00"}', b'{"a":"2026-01-01 12:00:00.000"}'),
        (b'{"a":{"b":10}}', b'{"a":{"b":1E+1}}'),
    ],
)
def test_the_same_row_written_in_two_ways_is_the_same(one: bytes, other: bytes) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1}', b'{"a":"1"}'),
        (b'{"a":100000000000000000.01}', b'{"a":100000000000000000.02}'),
        (b'{"a":"2026-01-01 12:00:00.5"}', b'{"a":"2026-01-01 12:00:00.05"}'),
        (b'{"a":"2026-01-01 12:00:00"}', b'{"a":"2026-01-01 12:00:01"}'),
        (b'{"a":""}', b"{}"),
        (b'{"a":{"b":1}}', b'{"b":{"a":1}}'),
    ],
)
def test_rows_that_say_something_else_are_told_apart(one: bytes, other: bytes) -> None:
    assert canonical(one) != canonical(other)


def test_rows_in_another_order_are_the_same_rows() -> None:
    found, wanted = multiset([b'{"a":1}', b'{"a":2}']), multiset([b'{"a":2}', b'{"a":1}'])
    check_same("direct", found, "flink-sql", wanted, once=True)


def test_a_row_that_came_twice_is_told_where_each_must_come_once() -> None:
    found, wanted = Counter({"x": 2}), Counter({"x": 1})
    check_same("prism", found, "flink-sql", wanted, once=False)
    with pytest.raises(OtherRows, match="only prism: x"):
        check_same("prism", found, "flink-sql", wanted, once=True)


@pytest.mark.parametrize("once", [True, False])
def test_a_missing_row_is_told(once: bool) -> None:
    with pytest.raises(OtherRows, match="only flink-sql: y"):
        check_same("prism", Counter("x"), "flink-sql", Counter("xy"), once=once)
