"""Arrow columns as change events in Debezium's shape: records of a topic, in Avro with a registry.

Whatever reads a connector's topics reads them too: the change log, SQL jobs, Kafka Connect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.envelope_schema import EnvelopeTable, key_schema, value_schema
from transforms.envelope_types import EnvelopeError, WrittenType, written_type
from transforms.records import RECORD_SCHEMA
from transforms.sql.avro_rows_pieces import joined
from transforms.sql.avro_rows_values import Places, pieces_of
from transforms.sql.types import BIGINT, STRING, Field, Kind, SqlType

__all__ = ["EncodedEnvelopes", "EnvelopeEncoder", "EnvelopeError", "EnvelopeTable", "Registrar"]

_MICROS = 1000


class Registrar(Protocol):
    """Gives schemas their ids, as a schema registry does."""

    def register(self, subject: str, schema: str) -> int: ...


class EncodedEnvelopes(NamedTuple):
    """records: RECORD_SCHEMA, the rows that could be written, in their order. failures: the other
    rows' numbers, ascending, and why."""

    records: pa.RecordBatch
    failures: list[tuple[int, str]]


class EnvelopeEncoder:
    """Encodes the changes of one table.

    Every column but those of the key may be NULL and has the default null, so that the schema of a
    table with a column more, or one less, is compatible (BACKWARD) with the one before; and since a
    delete knows its key alone. Schemas are registered with the first records, or before.

    Raises EnvelopeError: a column whose type or name has no place in an event, a key that is not in
    the table.
    """

    def __init__(self, table: EnvelopeTable, registrar: Registrar) -> None:
        self.table = table
        self._registrar = registrar
        self._columns = {field.name: written_type(field) for field in table.row}
        self._source = {field.name: written_type(field) for field in table.source}
        self._ids: tuple[int, int] | None = None
        self.key_schema = key_schema(table)
        self.value_schema = value_schema(table)

    def records(
        self,
        before: pa.StructArray | None,
        after: pa.StructArray | None,
        op: pa.Array[Any],
        ts_ms: pa.Array[Any],
        source: pa.StructArray,
        first_offset: int,
    ) -> pa.RecordBatch:
        """The records of changes. Raises EnvelopeError for a row that `encode` would refuse, and
        what the registrar raises."""
        encoded = self.encode(before, after, op, ts_ms, source, first_offset)
        if encoded.failures:
            row, why = encoded.failures[0]
            message = f"row {row} of a batch for {self.table.topic}: {why}"
            raise EnvelopeError(message)
        return encoded.records

    def encode(
        self,
        before: pa.StructArray | None,
        after: pa.StructArray | None,
        op: pa.Array[Any],
        ts_ms: pa.Array[Any],
        source: pa.StructArray,
        first_offset: int,
        partition: int = 0,
    ) -> EncodedEnvelopes:
        """The records of changes, and the rows that cannot be written.

        Args:
            before, after: the rows; a column that is left out is NULL. None: NULL in all rows.
            op: c, u, d, r (String). ts_ms: when the change was seen, milliseconds since 1970.
            source: structs of the table's `source`; a field that is left out is NULL.
            first_offset, partition: places of the records, which count up from there.
        """
        count = len(op)
        rows = (_struct(before, self.table.row, count), _struct(after, self.table.row, count))
        has_after = rows[1].is_valid()
        keys = {
            name: pc.if_else(has_after, _child(rows[1], name), _child(rows[0], name))
            for name in self.table.key
        }
        failures = _missing_keys(rows, self.table.key)
        if failures:
            kept = pa.array(np.delete(np.arange(count), [row for row, _ in failures]), pa.int64())
            rows = (rows[0].take(kept), rows[1].take(kept))
            keys = {name: column.take(kept) for name, column in keys.items()}
            op, ts_ms, source = op.take(kept), ts_ms.take(kept), source.take(kept)
            count = len(op)
        key_id, value_id = self.register()
        key_columns = [keys[name] for name in self.table.key]
        key = _record(self._key_fields(), key_columns, self._columns, key_id)
        value = self._values(rows, op, ts_ms, _struct(source, self.table.source, count), value_id)
        columns: list[Any] = [
            pa.repeat(pa.scalar(self.table.topic, pa.string()), count),
            pa.repeat(pa.scalar(partition, pa.int32()), count),
            pa.array(np.arange(first_offset, first_offset + count), pa.int64()),
            ts_ms.cast(pa.int64()).cast(pa.timestamp("ms", "UTC")),
            pa.nulls(count, RECORD_SCHEMA.field("headers").type),
            key.cast(pa.binary()),
            value.cast(pa.binary()),
        ]
        return EncodedEnvelopes(pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA), failures)

    def register(self) -> tuple[int, int]:
        """The ids of the schemas of key and value; the registrar is asked once."""
        if self._ids is None:
            topic = self.table.topic
            self._ids = (
                self._registrar.register(f"{topic}-key", self.key_schema),
                self._registrar.register(f"{topic}-value", self.value_schema),
            )
        return self._ids

    def _values(
        self,
        rows: tuple[pa.StructArray, pa.StructArray],
        op: pa.Array[Any],
        ts_ms: pa.Array[Any],
        source: pa.StructArray,
        schema_id: int,
    ) -> Any:
        row_type = _row_type(self.table.row, self._columns, self.table.key)
        source_type = _row_type(self.table.source, self._source)
        millis = ts_ms.cast(pa.int64())
        fields = [
            (Field("before", row_type), _converted(rows[0], self._columns)),
            (Field("after", row_type), _converted(rows[1], self._columns)),
            (Field("source", source_type, nullable=False), _converted(source, self._source)),
            # The branch of null: polls and change streams here tell of no transaction's events.
            (Field("transaction", BIGINT), pa.nulls(len(op), pa.int64())),
            (Field("op", STRING, nullable=False), op.cast(pa.string())),
            (Field("ts_ms", BIGINT), millis),
            (Field("ts_us", BIGINT), pc.multiply(millis, _MICROS)),
        ]
        return _framed(fields, schema_id)

    def _key_fields(self) -> list[Field]:
        return [Field(name, self._columns[name].sql, nullable=False) for name in self.table.key]


