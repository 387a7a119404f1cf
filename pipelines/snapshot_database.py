"""Snapshots from a live database: one consistent read, then a table at a time."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from typing import Protocol

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from kami.context import ConfiguredTable
from kami.statements import snapshot_columns
from pipeline_io.snapshot_file import DONE, READING, SnapshotRecord
from pipeline_io.snapshot_ranges import RangePlan, RangeReader, ReadTable
from pipeline_io.snapshot_steps import ReadRanges, WriteNewRows
from pipelines.options import FlagError, is_local
from pipelines.snapshot_options import SnapshotConfig
from pipelines.snapshot_tables import (
    Job,
    check_fields,
    chosen_tables,
    key_columns,
    read_table,
    select_of_texts,
)
from pipelines.snapshot_warehouse import SnapshotStore, Tell, store_anchor, warn_of_gap
from transforms.snapshot_fields import ChangeFields
from transforms.snapshot_rows import AddKeys


class ConsistentRead(Protocol):
    """One state of a database, which readers share until it is closed."""

    @property
    def anchor(self) -> dict[str, object]: ...

    def plan(self, table: ReadTable, range_rows: int) -> RangePlan: ...

    def reader(self) -> RangeReader: ...

    def close(self) -> None: ...


def snapshot_of_database(
    config: SnapshotConfig,
    job: Job,
    store: SnapshotStore,
    options: PipelineOptions,
    tell: Tell,
    now: Callable[[], datetime.datetime],
) -> dict[str, int]:
    """Reads the tables into the warehouse; {table: rows}, without those that were read before.

    Raises FlagError, SnapshotError, AnchorError and kami's errors.
    """
    if not is_local(options):
        message = "--runner: snapshots are read by this process; leave the flag out"
        raise FlagError(message)
    tables = chosen_tables(job, config)
    if config.resume:
        tables = _unfinished(tables, store, tell)
    if not tables:
        return {}
    if config.fields is not None:
        check_fields(tables, config.fields)
    read = open_read(job, config, tell)
    try:
        taken_at = now()
        position = store_anchor(store, read.anchor, config.source_name, taken_at, tell)
        records = {
            table.name: SnapshotRecord(
                table.name,
                json.dumps(read.anchor),
                position.order_key,
                position.xmax,
                list(position.in_progress),
                taken_at,
                0,
                READING,
            )
            for table in tables
        }
        for record in records.values():
            store.record(record)
        counts = {}
        for table in tables:
            counts[table.name] = _one_table(
                table, records[table.name], read, config, store, options, tell
            )
            warn_of_gap(store, table.name, position.order_key, tell)
        return counts
    finally:
        read.close()


def open_read(job: Job, config: SnapshotConfig, tell: Tell) -> ConsistentRead:
    """The consistent read of the source's database. Raises SnapshotError."""
    address = str(job.source.url)
    if job.source.dialect == "postgresql":
        from pipeline_io.snapshot_postgres import PostgresSnapshot

        return PostgresSnapshot.open(address, config.transaction_wait_seconds, tell)
    from pipeline_io.snapshot_mysql import MySqlSnapshot

    return MySqlSnapshot.open(address, config.readers, tell)


def _unfinished(
    tables: Sequence[ConfiguredTable], store: SnapshotStore, tell: Tell
) -> list[ConfiguredTable]:
    """The tables that a run which broke off left unread: a run notes them all when it begins."""
    records = store.records()
    unread = {one.table_name for one in records if one.state == READING}
    finished = {one.table_name for one in records if one.state == DONE} - unread
    for table in tables:
        if table.name in finished:
            tell(f"{table.full_name}: finished before, not read again")
    return [table for table in tables if table.name not in finished]


def _one_table(
    table: ConfiguredTable,
    record: SnapshotRecord,
    read: ConsistentRead,
    config: SnapshotConfig,
    store: SnapshotStore,
    options: PipelineOptions,
    tell: Tell,
) -> int:
    plan = read.plan(read_table(table), config.range_rows)
    store.begin(table.name, snapshot_columns(table))
    select = select_of_texts(table, record.order_key, record.taken_at)
    progress = Progress(table.full_name, plan.row_count, tell)
    direct = options.view_as(DirectOptions)
    direct.direct_running_mode = "multi_threading"
    direct.direct_num_workers = min(config.readers, len(plan.ranges))
    with beam.Pipeline(options=options) as pipeline:
        rows = (
            pipeline
            | "Ranges" >> beam.Create(plan.ranges)
            | "ReadRanges" >> beam.ParDo(ReadRanges(read.reader()))
        )
        if config.fields is not None:
            rows |= "ChangeFields" >> beam.ParDo(ChangeFields(config.fields))
        _ = (
            rows
            | "AddKeys" >> beam.ParDo(AddKeys({table.name: key_columns(table)}))
            | "WriteNewRows" >> beam.ParDo(WriteNewRows(store, {table.name: select}, progress))
        )
    store.finish(table.name, record._replace(row_count=plan.row_count, state=DONE))
    return plan.row_count


# The workers are threads of this process, each with its own copy of the steps.
_written: dict[str, int] = {}


class Progress:
    """Tells how far a table is, after each append."""

    def __init__(self, name: str, row_count: int, tell: Tell) -> None:
        self.name = name
        self.row_count = row_count
        self.tell = tell
        _written.pop(name, None)

    def __call__(self, _: str, rows: int) -> None:
        _written[self.name] = _written.get(self.name, 0) + rows
        if _written[self.name] < self.row_count:
            self.tell(f"{self.name}: {_written[self.name]:,} of {self.row_count:,} rows")
