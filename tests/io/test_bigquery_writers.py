from __future__ import annotations

import functools
from collections.abc import Callable

import duckdb
import pyarrow as pa
import pytest
import sqlglot

from pipeline_io.bigquery_writers import COLUMNS, SCHEMA, TABLE, BigQueryWriterError, OnlyWriter


class Meeting:
    """The table that writers meet in, and the streams that were ended.

    before: called ahead of each thing that is done with it, with how many were done.
    """

    def __init__(self) -> None:
        self.rows = SCHEMA.empty_table()
        self.waiting: list[pa.RecordBatch] = []
        self.ended: list[str] = []
        self.done = 0
        self.before: Callable[[int], None] = lambda done: None

    def writer(self) -> OnlyWriter:
        return OnlyWriter(self, self.query, self.end, "the dataset")

    def append(self, name: str, rows: pa.RecordBatch) -> None:
        assert name == TABLE
        self.waiting.append(rows)

    def flush(self) -> None:
        # Whoever comes in between has rows of its own.
        waiting, self.waiting = self.waiting, []
        self._step()
        self.rows = pa.concat_tables([self.rows, pa.Table.from_batches(waiting)])

    def query(self, sql: str) -> pa.Table:
        self._step()
        (statement,) = sqlglot.transpile(
            sql.format(dataset="main"), read="bigquery", write="duckdb"
        )
        with duckdb.connect() as connection:
            connection.register(TABLE, self.rows)
            found: pa.Table = connection.sql(statement).to_arrow_table()
            return found

    def end(self, stream: str) -> None:
        self._step()
        self.ended.append(stream)

    def _step(self) -> None:
        self.done += 1
        self.before(self.done)


def interrupted(meeting: Meeting, at: int, act: Callable[[], None]) -> None:
    """Something else happens ahead of the step with this number from now on."""
    start = meeting.done

    def before(done: int) -> None:
        if done == start + at:
            meeting.before = lambda _: None
            act()

    meeting.before = before


def is_refused(announce: Callable[[], None]) -> bool:
    try:
        announce()
    except BigQueryWriterError:
        return True
    return False


STEPS = range(1, 9)


@pytest.mark.parametrize("at", STEPS)
def test_a_stream_of_a_writer_that_is_taken_over_is_ended_or_never_used(at: int) -> None:
    """The new one comes at any step of the old one's."""
    meeting = Meeting()
    old, new = meeting.writer(), meeting.writer()
    old.take()
    interrupted(meeting, at, new.take)
    refused = is_refused(lambda: old.announce("s1"))
    was_taken_over = meeting.rows["kind"].to_pylist().count("claim") == 2
    assert (refused or "s1" in meeting.ended) == was_taken_over


@pytest.mark.parametrize("at", STEPS)
def test_a_stream_that_comes_while_one_takes_over_is_ended_or_never_used(at: int) -> None:
    """The old one uses a stream at any step of the new one's."""
    meeting = Meeting()
    old, new = meeting.writer(), meeting.writer()
    old.take()
    old.announce("s0")
    refused: list[bool] = []
    interrupted(meeting, at, lambda: refused.append(is_refused(lambda: old.announce("s1"))))
    new.take()
    assert "s0" in meeting.ended
    assert refused in ([], [True]) or "s1" in meeting.ended


@pytest.mark.parametrize("at", STEPS)
def test_of_two_writers_that_start_together_one_writes(at: int) -> None:
    meeting = Meeting()
    first, second = meeting.writer(), meeting.writer()
    taken: list[bool] = []
    interrupted(meeting, at, lambda: taken.append(not is_refused(second.take)))
    taken.append(not is_refused(first.take))
    meeting.before = lambda _: None
    if len(taken) == 1:
        taken.append(not is_refused(second.take))
    refused = [is_refused(functools.partial(each.announce, "s")) for each in (first, second)]
    assert sorted(refused) == [False, True]


def test_streams_that_were_ended_are_not_ended_by_each_writer_to_come() -> None:
    meeting = Meeting()
    for number in range(3):
        writer = meeting.writer()
        writer.take()
        writer.announce(f"s{number}")
    assert meeting.ended == ["s0", "s1"]


def test_the_message_says_who_and_what_to_do() -> None:
    meeting = Meeting()
    old, new = meeting.writer(), meeting.writer()
    old.take()
    new.take()
    with pytest.raises(BigQueryWriterError, match=r"number 2; this one has number 1.*let one run"):
        old.announce("s")


def test_the_tables_columns_are_those_of_its_rows() -> None:
    assert [name for name, _ in COLUMNS] == SCHEMA.names
