"""The Avro schemas of a table's change events, in the shape of Debezium's connectors."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from transforms.envelope_types import EnvelopeError, written_type

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")


@dataclasses.dataclass(frozen=True)
class EnvelopeTable:
    """A table whose rows become change events.

    Args:
        topic: where its records go, such as shop.public.orders.
        name: the connector's prefix, such as shop.
        namespace: of its Avro records; '' takes the topic.
        row: the table's columns. key: names of those that identify a row.
        source: what the events' `source` holds.

    Raises EnvelopeError: no key, or one that is not among the columns.
    """

    topic: str
    name: str
    namespace: str
    row: pa.Schema
    key: tuple[str, ...]
    source: pa.StructType

    def __post_init__(self) -> None:
        missing = [name for name in self.key if name not in self.row.names]
        if missing or not self.key:
            message = (
                f"the key of {self.topic} is {list(self.key)}; expected some of its columns: "
                f"{', '.join(self.row.names)}"
            )
            raise EnvelopeError(message)

    @property
    def avro_namespace(self) -> str:
        """The namespace as Avro takes it: any other character becomes _, as Debezium has it."""
        parts = (self.namespace or self.topic).split(".")
        cleaned = [_NOT_IN_NAMES.sub("_", part) for part in parts]
        return ".".join(f"_{part}" if part[:1].isdigit() or not part else part for part in cleaned)


def key_schema(table: EnvelopeTable) -> str:
    """The schema of the records' keys, as JSON. Raises EnvelopeError."""
    fields = [
        {"name": name, "type": written_type(table.row.field(name)).avro} for name in table.key
    ]
    return _text(_record("Key", table.avro_namespace, fields))


def value_schema(table: EnvelopeTable) -> str:
    """The schema of the records' values, as JSON.

    Every column but those of the key may be NULL, with the default null: a delete knows its key
    alone, and a schema with a column more or less stays compatible. Raises EnvelopeError.
    """
    space = table.avro_namespace
    value = _record(
        "Value", space, [_field(field, nullable=field.name not in table.key) for field in table.row]
    )
    source = _record(
        "Source",
        f"{space}.source",
        [_field(field, nullable=field.nullable) for field in table.source],
    )
    optional_long = {"type": ["null", "long"], "default": None}
    envelope = _record(
        "Envelope",
        space,
        [
            {"name": "before", "type": ["null", value], "default": None},
            {"name": "after", "type": ["null", f"{space}.Value"], "default": None},
            {"name": "source", "type": source},
            {"name": "transaction", "type": ["null", _TRANSACTION], "default": None},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", **optional_long},
            {"name": "ts_us", **optional_long},
        ],
    )
    return _text(envelope)


_TRANSACTION = {
    "type": "record",
    "name": "block",
    "namespace": "event",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "total_order", "type": "long"},
        {"name": "data_collection_order", "type": "long"},
    ],
    "connect.version": 1,
    "connect.name": "event.block",
}


def _record(name: str, space: str, fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    full = f"{space}.{name}"
    return {
        "type": "record",
        "name": name,
        "namespace": space,
        "fields": list(fields),
        "connect.name": full,
    }


def _field(field: pa.Field[Any], *, nullable: bool) -> dict[str, Any]:
    avro = written_type(field).avro
    if nullable:
        return {"name": field.name, "type": ["null", avro], "default": None}
    return {"name": field.name, "type": avro}


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, separators=(",", ":"))
