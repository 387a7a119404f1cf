"""From a table's description to what is polled: its columns, its SQL, and what is missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from pipeline_io.audit_clock import time_text
from pipeline_io.audit_describe import Description
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_readings import Reading
from pipeline_io.audit_sql import SqlColumn, TableSql, source_of
from pipeline_io.audit_tables import PolledTable, TableRequest
from pipeline_io.audit_types_postgresql import INFINITE_DAYS, INFINITE_US
from pipeline_io.audit_update_column import UpdateColumn, update_column
from pipeline_io.database import nearest

_DAY_US = 86_400_000_000


@dataclasses.dataclass(frozen=True)
class Plan:
    """A table, how its columns are read, and its queries."""

    table: PolledTable
    readings: tuple[Reading, ...]
    key: tuple[Reading, ...]
    update: UpdateColumn
    sql: TableSql
    kind: str

    def key_parameters(self, keys: pa.RecordBatch, row: int) -> list[object]:
        """A row's key as values that compare with the columns."""
        return [
            key_parameter(reading, keys.column(reading.field.name)[row], self.kind)
            for reading in self.key
        ]


def plan_of(
    request: TableRequest,
    description: Description,
    readings: Mapping[str, Reading],
    kind: str,
    quote: Callable[[str], str],
    zone: str,
) -> Plan:
    """How the table is polled.

    Args:
        readings: the columns that are read: those of the table or of the query.
        kind: SQLAlchemy's name of the dialect.
        quote: makes a name of a column one in SQL.

    Raises AuditError for columns that are missing or cannot serve.
    """
    updated = _one(request, readings, request.updated, "the update column")
    key = _key(request, description, readings, kind)
    if request.shard_column is not None:
        shard = _one(request, readings, request.shard_column, "the shard column")
        if not pa.types.is_integer(shard.field.type):
            message = (
                f"{request.name}: shard column {request.shard_column!r} is "
                f"{shard.source_type!r}; expected integers"
            )
            raise AuditError(message)
    update = update_column(request, updated, quote(request.updated), kind, zone)
    columns = tuple(_sql_column(reading, quote, kind) for reading in readings.values())
    by_name = {column.name: column for column in columns}
    sql = TableSql(
        source_of(request, kind),
        columns,
        tuple(by_name[reading.field.name] for reading in key),
        update.sql,
        quote(request.shard_column) if request.shard_column is not None else None,
        quote(request.index) if request.index is not None else None,
        update.day,
        zero_times=update.zero_times,
    )
    table = PolledTable(
        description.schema,
        description.name,
        pa.schema([reading.field for reading in readings.values()]),
        tuple(reading.field.name for reading in key),
        request.updated,
        request,
        _index_warnings(request, description),
        tuple(reading.source_type for reading in readings.values()),
    )
    return Plan(table, tuple(readings.values()), key, update, sql, kind)


def _one(request: TableRequest, readings: Mapping[str, Reading], name: str, what: str) -> Reading:
    if name in readings:
        return readings[name]
    where = "the query of" if request.query is not None else "table"
    message = f"{where} {request.name!r} has no column {name!r} ({what}); {nearest(name, readings)}"
    raise AuditError(message)


def _key(
    request: TableRequest, description: Description, readings: Mapping[str, Reading], kind: str
) -> tuple[Reading, ...]:
    names = request.key or description.primary_key
    if not names:
        message = (
            f"{request.name} has no primary key; name the columns that identify a row as its key"
        )
        raise AuditError(message)
    key = tuple(_one(request, readings, name, "of the key") for name in names)
    for reading in key:
        plain = reading.expression is None or kind == "postgresql" or reading.ticks
        if not reading.can_be_key() or (kind == "sqlite" and reading.expression is not None):
            plain = False
        if not plain and reading.order is None:
            message = (
                f"{request.name}: column {reading.field.name!r} is {reading.source_type!r}, which "
                f"cannot be part of a key in {kind}: its values do not compare exactly when they "
                "are sent back; name other key columns, or give a query that casts it"
            )
            raise AuditError(message)
    return key


def _sql_column(reading: Reading, quote: Callable[[str], str], kind: str) -> SqlColumn:
    name = reading.field.name
    quoted = quote(name)
    selected = (reading.expression or "{value}").format(value=quoted)
    order = (reading.order or "{value}").format(value=quoted)
    return SqlColumn(name, selected, order, reading.native if kind == "postgresql" else None)


def _index_warnings(request: TableRequest, description: Description) -> tuple[str, ...]:
    if request.query is not None:
        return ()
    if any(index[:1] == (request.updated,) for index in description.indexes):
        return ()
    if request.shard_column is not None and any(
        index[:2] == (request.shard_column, request.updated) for index in description.indexes
    ):
        return ()
    columns = ", ".join((request.updated, *(request.key or description.primary_key)))
    warning = (
        f"{request.name}: no index begins with {request.updated!r}, so each poll reads the whole "
        f"table; CREATE INDEX ... ON {request.name} ({columns})"
    )
    return (warning,)


def key_parameter(reading: Reading, value: pa.Scalar[Any], kind: str) -> object:
    """A key's value as it is bound: a text for PostgreSQL, which casts it; else a Python value."""
    arrow = reading.field.type
    if pa.types.is_timestamp(arrow) and reading.ticks:
        us = value.cast(pa.int64()).as_py()
        if us in INFINITE_US and kind == "postgresql":
            return "infinity" if us == INFINITE_US[0] else "-infinity"
        return time_text(us) + ("+00" if arrow.tz is not None and kind == "postgresql" else "")
    if arrow == pa.date32() and reading.ticks:
        days = value.cast(pa.int32()).as_py()
        if days in INFINITE_DAYS and kind == "postgresql":
            return "infinity" if days == INFINITE_DAYS[0] else "-infinity"
        return time_text(days * _DAY_US)[:10]
    python = value.as_py()
    if kind != "postgresql":
        return python
    if isinstance(python, bytes):
        return f"\\x{python.hex()}"
    return str(python).lower() if isinstance(python, bool) else str(python)
