"""Batches of polled rows as the parts of change events."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_sources import AUDIT_SOURCE
from transforms.envelope_schema import EnvelopeTable
from transforms.source_coordinates import AUDIT_COLUMNS

OP, UPDATED_US, REVISION, TS_MS = "_op", "_updated_us", "_revision", "_ts_ms"
"""Columns of a batch besides the table's: r, c, u or d; the change's coordinates; the database's
clock when it was read, in milliseconds since 1970."""


class Changes(NamedTuple):
    """What EnvelopeEncoder takes of a batch."""

    before: pa.StructArray
    after: pa.StructArray
    op: pa.Array[Any]
    ts_ms: pa.Array[Any]
    source: pa.StructArray


@dataclasses.dataclass(frozen=True)
class PolledSource:
    """Where polled rows come from, the same for all of a table.

    Args:
        version: of what polls. name: the connector's, which its topics begin with.
        schema: None where the database has none.
    """

    version: str
    name: str
    db: str
    schema: str | None
    table: str

    @property
    def topic(self) -> str:
        """PREFIX.SCHEMA.TABLE; the database's name stands for a schema, as a connector has it."""
        return ".".join((self.name, self.schema or self.db, self.table))

    def envelope_table(self, columns: pa.Schema, key: tuple[str, ...]) -> EnvelopeTable:
        """Raises EnvelopeError."""
        return EnvelopeTable(self.topic, self.name, "", columns, key, AUDIT_SOURCE)

    def changes(self, batch: pa.RecordBatch) -> Changes:
        """The changes of a batch: the table's columns, OP, UPDATED_US, REVISION and TS_MS.

        A delete's row is before it, with its key alone; any other's is after it.
        """
        own = (OP, UPDATED_US, REVISION, TS_MS)
        names = [name for name in batch.schema.names if name not in own]
        fields = [batch.schema.field(name) for name in names]
        columns = [batch.column(name) for name in names]
        op: Any = batch.column(OP)
        is_delete: Any = pc.equal(op, pa.scalar("d"))
        ts_ms: Any = batch.column(TS_MS)
        updated: Any = batch.column(UPDATED_US)
        # When a row was deleted nobody knows: the sweep did not find it any more.
        changed_ms = pc.if_else(is_delete, ts_ms, _milliseconds(updated))
        count = batch.num_rows
        constants = {
            "version": self.version,
            "connector": AUDIT_COLUMNS,
            "name": self.name,
            "db": self.db,
            "schema": self.schema,
            "table": self.table,
        }
        varying = {
            "ts_ms": changed_ms,
            "snapshot": pc.if_else(pc.equal(op, pa.scalar("r")), "true", "false"),
            "updated_us": updated,
            "revision": batch.column(REVISION),
        }
        source = [
            varying[field.name]
            if field.name in varying
            else pa.repeat(pa.scalar(constants[field.name], field.type), count)
            for field in AUDIT_SOURCE
        ]
        loose = [field.with_nullable(True) for field in fields]
        return Changes(
            pa.StructArray.from_arrays(columns, fields=loose, mask=pc.invert(is_delete)),
            pa.StructArray.from_arrays(columns, fields=loose, mask=is_delete),
            op,
            ts_ms,
            pa.StructArray.from_arrays(source, fields=list(AUDIT_SOURCE)),
        )


def _milliseconds(micros: Any) -> Any:
    """Down, before 1970 too."""
    numbers = micros.fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(np.floor_divide(numbers, 1000), pa.int64())
