"""The reader of a change stream, on streams in memory whose partitions split and merge."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import SpannerAccessError, SpannerUnavailable
from pipeline_io.spanner_stream_description import ChangeStreamError
from pipeline_io.spanner_stream_partitions import Partition, Partitions, Piece, State
from pipeline_io.spanner_stream_reader import ReaderConfig, StreamReader
from pipeline_io.spanner_stream_records import DataChange, Heartbeat
from tests.io.spanner_stream_model import Layout, ModelStream, change, unavailable

KEYS = range(6)
DATABASE = SpannerConfig("p", "i", "d")
IMPATIENT = SpannerConfig("p", "i", "d", retry_seconds=0.1)
END = 100


def layouts() -> st.SearchStrategy[Layout]:
    """The keys, cut into partitions."""
    cuts = st.sets(st.integers(1, len(KEYS) - 1)).map(sorted)
    return cuts.map(
        lambda places: tuple(
            tuple(KEYS[begin:end]) for begin, end in itertools.pairwise([0, *places, len(KEYS)])
        )
    )


@st.composite
def streams(draw: st.DrawFn) -> ModelStream:
    found = draw(st.lists(layouts(), min_size=1, max_size=5))
    times = draw(st.lists(st.integers(1, END), min_size=4, max_size=4, unique=True).map(sorted))
    commits = draw(st.lists(st.tuples(st.integers(0, END), st.sampled_from(KEYS)), max_size=40))
    # A key is committed once at a time.
    return ModelStream(found, times, sorted(set(commits)))


def started(
    stream: ModelStream, partitions: Partitions, readers: int = 3, end: int = END
) -> StreamReader:
    config = ReaderConfig("S", DATABASE, readers, end_us=end)
    reader = StreamReader(config, partitions, stream.records, lambda: None, 0.001)
    reader.start()
    return reader


def begun(stream: ModelStream) -> Partitions:
    return Partitions(
        [Partition(child.token, (), child.start_us, child.start_us) for child in stream.first()]
    )


def pieces_of(reader: StreamReader) -> list[Piece]:
    found: list[Piece] = []
    try:
        while (taken := reader.take(7, 5.0)) is not None:
            found += taken
    finally:
        reader.stop()
    return found


def by_key(pieces: list[Piece]) -> dict[str, list[DataChange]]:
    found: dict[str, list[DataChange]] = {}
    for piece in pieces:
        if piece.change is not None:
            found.setdefault(piece.change.mods[0][0], []).append(piece.change)
    return found


def expected(stream: ModelStream) -> dict[str, list[DataChange]]:
    found: dict[str, list[DataChange]] = {}
    for number, (commit_us, key) in enumerate(stream.commits):
        one = change(commit_us, number, key)
        found.setdefault(one.mods[0][0], []).append(one)
    return found


@given(streams(), st.integers(1, 4))
@settings(max_examples=40)
def test_every_change_is_told_once_and_those_of_a_key_in_order(
    stream: ModelStream, readers: int
) -> None:
    assert by_key(pieces_of(started(stream, begun(stream), readers))) == expected(stream)


@given(streams(), st.lists(st.integers(0, 5), max_size=4))
@settings(max_examples=40)
def test_a_broken_connection_repeats_changes_and_loses_none(
    stream: ModelStream, fails: list[int]
) -> None:
    stream.fails = iter(fails)
    told = by_key(pieces_of(started(stream, begun(stream))))
    assert {key: list(dict.fromkeys(changes)) for key, changes in told.items()} == expected(stream)


@given(streams(), st.integers(0, 60), st.integers(0, END))
@settings(max_examples=40)
def test_a_restart_goes_on_behind_what_was_committed(
    stream: ModelStream, committed: int, first_end: int
) -> None:
    written = begun(stream)
    first = pieces_of(started(stream, written, end=first_end))[:committed]
    for piece in first:
        written.apply(piece)
    told = by_key(first + pieces_of(started(stream, written)))
    assert {key: list(dict.fromkeys(changes)) for key, changes in told.items()} == expected(stream)


@given(streams())
@settings(max_examples=40)
def test_what_was_read_to_an_end_is_not_told_again(stream: ModelStream) -> None:
    written = begun(stream)
    for piece in (pieces := pieces_of(started(stream, written, end=END // 2))):
        written.apply(piece)
    assert by_key(pieces + pieces_of(started(stream, written))) == expected(stream)


def test_a_merged_partition_is_read_behind_both_of_its_parents() -> None:
    stream = ModelStream([((0,), (1,)), ((0, 1),)], [50], [(10, 0), (20, 1), (60, 0), (70, 1)])
    pieces = pieces_of(started(stream, begun(stream)))
    ends = [piece.token for piece in pieces if piece.children is not None]
    assert sorted(ends) == ["0/0", "0/1"]
    tokens = [piece.token for piece in pieces]
    assert tokens.index("1/0") > max(
        place for place, token in enumerate(tokens) if token.startswith("0/")
    )
    assert stream.asked.count("1/0") == 1


def test_a_state_whose_parents_are_gone_stops_the_reading_and_says_so() -> None:
    stream = ModelStream([((0,),)], [], [])
    orphan = Partition("0/0", ("lost",), 0, 0)
    with pytest.raises(ChangeStreamError, match=r"waits for \['lost'\].*a new --state"):
        pieces_of(started(stream, Partitions([orphan])))


def test_spanner_that_stays_away_is_given_up_after_a_while() -> None:
    stream = ModelStream([((0,),)], [], [], itertools.repeat(0))
    config = ReaderConfig("S", IMPATIENT, 1, end_us=END)
    reader = StreamReader(config, begun(stream), stream.records, lambda: None, 0.001)
    reader.start()
    with pytest.raises(SpannerUnavailable, match="the connection broke off"):
        pieces_of(reader)


def test_an_answer_that_no_waiting_mends_stops_the_reading() -> None:
    def records(*_: object) -> object:
        denied: Any = PermissionDenied
        raise denied("no spanner.databases.select")  # noqa: EM101

    config = ReaderConfig("S", DATABASE, 2, end_us=END)
    first = Partitions([Partition("0/0", (), 0, 0)])
    reader = StreamReader(config, first, records, lambda: None)  # type: ignore[arg-type]
    reader.start()
    with pytest.raises(SpannerAccessError, match=r"roles/spanner\.databaseUser"):
        pieces_of(reader)


def test_a_reader_that_is_stopped_ends_its_threads_in_the_middle_of_an_answer() -> None:
    cancelled = threading.Event()

    def records(*_: object) -> object:
        for at in itertools.count():
            if cancelled.is_set():
                raise unavailable()
            yield Heartbeat(at)

    config = ReaderConfig("S", DATABASE, 2)
    first = Partitions([Partition("0/0", (), 0, 0)])
    reader = StreamReader(config, first, records, cancelled.set)  # type: ignore[arg-type]
    reader.start()
    assert reader.take(1, 5.0) == [Piece("0/0", 0, True)]
    reader.stop()
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith("spanner-stream")
    ]


def test_a_quiet_stream_says_so() -> None:
    waiting = threading.Event()

    def records(*_: object) -> object:
        waiting.wait(5)
        yield from ()

    config = ReaderConfig("S", DATABASE, 1)
    first = Partitions([Partition("0/0", (), 0, 0, state=State.RUNNING)])
    reader = StreamReader(config, first, records, waiting.set)  # type: ignore[arg-type]
    reader.start()
    assert reader.take(1, 0.01) == []
    reader.stop()