def _row_type(
    fields: pa.Schema | pa.StructType, written: Mapping[str, WrittenType], key: Sequence[str] = ()
) -> SqlType:
    is_row = isinstance(fields, pa.Schema)
    return SqlType(
        Kind.ROW,
        fields=tuple(
            Field(
                field.name,
                written[field.name].sql,
                nullable=field.name not in key if is_row else field.nullable,
            )
            for field in fields
        ),
    )


def _struct(
    given: pa.StructArray | None, wanted: pa.Schema | pa.StructType, count: int
) -> pa.StructArray:
    """The struct with the wanted fields, NULL where the given one has them not."""
    fields = list(wanted)
    if given is None:
        children: list[Any] = [pa.nulls(count, field.type) for field in fields]
        mask: Any = pa.array(np.ones(count, np.bool_))
    else:
        found = dict(zip((field.name for field in given.type), given.flatten(), strict=True))
        children = [
            found[field.name].cast(field.type)
            if field.name in found
            else pa.nulls(count, field.type)
            for field in fields
        ]
        mask = given.is_null() if given.null_count else None
    # NULL where the struct is, whatever a field of the table allows.
    loose = [field.with_nullable(True) for field in fields]
    return pa.StructArray.from_arrays(children, fields=loose, mask=mask)


def _child(struct: pa.StructArray, name: str) -> Any:
    return struct.flatten()[struct.type.get_field_index(name)]


def _converted(struct: pa.StructArray, written: Mapping[str, WrittenType]) -> pa.StructArray:
    """The struct's values as they are written."""
    names = [field.name for field in struct.type]
    children = [
        written[name].converted(child) for name, child in zip(names, struct.flatten(), strict=True)
    ]
    mask = struct.is_null() if struct.null_count else None
    return pa.StructArray.from_arrays(children, names=names, mask=mask)


def _missing_keys(
    rows: tuple[pa.StructArray, pa.StructArray], key: Sequence[str]
) -> list[tuple[int, str]]:
    found: dict[int, str] = {}
    nowhere: Any = pc.and_(rows[0].is_null(), rows[1].is_null())
    for row in np.flatnonzero(nowhere.to_numpy(zero_copy_only=False)).tolist():
        found[row] = "it has neither before nor after; expected a row"
    for struct in rows:
        for name in key:
            lost: Any = pc.and_(struct.is_valid(), _child(struct, name).is_null())
            for row in np.flatnonzero(lost.to_numpy(zero_copy_only=False)).tolist():
                found.setdefault(row, f"column {name!r} of the key is NULL; expected a value")
    return sorted(found.items())


def _record(
    fields: Sequence[Field], columns: Sequence[Any], written: Mapping[str, WrittenType], id_: int
) -> Any:
    pairs = [
        (field, written[field.name].converted(column))
        for field, column in zip(fields, columns, strict=True)
    ]
    return _framed(pairs, id_)


def _framed(fields: Sequence[tuple[Field, Any]], schema_id: int) -> Any:
    """Rows of a record in the Confluent wire format."""
    count = len(fields[0][1])
    header = b"\x00" + schema_id.to_bytes(4, "big")
    pieces: list[Any] = [pa.repeat(pa.scalar(header, pa.large_binary()), count)]
    present = np.ones(count, np.bool_)
    for field, column in fields:
        pieces += pieces_of(field, field.name, column, present, _unexpected)
    return joined(pieces, count)


def _unexpected(places: Places, messages: Sequence[str]) -> None:
    message = f"row {places[0]} of a batch: {messages[0]}"
    raise EnvelopeError(message)
