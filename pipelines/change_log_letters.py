"""Dead letters of rows that a warehouse has refused."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson
import pyarrow as pa

from kami.tables import DEAD_LETTERS, change_log_of
from pipeline_io.warehouse_errors import WarehouseError

LETTER_SCHEMA = pa.schema(
    [
        pa.field(
            name,
            {"INT64": pa.int64(), "TIMESTAMP": pa.timestamp("us", tz="UTC")}.get(kind, pa.string()),
        )
        for name, kind in DEAD_LETTERS
    ]
)
"""Of batches for `_dead_letters`."""

_STAGE = "write"
# A row that is too large for the warehouse would be too large as a letter as well.
_MOST_CHARACTERS = 1_000_000


class RefusedRow(Protocol):
    """A row of a batch that the warehouse does not take, and why."""

    @property
    def table(self) -> str: ...
    @property
    def rows(self) -> pa.RecordBatch: ...
    @property
    def row(self) -> int: ...
    @property
    def error_class(self) -> str: ...
    @property
    def message(self) -> str: ...


def letters_of_refused(
    refused: Sequence[RefusedRow], now: datetime.datetime, *, hides_rows: bool = False
) -> pa.RecordBatch:
    """Rows of `_dead_letters`; the payload is the row as JSON, NULL where it is long.

    hides_rows: neither the row nor what the warehouse says of it is told, since the log has
    decrypted values; the topic has the record.

    Raises WarehouseError for a row of another table than a change log: without it the log is wrong.
    """
    letters = [_letter(one, now, hides_rows=hides_rows) for one in refused]
    return pa.RecordBatch.from_pylist(letters, schema=LETTER_SCHEMA)


def _letter(one: RefusedRow, now: datetime.datetime, *, hides_rows: bool) -> Mapping[str, Any]:
    suffix = change_log_of("")
    if not one.table.endswith(suffix):
        said = one.error_class if hides_rows else f"{one.error_class}: {one.message}"
        message = (
            f"the warehouse refused a row of {one.table}: {said}; no "
            "offset was committed behind it: mend the cause and run again"
        )
        raise WarehouseError(message)
    (row,) = one.rows.slice(one.row, 1).to_pylist()
    payload = orjson.dumps(row, default=str).decode()
    return {
        "table_name": one.table.removesuffix(suffix),
        "topic": row["_topic"],
        "topic_partition": row["_topic_partition"],
        "topic_offset": row["_offset"],
        "order_key": row["_order_key"],
        "stage": _STAGE,
        "error": one.error_class if hides_rows else f"{one.error_class}: {one.message}",
        "payload": None if hides_rows or len(payload) > _MOST_CHARACTERS else payload,
        "at": now,
    }
