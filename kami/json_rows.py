"""Moves the rows of a snapshot that came as JSON into the table's snapshot, once it has types."""

from __future__ import annotations

import json

import pyarrow as pa

from kami import tables
from kami.context import ConfiguredTable
from kami.snapshot_rows import typed_rows
from kami.warehouse import Warehouse, literal, table_sql


def move_json_rows(warehouse: Warehouse, table: ConfiguredTable) -> int:
    """The number of rows that are in T_snapshot now and were in `_snapshot_rows`.

    A snapshot is a whole: what the snapshot table held before is replaced, in one step.
    """
    waiting = table_sql(table.dataset, "_snapshot_rows")
    snapshot = table_sql(table.dataset, tables.snapshot_of(table.name))
    of_table = f"WHERE table_name = {literal(table.name)}"
    rows = warehouse.query(
        "SELECT TO_JSON_STRING(`row`) AS content, order_key, taken_at "  # noqa: S608
        f"FROM {waiting} {of_table} ORDER BY taken_at, order_key"
    ).to_pylist()
    # A newer snapshot replaces an older one that nobody moved.
    newest = rows[-1]["taken_at"], rows[-1]["order_key"]
    chosen = [row for row in rows if (row["taken_at"], row["order_key"]) == newest]
    batch = typed_rows(
        table.table,
        (json.loads(row["content"]) for row in chosen),
        newest[1],
        newest[0],
        table.key,
    )
    # What was written twice is one row.
    last = {key: index for index, key in enumerate(batch.column("_key").to_pylist())}
    batch = batch.take(pa.array(last.values(), pa.int64()))
    warehouse.run(f"DELETE FROM {snapshot} WHERE TRUE")  # noqa: S608
    warehouse.append(table.dataset, tables.snapshot_of(table.name), pa.table(batch))
    warehouse.run(f"DELETE FROM {waiting} {of_table}")  # noqa: S608
    return batch.num_rows
