"""Batches of Debezium's records of one database as rows of change log tables."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa

from transforms.avro import DecodedGroup, Decoder, SchemaSource, decode
from transforms.change_log_events import Kind, kind_of
from transforms.change_log_keys import KeyColumns
from transforms.change_log_order import EventOrder, Order, Positions, connector_of
from transforms.change_log_tables import OtherDatabase, Part, TableNames
from transforms.change_log_write import LogWriter
from transforms.dead_letters import Refusal
from transforms.encryption_events import EventFields
from transforms.records import check_records


@dataclasses.dataclass
class LogCounts:
    """Where the records went: records = rows + tombstones + skipped + dead_letters."""

    records: int = 0
    rows: int = 0
    tombstones: int = 0
    skipped: int = 0
    dead_letters: int = 0


class LogBatch(NamedTuple):
    """What became of a batch: rows by the name of their table, refusals in the records' order, the
    counts, and what was decoded."""

    rows: dict[str, list[pa.RecordBatch]]
    refusals: list[Refusal]
    counts: LogCounts
    groups: list[DecodedGroup]


class ChangeLog:
    """Turns batches of records (RECORD_SCHEMA) into log rows; one thread at a time.

    Args:
        schemas: writer schemas by id. decoder: `transforms.avro.choose_decoder`'s.
        order: the order keys' state. names: how the tables are called.
        now: the clock, UTC.
        fields: decrypts or encrypts fields; None where all stay as they are.
    """

    def __init__(
        self,
        schemas: SchemaSource,
        decoder: Decoder,
        order: EventOrder,
        names: TableNames,
        now: Callable[[], datetime.datetime],
        fields: EventFields | None = None,
    ) -> None:
        self._schemas = schemas
        self._decoder = decoder
        self.order = order
        self.names = names
        self._now = now
        self._fields = fields

    def process(self, records: pa.RecordBatch) -> LogBatch:
        """The rows of a batch. Raises what the schema source raises when it is gone."""
        check_records(records)
        counts = LogCounts(records.num_rows, tombstones=records.column("value").null_count)
        values = cast("pa.BinaryArray", records.column("value"))
        decoded = decode(values, self._schemas, self._decoder)
        refusals = [
            Refusal(found.position, "decode", found.error_class, found.message, found.schema_id)
            for found in decoded.failures
        ]
        groups: list[DecodedGroup] = []
        for group in decoded.groups:
            kind = kind_of(group.rows.schema)
            if kind is Kind.PASSED_OVER:
                counts.skipped += group.rows.num_rows
            elif kind is Kind.FOREIGN:
                refusals += _foreign(group)
            else:
                groups.append(group)
        rows: dict[str, list[pa.RecordBatch]] = {}
        if groups:
            keys = KeyColumns(records, self._schemas, self._decoder)
            order = self.order.of_groups(records, groups)
            writer = LogWriter(records, keys, order, self._now())
            for group in groups:
                self._write(group, writer, keys, order, rows, refusals, counts)
        counts.rows = sum(batch.num_rows for batches in rows.values() for batch in batches)
        counts.dead_letters = len(refusals)
        refusals.sort(key=lambda refusal: refusal.position)
        return LogBatch(rows, refusals, counts, decoded.groups)

    def _write(
        self,
        group: DecodedGroup,
        writer: LogWriter,
        keys: KeyColumns,
        order: Order,
        rows: dict[str, list[pa.RecordBatch]],
        refusals: list[Refusal],
        counts: LogCounts,
    ) -> None:
        refused = keys.refused(group) | _unordered(group, order)
        for part in self.names.parts(group, writer.topics):
            if part.error is not None:
                error = str(part.error)
                refused |= {
                    position: Refusal(position, "source", OtherDatabase.__name__, error)
                    for position in group.positions[part.rows].tolist()
                    if position not in refused
                }
            elif part.table is None:
                counts.skipped += _passed_over(group, part, refused)
            else:
                good, written = _good(group, part, refused), group
                if len(good) and self._fields is not None:
                    written, unreadable = self._fields.changed(group, part.table, good, keys)
                    refused |= {refusal.position: refusal for refusal in unreadable}
                    good = _good(written, _whole(part, written, group), refused)
                if len(good):
                    batch = writer.rows(written, good, connector_of(group))
                    rows.setdefault(part.table, []).append(batch)
        refusals += refused.values()


def _good(group: DecodedGroup, part: Part, refused: Mapping[int, Refusal]) -> Positions:
    if not refused:
        return part.rows
    bad = np.isin(group.positions[part.rows], np.fromiter(refused, np.int64))
    return part.rows[~bad]


def _whole(part: Part, written: DecodedGroup, group: DecodedGroup) -> Part:
    """The part with all rows of what was made of its group for it alone."""
    if written is group:
        return part
    return part._replace(rows=np.arange(written.rows.num_rows, dtype=np.int64))


def _passed_over(group: DecodedGroup, part: Part, refused: dict[int, Refusal]) -> int:
    """The rows of a database that nobody asked for: what is wrong with them does not matter."""
    positions = group.positions[part.rows].tolist()
    for position in positions:
        refused.pop(position, None)
    return len(positions)


def _unordered(group: DecodedGroup, order: Order) -> dict[int, Refusal]:
    if order.errors is None or order.errors.null_count() == len(order.errors):
        return {}
    errors: Any = order.errors.gather(order.place[group.positions])
    return {
        position: Refusal(position, "order_key", "NoOrderKey", error, group.schema_id)
        for position, error in zip(group.positions.tolist(), errors, strict=True)
        if error is not None
    }


def _foreign(group: DecodedGroup) -> list[Refusal]:
    message = (
        f"the record is no change event: it has the fields {group.rows.schema.names}, expected "
        "Debezium's envelope with op and source; leave out its topic (--topics), or take the "
        "transformation that unwraps records off the connector"
    )
    return [
        Refusal(position, "source", "NoChangeEvent", message, group.schema_id)
        for position in group.positions.tolist()
    ]
