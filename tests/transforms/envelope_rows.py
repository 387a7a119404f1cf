"""A registry in memory, and the source of change events, for tests of their records."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from transforms.envelope_records import EnvelopeEncoder, EnvelopeTable

SOURCE = pa.struct(
    [
        pa.field("version", pa.string(), nullable=False),
        pa.field("connector", pa.string(), nullable=False),
        pa.field("ts_ms", pa.int64(), nullable=False),
        pa.field("schema", pa.string()),
    ]
)


def schema_of(*fields: Any) -> pa.Schema:
    return pa.schema(list(fields))


class Registry:
    """Keeps schemas in memory, as a registry does."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.subjects: list[str] = []

    def register(self, subject: str, schema: str) -> int:
        if schema not in self.texts:
            self.texts.append(schema)
            self.subjects.append(subject)
        return self.texts.index(schema) + 1

    def schema(self, schema_id: int) -> str:
        return self.texts[schema_id - 1]


def source_rows(count: int) -> Any:
    """The `source` of so many events."""
    one = {"version": "1", "connector": "audit_columns", "ts_ms": 7, "schema": None}
    return pa.array([one] * count, SOURCE)


def table_of(row: pa.Schema, topic: str = "shop.public.items") -> EnvelopeTable:
    """A table of these columns with the key id."""
    return EnvelopeTable(topic, "shop", "", row, ("id",), SOURCE)


def encoded(
    rows: list[dict[str, Any]], table: EnvelopeTable, registry: Registry, op: str = "u"
) -> pa.RecordBatch:
    """The records of rows, from offset 40 on."""
    struct: Any = pa.array(rows, pa.struct(list(table.row)))
    before, after = (struct, None) if op == "d" else (None, struct)
    count = len(rows)
    ops, times = pa.array([op] * count), pa.array([1_700_000_000_123] * count)
    encoder = EnvelopeEncoder(table, registry)
    return encoder.records(before, after, ops, times, source_rows(count), 40)
