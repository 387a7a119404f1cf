"""Decoded records as the rows of a declared source: one frame a writer schema."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.sql.errors import did_you_mean
from transforms.sql.evaluate import evaluated
from transforms.sql.expression import Failure
from transforms.sql.tables import Column, ColumnKind, Table, column_type
from transforms.sql.types import polars_type
from transforms.sql.writer_types import SchemaMismatch
from transforms.sql.writer_values import reading

POSITION = "__position"
"""Column of every frame: the record's row in its batch, Int64, ascending."""

Arrays = dict[str, "pa.Array[Any]"]


@dataclasses.dataclass(frozen=True)
class SourceFrame:
    """Rows of a source before any step of the statement.

    frame: POSITION, and one column a needed column of the table, under its name.
    failures: which rows of the frame cannot be read as declared.
    """

    frame: pl.DataFrame
    failures: tuple[Failure, ...]


@dataclasses.dataclass(frozen=True)
class _Part:
    """One needed column: the Arrow columns to take, and its value from them."""

    column: Column
    arrays: Callable[[pa.RecordBatch], Arrays]
    value: pl.Expr
    failures: tuple[Failure, ...] = ()


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
        self._plans: dict[bytes, list[_Part]] = {}

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
        written = rows.schema.serialize().to_pybytes()
        plan = self._plans.get(written)
        if plan is None:
            plan = self._plans[written] = self._plan(rows.schema)
        arrays: Arrays = {}
        for part in plan:
            arrays |= part.arrays(rows)
        raw = pl.DataFrame(
            {POSITION: positions}
            | {name: _series(column) for name, column in arrays.items()}
            | {
                _raw("m", column.name): metadata(column.metadata_key or "")
                for column in self.columns
                if _is_record_metadata(column)
            }
            | {
                _raw("m", "order_key.error"): metadata("order_key.error")
                for column in self.columns
                if column.metadata_key == "order_key"
            }
        )
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
        frame = evaluated(raw.lazy().select(POSITION, *values, *checks, *shown))
        failures = tuple(
            dataclasses.replace(
                failure,
                condition=pl.col(f"__check{number}"),
                value=pl.col(f"__shown{number}") if failure.value is not None else None,
            )
            for number, failure in enumerate(_failures(plan))
        )
        return SourceFrame(frame, failures)

    def _plan(self, schema: pa.Schema) -> list[_Part]:
        if str(self.table.options["value.format"]).startswith("debezium-"):
            return _EnvelopePlan(self.table, schema).parts(self.columns)
        return [_record_part(self.table, schema, column) for column in self.columns]


def _failures(plan: list[_Part]) -> list[Failure]:
    return [failure for part in plan for failure in part.failures]


def _series(column: pa.Array[Any]) -> pl.Series:
    series = pl.from_arrow(column)
    if not isinstance(series, pl.Series):
        message = f"an Arrow column of {column.type} became {type(series).__name__}"
        raise TypeError(message)
    return series


def _raw(kind: str, name: str) -> str:
    return f"{kind}.{name}"


def _is_record_metadata(column: Column) -> bool:
    key = column.metadata_key
    return key is not None and key not in ("op", "table", "ts_ms") and not key.startswith("source.")


def _metadata_part(column: Column) -> _Part:
    target = polars_type(column_type(column))
    value = pl.col(_raw("m", column.name))
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
        error = pl.col(_raw("m", "order_key.error"))
        message = "the event has no order key"
        failures = (Failure(error.is_not_null(), message, column.node, error, "NoOrderKey"),)
    return _Part(column, lambda rows: {}, value.cast(target), failures)


def _null_part(column: Column) -> _Part:
    return _Part(column, lambda rows: {}, pl.lit(None, polars_type(column_type(column))))


def _missing(table: Table, column: Column, found: Sequence[str]) -> SchemaMismatch:
    return SchemaMismatch(
        f"{table.name}.{column.name} is NOT NULL, and the topic's schema has no field "
        f"{column.name!r}; {did_you_mean(column.name, found)}"
    )


def _not_null(table: Table, column: Column, value: pl.Expr, where: pl.Expr) -> list[Failure]:
    if column.nullable:
        return []
    message = f"{table.name}.{column.name} is declared NOT NULL, and the value is NULL"
    return [Failure(where & value.is_null(), message, column.node)]


def _field_part(
    table: Table, column: Column, field: pa.Field[Any], take: Callable[[pa.RecordBatch], Any]
) -> _Part:
    """A column read from one field of the writer's record."""
    read = reading(field, column_type(column))
    raw = pl.col(_raw("v", column.name))
    failures = []
    if read.refuses is not None:
        message = f"{table.name}.{column.name}: the value does not fit, expected {read.expected}"
        failures.append(Failure(read.refuses(raw), message, column.node, raw))
    value = read.value(raw)
    failures += _not_null(table, column, value, pl.lit(True))
    return _Part(
        column,
        lambda rows: {_raw("v", column.name): read.select(take(rows))},
        value,
        tuple(failures),
    )


