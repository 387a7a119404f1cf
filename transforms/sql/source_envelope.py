"""Change events as rows: the part of Debezium's envelope that each column is read from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from transforms.sql.expression import Failure
from transforms.sql.source_parts import (
    Arrays,
    Part,
    WriterRows,
    field_part,
    is_record_metadata,
    metadata_part,
    missing_column,
    not_null,
    null_part,
    raw_name,
)
from transforms.sql.tables import Column, Table, column_type
from transforms.sql.types import polars_type
from transforms.sql.writer_types import SchemaMismatch
from transforms.sql.writer_values import reading

OP, WRITTEN, DELETED = "e.op", "e.written", "e.deleted"
"""An event's op, and whether it has the row as it is, or as it was before it was deleted."""


def with_kinds(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Raw columns with WRITTEN and DELETED, once for all columns, each of which asks for them."""
    op = pl.col(OP)
    written = (op == "u") | (op == "c") | (op == "r")
    return raw.with_columns(written.alias(WRITTEN), (op == "d").alias(DELETED))


def is_envelope(schema: pa.Schema) -> bool:
    """Whether rows are change events in Debezium's envelope."""
    return (
        "op" in schema.names
        and "source" in schema.names
        and pa.types.is_struct(schema.field("source").type)
    )


class EnvelopePlan:
    """The plan for one schema of Debezium's envelope."""

    def __init__(self, table: Table, schema: pa.Schema) -> None:
        self.table = table
        self.schema = schema
        self.rows = {
            name: schema.field(name).type
            for name in ("before", "after")
            if name in schema.names and pa.types.is_struct(schema.field(name).type)
        }
        if not is_envelope(schema):
            message = (
                f"the topic's schema is not Debezium's envelope: it has the fields {schema.names}; "
                f"declare {table.name} with 'value.format' = 'avro-confluent' and these columns"
            )
            raise SchemaMismatch(message)
        self.only_keys_of_deletes = table.options.get("debezium.deletes") == "key"

    def parts(self, columns: Sequence[Column]) -> list[Part]:
        return [self._part(column) for column in columns]

    def _part(self, column: Column) -> Part:
        key = column.metadata_key
        if key is None:
            return self._row_part(column)
        if is_record_metadata(column):
            return metadata_part(column)
        field = "source.table" if key == "table" else key
        return self._envelope_part(column, field.split("."))

    def _row_part(self, column: Column) -> Part:
        """A column of the row: from `after`, of a delete from `before`, else NULL."""
        fields = {
            name: struct.field(struct.get_field_index(column.name))
            for name, struct in self.rows.items()
            if struct.get_field_index(column.name) >= 0
        }
        if not fields:
            if not column.nullable and self.rows:
                known = [field.name for struct in self.rows.values() for field in struct]
                raise missing_column(self.table, column, known)
            return null_part(column)
        reads = {name: reading(field, column_type(column)) for name, field in fields.items()}
        raw = {name: pl.col(raw_name(name, column.name)) for name in fields}
        written, deleted = pl.col(WRITTEN), pl.col(DELETED)
        value = pl.lit(None, polars_type(column_type(column)))
        failures: list[Failure] = []
        kept_of_delete = not self.only_keys_of_deletes or column.name in self.table.primary_key
        for name, where in (("after", written), ("before", deleted)):
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
        rows = written | deleted if kept_of_delete else written
        failures += not_null(self.table, column, value, rows)

        def arrays(rows: WriterRows) -> Arrays:
            taken: Arrays = {OP: rows.column("op")}
            for name, read in reads.items():
                taken[raw_name(name, column.name)] = read.select(rows.column(name, column.name))
            return taken

        return Part(column, arrays, value, tuple(failures))

    def _envelope_part(self, column: Column, path: list[str]) -> Part:
        """Metadata that Debezium wrote beside the row: op, ts_ms, source.*"""
        field = self.schema.field(path[0]) if path[0] in self.schema.names else None
        for name in path[1:]:
            index = field.type.get_field_index(name) if field is not None else -1
            field = field.type.field(index) if field is not None and index >= 0 else None
        if field is None:
            return null_part(column)

        def take(rows: WriterRows) -> Any:
            return rows.column(*path)

        if path[-1] == "ts_ms" and column_type(column).is_timestamp:
            # ts_ms is an instant in milliseconds, though Debezium gives it no semantic type.
            instants = pa.field(column.name, pa.timestamp("ms", "UTC"))
            return field_part(
                self.table, column, instants, lambda rows: take(rows).cast(instants.type)
            )
        return field_part(self.table, column, field.with_name(column.name), take)
