"""Timestamps in nanoseconds of 64 bits, which run over before 1677 and after 2262."""

from __future__ import annotations

import datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from transforms.change_log_times import moment_texts

EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001
MICROSECOND = datetime.timedelta(microseconds=1)


def run_over(moment: datetime.datetime) -> int:
    """The nanoseconds since 1970 as 64 bits with a sign hold them."""
    nanoseconds = (moment - EPOCH) // MICROSECOND * 1_000
    return (nanoseconds + 2**63) % 2**64 - 2**63


def iso(moment: datetime.datetime) -> str:
    text = moment.isoformat()
    return text.rstrip("0") if "." in text else text


@given(st.lists(st.none() | st.datetimes(), max_size=8))
def test_every_moment_of_the_years_1_to_9999_comes_back(
    moments: list[datetime.datetime | None],
) -> None:
    numbers = [None if moment is None else run_over(moment) for moment in moments]
    texts = moment_texts(pl.Series(numbers, dtype=pl.Int64), "ns")
    assert texts.to_list() == [None if moment is None else iso(moment) for moment in moments]


def test_nanoseconds_that_no_microsecond_ran_over_to_stay() -> None:
    assert moment_texts(pl.Series([1]), "ns", "Z").to_list() == ["1970-01-01T00:00:00.000000001Z"]
