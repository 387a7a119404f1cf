"""SQL values as JSON text, with polars' own encoder wherever it writes them right."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Sequence

import polars as pl

from transforms.sql import time_text
from transforms.sql.json_options import JsonOptions
from transforms.sql.polars_versions import SINCE_2_1
from transforms.sql.types import FLOATS, TIMESTAMPS, Field, Kind, SqlType


@dataclasses.dataclass(frozen=True)
class Constant:
    """A member that is the same in every row, as its JSON text."""

    text: str


@dataclasses.dataclass(frozen=True)
class Members:
    """An object that the script puts together, so that it is never NULL: its members, instead of
    a column of them."""

    members: tuple[Column, ...]


Column = tuple[str, pl.Expr | Constant | Members, SqlType]
"""A member of an object: its name, what it holds, and its type."""

NULL = pl.lit("null")


class Encoder:
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
                # polars 2.0 writes NULL for some structs in the lists of a slice.
                return self.is_plain(element) and (SINCE_2_1 or not _holds_row(element))
        return sql_type.kind not in (*FLOATS, Kind.MAP)

    def plain(self, value: pl.Expr, sql_type: SqlType) -> pl.Expr:
        """A plain value with its leaves as `json_encode` can write them."""
        if _is_native(sql_type):
            return value
        match sql_type:
            case SqlType(kind=Kind.ROW, fields=fields):
                parts = [
                    self.plain(member, part).alias(name)
                    for name, member, part in members_of(value, fields)
                ]
                return pl.when(value.is_not_null()).then(pl.struct(parts))
            case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
                return value.list.eval(self.plain(pl.element(), element))
        return self.leaf(value, sql_type)

    def leaf(self, value: pl.Expr, sql_type: SqlType) -> pl.Expr:
        if sql_type.kind in (Kind.DATE, Kind.TIME, *TIMESTAMPS):
            texts = functools.partial(self.time_texts, sql_type=sql_type)
            return value.map_batches(texts, return_dtype=pl.String, is_elementwise=True)
        if sql_type.kind is Kind.INTERVAL:
            return value.dt.total_milliseconds()
        if sql_type.is_binary:
            return value.bin.encode("base64")
        return value

    def time_texts(self, values: pl.Series, sql_type: SqlType) -> pl.Series:
        """A column of dates or times as texts, without quotes."""
        match sql_type.kind:
            case Kind.DATE:
                return time_text.date_texts(values)
            case Kind.TIME:
                return time_text.time_texts(values)
        zone = "Z" if sql_type.kind is Kind.TIMESTAMP_LTZ else ""
        return time_text.timestamp_texts(values, self.separator, zone)

    def text(self, value: pl.Expr, sql_type: SqlType) -> pl.Expr:
        """The JSON text of a value, 'null' for NULL; NULL when a map below has a NULL key."""
        if self.is_plain(sql_type):
            encoded = pl.struct(self.plain(value, sql_type).alias("")).struct.json_encode()
            return encoded.str.strip_prefix('{"":').str.strip_suffix("}")
        match sql_type:
            case SqlType(kind=Kind.DECIMAL):
                return value.cast(pl.String).fill_null("null")
            case SqlType(kind=Kind.ROW, fields=fields):
                text = self.object_text(members_of(value, fields))
            case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
                items = value.list.eval(self.text(pl.element(), element))
                text = _joined("[", items, "]")
            case SqlType(kind=Kind.MAP, key=SqlType() as key, element=SqlType() as element):
                entry = self.entry_text(key, element)
                text = _joined("{", value.list.eval(entry), "}")
            case _:
                return _float_text(value)
        # Not fill_null, which would hide the NULL of a row that has no JSON form.
        return pl.when(value.is_null()).then(NULL).otherwise(text)

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
        return pl.when(name.is_not_null()).then(concatenated(pieces))

    def object_text(self, members: Sequence[Column]) -> pl.Expr:
        """The JSON object of `members`, for the rows where it isn't NULL as a whole."""
        return concatenated(self._object(members))

    def _object(self, members: Sequence[Column]) -> list[pl.Expr | str]:
        """The pieces of the object's text."""
        if self.options.ignore_null_fields and members:
            return [self.object_of_known(members)]
        pieces: list[pl.Expr | str] = ["{"]
        run: list[pl.Expr] = []
        last = len(members) - 1
        for position, (name, value, sql_type) in enumerate(members):
            if isinstance(value, pl.Expr) and self.is_plain(sql_type):
                # Neighbours that polars can write are one object, without its braces.
                run.append(self.plain(value, sql_type).alias(name))
                if position < last and self._joins_run(members[position + 1]):
                    continue
                encoded = pl.struct(run).struct.json_encode()
                if position == last and len(run) == len(members):
                    return [encoded]
                # The braces of the first and of the last run are those of the object.
                if len(run) <= position:
                    pieces.append(",")
                    encoded = encoded.str.strip_prefix("{")
                else:
                    pieces.clear()
                if position == last:
                    return [*pieces, encoded]
                pieces.append(encoded.str.strip_suffix("}"))
                run = []
                continue
            pieces.append(f"{',' if position else ''}{quoted(name)}:")
            pieces += self._member(value, sql_type)
        return [*pieces, "}"]

    def _joins_run(self, member: Column) -> bool:
        return isinstance(member[1], pl.Expr) and self.is_plain(member[2])

    def _member(
        self, value: pl.Expr | Constant | Members, sql_type: SqlType
    ) -> list[pl.Expr | str]:
        match value:
            case Constant(text=text):
                return [text]
            case Members(members=members):
                return self._object(members)
        return [self.text(value, sql_type)]

    def object_of_known(self, members: Sequence[Column]) -> pl.Expr:
        pieces: list[pl.Expr | str] = []
        for name, value, sql_type in members:
            if isinstance(value, Constant) and value.text == "null":
                continue
            member = concatenated([f",{quoted(name)}:", *self._member(value, sql_type)])
            if isinstance(value, pl.Expr):
                member = pl.when(value.is_null()).then(pl.lit("")).otherwise(member)
            pieces.append(member)
        return concatenated(["{", concatenated(pieces).str.strip_prefix(","), "}"])


def _holds_row(sql_type: SqlType) -> bool:
    element = sql_type.element
    return sql_type.kind is Kind.ROW or (element is not None and _holds_row(element))


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


def members_of(value: pl.Expr, fields: tuple[Field, ...]) -> list[tuple[str, pl.Expr, SqlType]]:
    names = [field.name for field in fields]
    if any(name == "*" or name.startswith("^") for name in names):
        # polars would take such a name for a pattern.
        names = [str(position) for position in range(len(fields))]
        value = value.struct.rename_fields(names)
    return [
        (field.name, value.struct.field(name), field.type)
        for name, field in zip(names, fields, strict=True)
    ]


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
        .otherwise(NULL)
    )


def _joined(start: str, items: pl.Expr, end: str) -> pl.Expr:
    return concatenated([start, items.list.join(",", ignore_nulls=False), end])


def concatenated(pieces: Sequence[pl.Expr | str]) -> pl.Expr:
    """The pieces one after another, constants side by side as one."""
    merged: list[pl.Expr | str] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return pl.concat_str([pl.lit(piece) if isinstance(piece, str) else piece for piece in merged])


def quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
