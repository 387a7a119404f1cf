"""When two values are one, and when records may go."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from kami.topics_configs import did_you_mean, loses_records, same_value


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.50", ".5", True),
        ("TRUE", "true", True),
        ("a, b", "b,a", True),
        ("-1", "-1.0", True),
        ("zstd", "lz4", False),
        ("1", "10", False),
        ("", None, False),
        (None, None, True),
        ("NaN", "NaN", True),
        ("true", "1", False),
    ],
)
def test_values_that_the_broker_takes_for_one_are_the_same(
    one: str | None, other: str | None, same: bool
) -> None:
    assert same_value(one, other) is same
    assert same_value(other, one) is same


@hypothesis.given(st.integers(-1, 9), st.integers(-1, 9))
def test_retention_that_shrinks_loses_records(was: int, wanted: int) -> None:
    endless = float("inf")
    shrinks = (wanted if wanted >= 0 else endless) < (was if was >= 0 else endless)
    assert loses_records("retention.ms", str(was), str(wanted)) is shrinks


def test_retention_that_is_not_known_yet_may_lose_records() -> None:
    assert loses_records("retention.bytes", "5", None)
    assert loses_records("cleanup.policy", "delete", None)
    assert not loses_records("min.insync.replicas", "2", None)


def test_the_nearest_name_is_offered_and_no_far_one() -> None:
    assert did_you_mean("segment.mss", ["segment.ms"]) == "; did you mean 'segment.ms'?"
    assert did_you_mean("zzz", ["segment.ms"]) == ""
