"""The Beam steps of a poll: shards of tables in, what changed out, and written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics.metric import Metrics
from apache_beam.transforms.window import GlobalWindows

from pipeline_io.audit_tables import PolledTable, Shard
from pipeline_io.latency import NO_TIMES, Latency, Times, now_ms, times_of
from pipelines.audit_session import SESSIONS, AuditPlace
from pipelines.change_outputs import ChangeOutput, OutputConfig, open_output
from transforms.counters import NAMESPACE, metric_name
from transforms.dead_letter_counts import DeadLetterCounts
from transforms.dead_letters import DEAD_LETTER_SCHEMA, Origin, Refusal, dead_letter_json
from transforms.envelope_polled import OP, UPDATED_US, PolledSource
from transforms.envelope_records import EnvelopeEncoder
from transforms.refused import refused_letters
from transforms.sql.run import utc_now

OPS = ("r", "c", "u", "d")
EVERYTHING, DEAD_LETTERS = "all", "dead_letters"
"""Counts are kept by table and op, and of the whole run."""
LATENCY_NAMESPACE, SOURCE_TO_SINK = "kamiflow.audit_columns", "source_to_sink_ms"
"""By table: milliseconds from a row's update, as its column says, to its event being durable; of
new and changed rows, not of a table's first reading."""
NO_CHANGE_EVENT = "NoChangeEvent"
MOST_LETTER_TEXT = 1_000


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """One shard of one table, to be polled in a round. table: as it was when the run began."""

    table: PolledTable
    shard: Shard


@dataclasses.dataclass(frozen=True)
class TaskRows:
    """Rows that changed: the table's columns, and those of envelope_polled.

    table: as it is now. source: what the rows' events say of where they come from.
    """

    table: PolledTable
    shard: Shard
    source: PolledSource
    rows: pa.RecordBatch


class PollShards(beam.DoFn):
    """Yields the TaskRows of ShardTasks; what is polled is pending until `round_token` commits.

    run_token: names the session that this process may have open already.
    """

    def __init__(self, place: AuditPlace, run_token: str, round_token: str) -> None:
        self.place = place
        self.run_token = run_token
        self.round_token = round_token

    def process(self, element: ShardTask) -> Iterator[TaskRows]:
        shared = SESSIONS.shared(self.run_token)
        session = shared or self.place.open()
        try:
            poll = session.poll_of(element.table, element.shard)
            for rows in session.changes(poll, self.round_token):
                source = self.place.source_of(poll.table)
                yield TaskRows(poll.table, element.shard, source, rows)
        finally:
            if shared is None:
                # At once, and not when the worker ends: the next round's may be another one.
                session.close()


class WriteChanges(beam.DoFn):
    """Writes TaskRows as change events, durable at the end of their bundle; yields dead letters.

    run_token: names the run, whose threads share a change log.
    """

    def __init__(self, output: OutputConfig, origin: Origin, run_token: str) -> None:
        self.config = output
        self.origin = origin
        self.run_token = run_token
        self._output: ChangeOutput | None = None
        self._encoders: dict[str, EnvelopeEncoder] = {}
        self._is_dirty = False
        self._letter_counts = DeadLetterCounts()
        self._waiting: dict[str, Times] = {}
        self._latencies: dict[str, Latency] = {}

    def start_bundle(self) -> None:
        self._waiting = {}
        if self._output is not None and self._is_dirty:
            # The bundle before has failed: what it left must not mix with its second try.
            self.teardown()
        if self._output is None:
            self._output = open_output(self.config, self.run_token)

    def process(self, element: TaskRows) -> Iterator[pa.RecordBatch]:
        output = self._running()
        self._is_dirty = True
        encoder = self._encoder(element, output)
        changes = element.source.changes(element.rows)
        topic, partition = encoder.table.topic, element.shard.number
        first = output.next_offset(topic, partition)
        encoded = encoder.encode(*changes, first, partition)
        output.write(encoded.records)
        label = element.table.label
        _count(label, element.rows, len(encoded.failures))
        waiting = self._waiting.get(label, NO_TIMES)
        self._waiting[label] = waiting.with_more(_changed(element.rows))
        if encoded.failures:
            self._letter_counts.add(label, [NO_CHANGE_EVENT] * len(encoded.failures))
            yield self._letters(element, topic, encoded.failures)

    def finish_bundle(self) -> Iterator[Any]:
        refused = self._running().flush()
        self._is_dirty = False
        for label, times in self._waiting.items():
            name = metric_name(label, SOURCE_TO_SINK)
            latency = self._latencies.setdefault(label, Latency(LATENCY_NAMESPACE, name))
            latency.until(now_ms(), times)
        for batch in refused:
            self._letter_counts.add(EVERYTHING, batch.column("error_class").to_pylist())
            Metrics.counter(NAMESPACE, metric_name(EVERYTHING, DEAD_LETTERS)).inc(batch.num_rows)
            letters = refused_letters(batch, self.config.place, self.origin, utc_now())
            yield GlobalWindows.windowed_value(letters)

    def teardown(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None
        self._encoders = {}

    def _encoder(self, element: TaskRows, output: ChangeOutput) -> EnvelopeEncoder:
        """The table's; another one once it has another column."""
        table = element.source.envelope_table(element.table.columns, element.table.key)
        known = self._encoders.get(table.topic)
        if known is None or not known.table.row.equals(table.row, check_metadata=True):
            known = self._encoders[table.topic] = EnvelopeEncoder(table, output.registrar)
        return known

    def _running(self) -> ChangeOutput:
        if self._output is None:
            message = "a writer of changes is used outside of a bundle; call start_bundle() first"
            raise RuntimeError(message)
        return self._output

    def _letters(
        self, element: TaskRows, topic: str, failures: list[tuple[int, str]]
    ) -> pa.RecordBatch:
        """Dead letters of rows that became no record: the payload is the row as text."""
        now = utc_now()
        letters = []
        for row, why in failures:
            (values,) = element.rows.slice(row, 1).to_pylist()
            record: dict[str, object] = {
                "value": str(values)[:MOST_LETTER_TEXT].encode(errors="replace"),
                "key": None,
                "headers": None,
                "topic": topic,
                "partition": element.shard.number,
                "offset": -1,
                "timestamp": None,
            }
            refusal = Refusal(row, "encode", NO_CHANGE_EVENT, why)
            letters.append(dead_letter_json(record, refusal, self.origin, now))
        return pa.record_batch([pa.array(letters, pa.binary())], schema=DEAD_LETTER_SCHEMA)


def _changed(rows: pa.RecordBatch) -> Times:
    """When rows that are new or changed were updated."""
    changed: Any = pc.is_in(rows.column(OP), pa.array(["c", "u"]))
    updated: Any = rows.column(UPDATED_US).filter(changed)
    return times_of(pc.divide(updated, 1_000))


def _count(label: str, rows: pa.RecordBatch, failed: int) -> None:
    ops: Any = pc.value_counts(rows.column(OP))
    for found in ops.to_pylist():
        Metrics.counter(NAMESPACE, metric_name(label, str(found["values"]))).inc(found["counts"])
    if failed:
        Metrics.counter(NAMESPACE, metric_name(EVERYTHING, DEAD_LETTERS)).inc(failed)
