"""The rows of a branch as its sink's format writes them: payloads, and keys where it has some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import polars as pl

from transforms.sql.avro_rows import AvroRows, Encoded
from transforms.sql.bigquery_rows import json_names, json_value, may_lack_json
from transforms.sql.connectors_kafka_sink import names_of
from transforms.sql.envelope_sink import FORMAT as ENVELOPE
from transforms.sql.envelope_sink import EnvelopeSink, check_source
from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.expression import Expression
from transforms.sql.json_encoder import Column as JsonColumn
from transforms.sql.json_encoder import Constant, Members
from transforms.sql.json_options import JsonOptions
from transforms.sql.json_rows import json_rows, json_text
from transforms.sql.key_rows import check_key, key_rows
from transforms.sql.plan import Branch, Output
from transforms.sql.protobuf_rows import ProtobufRows, descriptor_set
from transforms.sql.source import POSITION
from transforms.sql.tables import Column, Table, column_type
from transforms.sql.types import Kind, SqlType

PAYLOAD = "payload"
KEY = "key"
"""Columns of a branch's result: the encoded row, and the message's key."""

COLUMNS = "columns"
"""The format of a sink that takes its columns as they are: its payload is a struct of them."""

_LOST = "__lost"
_NESTED = (Kind.ROW, Kind.ARRAY, Kind.MAP)

_NULL_NAME = (
    "a MAP has a NULL key, and the names of a JSON object are texts; leave such a key out or "
    "COALESCE it"
)

_NULL_RAW = "the column is NULL, and a message has a payload; leave such rows out by WHERE"


class Registrar(Protocol):
    """Files the schemas that a sink's messages are written with."""

    def register(self, sink: Table, subject: str, schema: str) -> int:
        """The schema's id."""
        ...


class EncodedRows(NamedTuple):
    """rows: POSITION, PAYLOAD (Binary, of COLUMNS a struct) and, where the sink has keys, KEY.
    failures: the number of a row that was given, and why it has no form in the sink's format."""

    rows: pl.DataFrame
    failures: list[tuple[int, str]]


