"""Small recordings of Debezium events, written as Kafka Connect writes them, and jobs over them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro

from pipelines import sql_job

SCHEMA_ID = 7
PRICE = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
ITEM_FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "long"},
    {"name": "name", "type": ["null", "string"]},
    {"name": "price", "type": ["null", PRICE]},
    {"name": "user_id", "type": ["null", "long"]},
    {"name": "created_at", "type": ["null", "long"]},
    {"name": "updated_at", "type": ["null", "long"]},
]
Item = Mapping[str, Any]


def item(identity: int, **columns: Any) -> Item:
    """A row of the table items; what is not given is NULL."""
    empty = {str(field["name"]): None for field in ITEM_FIELDS}
    return {**empty, "price": Decimal("1.00"), **columns, "id": identity}


def envelope(fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The Avro schema of Debezium's envelope for a table with these columns."""
    row = {"type": "record", "name": "Value", "fields": list(fields)}
    source = [
        {"name": "table", "type": "string"},
        {"name": "ts_ms", "type": "long"},
    ]
    return {
        "type": "record",
        "name": "Envelope",
        "namespace": "shop.items",
        "fields": [
            {"name": "before", "type": ["null", row]},
            {"name": "after", "type": ["null", "Value"]},
            {"name": "source", "type": {"type": "record", "name": "Source", "fields": source}},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": ["null", "long"]},
        ],
    }


def event(op: str, after: Item | None = None, before: Item | None = None) -> dict[str, Any]:
    source = {"table": "items", "ts_ms": 1_767_225_600_123}
    return {"before": before, "after": after, "source": source, "op": op, "ts_ms": 1}


def write_recording(
    folder: Path,
    events: Sequence[Mapping[str, Any] | bytes | None],
    fields: Sequence[Mapping[str, Any]] = ITEM_FIELDS,
    topic: str = "shop.items",
) -> Path:
    """A folder with records.jsonl and schemas.json. An event may be bytes as they are, or None
    for a tombstone."""
    schema = envelope(fields)
    parsed = fastavro.parse_schema(schema)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for offset, one in enumerate(events):
        value = one if isinstance(one, bytes) else None
        if isinstance(one, Mapping):
            out = io.BytesIO()
            fastavro.schemaless_writer(out, parsed, dict(one))
            value = b"\x00" + SCHEMA_ID.to_bytes(4, "big") + out.getvalue()
        record = {
            "topic": topic,
            "partition": 0,
            "offset": offset,
            "timestamp": 1_767_225_600_000 + offset,
            "headers": [],
            "key": None,
            "value": None if value is None else base64.b64encode(value).decode(),
        }
        lines.append(json.dumps(record) + "\n")
    (folder / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    schemas = {str(SCHEMA_ID): {"schemaType": "AVRO", "schema": schema}}
    (folder / "schemas.json").write_text(json.dumps(schemas), encoding="utf-8")
    return folder


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, numbers with a point as Decimal."""
    return [
        json.loads(line, parse_float=Decimal)
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def run_script(script: str, folder: Path, *flags: str) -> tuple[int, dict[str, Any]]:
    """Runs a script with ${OUTPUT_DIR} = folder/out; its exit code, and summary.json if any."""
    job = folder / "job.sql"
    job.write_text(script, encoding="utf-8")
    out = folder / "out"
    code = sql_job.main([f"--job={job}", f"--output_dir={out}", *flags])
    summary = out / "summary.json"
    return code, json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else {}
