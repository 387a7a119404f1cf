"""Windows of SQL as Beam lays them out, and as late rows are told by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from apache_beam.transforms import window
from apache_beam.utils.timestamp import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from transforms.sql.beam_sql import window_fn
from transforms.sql.windows import Window, WindowKind
from transforms.sql.windows_lateness import window_ends

MINUTE = 60_000_000


@st.composite
def windows(draw: st.DrawFn) -> Window:
    slide = draw(st.integers(1, 5_000)) * 1_000
    kind = draw(st.sampled_from(WindowKind))
    size = slide * (draw(st.integers(1, 6)) if kind is WindowKind.HOP else 1)
    return Window(kind, size, slide)


def assigned(over: Window, time: int, delay: int) -> list[tuple[int, int]]:
    """What Beam assigns to a row, in event time."""
    context = window.WindowFn.AssignContext(Timestamp(micros=time + delay))
    found: Any = window_fn(over, delay).assign(context)
    return sorted((one.start.micros - delay, one.end.micros - delay) for one in found)


@given(windows(), st.integers(0, 2**51), st.integers(0, 10_000).map(lambda ms: ms * 1_000))
def test_late_rows_are_told_by_the_windows_that_beam_assigns(
    over: Window, time: int, delay: int
) -> None:
    ends = [end + delay for _, end in assigned(over, time, delay)]
    first, last = window_ends(np.array([time]), over, delay)
    assert (first[0], last[0]) == (ends[0], ends[-1])


@given(windows(), st.integers(0, 2**51), st.integers(0, 10_000).map(lambda ms: ms * 1_000))
def test_a_delay_moves_no_window(over: Window, time: int, delay: int) -> None:
    assert assigned(over, time, delay) == assigned(over, time, 0)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (WindowKind.TUMBLE, [(10, 20)]),
        (WindowKind.HOP, [(5, 15), (10, 20)]),
        (WindowKind.SESSION, [(12, 22)]),
    ],
)
def test_windows_begin_at_multiples_of_their_slide(
    kind: WindowKind, expected: list[tuple[int, int]]
) -> None:
    slide = 5 if kind is WindowKind.HOP else 10
    found = assigned(Window(kind, 10 * MINUTE, slide * MINUTE), 12 * MINUTE, 0)
    assert found == [(start * MINUTE, end * MINUTE) for start, end in expected]
