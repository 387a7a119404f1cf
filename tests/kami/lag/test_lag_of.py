"""The lag of one partition, from offsets and the oldest record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kami.lag import (
    NO_TIME,
    Edges,
    Lag,
    Nothing,
    Oldest,
    Partition,
    Position,
    Seen,
    gone,
    lag_of,
    not_read,
)

PLACE = Partition("topic", 0)
NOW = 1_000_000

offsets = st.integers(0, 1000)


def position(committed: int | None) -> Position:
    return Position("group", PLACE, committed)


@pytest.mark.parametrize(
    ("committed", "edges", "seen", "records", "seconds", "lost", "note"),
    [
        pytest.param(5, Edges(0, 9, 9), Seen(Oldest(5, NOW - 2000), 5), 4, 2.0, 0, "", id="behind"),
        pytest.param(9, Edges(0, 9, 9), Seen(Nothing(9), 9), 0, 0.0, 0, "", id="at the end"),
        pytest.param(0, Edges(0, 0, 0), Seen(Nothing(0), 0), 0, 0.0, 0, "", id="empty"),
        pytest.param(
            5, Edges(0, 9, 9), Seen(Nothing(9), 9), 0, 0.0, 0, "", id="only markers are left"
        ),
        pytest.param(
            5,
            Edges(0, 99, 99),
            Seen(Oldest(90, NOW - 500), 90),
            9,
            0.5,
            0,
            "",
            id="compaction left a gap",
        ),
        pytest.param(
            5,
            Edges(0, 9, 10),
            Seen(Oldest(9, NOW - 500), 9),
            0,
            0.0,
            0,
            "",
            id="a record that came after the end was asked for",
        ),
        pytest.param(
            5,
            Edges(7, 9, 9),
            Seen(Oldest(7, NOW - 1), 5),
            2,
            0.001,
            2,
            "2 removed unread",
            id="removed",
        ),
        pytest.param(
            5, Edges(7, 7, 7), Seen(Nothing(7), 7), 0, 0.0, 0, "", id="a marker was removed"
        ),
        pytest.param(
            5, Edges(8, 8, 8), Seen(Nothing(8), 7), 0, 0.0, 1, "1 removed unread", id="and a record"
        ),
        pytest.param(
            12,
            Edges(0, 7, 9),
            Seen(Nothing(12), 12),
            0,
            0.0,
            0,
            "the commit is 3 beyond the end",
            id="beyond the end",
        ),
        pytest.param(
            8,
            Edges(0, 7, 9),
            Seen(Nothing(8), 8),
            0,
            0.0,
            0,
            "",
            id="a reader of uncommitted records in an open transaction",
        ),
        pytest.param(
            5,
            Edges(0, 9, 9),
            Seen(Oldest(5, NOW + 1500), 5),
            4,
            0.0,
            0,
            "the record's time is 1.5 s from now",
            id="in the future",
        ),
        pytest.param(
            5, Edges(0, 9, 9), Seen(Oldest(5, None), 5), 4, None, 0, NO_TIME, id="no time"
        ),
    ],
)
def test_a_commit_has_a_lag(
    committed: int,
    edges: Edges,
    seen: Seen,
    records: int,
    seconds: float | None,
    lost: int,
    note: str,
) -> None:
    found = lag_of(position(committed), edges, seen, NOW)
    assert (found.records, found.seconds, found.lost, found.note) == (records, seconds, lost, note)


def test_without_a_commit_nothing_is_known_but_that_an_empty_partition_has_no_lag() -> None:
    unknown = lag_of(position(None), Edges(3, 9, 9), None, NOW)
    assert unknown == Lag("group", PLACE, edges=Edges(3, 9, 9), uncommitted=6, note="no commit")
    empty = lag_of(position(None), Edges(9, 9, 9), None, NOW)
    assert (empty.records, empty.seconds, empty.uncommitted) == (0, 0.0, 0)


@pytest.mark.parametrize(("reset", "begin"), [("unknown", None), ("earliest", 3), ("latest", 9)])
def test_a_group_without_a_commit_begins_where_it_is_said(reset: str, begin: int | None) -> None:
    edges = Edges(3, 9, 11)
    assert position(None).next_offset(edges, reset) == begin  # type: ignore[arg-type]
    assert position(5).next_offset(edges, reset) == 5  # type: ignore[arg-type]
    assert position(1).next_offset(edges, reset) == 3  # type: ignore[arg-type]


def test_what_is_gone_or_silent_has_no_numbers() -> None:
    for found in (
        gone(position(4), topic_exists=False),
        gone(position(4), topic_exists=True),
        not_read(position(4)),
    ):
        assert (found.committed, found.records, found.seconds, found.lost) == (4, None, None, None)
    assert gone(position(4), topic_exists=False).note == "the topic is gone"
    assert gone(position(4), topic_exists=True).is_gone
    assert not_read(position(4)).is_unread
    assert not not_read(position(4)).is_gone


@given(
    start=offsets,
    kept=offsets,
    undecided=offsets,
    committed=st.none() | offsets,
    gap=offsets,
    at=st.none() | st.integers(0, 2 * NOW),
)
def test_lag_is_never_negative_and_never_more_than_the_offsets_there_are(
    start: int, kept: int, undecided: int, committed: int | None, gap: int, at: int | None
) -> None:
    edges = Edges(start, start + kept, start + kept + undecided)
    here = position(committed)
    begin = here.next_offset(edges, "earliest")
    assert begin is not None
    offset = begin + gap
    ahead = Oldest(offset, at) if offset < edges.end else Nothing(max(begin, edges.end))
    found = lag_of(here, edges, Seen(ahead, begin), NOW)
    assert found.records is not None
    assert found.lost is not None
    assert 0 <= found.records <= edges.end - edges.start
    assert found.lost >= 0
    assert found.seconds is None or found.seconds >= 0
    assert (found.records == 0) == (found.oldest is None)
    if found.oldest is None:
        assert found.seconds == 0
    if committed is not None:
        assert found.records <= max(0, edges.end - committed)
        assert not (found.lost and found.ahead)
