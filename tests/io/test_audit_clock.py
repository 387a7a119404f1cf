"""Times of columns without a zone, and texts of times."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.audit_clock import text_us, time_text, utc_us, wall_range, wall_us, zone_of
from pipeline_io.audit_errors import AuditError

HOUR = 3_600_000_000
BERLIN = "Europe/Berlin"
# 2026-10-25T01:00Z: clocks go from 03:00 back to 02:00.
SET_BACK = 1_792_890_000_000_000
TIMES = st.integers(-30_000_000_000_000_000, 200_000_000_000_000_000)
# The rules of later years are in no table that Arrow reads.
KNOWN_TIMES = st.integers(0, 2_100_000_000_000_000)
AROUND = st.integers(SET_BACK - 3 * HOUR, SET_BACK + 3 * HOUR)


@given(TIMES)
def test_a_time_is_the_same_after_its_text(us: int) -> None:
    assert text_us(time_text(us)) == us


@given(AROUND, AROUND, AROUND)
def test_a_range_of_instants_holds_all_times_that_a_wall_shows_in_it(
    a: int, b: int, c: int
) -> None:
    after, between, upto = sorted((a, b, c))
    lower, upper = wall_range(after, upto, BERLIN)
    assert lower is not None
    assert lower <= wall_us(between, BERLIN) <= upper
    assert wall_range(None, upto, BERLIN)[1] >= wall_us(between, BERLIN)


@given(KNOWN_TIMES)
def test_a_time_of_a_wall_is_its_instant_but_for_the_hour_that_is_shown_twice(us: int) -> None:
    (found,) = utc_us(pa.array([wall_us(us, BERLIN)], pa.int64()), BERLIN).to_pylist()
    assert found in (us, us - HOUR)


def test_of_a_time_that_is_shown_twice_the_first_counts() -> None:
    wall = wall_us(SET_BACK + HOUR // 2, BERLIN)
    assert wall == wall_us(SET_BACK - HOUR // 2, BERLIN)
    assert utc_us(pa.array([wall, None], pa.int64()), BERLIN).to_pylist() == [
        SET_BACK - HOUR // 2,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31 12:00:00", "2026-01-31T12:00:00"),
        ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000"),
        ("2026-01-31 13:00:00.123456789+01:00", "2026-01-31T12:00:00.123456"),
        ("2026-01-31", "2026-01-31T00:00:00"),
        ("yesterday", None),
        (5, None),
        (None, None),
    ],
)
def test_texts_of_times_are_read_in_utc(text: object, expected: str | None) -> None:
    found = text_us(text)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert time_text(found) == datetime.datetime.fromisoformat(expected).isoformat(
            " ", "microseconds"
        )


def test_a_zone_that_is_none_is_refused() -> None:
    assert zone_of(BERLIN) == BERLIN
    for name in ("Berlin/Europe", "../x"):
        with pytest.raises(AuditError, match="is no time zone"):
            zone_of(name)
