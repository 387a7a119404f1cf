"""The keys of a sink's messages, made of some of its columns."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from transforms.sql.avro_rows import AvroRows, Encoded
from transforms.sql.errors import SqlError
from transforms.sql.evaluate import evaluated
from transforms.sql.json_options import JsonOptions
from transforms.sql.json_rows import json_rows
from transforms.sql.types import Kind, SqlType

KEY_FORMATS = ("json", "avro-confluent", "raw")

_NO_NAMES = "a MAP of the key has a NULL key, and the names of a JSON object are texts"


def check_key(columns: Sequence[tuple[str, SqlType]], key_format: str) -> None:
    """SqlError where keys of these columns cannot have that format."""
    names = ", ".join(name for name, _ in columns)
    if not columns:
        message = "'key.fields' names no column; expected one or more, separated by ';'"
        raise SqlError(message)
    if key_format != "raw":
        return
    if len(columns) > 1:
        message = (
            f"'key.format' = 'raw' is for one column, and 'key.fields' names {len(columns)}: "
            f"{names}; name one, or choose 'json' or 'avro-confluent'"
        )
        raise SqlError(message)
    ((name, sql_type),) = columns
    if not _is_raw(sql_type):
        message = (
            f"'key.format' = 'raw': column {name!r} is a {sql_type}; expected STRING, BYTES, a "
            "whole number or DECIMAL; CAST it AS STRING, or choose 'json' or 'avro-confluent'"
        )
        raise SqlError(message)


def key_rows(
    rows: pl.DataFrame,
    columns: Sequence[tuple[str, SqlType]],
    key_format: str,
    options: JsonOptions | None = None,
    avro: AvroRows | None = None,
    schema_id: int | None = None,
) -> Encoded:
    """The keys of rows whose columns have the types `polars_type(type)`.

    raw: the one column as it is if it is BYTES, else as text in UTF-8, and no key for NULL. (Flink
    writes a number's bytes there, which no tool shows.) json: an object. avro-confluent: by `avro`,
    made of the same columns, with the schema's id.

    Raises SqlError: see check_key.
    """
    check_key(columns, key_format)
    match key_format:
        case "raw":
            ((name, sql_type),) = columns
            column = rows[name]
            key = column if sql_type.is_binary else column.cast(pl.String).cast(pl.Binary)
            return Encoded(key.alias("key"), [])
        case "json":
            members = [(name, pl.col(name), sql_type) for name, sql_type in columns]
            text = json_rows(members, options or JsonOptions()).alias("key")
            key = evaluated(rows.lazy().select(text))["key"]
            failures = [(row, _NO_NAMES) for row in key.is_null().arg_true().to_list()]
            return Encoded(key.cast(pl.Binary), failures)
        case "avro-confluent" if avro is not None:
            found = avro.encode(rows, schema_id)
            return Encoded(found.payload.alias("key"), found.failures)
    message = f"keys of the format {key_format!r} cannot be made; expected one of {KEY_FORMATS}"
    raise ValueError(message)


def _is_raw(sql_type: SqlType) -> bool:
    return (
        sql_type.is_string
        or sql_type.is_binary
        or sql_type.is_integer
        or sql_type.kind is Kind.DECIMAL
    )