class SinkFormat:
    """Encodes what a branch computes for its sink.

    `leaves` are computed of the branch's frame first, `outputs` of these; both are columns.

    Raises SqlError, SqlErrors: the format cannot hold the sink's columns.
    """

    def __init__(self, branch: Branch, registrar: Registrar | None) -> None:
        self.sink = branch.sink
        options = branch.sink.options
        self._registrar = registrar
        self._name = sink_format(branch.sink)
        self._json = json_options(options)
        self._key_names = key_names(branch.sink)
        self._key_format = str(options.get("key.format", "json"))
        self.leaves: list[pl.Expr] = []
        self.outputs: list[pl.Expr] = []
        self._ids: dict[str, int] = {}
        self.envelopes: EnvelopeSink | None = None
        self._avro: AvroRows | None = None
        self._protobuf: ProtobufRows | None = None
        left_out = self._key_names if options.get("value.fields-include") == "EXCEPT_KEY" else []
        value_outputs = [output for output in branch.outputs if output[0].name not in left_out]
        if not value_outputs:
            message = "'value.fields-include' = 'EXCEPT_KEY' leaves no column for the value"
            raise SqlError(message, branch.sink.option_node("value.fields-include"))
        if self._name == "json":
            columns = [
                self._json_column(column.name, expression, column_type(column))
                for column, expression in value_outputs
            ]
            self.outputs.append(json_rows(columns, self._json).cast(pl.Binary).alias(PAYLOAD))
        elif self._name == "raw":
            self._add_raw(value_outputs)
        elif self._name == COLUMNS:
            self._add_columns(value_outputs)
        elif self._name == ENVELOPE:
            check_source(self.sink, branch.source)
            self.envelopes = EnvelopeSink(self.sink, registrar)
            whole = self._whole(list(branch.outputs), "v")
            self.outputs = [pl.struct(pl.col(f"v.{n}").alias(n) for n, _ in whole).alias(PAYLOAD)]
        else:
            self._value_columns = self._whole(value_outputs, "v")
            self._prepare(value_outputs)
        self._key_columns: list[tuple[str, SqlType]] = []
        if self._key_names:
            by_name = {column.name: (column, value) for column, value in branch.outputs}
            keys = [by_name[name] for name in self._key_names]
            self._key_columns = self._whole(keys, "k")
            check_key(self._key_columns, self._key_format)
        self._key_avro = (
            AvroRows(self._key_columns, not_null=_not_null(branch.sink, self._key_names))
            if self._key_columns and self._key_format == "avro-confluent"
            else None
        )

    def _add_raw(self, outputs: list[Output]) -> None:
        """The one column, as it is."""
        column, expression = outputs[0]
        sql_type = column_type(column)
        if len(outputs) > 1 or not (sql_type.is_string or sql_type.is_binary):
            names = ", ".join(f"{each.name} {each.type}" for each, _ in outputs)
            message = f"'format' = 'raw' writes one column STRING or BYTES as it is, not {names}"
            raise SqlError(message, self.sink.option_node("format"))
        self.leaves.append(expression.value.alias("v.raw"))
        self.outputs.append(pl.col("v.raw").cast(pl.Binary).alias(PAYLOAD))

    def _add_columns(self, outputs: list[Output]) -> None:
        """A struct of the columns, and where one of them has no form as JSON."""
        as_json = json_columns(self.sink)
        parts = []
        lost = [pl.lit(value=False)]
        for name, sql_type in self._whole(outputs, "v"):
            value = pl.col(f"v.{name}")
            text = json_value(value, sql_type, self._json, name in as_json)
            parts.append((value if text is None else text).alias(name))
            if text is not None and may_lack_json(sql_type):
                lost.append(value.is_not_null() & text.is_null())
        self.outputs = [pl.struct(parts).alias(PAYLOAD), pl.any_horizontal(lost).alias(_LOST)]

    def _prepare(self, outputs: list[Output]) -> None:
        names = [column.name for column, _ in outputs]
        if self._name in ("avro", "avro-confluent"):
            not_null = _not_null(self.sink, names)
            self._avro = AvroRows(self._value_columns, not_null=not_null)
        else:
            path = str(self.sink.options["protobuf.descriptor-file"])
            message_name = str(self.sink.options["protobuf.message-class-name"])
            self._protobuf = ProtobufRows(
                self._value_columns, descriptor_set(path, self.sink), message_name
            )

    def _whole(self, outputs: list[Output], prefix: str) -> list[tuple[str, SqlType]]:
        """Adds the columns as they are; they are told apart by a prefix from those of the value."""
        for column, expression in outputs:
            name = f"{prefix}.{column.name}"
            self.leaves.append(expression.value.alias(name))
            self.outputs.append(pl.col(name))
        return [(column.name, column_type(column)) for column, _ in outputs]

    def _json_column(self, name: str, expression: Expression, sql_type: SqlType) -> JsonColumn:
        """A column of the sink for `json_rows`; what it is made of is added to the leaves."""
        if expression.literal:
            return name, Constant(json_text(expression.value, sql_type, self._json)), sql_type
        if expression.parts:
            members = tuple(
                self._json_column(field.name, part, field.type)
                for part, field in zip(expression.parts, sql_type.fields, strict=True)
            )
            return name, Members(members), sql_type
        leaf = f"__out{len(self.leaves)}"
        self.leaves.append(expression.value.alias(leaf))
        return name, pl.col(leaf), sql_type

    def encode(self, rows: pl.DataFrame) -> EncodedRows:
        """The rows of a frame of POSITION and the `outputs`."""
        failures: dict[int, str] = {}
        columns = [rows[POSITION]]
        if self._name in ("json", "raw"):
            payload = rows[PAYLOAD]
            if payload.null_count():
                told = _NULL_NAME if self._name == "json" else _NULL_RAW
                failures = dict.fromkeys(payload.is_null().arg_true().to_list(), told)
        elif self._name == ENVELOPE:
            payload = rows[PAYLOAD]
        elif self._name == COLUMNS:
            payload = rows[PAYLOAD]
            failures = dict.fromkeys(rows[_LOST].arg_true().to_list(), _NULL_NAME)
        else:
            encoded = self._encoded(rows)
            payload = encoded.payload.alias(PAYLOAD)
            failures = dict(encoded.failures)
        columns.append(payload)
        if self._key_columns:
            keys = key_rows(
                _only(rows, "k"),
                self._key_columns,
                self._key_format,
                self._json,
                self._key_avro,
                self._id("key", self._key_avro),
            )
            columns.append(keys.payload.alias(KEY))
            failures = {**dict(keys.failures), **failures}
        return EncodedRows(pl.DataFrame(columns), sorted(failures.items()))

    def _encoded(self, rows: pl.DataFrame) -> Encoded:
        values = _only(rows, "v")
        if self._protobuf is not None:
            return self._protobuf.encode(values)
        if self._avro is None:
            message = f"no encoder was made for the format {self._name!r}"
            raise RuntimeError(message)
        return self._avro.encode(values, self._id("value", self._avro))

    def _id(self, part: str, avro: AvroRows | None) -> int | None:
        """The id of the schema of a message's part, asked for once a worker."""
        if avro is None or (part == "value" and self._name == "avro"):
            return None
        if part not in self._ids:
            if self._registrar is None:
                message = f"{self.sink.name}: nobody was given who registers schemas"
                raise RuntimeError(message)
            subject = self.sink.options.get(f"{part}.avro-confluent.subject")
            subject = str(subject or f"{self.sink.options['topic']}-{part}")
            self._ids[part] = self._registrar.register(self.sink, subject, avro.schema_text)
        return self._ids[part]


