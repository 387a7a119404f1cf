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
from transforms.change_log_texts import buffers
from transforms.sql.writer_types import semantic_type

OLD_KEY, NEW_KEY = "__debezium.oldkey", "__debezium.newkey"

_CLOCKS = re.compile(rb"(?<=[:,])(\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?|\d\d:\d\d:\d\d(?:\.\d+)?Z)(?=[,}])")
"""Dates and times, which Connect prints into its JSON without quotes."""

_NAME_LENGTH = len(OLD_KEY)
_INTEGERS = {pa.int32(): range(-(2**31), 2**31), pa.int64(): range(-(2**63), 2**63)}

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
        raw = _header_values(records.column("headers"))
        self._found: dict[str, dict[int, str]] = {name: {} for name in (OLD_KEY, NEW_KEY)}
        for (name, position), text in _texts(raw, schema_of, avro).items() if raw else ():
            self._found[name][position] = text

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


def _header_values(headers: Any) -> dict[tuple[str, int], bytes]:
    """The values of the two headers by name and position."""
    if headers.null_count == len(headers):
        return {}
    entries = headers.flatten()
    # The connector's other headers, of which each record has some, are told apart by their length.
    lengths = np.diff(buffers(entries.field("key"))[0])
    places = pa.array(np.flatnonzero(lengths == _NAME_LENGTH), pa.int64())
    if not len(places):
        return {}
    names = entries.field("key").take(places).to_pylist()
    positions = pc.list_parent_indices(headers).take(places).to_pylist()
    values = entries.field("value").take(places).to_pylist()
    return {
        (name, position): value
        for name, position, value in zip(names, positions, values, strict=True)
        if value is not None and name in (OLD_KEY, NEW_KEY)
    }


def _texts(
    raw: Mapping[tuple[str, int], bytes],
    schema_of: Callable[[int], pa.Schema | None],
    avro: Texts,
) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    framed = {place: value for place, value in raw.items() if value[:1] == b"\x00"}
    for place, text in zip(framed, avro(list(framed.values())) if framed else (), strict=True):
        if text is not None:
            found[place] = text
    by_schema: dict[int, tuple[pa.Schema | None, list[tuple[str, int]]]] = {}
    for place in raw.keys() - found.keys() if found else raw:
        schema = schema_of(place[1])
        by_schema.setdefault(id(schema), (schema, []))[1].append(place)
    for schema, places in by_schema.values():
        texts = canonical([raw[place] for place in places], schema)
        found |= dict(zip(places, texts, strict=True))
    return found


def canonical(raw: Sequence[bytes], schema: pa.Schema | None) -> list[str]:
    """Keys that Connect wrote as JSON, their values in the form of the log's `key`.

    A key that does not fit its schema stays as it was written, as does what is no JSON.
    """
    parsed = [_parsed(value) for value in raw]
    plain = None if schema is None else _plain_fields(schema)
    texts: list[str] = []
    good: list[int] = []
    for place, (value, given) in enumerate(zip(parsed, raw, strict=True)):
        if plain is not None and _is_plain(value, plain):
            # What `json_texts` writes of such values, without a column of each.
            texts.append(orjson.dumps(value).decode())
            continue
        texts.append(_as_written(given))
        if schema is not None and _fits(value, schema):
            good.append(place)
    if not good or schema is None:
        return texts
    members: list[Any] = [parsed[place] for place in good]
    try:
        columns = [_column([row[field.name] for row in members], field) for field in schema]
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError):
        # One that does not fit must not spoil the others.
        if len(good) == 1:
            return texts
        for place in good:
            (texts[place],) = canonical([raw[place]], schema)
        return texts
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
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return orjson.loads(_CLOCKS.sub(rb'"\1"', raw))
    except orjson.JSONDecodeError:
        return None


def _plain_fields(schema: pa.Schema) -> dict[str, range | None] | None:
    """The fields of a schema of texts (None) and integers (those that fit) alone."""
    fields: dict[str, range | None] = {}
    for field in schema:
        if semantic_type(field) or not (field.type in _INTEGERS or field.type == pa.string()):
            return None
        fields[field.name] = _INTEGERS.get(field.type)
    return fields


def _is_plain(value: object, fields: Mapping[str, range | None]) -> bool:
    if not isinstance(value, dict) or list(value) != list(fields):
        return False
    for each, integers in zip(value.values(), fields.values(), strict=True):
        if type(each) is not int if integers else not isinstance(each, str):
            return False
        if integers and each not in integers:
            return False
    return True


def _fits(value: object, schema: pa.Schema) -> bool:
    return isinstance(value, dict) and value.keys() == set(schema.names)


def _as_written(raw: bytes) -> str:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return orjson.dumps(raw.decode(errors="replace")).decode()
    return raw.decode()