def _record_part(table: Table, schema: pa.Schema, column: Column) -> _Part:
    if _is_record_metadata(column):
        return _metadata_part(column)
    index = schema.get_field_index(column.name)
    if index < 0:
        if not column.nullable:
            raise _missing(table, column, schema.names)
        return _null_part(column)
    return _field_part(table, column, schema.field(index), lambda rows: rows.column(index))


def _has_source(schema: pa.Schema) -> bool:
    return "source" in schema.names and pa.types.is_struct(schema.field("source").type)


class _EnvelopePlan:
    """The plan for one schema of Debezium's envelope."""

    def __init__(self, table: Table, schema: pa.Schema) -> None:
        self.table = table
        self.schema = schema
        self.rows = {
            name: schema.field(name).type
            for name in ("before", "after")
            if name in schema.names and pa.types.is_struct(schema.field(name).type)
        }
        if "op" not in schema.names or not _has_source(schema):
            message = (
                f"the topic's schema is not Debezium's envelope: it has the fields {schema.names}; "
                f"declare {table.name} with 'value.format' = 'avro-confluent' and these columns"
            )
            raise SchemaMismatch(message)
        self.only_keys_of_deletes = table.options.get("debezium.deletes") == "key"

    def parts(self, columns: Sequence[Column]) -> list[_Part]:
        return [self._part(column) for column in columns]

    def _part(self, column: Column) -> _Part:
        key = column.metadata_key
        if key is None:
            return self._row_part(column)
        if _is_record_metadata(column):
            return _metadata_part(column)
        field = "source.table" if key == "table" else key
        return self._envelope_part(column, field.split("."))

    def _row_part(self, column: Column) -> _Part:
        """A column of the row: from `after`, of a delete from `before`, else NULL."""
        fields = {
            name: struct.field(struct.get_field_index(column.name))
            for name, struct in self.rows.items()
            if struct.get_field_index(column.name) >= 0
        }
        if not fields:
            if not column.nullable and self.rows:
                known = [field.name for struct in self.rows.values() for field in struct]
                raise _missing(self.table, column, known)
            return _null_part(column)
        reads = {name: reading(field, column_type(column)) for name, field in fields.items()}
        raw = {name: pl.col(_raw(name, column.name)) for name in fields}
        op = pl.col("e.op")
        value = pl.lit(None, polars_type(column_type(column)))
        failures: list[Failure] = []
        kept_of_delete = not self.only_keys_of_deletes or column.name in self.table.primary_key
        for name, where in (("after", op.is_in(["c", "u", "r"])), ("before", op == "d")):
            if name not in fields or (name == "before" and not kept_of_delete):
                continue
            value = pl.when(where).then(reads[name].value(raw[name])).otherwise(value)
            refuses = reads[name].refuses
            if refuses is not None:
                message = (
                    f"{self.table.name}.{column.name}: the value does not fit, expected "
                    f"{reads[name].expected}"
                )
                condition = where & refuses(raw[name])
                failures.append(Failure(condition, message, column.node, raw[name]))
        rows = op.is_in(["c", "u", "r", "d"] if kept_of_delete else ["c", "u", "r"])
        failures += _not_null(self.table, column, value, rows)

        def arrays(batch: pa.RecordBatch) -> Arrays:
            taken: Arrays = {"e.op": batch.column("op")}
            for name, read in reads.items():
                inner = pc.struct_field(batch.column(name), [column.name])
                taken[_raw(name, column.name)] = read.select(inner)
            return taken

        return _Part(column, arrays, value, tuple(failures))

    def _envelope_part(self, column: Column, path: list[str]) -> _Part:
        """Metadata that Debezium wrote beside the row: op, ts_ms, source.*"""
        field = self.schema.field(path[0]) if path[0] in self.schema.names else None
        for name in path[1:]:
            index = field.type.get_field_index(name) if field is not None else -1
            field = field.type.field(index) if field is not None and index >= 0 else None
        if field is None:
            return _null_part(column)

        def take(rows: pa.RecordBatch) -> Any:
            array: Any = rows.column(path[0])
            for name in path[1:]:
                array = pc.struct_field(array, [name])
            return array

        if path[-1] == "ts_ms" and column_type(column).is_timestamp:
            # ts_ms is an instant in milliseconds, though Debezium gives it no semantic type.
            instants = pa.field(column.name, pa.timestamp("ms", "UTC"))
            return _field_part(
                self.table, column, instants, lambda rows: take(rows).cast(instants.type)
            )
        return _field_part(self.table, column, field.with_name(column.name), take)
