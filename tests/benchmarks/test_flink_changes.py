"""Rows of changes are compared whatever way their moments are written."""

from __future__ import annotations

import pytest

from tests.benchmarks.flink_changes import moment


@pytest.mark.parametrize(
    ("written", "microseconds"),
    [
        (1_767_225_600_000_000, 1_767_225_600_000_000),
        ("2026-01-01T00:00:00", 1_767_225_600_000_000),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000_000),
        ("2026-01-01T00:00:00.5", 1_767_225_600_500_000),
        ("2026-01-01T00:00:00.000003Z", 1_767_225_600_000_003),
        (None, None),
    ],
)
def test_a_moment_is_the_same_however_it_is_written(
    written: int | str | None, microseconds: int | None
) -> None:
    assert moment(written) == microseconds
