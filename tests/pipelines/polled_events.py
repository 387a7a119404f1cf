"""Change events of a polled table, for tests of outputs."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipelines.change_outputs import ChangeOutput
from transforms.change_log_sources import AUDIT_SOURCE
from transforms.envelope_records import EnvelopeEncoder, EnvelopeTable

_COLUMNS: list[Any] = [pa.field("id", pa.int64(), nullable=False), pa.field("word", pa.string())]
ITEMS = pa.schema(_COLUMNS)
TOPIC = "shop.public.items"


def source_of(rows: Sequence[tuple[int, str, str | None, int, int]]) -> Any:
    """The `source` of rows (id, op, word, updated_us, revision)."""
    return pa.array(
        [
            {
                "version": "1",
                "connector": "audit_columns",
                "name": "shop",
                "ts_ms": 1_700_000_000_000,
                "snapshot": "false",
                "db": "shop",
                "schema": "public",
                "table": "items",
                "updated_us": updated,
                "revision": revision,
            }
            for *_, updated, revision in rows
        ],
        AUDIT_SOURCE,
    )


def table_of(topic: str = TOPIC, row: pa.Schema = ITEMS) -> EnvelopeTable:
    return EnvelopeTable(topic, "shop", "", row, ("id",), AUDIT_SOURCE)


def events(
    output: ChangeOutput,
    rows: Sequence[tuple[int, str, str | None, int, int]],
    partition: int = 0,
    topic: str = TOPIC,
) -> pa.RecordBatch:
    """The records of rows (id, op, word, updated_us, revision), at the output's next offsets."""
    structs: list[Any] = [{"id": number, "word": word} for number, _, word, *_ in rows]
    is_delete = [op == "d" for _, op, *_ in rows]
    row_type = pa.struct(list(ITEMS))
    before: Any = pa.array(
        [row if gone else None for row, gone in zip(structs, is_delete, strict=True)], row_type
    )
    after: Any = pa.array(
        [None if gone else row for row, gone in zip(structs, is_delete, strict=True)], row_type
    )
    encoder = EnvelopeEncoder(table_of(topic), output.registrar)
    first = output.next_offset(topic, partition)
    ops = pa.array([op for _, op, *_ in rows])
    times = pa.array([1_700_000_000_000] * len(rows), pa.int64())
    found = encoder.encode(before, after, ops, times, source_of(rows), first, partition)
    assert not found.failures
    return found.records
