"""The state of a change stream in a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_io.database import Database
from pipeline_io.spanner_stream_partitions import Partition, State
from pipeline_io.spanner_stream_state import StreamState, StreamStateError

TOKEN = "long" * 200
PARTITIONS = [
    Partition(TOKEN, (), 1, 2),
    Partition("b", (TOKEN, "c"), 2**51, 2**51 + 1, True, State.RUNNING),
]


def state(tmp_path: Path, run: str = "one", stream: str = "s") -> StreamState:
    return StreamState(Database(f"sqlite:///{tmp_path}/state.db"), stream, run)


def by_token(partitions: list[Partition] | None) -> dict[str, Partition]:
    assert partitions is not None
    return {one.token: one for one in partitions}


def test_a_stream_that_was_never_read_has_no_state(tmp_path: Path) -> None:
    assert state(tmp_path).take_over() is None


def test_partitions_come_back_as_they_were_stored(tmp_path: Path) -> None:
    state(tmp_path).begin(1, PARTITIONS)
    assert by_token(state(tmp_path).take_over()) == by_token(PARTITIONS)


def test_a_commit_changes_what_changed_and_forgets_what_is_gone(tmp_path: Path) -> None:
    kept = state(tmp_path)
    kept.begin(1, PARTITIONS)
    later = Partition("b", (), 2, 3)
    kept.commit([later, Partition("d", (), 4, 4)], [TOKEN])
    assert by_token(kept.take_over()) == by_token([later, Partition("d", (), 4, 4)])


def test_streams_in_one_database_know_nothing_of_each_other(tmp_path: Path) -> None:
    state(tmp_path).begin(1, PARTITIONS)
    other = state(tmp_path, stream="t")
    assert other.take_over() is None
    other.begin(5, [Partition("b", (), 5, 5)])
    other.commit([], ["b"])
    assert by_token(state(tmp_path).take_over()) == by_token(PARTITIONS)


def test_a_run_whose_state_was_taken_over_stops_and_changes_nothing(tmp_path: Path) -> None:
    old = state(tmp_path, "old")
    old.begin(1, PARTITIONS)
    state(tmp_path, "new").take_over()
    with pytest.raises(StreamStateError, match="another run has taken over s"):
        old.commit([Partition("b", (), 9, 9)], [TOKEN])
    assert by_token(state(tmp_path).take_over()) == by_token(PARTITIONS)


def test_a_state_that_cannot_be_reached_names_the_database_without_its_password() -> None:
    with pytest.raises(StreamStateError, match="the state in postgresql") as told:
        StreamState(Database("postgresql+psycopg://u:hidden@127.0.0.1:1/x"), "s", "r")
    assert "hidden" not in str(told.value)
