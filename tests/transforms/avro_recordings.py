"""The recordings as Arrow arrays of keys and values, with their schemas as a source."""

import base64
import json
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from transforms.avro import UnknownSchemaId

RECORDINGS = pathlib.Path(__file__).parents[1] / "data" / "recordings"
NAMES = sorted(path.parent.name for path in RECORDINGS.glob("*/records.jsonl"))


class Schemas:
    """A SchemaSource of a dict, which remembers the ids that it was asked for."""

    def __init__(self, texts: dict[int, str]) -> None:
        self.texts = texts
        self.asked: list[int] = []

    def schema(self, schema_id: int) -> str:
        self.asked.append(schema_id)
        if schema_id not in self.texts:
            message = f"no schema {schema_id}"
            raise UnknownSchemaId(message)
        return self.texts[schema_id]


class Recording(NamedTuple):
    keys: pa.BinaryArray
    values: pa.BinaryArray
    schemas: Schemas


def recording(name: str) -> Recording:
    folder = RECORDINGS / name
    schemas = json.loads((folder / "schemas.json").read_text())
    texts = {int(key): json.dumps(entry["schema"]) for key, entry in schemas.items()}
    return Recording(_column(folder, "key"), _column(folder, "value"), Schemas(texts))


def _column(folder: pathlib.Path, side: str) -> pa.BinaryArray:
    return pa.array(list(_cells(folder, side)), pa.binary())


def _cells(folder: pathlib.Path, side: str) -> Iterator[bytes | None]:
    for line in (folder / "records.jsonl").read_text().splitlines():
        cell = json.loads(line)[side]
        yield None if cell is None else base64.b64decode(cell)
