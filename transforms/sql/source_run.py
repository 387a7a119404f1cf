"""Runs all branches that read one source over batches of its records."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import polars as pl
import pyarrow as pa

from transforms.avro import Decoded, DecodedGroup, Decoder, SchemaSource, decode
from transforms.dead_letters import Refusal
from transforms.records import check_records
from transforms.sql.envelope_sink import Events
from transforms.sql.event_metadata import EventMetadata, Metadata
from transforms.sql.in_process import BranchRun
from transforms.sql.json_source import NO_SCHEMA, decode_json, decode_raw
from transforms.sql.json_source_types import json_schema
from transforms.sql.messages import Attributes, sink_batch, wanted_attributes
from transforms.sql.source import SourceRows, source_format
from transforms.sql.source_messages import MessageAttributes, MessageMetadata
from transforms.sql.tables import Table
from transforms.sql.writer_types import SchemaMismatch


@dataclasses.dataclass
class Counts:
    """Where a branch's records went: records + multiplied = events + filtered + tombstones +
    dead_letters. `multiplied` counts the events beyond the first of their record."""

    records: int = 0
    events: int = 0
    filtered: int = 0
    tombstones: int = 0
    dead_letters: int = 0
    multiplied: int = 0


class BranchBatch(NamedTuple):
    """A branch's share of a batch: its rows for the sink (SINK_ROWS), and its counts."""

    rows: pa.RecordBatch
    counts: Counts


class SourceBatch(NamedTuple):
    """All that came of a batch of records: the branches' shares by name, the refusals, and what was
    decoded. What could not be decoded is refused once, for all branches."""

    branches: dict[str, BranchBatch]
    refusals: list[Refusal]
    groups: list[DecodedGroup]


class SourceRun:
    """Decodes each batch once and runs every branch of its source over it. A context manager.

    Args:
        source: the table whose records come.
        branches: all the branches that read it.
        schemas: writer schemas by id. decoder: `transforms.avro.choose_decoder`'s.
        now: the clock, UTC.
    """

    def __init__(
        self,
        source: Table,
        branches: Sequence[BranchRun],
        schemas: SchemaSource,
        decoder: Decoder,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self.source = source
        self.branches = branches
        self._schemas = schemas
        self._decoder = decoder
        self._now = now
        self._rows = {run.branch.name: SourceRows(source, run.branch.needed) for run in branches}
        self._attributes = {name for run in branches for name in wanted_attributes(run.branch.sink)}
        needed = {name for run in branches for name in run.branch.needed}
        keys = {column.metadata_key for column in source.columns if column.name in needed}
        wanted = {key for key in keys if key is not None} | self._attributes
        # Messages of Pub/Sub are no records of a log: they have other metadata.
        self._of_messages = source.connector.name == "pubsub"
        self._metadata = MessageMetadata() if self._of_messages else EventMetadata(wanted)
        self._format = source_format(source)
        self._json = json_schema(source, needed) if self._format == "json" else None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> SourceRun:
        for run in self.branches:
            self._open.enter_context(run)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def process(self, records: pa.RecordBatch) -> SourceBatch:
        """What becomes of a batch of records (transforms.records.RECORD_SCHEMA)."""
        check_records(records)
        now = self._now()
        decoded = self._decoded(cast("pa.BinaryArray", records.column("value")))
        refusals = [
            Refusal(
                position=failure.position,
                stage="decode",
                error_class=failure.error_class,
                message=failure.message,
                schema_id=failure.schema_id,
            )
            for failure in decoded.failures
        ]
        metadata = self._metadata.of_batch(records, decoded)
        attributes = self._attributes_of(records, decoded, metadata)
        shares = {}
        for run in self.branches:
            share, refused = self._branch(run, records, decoded, metadata, attributes, now)
            share.counts.dead_letters += len(decoded.failures)
            shares[run.branch.name] = share
            refusals += refused
        return SourceBatch(shares, refusals, decoded.groups)

    def _decoded(self, values: pa.BinaryArray) -> Decoded:
        if self._json is not None:
            return decode_json(values, self._json)
        if self._format == "raw":
            columns = self.source.physical_columns()
            return decode_raw(values, columns[0].name if columns else None)
        return decode(values, self._schemas, self._decoder)

    def _attributes_of(
        self, records: pa.RecordBatch, decoded: Decoded, metadata: Metadata
    ) -> Attributes | None:
        if not self._attributes:
            return None
        if self._of_messages:
            return MessageAttributes(records, self._attributes)
        return Attributes(decoded, metadata, self._attributes)

    def _branch(
        self,
        run: BranchRun,
        records: pa.RecordBatch,
        decoded: Decoded,
        metadata: Callable[[DecodedGroup, str], pl.Series],
        attributes: Attributes | None,
        now: datetime.datetime,
    ) -> tuple[BranchBatch, list[Refusal]]:
        counts = Counts(records=records.num_rows, tombstones=records.column("value").null_count)
        events = Events(decoded) if run.writes_events else None
        refusals: list[Refusal] = []
        frames: list[pl.DataFrame] = []
        for group in decoded.groups:
            try:
                frame = self._rows[run.branch.name].read(
                    group.rows, group.positions, functools.partial(metadata, group)
                )
            except SchemaMismatch as error:
                refusals += _all_refused(group, error, run.branch.name)
                continue
            result = run.run(frame, now)
            if events is not None:
                result = run.as_events(result, events)
            refusals += [
                dataclasses.replace(refusal, schema_id=_schema_id(group))
                for refusal in result.refusals
            ]
            counts.filtered += result.filtered
            counts.multiplied += result.multiplied
            frames.append(result.rows)
        counts.dead_letters = len(refusals)
        rows = sink_batch(frames, records, run.branch.sink, attributes)
        counts.events = rows.num_rows
        return BranchBatch(rows, counts), refusals


def _schema_id(group: DecodedGroup) -> int | None:
    return None if group.schema_id == NO_SCHEMA else group.schema_id


def _all_refused(group: DecodedGroup, error: SchemaMismatch, statement: str) -> list[Refusal]:
    return [
        Refusal(
            position=position,
            stage="source",
            error_class=SchemaMismatch.__name__,
            message=f"schema id {group.schema_id}: {error}",
            schema_id=_schema_id(group),
            statement=statement,
        )
        for position in group.positions.tolist()
    ]
