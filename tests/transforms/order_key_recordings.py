"""The change events of the recordings, decoded by fastavro, a frame a topic partition."""

import base64
import io
import json
import pathlib
import struct
from typing import Any

import fastavro
import polars as pl

RECORDINGS = pathlib.Path(__file__).parents[1] / "data" / "recordings"
NAMES = sorted(path.parent.name for path in RECORDINGS.glob("*/records.jsonl"))

SOURCE = pl.Struct(
    {
        "connector": pl.String,
        "name": pl.String,
        "ts_ms": pl.Int64,
        "ts_us": pl.Int64,
        "ts_ns": pl.Int64,
        "snapshot": pl.String,
        "db": pl.String,
        "schema": pl.String,
        "table": pl.String,
        "server_id": pl.Int64,
        "gtid": pl.String,
        "file": pl.String,
        "pos": pl.Int64,
        "row": pl.Int32,
        "lsn": pl.Int64,
    }
)


def change_events(name: str) -> dict[tuple[str, int], pl.DataFrame]:
    """Columns source, op, key, after (JSON text) and id (the key's `id`) of each partition."""
    schemas = json.loads((RECORDINGS / name / "schemas.json").read_text())
    parsed = {
        int(schema_id): fastavro.parse_schema(without_logical_types(entry["schema"]))
        for schema_id, entry in schemas.items()
    }

    def decoded(text: str | None) -> Any:
        if text is None:
            return None
        raw = base64.b64decode(text)
        (schema_id,) = struct.unpack(">I", raw[1:5])
        return fastavro.schemaless_reader(io.BytesIO(raw[5:]), parsed[schema_id], None)

    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for line in (RECORDINGS / name / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        value = decoded(record["value"])
        if value is None or "op" not in value:
            continue
        key = decoded(record["key"])
        row = {
            "source": {field: value["source"].get(field) for field in SOURCE.to_schema()},
            "op": value["op"],
            "key": None if record["key"] is None else base64.b64decode(record["key"]),
            "id": json.dumps(key, default=str),
            "after": json.dumps(value["after"], default=str),
        }
        rows.setdefault((record["topic"], record["partition"]), []).append(row)
    schema: dict[str, pl.DataType] = {
        "source": SOURCE,
        "op": pl.String(),
        "key": pl.Binary(),
        "id": pl.String(),
        "after": pl.String(),
    }
    return {place: pl.DataFrame(part, schema) for place, part in rows.items()}


def without_logical_types(schema: Any) -> Any:
    """The schema with plain values: dates before year 1 have no Python value."""
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    if isinstance(schema, dict):
        return {
            name: without_logical_types(part)
            for name, part in schema.items()
            if name != "logicalType"
        }
    return schema
