"""Rows of a sink as JSON text, one String a row, as Flink's `json` format writes them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence

import polars as pl

from transforms.sql import time_text
from transforms.sql.errors import SqlError
from transforms.sql.json_options import JsonOptions
from transforms.sql.types import FLOATS, Field, Kind, SqlType

Column = tuple[str, pl.Expr, SqlType]

_NULL = pl.lit("null")


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
        _check(sql_type, f"column {name!r}")
    text = _Encoder(options).object_text(columns)
    if not any(expression.meta.root_names() for _, expression, _ in columns):
        # Constants alone would give one row, whatever the height of the frame.
        text = pl.concat_str(text, pl.repeat("", pl.len()))
    return text


def _check(sql_type: SqlType, place: str) -> None:
    match sql_type:
        case SqlType(kind=Kind.ROW, fields=fields):
            _check_names([field.name for field in fields], place)
            for field in fields:
                _check(field.type, f"{place}, field {field.name!r}")
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            _check(element, f"the elements of {place}")
        case SqlType(kind=Kind.MAP, key=SqlType() as key, element=SqlType() as element):
            if key.kind in (Kind.ROW, Kind.ARRAY, Kind.MAP):
                message = (
                    f"{place} is a {sql_type}, and a JSON object's names are texts: expected a "
                    "MAP with a key of one value, an ARRAY of ROWs of key and value can hold it"
                )
                raise SqlError(message)
            _check(element, f"the values of {place}")


def _check_names(names: list[str], place: str) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            message = (
                f"{place} has the name {name!r} twice, and the members of a JSON object need "
                "different names: rename one with AS"
            )
            raise SqlError(message)


class _Encoder:
    """Builds the expressions. A type is *plain* when polars' own `json_encode`, much the fastest
    way, writes it right, if need be after its leaves are turned into texts. What is not plain is
    put together from fragments: `json_encode` writes NaN as null and a DECIMAL as a string, knows
    no maps, and panics on bytes and on far years."""

    def __init__(self, options: JsonOptions) -> None:
        self.options = options
        self.separator = "T" if options.timestamp_format == "ISO-8601" else " "

    def is_plain(self, sql_type: SqlType) -> bool:
        match sql_type:
            case SqlType(kind=Kind.DECIMAL):
                return self.options.decimal_as_string
            case SqlType(kind=Kind.ROW, fields=fields):
                # json_encode writes a field that is NULL, and a struct without fields as null.
                return (
                    bool(fields)
                    and not self.options.ignore_null_fields
                    and all(self.is_plain(field.type) for field in fields)
                )
            case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
                return self.is_plain(element)
        return sql_type.kind not in (*FLOATS, Kind.MAP)

    def plain(self, value: pl.Expr, sql_type: SqlType) -> pl.Expr:
        """A plain value with its leaves as `json_encode` can write them."""
        if _is_native(sql_type):
            return value
        match sql_type:
            case SqlType(kind=Kind.ROW, fields=fields):
                parts = [
                    self.plain(member, part).alias(name)
                    for name, member, part in _members(value, fields)
                ]
                return pl.when(value.is_not_null()).then(pl.struct(parts))
            case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
                return value.list.eval(self.plain(pl.element(), element))
        return self.leaf(value, sql_type)

    def leaf(self, value: pl.Expr, sql_type: SqlType) -> pl.Expr:
        match sql_type.kind:
            case Kind.DATE:
                return _texts(value, time_text.date_texts)
            case Kind.TIME:
                return _texts(value, time_text.time_texts)
            case Kind.TIMESTAMP:
                return _texts(value, time_text.timestamp_texts, self.separator)
            case Kind.TIMESTAMP_LTZ:
                return _texts(value, time_text.timestamp_texts, self.separator, "Z")
            case Kind.INTERVAL:
                return value.dt.total_milliseconds()
        if sql_type.is_binary:
            return value.bin.encode("base64")
        return value

    def text(self, value: pl.Expr, sql_type: SqlType) -> pl.Expr:
        """The JSON text of a value, 'null' for NULL; NULL when a map below has a NULL key."""
        if self.is_plain(sql_type):
            encoded = pl.struct(self.plain(value, sql_type).alias("")).struct.json_encode()
            return encoded.str.strip_prefix('{"":').str.strip_suffix("}")
        match sql_type:
            case SqlType(kind=Kind.DECIMAL):
                return value.cast(pl.String).fill_null("null")
            case SqlType(kind=Kind.ROW, fields=fields):
                text = self.object_text(_members(value, fields))
            case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
                items = value.list.eval(self.text(pl.element(), element))
                text = _joined("[", items, "]")
            case SqlType(kind=Kind.MAP, key=SqlType() as key, element=SqlType() as element):
                entry = self.entry_text(key, element)
                text = _joined("{", value.list.eval(entry), "}")
            case _:
                return _float_text(value)
        # Not fill_null, which would hide the NULL of a row that has no JSON form.
        return pl.when(value.is_null()).then(_NULL).otherwise(text)

    def entry_text(self, key: SqlType, element: SqlType) -> pl.Expr:
        name = pl.element().struct.field("key")
        text = self.leaf(name, key).cast(pl.String)
        if key.kind in FLOATS:
            text = _float_text(name).str.strip_chars('"')
        quoted = pl.struct(text.alias("")).struct.json_encode()
        pieces: list[pl.Expr | str] = [
            quoted.str.strip_prefix('{"":').str.strip_suffix("}"),
            ":",
            self.text(pl.element().struct.field("value"), element),
        ]
        return pl.when(name.is_not_null()).then(_concatenated(pieces))

    def object_text(self, members: Sequence[Column]) -> pl.Expr:
        """The JSON object of `members`, for the rows where it isn't NULL as a whole."""
        if not members:
            return pl.lit("{}")
        if self.options.ignore_null_fields:
            return self.object_of_known(members)
        pieces: list[pl.Expr | str] = []
        run: list[pl.Expr] = []
        opened = closed = False
        for position, (name, value, sql_type) in enumerate(members):
            last = position == len(members) - 1
            if self.is_plain(sql_type):
                run.append(self.plain(value, sql_type).alias(name))
                if not last and self.is_plain(members[position + 1][2]):
                    continue
                # The braces of the first and the last run are those of the object.
                encoded = pl.struct(run).struct.json_encode()
                encoded = encoded.str.strip_prefix("{") if opened else encoded
                encoded, closed = (
                    (encoded, True) if last else (encoded.str.strip_suffix("}"), False)
                )
                pieces += [",", encoded] if opened else [encoded]
                run = []
            else:
                pieces.append(f"{',' if opened else '{'}{_quoted(name)}:")
                pieces.append(self.text(value, sql_type))
            opened = True
        return _concatenated(pieces if closed else [*pieces, "}"])

    def object_of_known(self, members: Sequence[Column]) -> pl.Expr:
        pieces: list[pl.Expr | str] = []
        for name, value, sql_type in members:
            member = _concatenated([f",{_quoted(name)}:", self.text(value, sql_type)])
            pieces.append(pl.when(value.is_null()).then(pl.lit("")).otherwise(member))
        return _concatenated(["{", _concatenated(pieces).str.strip_prefix(","), "}"])


