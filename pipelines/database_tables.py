"""The tables of databases that an SQL job writes to."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

from pipeline_io.database_sink_table import DatabaseTable, DeleteOn, SinkColumn
from pipelines.lookups import database
from transforms.sql.connectors_changes import DELETE_ON, NEVER, ORDER_KEY, condition
from transforms.sql.connectors_jdbc import DELETED
from transforms.sql.errors import SqlError, SqlErrors, did_you_mean
from transforms.sql.job import Job
from transforms.sql.json_rows import check_json_type
from transforms.sql.sink_format import json_columns
from transforms.sql.tables import Column, Table, column_type
from transforms.sql.types import Kind, SqlType

_MICROSECOND_DIGITS = 6
_SCALARS: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.TINYINT: pa.int8(),
    Kind.SMALLINT: pa.int16(),
    Kind.INT: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.FLOAT: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMP_LTZ: pa.timestamp("us", "UTC"),
}


def database_table(sink: Table) -> DatabaseTable:
    """The table of a database that a table is. Asks nobody. Raises SqlError, SqlErrors."""
    options = sink.options
    check_keyed(sink, DELETE_ON, ORDER_KEY, DELETED)
    delete_on = delete_on_of(sink)
    order, deleted = options.get(ORDER_KEY), options.get(DELETED)
    if deleted is not None and delete_on is None:
        message = f"{DELETED!r} marks deleted rows, and {DELETE_ON!r} is 'never'; leave out one"
        raise SqlError(message, sink.option_node(DELETED))
    try:
        return DatabaseTable(
            database(options),
            str(options["table-name"]),
            sink_columns(sink, sink_column),
            key=sink.primary_key,
            delete_on=delete_on,
            order_key_column=None if order is None else str(order),
            deleted_column=None if deleted is None else str(deleted),
            max_rows=int(options["sink.buffer-flush.max-rows"]),
            max_retries=int(options["sink.max-retries"]),
        )
    except ValueError as error:
        raise SqlError(str(error), sink.option_node("url")) from error


def check_address(sink: Table, job: Job) -> None:
    """Raises SqlError where the script has a password in plain text."""
    url = sink.option_node("url")
    password = database(sink.options, with_password=False).url.password
    # A value from outside the script may hold one; it is shown nowhere.
    if password and str(password) in (job.written(url) or ""):
        message = (
            "the address holds a password in plain text; take it out and give 'username' and "
            "'password' = 'env://NAME'"
        )
        raise SqlError(message, url, hidden=True)


def check_keyed(sink: Table, *options: str) -> None:
    """Raises SqlError at one of these options where the sink has no key, and where the order key
    is a column of the key."""
    for name in options:
        if name not in sink.options:
            continue
        if not sink.primary_key:
            message = f"{name!r} tells rows apart by a key: declare PRIMARY KEY (...) NOT ENFORCED"
            raise SqlError(message, sink.option_node(name))
        if name == ORDER_KEY and str(sink.options[name]) in sink.primary_key:
            message = f"{name!r} names {sink.options[name]!r}, a column of the key; name another"
            raise SqlError(message, sink.option_node(name))


def delete_on_of(sink: Table) -> DeleteOn | None:
    """Which rows of a sink delete, by its option; None for none. Raises SqlError."""
    said = sink.options.get(DELETE_ON)
    if said is None:
        return DeleteOn()
    if said == NEVER:
        return None
    column, value = condition(str(said))
    known = [each.name for each in sink.physical_columns()]
    if column not in known:
        message = (
            f"{DELETE_ON!r} names {column!r}, which is no column of the sink; "
            f"{did_you_mean(column, known)}. The op of change events counts without the option"
        )
        raise SqlError(message, sink.option_node(DELETE_ON))
    if column in sink.primary_key:
        message = f"{DELETE_ON!r} names {column!r}, a column of the key; name another one"
        raise SqlError(message, sink.option_node(DELETE_ON))
    return DeleteOn(column, value)


class ReadColumn(Protocol):
    """A column of a script as a database has it. Raises SqlError: it has no such column."""

    def __call__(self, column: Column, *, is_json: bool) -> SinkColumn: ...


def sink_columns(sink: Table, read: ReadColumn) -> tuple[SinkColumn, ...]:
    """The columns of a sink that are written. Raises SqlErrors, each at its column."""
    errors: list[SqlError] = []
    found = []
    as_json = json_columns(sink)
    for column in sink.physical_columns():
        try:
            found.append(read(column, is_json=column.name in as_json))
        except SqlError as error:
            errors.append(SqlError(str(error), column.node))
    if errors:
        raise SqlErrors(errors)
    return tuple(found)


def sink_column(column: Column, *, is_json: bool) -> SinkColumn:
    """A column as it is written. Raises SqlError: no database has such a column."""
    of = column_type(column)
    if is_json:
        check_json_type(of, f"column {column.name!r}")
        return SinkColumn(column.name, pa.string(), is_json=True)
    if (of.precision or 0) > _MICROSECOND_DIGITS and of.kind is not Kind.DECIMAL:
        message = (
            f"{column.name!r} is a {of}, and databases keep microseconds: declare it as "
            f"{of.kind.value}(6)"
        )
        raise SqlError(message)
    return SinkColumn(column.name, _arrow(of, column.name), of.precision)


def _arrow(of: SqlType, name: str) -> pa.DataType:
    if of.kind is Kind.DECIMAL and of.precision is not None and of.scale is not None:
        return pa.decimal128(of.precision, of.scale)
    if of.is_string:
        return pa.string()
    if of.is_binary:
        return pa.binary()
    if of.kind not in _SCALARS:
        message = f"{name!r} is a {of}, and no database has such a column; CAST it to another"
        raise SqlError(message)
    return _SCALARS[of.kind]
