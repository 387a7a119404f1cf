"""The Beam step that writes a change log: records in, dead letters out."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics.metric import Metrics

from pipeline_io.read_metrics import ReadMetrics
from pipeline_io.sink_metrics import SinkMetrics
from pipelines.change_log_run import LogRun, LogTarget
from transforms.avro import SchemaSource
from transforms.change_log_rows import LogBatch
from transforms.commit_times import tell_commits
from transforms.counters import NAMESPACE, TALLY, metric_name
from transforms.dead_letter_counts import REFUSED_BY_WAREHOUSE, DeadLetterCounts
from transforms.dead_letters import Origin, dead_letters
from transforms.sql.run import utc_now
from transforms.topic_batches import of_topics

LOG_NAMESPACE = "kamiflow.change_log"
"""Of the Beam metrics about the time that rows take."""
COUNTS = ("records", "rows", "tombstones", "skipped", "dead_letters")
EVERYTHING = "all"
"""The name under which the counts of all tables are kept; a table's are `table/rows`."""


class Runs:
    """The runs of this process. A row of pipelines (--follow on DirectRunner) goes on with one:
    its partitions' newest order keys are not read from the warehouse each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, LogRun] = {}

    def get(self, token: str, target: LogTarget, schemas: SchemaSource) -> LogRun:
        with self._lock:
            if token not in self._runs:
                self._runs[token] = LogRun(target, schemas, utc_now)
            return self._runs[token]

    def drop(self, token: str) -> None:
        with self._lock:
            self._runs.pop(token, None)


RUNS = Runs()


class WriteChangeLog(beam.DoFn):
    """Batches of records (RECORD_SCHEMA) into the log; yields batches of dead letters.

    Rows are durable at the end of their bundle: a reader's offsets are committed after it.
    token: names the run that all workers of a process share.
    """

    def __init__(
        self, target: LogTarget, schemas: SchemaSource, origin: Origin, token: str
    ) -> None:
        self.target = target
        self.schemas = schemas
        self.origin = origin
        self.token = token
        self.reading = ReadMetrics(EVERYTHING)
        self._letter_counts = DeadLetterCounts()
        self.stored = SinkMetrics(LOG_NAMESPACE, EVERYTHING, ())

    def setup(self) -> None:
        self._run = RUNS.get(self.token, self.target, self.schemas)

    def start_bundle(self) -> None:
        # Workers have several threads, and each bundle's rows are to be durable at its end.
        self._run.take(self)
        with self._giving_back():
            self._run.roll_back()
        self.stored.begin()

    def process(self, element: pa.RecordBatch) -> Iterator[Any]:
        yield from self.found(element)[1]

    def found(self, records: pa.RecordBatch) -> tuple[LogBatch, list[pa.RecordBatch]]:
        """What became of a batch, which is counted, and the dead letters of it."""
        with self._giving_back():
            self.reading.read(records)
            found = self._run.process(records)
            tell_commits(self.reading, records, found.groups)
            self.stored.came_at(records.column("timestamp"))
        counts = dataclasses.asdict(found.counts)
        for name in COUNTS:
            _count(EVERYTHING, name, counts[name])
        for table, batches in found.rows.items():
            _count(table, "rows", sum(batch.num_rows for batch in batches))
        TALLY.add(EVERYTHING, {**counts, "events": counts["rows"]})
        if not found.refusals:
            return found, []
        self._letter_counts.add_refusals(EVERYTHING, found.refusals)
        return found, [dead_letters(records, found.refusals, self.origin, utc_now())]

    def finish_bundle(self) -> None:
        try:
            count_refused(self._run.flush())
            if self.target.writes_rows:
                self.stored.confirmed()
        finally:
            self._run.give(self)

    def teardown(self) -> None:
        # A bundle that failed in a later step has not given it back.
        self._run.give(self)
        self._run.rest()

    @contextlib.contextmanager
    def _giving_back(self) -> Iterator[None]:
        """After an error in its block no more calls of the bundle come."""
        try:
            yield
        except BaseException:
            self._run.give(self)
            raise


def count_refused(refused: Counter[str]) -> None:
    """Rows that a warehouse refused, by table: they were counted as rows when they were made."""
    count = sum(refused.values())
    _count(EVERYTHING, "dead_letters", count)
    for table, rows in {EVERYTHING: count, **refused}.items():
        _count(table, "rows", -rows)
    if count:
        DeadLetterCounts().add(EVERYTHING, [REFUSED_BY_WAREHOUSE] * count)
        TALLY.add(EVERYTHING, {"dead_letters": count, "rows": -count, "events": -count})


def _count(table: str, name: str, value: int) -> None:
    if value:
        counter: Any = Metrics.counter(NAMESPACE, metric_name(table, name))
        counter.inc(value)


class OnlyTopics(beam.DoFn):
    """The records of some topics, by name or by a pattern that matches the whole name."""

    def __init__(self, topics: Sequence[str], pattern: str | None) -> None:
        self.topics = tuple(topics)
        self.pattern = pattern

    def process(self, element: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        kept = of_interest(element, self.topics, self.pattern)
        if kept.num_rows:
            yield kept


def of_interest(
    batch: pa.RecordBatch, topics: Sequence[str], pattern: str | None
) -> pa.RecordBatch:
    """The records of these topics; all where neither names nor a pattern are given."""
    if pattern is not None:
        found: Any = batch.column("topic")
        topics = [name for name in pc.unique(found).to_pylist() if re.fullmatch(pattern, name)]
    elif not topics:
        return batch
    return of_topics(batch, tuple(topics))
