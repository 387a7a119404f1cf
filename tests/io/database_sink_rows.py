"""Batches for a table of a database, and a store that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipeline_io.database_sink_rows import RefusedRow, stored_rows
from pipeline_io.database_sink_store import DatabaseStore
from pipeline_io.database_sink_table import DatabaseTable
from pipeline_io.record_schema import SINK_ROWS


def never(seconds: float) -> None:
    message = f"slept {seconds} seconds"
    raise AssertionError(message)


def order_key(number: int) -> str:
    """An order key as those of change events."""
    return f"0000/{number:016x}/0000000000000000/00000001"


def sink_batch(
    rows: Sequence[dict[str, Any]],
    columns: dict[str, pa.DataType],
    ops: Sequence[str | None] = (),
    orders: Sequence[int] = (),
) -> pa.RecordBatch:
    """SINK_ROWS whose records have the row's number as offset."""
    count = len(rows)
    fields = [pa.field(name, kind) for name, kind in columns.items()]
    attributes = [
        {
            "op": ops[number] if ops else "c",
            "order_key": order_key(orders[number]) if orders else None,
        }
        for number in range(count)
    ]
    record = [{"topic": "t", "partition": 0, "offset": number} for number in range(count)]
    parts: list[pa.Array[Any]] = [
        pa.array(list(rows), pa.struct(fields)),
        pa.nulls(count, SINK_ROWS.field("key").type),
        pa.array(attributes, SINK_ROWS.field("attributes").type),
        pa.array(record, SINK_ROWS.field("record").type),
    ]
    return pa.RecordBatch.from_arrays(parts, names=SINK_ROWS.names)


def write(
    table: DatabaseTable,
    rows: Sequence[dict[str, Any]],
    ops: Sequence[str | None] = (),
    orders: Sequence[int] = (),
) -> list[RefusedRow]:
    """Stores rows by a store of their own; gives what was refused."""
    store = DatabaseStore(table, sleep=never)
    kinds = {column.name: column.type for column in table.columns}
    batch = sink_batch(rows, kinds, ops, orders)
    payload: Any = batch.column("payload")
    attributes: Any = batch.column("attributes")
    try:
        return store.write(stored_rows(payload, attributes, table, 0))
    finally:
        store.close()