def _is_native(sql_type: SqlType) -> bool:
    """Whether a plain type needs no change at all before `json_encode`."""
    match sql_type:
        case SqlType(kind=Kind.ROW, fields=fields):
            return all(_is_native(field.type) for field in fields)
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            return _is_native(element)
    return (
        sql_type.is_integer
        or sql_type.is_string
        or sql_type.kind in (Kind.NULL, Kind.BOOLEAN, Kind.DECIMAL)
    )


def _members(value: pl.Expr, fields: tuple[Field, ...]) -> list[Column]:
    names = [field.name for field in fields]
    if any(name == "*" or name.startswith("^") for name in names):
        # polars would take such a name for a pattern.
        names = [str(position) for position in range(len(fields))]
        value = value.struct.rename_fields(names)
    return [
        (field.name, value.struct.field(name), field.type)
        for name, field in zip(names, fields, strict=True)
    ]


def _texts(value: pl.Expr, function: Callable[..., pl.Series], *arguments: str) -> pl.Expr:
    texts = functools.partial(_texts_of, function, arguments)
    return value.map_batches(texts, return_dtype=pl.String, is_elementwise=True)


def _texts_of(
    function: Callable[..., pl.Series], arguments: tuple[str, ...], values: pl.Series
) -> pl.Series:
    return function(values, *arguments)


def _float_text(value: pl.Expr) -> pl.Expr:
    return (
        pl.when(value.is_finite())
        .then(value.cast(pl.String))
        .when(value.is_nan())
        .then(pl.lit('"NaN"'))
        .when(value > 0)
        .then(pl.lit('"Infinity"'))
        .when(value < 0)
        .then(pl.lit('"-Infinity"'))
        .otherwise(_NULL)
    )


def _joined(start: str, items: pl.Expr, end: str) -> pl.Expr:
    return _concatenated([start, items.list.join(",", ignore_nulls=False), end])


def _concatenated(pieces: Sequence[pl.Expr | str]) -> pl.Expr:
    """The pieces one after another, constants side by side as one."""
    merged: list[pl.Expr | str] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return pl.concat_str([pl.lit(piece) if isinstance(piece, str) else piece for piece in merged])


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
