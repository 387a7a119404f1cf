"""Rows of a sink as change events in Debezium's shape: value.format debezium-avro-confluent."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.avro import Decoded, DecodedGroup
from transforms.envelope_records import EnvelopeEncoder, EnvelopeError
from transforms.envelope_schema import EnvelopeTable
from transforms.source_coordinates import NUMBER_FIELDS, TEXT_FIELDS
from transforms.sql.errors import SqlError
from transforms.sql.source import POSITION, polars_series
from transforms.sql.source_envelope import is_envelope
from transforms.sql.tables import Column, Table, column_type
from transforms.sql.types import Kind, SqlType

FORMAT = "debezium-avro-confluent"
PAYLOAD, KEY = "payload", "key"

# Their stubs know less than they do.
_ARROW: Any = pa
_COMPUTE: Any = pc

_MICROSECOND_DIGITS = 6

# Fields of connectors that others have not; all are numbers, but for Spanner's sequence.
_MORE_NUMBERS = ("thread", "txId", "xmin", "updated_us", "revision", "mod_number")
_MORE_TEXTS = ("version", "sequence", "query")
_FIELDS: list[pa.Field[Any]] = [
    *(pa.field(name, pa.string()) for name in (*TEXT_FIELDS, *_MORE_TEXTS)),
    *(pa.field(name, pa.int64()) for name in (*NUMBER_FIELDS, *_MORE_NUMBERS)),
]
SOURCE = pa.struct(_FIELDS)
"""What a written event says of its source: the coordinates of the event that its row came of, of
whichever connector, so that its order key is the same."""

_SCALARS: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.TINYINT: pa.int8(),
    Kind.SMALLINT: pa.int16(),
    Kind.INT: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.FLOAT: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMP_LTZ: pa.timestamp("us", "UTC"),
}


class Registrar(Protocol):
    """Files the schemas that a sink's messages are written with."""

    def register(self, sink: Table, subject: str, schema: str) -> int: ...


class Events:
    """What the change events of a batch say of themselves: op, ts_ms and source, by their place."""

    def __init__(self, decoded: Decoded) -> None:
        parts = [_of_group(group) for group in decoded.groups if is_envelope(group.rows.schema)]
        self._rows: Any = _ARROW.concat_tables(parts) if parts else None
        if self._rows is not None:
            self._rows = self._rows.combine_chunks()
            places = self._rows["place"].to_numpy()
            self._order = np.argsort(places, kind="stable")
            self._places = places[self._order]

    def at(self, positions: np.ndarray[Any, np.dtype[np.int64]]) -> Any:
        """Their op, ts_ms and source, a pyarrow Table; each is an envelope of the batch."""
        if self._rows is None:
            return _ARROW.table({"op": [], "ts_ms": [], "source": []})
        found = self._order[np.searchsorted(self._places, positions)]
        return self._rows.take(pa.array(found, pa.int64()))


def _of_group(group: DecodedGroup) -> Any:
    rows = group.rows
    source: Any = rows.column("source")
    given = dict(zip((field.name for field in source.type), source.flatten(), strict=True))
    children = [
        _COMPUTE.cast(given[field.name], field.type)
        if field.name in given and _fits(given[field.name].type, field.type)
        else pa.nulls(rows.num_rows, field.type)
        for field in _FIELDS
    ]
    has_time = "ts_ms" in rows.schema.names
    ts_ms = rows.column("ts_ms") if has_time else pa.nulls(rows.num_rows, pa.int64())
    columns = {
        "place": pa.array(group.positions, pa.int64()),
        "op": _COMPUTE.cast(rows.column("op"), pa.string()),
        "ts_ms": _COMPUTE.cast(ts_ms, pa.int64()),
        "source": _ARROW.StructArray.from_arrays(children, fields=_FIELDS),
    }
    return _ARROW.table(columns)


def _fits(given: Any, wanted: Any) -> bool:
    if wanted == pa.int64():
        return bool(pa.types.is_integer(given))
    is_text = pa.types.is_string(given) or pa.types.is_large_string(given)
    return bool(is_text or pa.types.is_dictionary(given))


class Written(NamedTuple):
    """The key and the value of each row that could be written, the rows' numbers, and why others
    could not."""

    key: pa.Array[Any]
    value: pa.Array[Any]
    rows: pa.Array[Any]
    failures: list[tuple[int, str]]