def sink_format(sink: Table) -> str:
    """The format that a sink's rows are written in."""
    if sink.connector.typed:
        return COLUMNS
    return str(sink.options.get("value.format", sink.options.get("format", "json")))


def key_names(sink: Table) -> list[str]:
    """The columns of the messages' key. Raises SqlError for one that the sink lacks."""
    given = [name for name in ("key.fields", "key.format") if name in sink.options]
    if given == ["key.fields"] or (given == ["key.format"] and sink.connector.name == "kafka"):
        message = "'key.fields' and 'key.format' belong together; add the other, or drop both"
        raise SqlError(message, sink.option_node(given[0]))
    if "key.fields" not in sink.options:
        return []
    names = names_of(str(sink.options["key.fields"]))
    known = [column.name for column in sink.physical_columns()]
    for name in names:
        if name not in known:
            message = (
                f"'key.fields' names {name!r}, which is no column; {did_you_mean(name, known)}"
            )
            raise SqlError(message, sink.option_node("key.fields"))
    return names


def json_columns(sink: Table) -> list[str]:
    """The columns of a typed sink that are written as JSON."""
    if sink.connector.name == "bigquery":
        return json_names(sink)
    # Spanner has arrays, of scalars alone.
    arrays = sink.connector.name == "spanner"
    return [
        column.name
        for column in sink.physical_columns()
        if (of := column_type(column)).kind in _NESTED
        and not (arrays and of.element is not None and of.element.kind not in _NESTED)
    ]


def _only(rows: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """The columns of that prefix under their own names."""
    start = f"{prefix}."
    names = [name for name in rows.columns if name.startswith(start)]
    return pl.DataFrame([rows[name].alias(name.removeprefix(start)) for name in names])


def _not_null(sink: Table, names: list[str]) -> list[str]:
    columns: tuple[Column, ...] = sink.physical_columns()
    return [column.name for column in columns if not column.nullable and column.name in names]


def json_options(options: Mapping[str, object]) -> JsonOptions:
    """The `json.*` options of a sink, as its connector has read them."""
    return JsonOptions(
        timestamp_format=str(options["json.timestamp-format.standard"]),
        ignore_null_fields=bool(options["json.encode.ignore-null-fields"]),
        decimal_as_string=bool(options["json.decimal-as-string"]),
    )
