"""The columns of a BigQuery table for the rows of a sink: their types, and what they are made of.

A ROW is a STRUCT and an ARRAY is an ARRAY; what BigQuery has no column for, a MAP or an ARRAY of
ARRAYs anywhere in a column, makes the whole column JSON.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import polars as pl

from transforms.sql.connectors_kafka_sink import names_of
from transforms.sql.errors import SqlError, SqlErrors, did_you_mean
from transforms.sql.json_encoder import Encoder
from transforms.sql.json_options import JsonOptions
from transforms.sql.json_rows import check_json_type
from transforms.sql.tables import Table, column_type
from transforms.sql.types import TIMESTAMPS, Field, Kind, SqlType

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
# What BigQuery keeps for itself.
_RESERVED = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier")

_MICROSECOND_DIGITS = 6
# NUMERIC has 29 digits before the point and 9 behind it.
_NUMERIC_SCALE = 9
_NUMERIC_WHOLE = 29

_SCALARS = {
    Kind.BOOLEAN: "BOOL",
    Kind.TINYINT: "INT64",
    Kind.SMALLINT: "INT64",
    Kind.INT: "INT64",
    Kind.BIGINT: "INT64",
    Kind.FLOAT: "FLOAT64",
    Kind.DOUBLE: "FLOAT64",
    Kind.CHAR: "STRING",
    Kind.VARCHAR: "STRING",
    Kind.STRING: "STRING",
    Kind.BINARY: "BYTES",
    Kind.VARBINARY: "BYTES",
    Kind.BYTES: "BYTES",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "DATETIME",
    Kind.TIMESTAMP_LTZ: "TIMESTAMP",
}


def table_columns(sink: Table) -> list[tuple[str, str]]:
    """The sink's columns with types as BigQuery's DDL writes them.

    Raises SqlErrors: names or types that BigQuery does not have.
    """
    errors: list[SqlError] = []
    wanted = json_names(sink)
    found = []
    for column in sink.physical_columns():
        try:
            _check_name(column.name, f"the column {column.name!r}")
            of_json = column.name in wanted or needs_json(column_type(column))
            if of_json:
                _check_of_json(column.name, column_type(column))
            written = "JSON" if of_json else _written(column_type(column), column.name)
            found.append((column.name, written))
        except SqlError as error:
            errors.append(SqlError(str(error), column.node))
    if errors:
        raise SqlErrors(errors)
    return found


def json_names(sink: Table) -> list[str]:
    """The columns that 'json-columns' names. Raises SqlError for one that the sink lacks."""
    names = names_of(str(sink.options["json-columns"])) if "json-columns" in sink.options else []
    known = [column.name for column in sink.physical_columns()]
    for name in names:
        if name not in known:
            message = (
                f"'json-columns' names {name!r}, which is no column; {did_you_mean(name, known)}"
            )
            raise SqlError(message, sink.option_node("json-columns"))
    return names


def needs_json(sql_type: SqlType) -> bool:
    """Whether a column of that type can be JSON alone."""
    match sql_type:
        case SqlType(kind=Kind.MAP):
            return True
        case SqlType(kind=Kind.ROW, fields=fields):
            return not fields or any(needs_json(field.type) for field in fields)
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            return element.kind is Kind.ARRAY or needs_json(element)
    return False


def json_value(
    value: pl.Expr, sql_type: SqlType, options: JsonOptions, wanted: bool
) -> pl.Expr | None:
    """JSON text of a column that is JSON in the table and not text already, NULL for NULL.

    wanted: 'json-columns' names it. None: the column is written as it is.
    """
    if not needs_json(sql_type) and (not wanted or sql_type.is_string):
        return None
    return pl.when(value.is_not_null()).then(Encoder(options).text(value, sql_type))


def may_lack_json(sql_type: SqlType) -> bool:
    """Whether a value may have no JSON form: a MAP in it may have a NULL key."""
    parts: Collection[SqlType | None] = (
        sql_type.element,
        *(field.type for field in sql_type.fields),
    )
    return sql_type.kind is Kind.MAP or any(part and may_lack_json(part) for part in parts)


def _check_of_json(name: str, sql_type: SqlType) -> None:
    if sql_type.is_string or sql_type.kind in (Kind.ROW, Kind.ARRAY, Kind.MAP):
        check_json_type(sql_type, f"column {name!r}")
        return
    message = f"'json-columns' names {name!r}, a {sql_type}; expected a STRING, ROW, ARRAY or MAP"
    raise SqlError(message)


def _check_name(name: str, place: str) -> None:
    if not _NAME.fullmatch(name):
        message = (
            f"{place} has no name that BigQuery takes: letters, digits and underscores, no digit "
            "first, 300 at most; rename it"
        )
        raise SqlError(message)
    if name.lower().startswith(_RESERVED):
        message = f"{place} has a name that BigQuery keeps for itself; rename it"
        raise SqlError(message)


def _written(sql_type: SqlType, place: str) -> str:
    match sql_type:
        case SqlType(kind=Kind.DECIMAL, precision=int(precision), scale=int(scale)):
            fits = scale <= _NUMERIC_SCALE and precision - scale <= _NUMERIC_WHOLE
            return f"{'NUMERIC' if fits else 'BIGNUMERIC'}({precision}, {scale})"
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            return f"ARRAY<{_written(element, place)}>"
        case SqlType(kind=Kind.ROW, fields=fields):
            return f"STRUCT<{', '.join(_members(fields, place))}>"
    if sql_type.kind in (Kind.TIME, *TIMESTAMPS) and (sql_type.precision or 0) > (
        _MICROSECOND_DIGITS
    ):
        message = (
            f"{place} is a {sql_type}, and BigQuery keeps microseconds: declare it as "
            f"{sql_type.kind.value}(6)"
        )
        raise SqlError(message)
    if sql_type.kind not in _SCALARS:
        message = f"{place} is a {sql_type}, and BigQuery has no such column; CAST it to another"
        raise SqlError(message)
    return _SCALARS[sql_type.kind]


def _members(fields: Sequence[Field], place: str) -> list[str]:
    names: set[str] = set()
    written = []
    for field in fields:
        name, path = field.name, f"{place}.{field.name}"
        _check_name(name, f"the field {path!r}")
        if name.lower() in names:
            message = f"{place} has two fields {name!r}, by BigQuery's rules of names; rename one"
            raise SqlError(message)
        names.add(name.lower())
        written.append(f"`{name}` {_written(field.type, path)}")
    return written
