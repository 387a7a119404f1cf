"""Rows of a sink as JSON text, one String a row, as Flink's `json` format writes them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from transforms.sql.errors import SqlError
from transforms.sql.json_encoder import Column, Encoder
from transforms.sql.json_options import JsonOptions
from transforms.sql.types import Kind, SqlType


def json_rows(columns: Sequence[Column], options: JsonOptions) -> pl.Expr:
    """One JSON object (String, no line end) a row of `columns`: (name, expression, type).

    Each expression has the physical type `polars_type(type)`. It occurs several times in the
    result, so that a costly one belongs into a `select` of its own before. The result holds
    Python functions, which polars pickles by cloudpickle alone: build it on the worker.
    Members stand in the order of the columns. A row is NULL when it has no JSON form: a map with
    a NULL key.

    Raises:
        SqlError: no columns, two members of one object with the same name, or a MAP whose key is
            a ROW, an ARRAY or a MAP.
    """
    if not columns:
        message = "a JSON object needs a column, got none: name the columns of the sink"
        raise SqlError(message)
    _check_names([name for name, _, _ in columns], "the sink")
    for name, _, sql_type in columns:
        check_json_type(sql_type, f"column {name!r}")
    text = Encoder(options).object_text(columns)
    if not text.meta.root_names():
        # Constants alone would give one row, whatever the height of the frame.
        text = pl.concat_str(text, pl.repeat("", pl.len()))
    return text


def json_text(value: pl.Expr, sql_type: SqlType, options: JsonOptions) -> str:
    """The JSON text of one constant."""
    return str(pl.select(Encoder(options).text(value, sql_type)).item())


def check_json_type(sql_type: SqlType, place: str) -> None:
    """Raises SqlError for a type whose values have no JSON form. place: named in its message."""
    match sql_type:
        case SqlType(kind=Kind.ROW, fields=fields):
            _check_names([field.name for field in fields], place)
            for field in fields:
                check_json_type(field.type, f"{place}, field {field.name!r}")
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            check_json_type(element, f"the elements of {place}")
        case SqlType(kind=Kind.MAP, key=SqlType() as key, element=SqlType() as element):
            if key.kind in (Kind.ROW, Kind.ARRAY, Kind.MAP):
                message = (
                    f"{place} is a {sql_type}, and a JSON object's names are texts: expected a "
                    "MAP with a key of one value, an ARRAY of ROWs of key and value can hold it"
                )
                raise SqlError(message)
            check_json_type(element, f"the values of {place}")


def _check_names(names: list[str], place: str) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            message = (
                f"{place} has the name {name!r} twice, and the members of a JSON object need "
                "different names: rename one with AS"
            )
            raise SqlError(message)
