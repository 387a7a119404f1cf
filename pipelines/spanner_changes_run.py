"""One reading of a change stream: its changes written, durable, and then known to be."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.spanner_stream_description import ChangeStream
from pipeline_io.spanner_stream_partitions import Partition, Partitions, Piece
from pipeline_io.spanner_stream_reader import ReaderConfig, StreamReader
from pipeline_io.spanner_stream_records import DataChange, mods_of
from pipeline_io.spanner_stream_session import ChangeStreamSession
from pipeline_io.spanner_stream_state import StreamState
from pipeline_io.spanner_types import parse_type
from pipelines.change_outputs import ChangeOutput
from pipelines.dead_letter_sinks import write_dead_letters
from pipelines.runners import Runner
from pipelines.spanner_changes_options import JOB, SpannerChangesConfig
from pipelines.version import VERSION
from transforms.dead_letters import Origin
from transforms.refused import refused_letters
from transforms.spanner_changes import SpannerEvents, StreamPlace
from transforms.spanner_columns import Column
from transforms.sql.run import utc_now

WAIT_SECONDS = 0.2
"""How long changes are waited for: a signal is seen, and the state of quiet partitions kept."""
QUIET_COMMIT_SECONDS = 5.0
"""How often positions are stored while no changes come; they are only what a restart reads again,
since there was nothing there."""
TOLD_SECONDS = 60.0


@dataclasses.dataclass
class Reading:
    """What a run reads, writes and counts.

    counts: changes by table and mod_type. lag_seconds: between Spanner's time and what was written,
    as it was at the last commit.
    """

    config: SpannerChangesConfig
    stream: ChangeStream
    session: ChangeStreamSession
    state: StreamState
    partitions: Partitions
    output: ChangeOutput
    options: PipelineOptions
    runner: Runner
    end_us: int | None
    counts: dict[str, Counter[str]] = dataclasses.field(default_factory=dict)
    dead_letters: int = 0
    rounds: int = 0

    @property
    def changes(self) -> int:
        return sum(sum(of_table.values()) for of_table in self.counts.values())

    @property
    def lag_seconds(self) -> float:
        """How far what was written is behind: seconds to now, or to the end of the reading."""
        watermark = self.partitions.watermark_us
        until = self.end_us if self.end_us is not None else int(time.time() * 1e6)
        return 0.0 if watermark is None else max(0.0, (until - watermark) / 1e6)

    def to_end(self, stopped: threading.Event, tell: Callable[[Reading], None]) -> None:
        """Reads until the end, or until it is told to stop. Raises what stops a job."""
        config = self.config
        reader = StreamReader(
            ReaderConfig(
                self.stream.name,
                config.database,
                config.readers,
                int(config.heartbeat_seconds * 1000),
                self.end_us,
            ),
            self.partitions,
            self.session.records,
            self.session.cancel,
        )
        events = SpannerEvents(
            self._place(),
            self.output.registrar,
            self.output.next_offset,
            {table.name: _columns(self.stream, table.name) for table in self.stream.tables},
        )
        reader.start()
        committed = told = time.monotonic()
        try:
            while not stopped.is_set():
                pieces = reader.take(config.job.batch_size, WAIT_SECONDS)
                if pieces is None:
                    break
                is_news = self._write(events, pieces)
                if is_news or time.monotonic() - committed > QUIET_COMMIT_SECONDS:
                    self._commit()
                    committed = time.monotonic()
                if time.monotonic() - told > TOLD_SECONDS:
                    tell(self)
                    told = time.monotonic()
            self._commit()
        finally:
            reader.stop()

    def _write(self, events: SpannerEvents, pieces: Sequence[Piece]) -> bool:
        """Whether there was anything but time: changes, which are durable then, or partitions."""
        changes = [piece.change for piece in pieces if piece.change is not None]
        if changes:
            now_ms = int(time.time() * 1000)
            for records in events.records(mods_of(changes), now_ms):
                self.output.write(records)
            refused = self.output.flush()
            if refused:
                self._keep_refused(refused)
            self._count(changes)
            self.rounds += 1
        for piece in pieces:
            self.partitions.apply(piece)
        return bool(changes) or any(piece.children is not None for piece in pieces)

    def _commit(self) -> None:
        stored, gone = self.partitions.take_changes()
        self.state.commit(stored, gone)

    def _count(self, changes: Sequence[DataChange]) -> None:
        for change in changes:
            self.counts.setdefault(change.table, Counter())[change.mod_type] += len(change.mods)

    def _keep_refused(self, refused: Sequence[pa.RecordBatch]) -> None:
        """Dead letters are as durable as the changes are when it returns."""
        origin = Origin(JOB, VERSION)
        letters = [
            refused_letters(batch, self.config.output.place, origin, utc_now()) for batch in refused
        ]
        self.dead_letters += sum(batch.num_rows for batch in letters)
        job = self.config.job
        pipeline = beam.Pipeline(options=self.options)
        collection: Any = pipeline | "Letters" >> beam.Create(letters)
        write_dead_letters(
            (collection,), job.dead_letter_place, job.refused_letters, self.runner, ends=False
        )
        pipeline.run().wait_until_finish()

    def _place(self) -> StreamPlace:
        database = self.config.database
        return StreamPlace(
            self.config.source_name,
            VERSION,
            database.project,
            database.instance,
            database.database,
            self.stream.name,
        )


def first_or_stored(
    config: SpannerChangesConfig, session: ChangeStreamSession, state: StreamState
) -> tuple[Partitions, bool]:
    """The partitions to read, and whether a run before has read some of them.

    Raises StreamExpired, SpannerError.
    """
    stored = state.take_over()
    if stored is not None:
        return Partitions(stored), True
    start_us = config.start_us if config.start_us is not None else session.now_us()
    children = session.first_partitions(config.change_stream, start_us)
    first = [
        Partition(child.token, (), child.start_us, max(start_us, child.start_us))
        for child in children
    ]
    state.begin(start_us, first)
    return Partitions(first), False


def _columns(stream: ChangeStream, name: str) -> tuple[Column, ...]:
    """A table's columns as the information schema has them."""
    (table,) = (one for one in stream.tables if one.name == name)
    found = []
    for column in table.columns:
        kind = parse_type(column.spanner_type)
        found.append(Column(column.name, kind.kind, kind.array, column.name in table.key))
    return tuple(found)