class EnvelopeSink:
    """Writes the rows of a sink as events of its topic.

    Raises SqlError: no PRIMARY KEY, options of another key, or a column that an event cannot have.
    """

    def __init__(self, sink: Table, registrar: Registrar | None) -> None:
        self.sink = sink
        self._registrar = registrar
        for name in ("key.fields", "key.format"):
            if name in sink.options:
                message = (
                    f"{name!r}: the key of an event in Debezium's shape is the PRIMARY KEY; "
                    "declare that, and drop the option"
                )
                raise SqlError(message, sink.option_node(name))
        if not sink.primary_key:
            message = (
                f"the format {FORMAT!r} needs the key that its events are of: declare PRIMARY KEY "
                "(...) NOT ENFORCED"
            )
            raise SqlError(message, sink.option_node("value.format"))
        if sink.options.get("value.fields-include") == "EXCEPT_KEY":
            message = "'EXCEPT_KEY': the rows of events in Debezium's shape have their key"
            raise SqlError(message, sink.option_node("value.fields-include"))
        topic = str(sink.options.get("topic", ""))
        row = pa.schema([_field(column) for column in sink.physical_columns()])
        try:
            table = EnvelopeTable(topic, topic.partition(".")[0], "", row, sink.primary_key, SOURCE)
            self._encoder = EnvelopeEncoder(table, self)
        except EnvelopeError as error:
            raise SqlError(str(error), sink.node.this) from error
        self._row = row

    def register(self, subject: str, schema: str) -> int:
        """Of the encoder's topic: under the subject that the sink's options name."""
        if self._registrar is None:
            message = f"{self.sink.name}: nobody was given who registers schemas"
            raise RuntimeError(message)
        part = "key" if subject.endswith("-key") else "value"
        given = self.sink.options.get(f"{part}.avro-confluent.subject")
        return self._registrar.register(self.sink, str(given or subject), schema)

    def write(self, payload: pa.StructArray, events: Any) -> Written:
        """payload: a struct of the sink's columns a row. events: `Events.at` for the same rows.

        A row of a delete is `before`, any other one `after`.
        """
        given = dict(zip((field.name for field in payload.type), payload.flatten(), strict=True))
        columns = [
            _COMPUTE.cast(given[field.name], field.type, safe=not pa.types.is_time(field.type))
            if given[field.name].type != field.type
            else given[field.name]
            for field in self._row
        ]
        op = events["op"].combine_chunks()
        deletes: Any = _COMPUTE.equal(op, "d")
        fields = [field.with_nullable(True) for field in self._row]
        make = _ARROW.StructArray.from_arrays
        before = make(columns, fields=fields, mask=_COMPUTE.invert(deletes))
        after = make(columns, fields=fields, mask=deletes)
        ts_ms, source = (events[name].combine_chunks() for name in ("ts_ms", "source"))
        encoded = self._encoder.encode(before, after, op, ts_ms, source, 0)
        refused = [row for row, _ in encoded.failures]
        rows = np.delete(np.arange(len(payload)), refused)
        return Written(
            encoded.records.column("key").cast(pa.large_binary()),
            encoded.records.column("value").cast(pa.large_binary()),
            pa.array(rows, pa.int64()),
            encoded.failures,
        )

    def event_rows(
        self, rows: pl.DataFrame, events: Events
    ) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
        """POSITION, PAYLOAD and KEY of rows whose PAYLOAD is a struct of the columns; and the
        numbers of rows that could not be written, with why."""
        payload: Any = rows[PAYLOAD].to_arrow(compat_level=pl.CompatLevel.oldest())
        written = self.write(payload, events.at(rows[POSITION].to_numpy()))
        columns = [
            rows[POSITION].gather(polars_series(written.rows)),
            polars_series(written.value).cast(pl.Binary).alias(PAYLOAD),
            polars_series(written.key).cast(pl.Binary).alias(KEY),
        ]
        return pl.DataFrame(columns), written.failures


def check_source(sink: Table, source: Table) -> None:
    """Raises SqlError where the source of the sink's rows has no change events: nothing would say
    what has become of a row."""
    if str(source.options.get("value.format", "")) != FORMAT:
        message = (
            f"the format {FORMAT!r} hands on the op and the source of change events, and "
            f"{source.name} has none: write 'avro-confluent'"
        )
        raise SqlError(message, sink.option_node("value.format"))


def _field(column: Column) -> pa.Field[Any]:
    of = column_type(column)
    kind = _arrow(of)
    if kind is None:
        message = (
            f"column {column.name!r} is a {of}, which change events have no type for; write it as "
            "text, such as JSON_STRING(...)"
        )
        raise SqlError(message, column.node)
    return pa.field(column.name, kind)


def _arrow(of: SqlType) -> pa.DataType | None:
    if of.kind is Kind.DECIMAL and of.precision is not None and of.scale is not None:
        return pa.decimal128(of.precision, of.scale)
    if of.is_string:
        return pa.string()
    if of.is_binary:
        return pa.binary()
    if of.kind is Kind.ARRAY and of.element is not None:
        element = _arrow(of.element)
        return None if element is None else pa.list_(element)
    if of.is_timestamp and (of.precision or 0) > _MICROSECOND_DIGITS:
        return None
    return _SCALARS.get(of.kind)
