"""The needed columns of a source, one by one: what is taken of a batch, and its value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from transforms.sql.errors import did_you_mean
from transforms.sql.expression import Failure
from transforms.sql.tables import Column, Table, column_type
from transforms.sql.types import polars_type
from transforms.sql.writer_nested import Reader
from transforms.sql.writer_types import SchemaMismatch
from transforms.sql.writer_values import reading

Arrays = dict[str, "pa.Array[Any]"]


class WriterRows:
    """Decoded rows, and the fields of their structs: each struct is taken apart once, whatever
    the number of columns that are read from it."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows
        self._fields: dict[tuple[str, ...], list[pa.Array[Any]]] = {}

    def column(self, *path: str) -> pa.Array[Any]:
        """The field at a path of names, NULL where a struct around it is."""
        *above, name = path
        if not above:
            return self._rows.column(name)
        struct: Any = self.column(*above)
        place = tuple(above)
        if place not in self._fields:
            self._fields[place] = struct.flatten()
        field: pa.Array[Any] = self._fields[place][struct.type.get_field_index(name)]
        return field


@dataclasses.dataclass(frozen=True)
class Part:
    """One needed column: the Arrow columns to take, and its value from them."""

    column: Column
    arrays: Callable[[WriterRows], Arrays]
    value: pl.Expr
    failures: tuple[Failure, ...] = ()


def raw_name(kind: str, name: str) -> str:
    """The name of a column as it was taken, beside the values made of it."""
    return f"{kind}.{name}"


def is_record_metadata(column: Column) -> bool:
    key = column.metadata_key
    return key is not None and key not in ("op", "table", "ts_ms") and not key.startswith("source.")


def metadata_part(column: Column) -> Part:
    target = polars_type(column_type(column))
    value = pl.col(raw_name("m", column.name))
    failures: tuple[Failure, ...] = ()
    if column.metadata_key == "timestamp":
        read = reading(pa.field(column.name, pa.timestamp("ms", "UTC")), column_type(column))
        ticks = value.cast(pl.Int64)
        value = read.value(ticks)
        if read.refuses is not None:
            message = (
                f"{column.name}: the record's timestamp does not fit, expected {read.expected}"
            )
            failures = (Failure(read.refuses(ticks), message, column.node, ticks),)
    if column.metadata_key == "order_key":
        error = pl.col(raw_name("m", "order_key.error"))
        message = "the event has no order key"
        failures = (Failure(error.is_not_null(), message, column.node, error, "NoOrderKey"),)
    return Part(column, lambda rows: {}, value.cast(target), failures)


def null_part(column: Column) -> Part:
    return Part(column, lambda rows: {}, pl.lit(None, polars_type(column_type(column))))


def missing_column(table: Table, column: Column, found: Sequence[str]) -> SchemaMismatch:
    return SchemaMismatch(
        f"{table.name}.{column.name} is NOT NULL, and the topic's schema has no field "
        f"{column.name!r}; {did_you_mean(column.name, found)}"
    )


def not_null(table: Table, column: Column, value: pl.Expr, where: pl.Expr) -> list[Failure]:
    if column.nullable:
        return []
    message = f"{table.name}.{column.name} is declared NOT NULL, and the value is NULL"
    return [Failure(where & value.is_null(), message, column.node)]


def field_part(
    table: Table,
    column: Column,
    field: pa.Field[Any],
    take: Callable[[WriterRows], Any],
    reader: Reader = reading,
) -> Part:
    """A column read from one field of the writer's record."""
    read = reader(field, column_type(column))
    raw = pl.col(raw_name("v", column.name))
    failures = []
    if read.refuses is not None:
        message = f"{table.name}.{column.name}: the value does not fit, expected {read.expected}"
        failures.append(Failure(read.refuses(raw), message, column.node, raw))
    value = read.value(raw)
    failures += not_null(table, column, value, pl.lit(True))
    return Part(
        column,
        lambda rows: {raw_name("v", column.name): read.select(take(rows))},
        value,
        tuple(failures),
    )
