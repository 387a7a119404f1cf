"""Recordings whose connector had encrypted some columns: their type is text, the others stay."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import fastavro
import pyarrow as pa

from pipeline_io.recording import Recording
from tests.transforms.change_log_recordings import RECORDINGS
from transforms.avro import UnknownSchemaId

Seal = Callable[[str, str, Any], str]
"""Encrypts a value of a table's column."""
_IMAGES = ("before", "after")


class Schemas(NamedTuple):
    """Writer schemas by id (transforms.avro.SchemaSource)."""

    texts: dict[int, str]

    def schema(self, schema_id: int) -> str:
        if schema_id not in self.texts:
            raise UnknownSchemaId(str(schema_id))
        return self.texts[schema_id]


def encrypted_recording(
    name: str, columns: Iterable[str], seal: Seal
) -> tuple[list[pa.RecordBatch], Schemas]:
    """The batches of a recording with these columns (of every table) encrypted, and schemas."""
    chosen = set(columns)
    sealed = {number: _sealed_schema(schema, chosen) for number, schema in _schemas(name).items()}
    parsed = {number: fastavro.parse_schema(schema) for number, schema in sealed.items()}
    batches = []
    for batch, values in zip(_batches(name), _decoded(name), strict=True):
        changed = [
            value
            if not isinstance(value, tuple)
            else _sealed_value(value[0], value[1], parsed[value[0]], chosen, seal)
            for value in values
        ]
        place = batch.schema.get_field_index("value")
        column = pa.array(changed, pa.binary())
        batches.append(batch.set_column(place, batch.schema.field(place), column))
    return batches, Schemas({number: json.dumps(schema) for number, schema in sealed.items()})


@functools.cache
def _schemas(name: str) -> dict[int, Any]:
    stored = json.loads((RECORDINGS / name / "schemas.json").read_text())
    return {int(number): entry["schema"] for number, entry in stored.items()}


@functools.cache
def _batches(name: str) -> list[pa.RecordBatch]:
    return list(Recording(str(RECORDINGS / name)).batches(50))


@functools.cache
def _decoded(name: str) -> list[list[bytes | tuple[int, Any] | None]]:
    """The values of each batch: schema's number and row of those that have rows of tables."""
    parsed = {number: fastavro.parse_schema(schema) for number, schema in _schemas(name).items()}
    with_rows = {number for number, schema in _schemas(name).items() if _has_rows(schema)}
    return [
        [_read(value, parsed, with_rows) for value in batch.column("value").to_pylist()]
        for batch in _batches(name)
    ]


def _has_rows(schema: Any) -> bool:
    names = [field["name"] for field in schema.get("fields", ())]
    return "before" in names and "after" in names


def _read(
    value: bytes | None, parsed: dict[int, Any], with_rows: set[int]
) -> bytes | tuple[int, Any] | None:
    number = int.from_bytes((value or b"")[1:5], "big")
    if value is None or number not in with_rows:
        return value
    return number, fastavro.schemaless_reader(io.BytesIO(value[5:]), parsed[number], None)


def _sealed_schema(schema: Any, chosen: set[str]) -> Any:
    """The schema with the chosen columns of its rows as texts."""
    copy = json.loads(json.dumps(schema))
    for field in copy["fields"] if _has_rows(copy) else ():
        if field["name"] not in _IMAGES or isinstance(field["type"], str):
            continue
        for kind in field["type"]:
            for column in kind["fields"] if isinstance(kind, dict) else ():
                if column["name"] in chosen:
                    column["type"] = ["null", "string"]
                    column.pop("default", None)
    return copy


def _sealed_value(
    number: int, row: dict[str, Any], parsed: Any, chosen: set[str], seal: Seal
) -> bytes:
    changed = dict(row)
    for name in _IMAGES:
        image = dict(row[name] or {})
        for column in chosen & set(image):
            if image[column] is not None:
                image[column] = seal(row["source"]["table"], column, image[column])
        changed[name] = image or None
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, changed)
    return b"\0" + number.to_bytes(4, "big") + out.getvalue()
