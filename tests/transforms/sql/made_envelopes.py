"""Debezium's envelopes made for a test: what no recording has."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro

from tests.transforms.sql.job_runs import Recorded, Schemas, framed, record_type, records_of

Row = Mapping[str, Any]

SOURCE = {
    "connector": "postgresql",
    "name": "made",
    "snapshot": "false",
    "db": "shop",
    "schema": "public",
    "table": "items",
    "lsn": 1,
    "ts_ms": 1_777_000_000_123,
}
"""Fields of `source`; the log position is the event's number."""
CAPTURED_AT = 1_777_000_000_456

_SOURCE_TYPE = record_type(
    "Source",
    **{name: "long" if isinstance(value, int) else "string" for name, value in SOURCE.items()},
)


def optional(kind: Any) -> list[Any]:
    return ["null", kind]


def semantic(name: str, avro: str = "long") -> dict[str, Any]:
    """A type that Debezium names, such as MicroTimestamp."""
    return {"type": avro, "connect.name": f"io.debezium.time.{name}"}


def envelope(**columns: Any) -> dict[str, Any]:
    """The schema of a table's envelope."""
    return record_type(
        "Envelope",
        before=optional(record_type("Value", **columns)),
        after=optional("Value"),
        source=_SOURCE_TYPE,
        op=optional("string"),
        ts_ms=optional("long"),
    )


def change(op: str | None, before: Row | None = None, after: Row | None = None) -> dict[str, Any]:
    return {"before": before, "after": after, "op": op}


def events(*parts: tuple[Mapping[str, Any], Sequence[Row | None]]) -> Recorded:
    """Records with the changes of each part under a schema of its own, ids from 1 on."""
    values: list[bytes | None] = []
    texts: dict[int, str] = {}
    for schema_id, (schema, changes) in enumerate(parts, start=1):
        texts[schema_id] = json.dumps(schema)
        parsed = fastavro.parse_schema(dict(schema))
        for one in changes:
            body = io.BytesIO()
            if one is not None:
                source = {**SOURCE, "lsn": 1_000 + len(values)}
                row = {"source": source, "ts_ms": CAPTURED_AT, **one}
                fastavro.schemaless_writer(body, parsed, row)
            values.append(None if one is None else framed(schema_id, body.getvalue()))
    return Recorded(records_of(values), Schemas(texts))
