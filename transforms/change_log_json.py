"""Rows of change events as JSON texts: the key, the row before and the row after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from transforms.change_log_texts import spread_texts
from transforms.change_log_values import Array, Field, plain_column
from transforms.sql import types
from transforms.sql.json_encoder import Encoder
from transforms.sql.json_options import JsonOptions
from transforms.sql.types import SqlType

_ENCODER = Encoder(JsonOptions())


class Rows:
    """A struct's rows that are not NULL, as plain columns.

    fields: the writer's. columns: `plain_column` of each, of the `positions` in the struct.
    """

    def __init__(self, column: pa.StructArray) -> None:
        self.length = len(column)
        self.fields: list[Field] = list(column.type)
        self.positions: np.ndarray[Any, np.dtype[np.int64]] | None = None
        if column.null_count:
            self.positions = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
            column = column.take(pa.array(self.positions, pa.int64()))
        self.columns: list[Array] = (
            [
                plain_column(child, field)
                for child, field in zip(column.flatten(), self.fields, strict=True)
            ]
            if len(column)
            else []
        )
        self.count = len(column)

    def spread(self, values: pl.Series) -> pl.Series:
        """Values of the rows as a column of the struct's length, NULL where it is."""
        if self.positions is None:
            return values
        whole = pl.Series("", [None], dtype=values.dtype).new_from_index(0, self.length)
        return whole.scatter(self.positions, values) if self.count else whole  # type: ignore[no-any-return]


def json_texts(rows: Rows) -> pl.Series:
    """One JSON object a row (String), its members in the order of the fields; NULL for NULL."""
    if not rows.count:
        return rows.spread(pl.Series("", [], dtype=pl.String))
    names = [field.name for field in rows.fields]
    return rows.spread(object_texts(names, rows.columns, rows.count))


def json_column(rows: Rows) -> Array:
    """`json_texts` as Arrow's String."""
    if rows.positions is None or not rows.count:
        return arrow_texts(json_texts(rows))
    texts = object_texts([field.name for field in rows.fields], rows.columns, rows.count)
    return spread_texts(arrow_texts(texts), rows.positions, rows.length)


def arrow_texts(texts: pl.Series) -> Array:
    """Texts of polars as Arrow's String."""
    column: Any = texts.alias("").to_arrow(compat_level=pl.CompatLevel.oldest())
    found: Array = column.cast(pa.string())
    return found


def object_texts(names: Sequence[str], columns: Sequence[Array], count: int) -> pl.Series:
    """One JSON object a row of plain columns."""
    if not names:
        empty: pl.Series = pl.Series("", ["{}"], dtype=pl.String).new_from_index(0, count)
        return empty
    # The columns are numbered, since polars takes some names for patterns.
    listed = [column.cast(_listed(column.type)) for column in columns]
    batch = pa.RecordBatch.from_arrays(listed, names=[str(n) for n in range(len(columns))])
    frame = pl.DataFrame(batch)
    sql_types = [sql_type(column.type) for column in columns]
    if all(_is_native(each) for each in sql_types):
        frame.columns = list(names)
        return frame.to_struct("").struct.json_encode()
    members = [
        (name, pl.col(str(number)), each)
        for number, (name, each) in enumerate(zip(names, sql_types, strict=True))
    ]
    return frame.select(_ENCODER.object_text(members).alias("text")).to_series()


def sql_type(kind: Any) -> SqlType:
    """The SQL type of a plain column, by which the encoder writes it."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return types.STRING
    if pa.types.is_boolean(kind):
        return types.BOOLEAN
    if pa.types.is_integer(kind):
        return types.BIGINT
    if pa.types.is_float32(kind):
        return types.FLOAT
    if pa.types.is_float64(kind):
        return types.DOUBLE
    if pa.types.is_null(kind):
        return types.NULL
    if pa.types.is_struct(kind):
        return types.row(*(types.Field(field.name, sql_type(field.type)) for field in kind))
    if pa.types.is_map(kind):
        return types.map_of(types.STRING, sql_type(kind.item_type))
    if pa.types.is_list(kind):
        return types.array(sql_type(kind.value_type))
    message = f"a plain column is {kind}, expected texts, numbers, booleans, or lists of them"
    raise TypeError(message)


def _listed(kind: Any) -> Any:
    """The type with its maps as lists of entries, as the encoder takes them."""
    if pa.types.is_map(kind):
        return pa.list_(pa.struct([("key", kind.key_type), ("value", _listed(kind.item_type))]))
    if pa.types.is_list(kind):
        return pa.list_(_listed(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _listed(field.type)) for field in kind])
    return kind


def _is_native(kind: SqlType) -> bool:
    return kind in (types.STRING, types.BIGINT, types.BOOLEAN)
