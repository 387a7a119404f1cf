"""The headers by which Debezium tells of a changed key: what it was, and what it became."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_json import Rows, json_texts

OLD_KEY, NEW_KEY = "__debezium.oldkey", "__debezium.newkey"

_CLOCKS = re.compile(rb"(?<=[:,])(\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?|\d\d:\d\d:\d\d(?:\.\d+)?Z)(?=[,}])")
"""Dates and times, which Connect prints into its JSON without quotes."""

Texts = Callable[[Sequence[bytes]], "list[str | None]"]
"""Keys as Avro's bytes with their header, as JSON; None for those that are none."""


class HeaderKeys:
    """The keys in a batch's headers as JSON, by the position of their record.

    schema_of: the schema of the key of the record at a position. avro: reads keys that the
    connector writes as Avro; as a rule it writes JSON.
    """

    def __init__(
        self, records: pa.RecordBatch, schema_of: Callable[[int], pa.Schema | None], avro: Texts
    ) -> None:
        self._found: dict[str, dict[int, str]] = {}
        for name in (OLD_KEY, NEW_KEY):
            raw = _header_values(records.column("headers"), name)
            self._found[name] = _texts(raw, schema_of, avro) if raw else {}

    def column(self, name: str, positions: np.ndarray[Any, Any]) -> pa.Array[Any]:
        """The JSON (String) of a header at these positions, NULL where there is none."""
        found = self._found[name]
        if not found:
            return pa.nulls(len(positions), pa.string())
        texts = pa.array(list(found.values()), pa.string())
        place = np.full(max(int(positions.max(initial=0)), *found) + 1, -1, np.int64)
        place[list(found)] = np.arange(len(found))
        wanted = place[positions]
        return texts.take(pa.array(wanted, mask=wanted < 0))


def _header_values(headers: Any, name: str) -> dict[int, bytes]:
    if headers.null_count == len(headers):
        return {}
    entries = headers.flatten()
    places = pc.indices_nonzero(pc.equal(entries.field("key"), pa.scalar(name)))
    if not len(places):
        return {}
    positions = pc.list_parent_indices(headers).take(places).to_pylist()
    values = entries.field("value").take(places).to_pylist()
    return {
        position: value
        for position, value in zip(positions, values, strict=True)
        if value is not None
    }


def _texts(
    raw: Mapping[int, bytes], schema_of: Callable[[int], pa.Schema | None], avro: Texts
) -> dict[int, str]:
    found: dict[int, str] = {}
    framed = {position: value for position, value in raw.items() if value[:1] == b"\x00"}
    for position, text in zip(framed, avro(list(framed.values())) if framed else (), strict=True):
        if text is not None:
            found[position] = text
    by_schema: dict[int, tuple[pa.Schema | None, list[int]]] = {}
    for position in raw.keys() - found.keys():
        schema = schema_of(position)
        by_schema.setdefault(id(schema), (schema, []))[1].append(position)
    for schema, positions in by_schema.values():
        texts = canonical([raw[position] for position in positions], schema)
        found |= dict(zip(positions, texts, strict=True))
    return found


def canonical(raw: Sequence[bytes], schema: pa.Schema | None) -> list[str]:
    """Keys that Connect wrote as JSON, their values in the form of the log's `key`.

    A key that does not fit its schema stays as it was written, as does what is no JSON.
    """
    parsed = [_parsed(value) for value in raw]
    good = [] if schema is None else [p for p, v in enumerate(parsed) if _fits(v, schema)]
    texts = [_as_written(value) for value in raw]
    if not good or schema is None:
        return texts
    members: list[Any] = [parsed[place] for place in good]
    try:
        columns = [_column([row[field.name] for row in members], field) for field in schema]
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError):
        # One that does not fit must not spoil the others.
        if len(good) == 1:
            return texts
        return [canonical([value], schema)[0] for value in raw]
    fields = [
        pa.field(
            field.name, column.type, metadata=field.metadata if column.type == field.type else None
        )
        for field, column in zip(schema, columns, strict=True)
    ]
    written = json_texts(Rows(pa.StructArray.from_arrays(columns, fields=fields)))
    for place, text in zip(good, written, strict=True):
        texts[place] = text
    return texts


def _column(values: list[Any], field: pa.Field[Any]) -> Any:
    kind = field.type
    if not pa.types.is_temporal(kind):
        return pa.array(values, kind)
    if any(isinstance(value, str) for value in values):
        return pa.array([_clock(value, kind) for value in values], pa.string())
    narrow = kind in (pa.date32(), pa.time32("ms"))
    return pa.array(values, pa.int32() if narrow else pa.int64()).cast(kind)


def _clock(text: str | None, kind: pa.DataType) -> str | None:
    """A date or time as Connect prints it, in the form of the log: midnight is left out there."""
    if text is None:
        return None
    if pa.types.is_timestamp(kind) and "T" not in text:
        return f"{text}T00:00:00"
    whole, point, fraction = text.removesuffix("Z").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{point}{fraction}" if fraction else whole


def _parsed(raw: bytes) -> object:
    for text in (raw, _CLOCKS.sub(rb'"\1"', raw)):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
    return None


def _fits(value: object, schema: pa.Schema) -> bool:
    return isinstance(value, dict) and value.keys() == set(schema.names)


def _as_written(raw: bytes) -> str:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return orjson.dumps(raw.decode(errors="replace")).decode()
    return raw.decode()
