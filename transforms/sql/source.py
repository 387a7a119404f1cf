"""Decoded records as the rows of a declared source: one frame a writer schema."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from transforms.sql.evaluate import evaluated
from transforms.sql.expression import Failure
from transforms.sql.json_source_types import json_reading
from transforms.sql.source_envelope import OP, EnvelopePlan, with_kinds
from transforms.sql.source_parts import (
    Arrays,
    Part,
    WriterRows,
    field_part,
    is_record_metadata,
    metadata_part,
    missing_column,
    null_part,
    raw_name,
)
from transforms.sql.tables import Column, ColumnKind, Table
from transforms.sql.writer_nested import Reader
from transforms.sql.writer_values import reading

POSITION = "__position"
"""Column of every frame: the record's row in its batch, Int64, ascending."""


@dataclasses.dataclass(frozen=True)
class SourceFrame:
    """Rows of a source before any step of the statement.

    frame: POSITION, and one column a needed column of the table, under its name.
    failures: which rows of it cannot be read as declared; the condition of each is a column.
    """

    frame: pl.DataFrame
    failures: tuple[Failure, ...]

    def any_failed(self) -> bool:
        """Whether there is such a row: the cheap question, without a query."""
        names = [failure.condition.meta.output_name() for failure in self.failures]
        return any(self.frame[name].any() for name in names)


class SourceRows:
    """Reads the needed columns of `table` from decoded groups.

    The plan of a writer's schema is made once and kept. Raises SchemaMismatch for a schema that
    cannot be read as the table is declared.
    """

    def __init__(self, table: Table, needed: Sequence[str]) -> None:
        self.table = table
        self.columns = [
            column
            for column in table.columns
            if column.name in needed and column.kind is not ColumnKind.COMPUTED
        ]
        self._plans: dict[bytes, list[Part]] = {}

    def read(
        self,
        rows: pa.RecordBatch,
        positions: np.ndarray[Any, np.dtype[np.int64]],
        metadata: Callable[[str], pl.Series],
    ) -> SourceFrame:
        """The frame of one group. `metadata` gives a record's or event's metadata by its key, as
        a column of the type that `METADATA_TYPES` says, for the rows of the group."""
        # As bytes: two schemas are equal to Arrow whose columns differ in their semantic types,
        # which say whether a number is in milliseconds or microseconds.
        schema = rows.schema.serialize().to_pybytes()
        plan = self._plans.get(schema)
        if plan is None:
            plan = self._plans[schema] = self._plan(rows.schema)
        arrays: Arrays = {POSITION: pa.array(positions)}
        taken = WriterRows(rows)
        for part in plan:
            arrays |= part.arrays(taken)
        raw = polars_frame(arrays)
        more = [
            metadata(column.metadata_key or "").alias(raw_name("m", column.name))
            for column in self.columns
            if is_record_metadata(column)
        ] + [
            metadata("order_key.error").alias(raw_name("m", "order_key.error"))
            for column in self.columns
            if column.metadata_key == "order_key"
        ]
        if more:
            raw = raw.hstack(more)
        values = [part.value.alias(part.column.name) for part in plan]
        checks = [
            failure.condition.alias(f"__check{number}")
            for number, failure in enumerate(_failures(plan))
        ]
        shown = [
            failure.value.alias(f"__shown{number}")
            for number, failure in enumerate(_failures(plan))
            if failure.value is not None
        ]
        query = with_kinds(raw.lazy()) if OP in arrays else raw.lazy()
        frame = evaluated(query.select(POSITION, *values, *checks, *shown))
        failures = tuple(
            dataclasses.replace(
                failure,
                condition=pl.col(f"__check{number}"),
                value=pl.col(f"__shown{number}") if failure.value is not None else None,
            )
            for number, failure in enumerate(_failures(plan))
        )
        return SourceFrame(frame, failures)

    def _plan(self, schema: pa.Schema) -> list[Part]:
        written = source_format(self.table)
        if written.startswith("debezium-"):
            return EnvelopePlan(self.table, schema).parts(self.columns)
        reader = json_reading if written == "json" else reading
        return [_record_part(self.table, schema, column, reader) for column in self.columns]


def _failures(plan: list[Part]) -> list[Failure]:
    return [failure for part in plan for failure in part.failures]


def polars_series(column: pa.Array[Any]) -> pl.Series:
    """An Arrow column as a polars one."""
    series = pl.from_arrow(column)
    if not isinstance(series, pl.Series):
        message = f"an Arrow column of {column.type} became {type(series).__name__}"
        raise TypeError(message)
    return series


def polars_frame(columns: Arrays) -> pl.DataFrame:
    """Arrow columns as a polars frame, in one step."""
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        message = f"an Arrow batch became {type(frame).__name__}"
        raise TypeError(message)
    return frame


def source_format(table: Table) -> str:
    """The format that a source's records are read in."""
    return str(table.options.get("value.format", table.options.get("format", "")))


def _record_part(table: Table, schema: pa.Schema, column: Column, reader: Reader) -> Part:
    if is_record_metadata(column):
        return metadata_part(column)
    index = schema.get_field_index(column.name)
    if index < 0:
        if not column.nullable:
            raise missing_column(table, column, schema.names)
        return null_part(column)
    field = schema.field(index)
    return field_part(table, column, field, lambda rows: rows.column(column.name), reader)
