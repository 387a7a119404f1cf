"""A table as its database has it, held against the rows that are to go there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy
import sqlalchemy.exc

from pipeline_io.database import nearest
from pipeline_io.database_sink_fit import misfit
from pipeline_io.database_sink_statements import Statements, Writing
from pipeline_io.database_sink_table import DatabaseTable, SinkTableError

_MERGE_BY_KEY_ALONE = ("mysql", "mariadb")
_EXPLAINING = ("mysql", "mariadb", "sqlite")

# A type's name without its length; of a domain, the type below it.
_POSTGRES_KINDS = """
SELECT a.attname,
  format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, NULL)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclasses.dataclass(frozen=True)
class Present:
    """A table as it is. columns: as SQLAlchemy's inspector tells of them, by name. unique: the
    columns of each key and unique index. kinds: PostgreSQL's names of the columns' types."""

    columns: Mapping[str, Any]
    unique: tuple[tuple[str, ...], ...]
    kinds: Mapping[str, str]


def statements_for(connection: sqlalchemy.Connection, table: DatabaseTable) -> Statements:
    """The statements for a table that takes such rows.

    Raises SinkTableError: it does not, with all that is wrong. What SQLAlchemy raises.
    """
    dialect = connection.dialect
    present = _present(connection, table)
    problems = [*_columns(table, present, dialect.name), *_key(table, present)]
    if problems:
        message = f"{table} cannot take the rows: {'; '.join(problems)}"
        raise SinkTableError(message)
    others = [columns for columns in present.unique if set(columns) != set(table.key)]
    merges = dialect.name not in _MERGE_BY_KEY_ALONE or not others
    return Writing(table, dialect, present.kinds, merges=merges).statements()


def try_rights(connection: sqlalchemy.Connection, made: Statements) -> None:
    """Has the database check the statements, its rights and all, without a row."""
    for statement in (*made.store, *made.delete):
        if statement.as_arrays:
            no_rows = pa.table({one.name: pa.array([], one.type) for one in statement.columns})
            connection.execute(statement.text, statement.parameters(no_rows))
        elif statement.kind in _EXPLAINING:
            nothing = dict.fromkeys(statement.names())
            connection.execute(sqlalchemy.text(f"EXPLAIN {statement.text.text}"), nothing)


def _present(connection: sqlalchemy.Connection, table: DatabaseTable) -> Present:
    schema, _, name = table.name.rpartition(".")
    inspector = sqlalchemy.inspect(connection)
    within = schema or None
    try:
        columns = {each["name"]: each for each in inspector.get_columns(name, schema=within)}
    except sqlalchemy.exc.NoSuchTableError:
        known = [*inspector.get_table_names(within), *inspector.get_view_names(within)]
        message = f"{table.database} has no table {table.name!r}; {nearest(name, known)}"
        raise SinkTableError(message) from None
    keys = [tuple(inspector.get_pk_constraint(name, schema=within)["constrained_columns"])]
    for each in inspector.get_unique_constraints(name, schema=within):
        keys.append(tuple(each["column_names"]))
    for index in inspector.get_indexes(name, schema=within):
        options = index.get("dialect_options", {})
        partial = any(key.endswith("_where") and value for key, value in options.items())
        if index["unique"] and not partial and None not in index["column_names"]:
            keys.append(tuple(str(each) for each in index["column_names"]))
    kinds: dict[str, str] = {}
    if connection.dialect.name == "postgresql":
        quote = connection.dialect.identifier_preparer.quote
        full = ".".join(quote(part) for part in (schema, name) if part)
        found = connection.execute(sqlalchemy.text(_POSTGRES_KINDS), {"name": full})
        kinds = {str(row[0]): str(row[1]) for row in found}
    return Present(columns, tuple(dict.fromkeys(key for key in keys if key)), kinds)


def _columns(table: DatabaseTable, present: Present, kind: str) -> list[str]:
    problems = []
    for column in table.stored_columns():
        there = present.columns.get(column.name)
        if there is None:
            like = nearest(column.name, present.columns)
            problems.append(f"it has no column {column.name!r}; {like}")
        elif why := misfit(column, there["type"], kind):
            problems.append(f"the column {column.name!r} is {there['type']!r}: {why}")
    written = {column.name for column in table.stored_columns()}
    if table.deleted_column is not None:
        problems += _deleted_column(table.deleted_column, present, kind)
        written.add(table.deleted_column)
    for name, there in present.columns.items():
        given = there["default"] is not None or there.get("autoincrement") is True
        made = there.get("computed") or there.get("identity")
        if name not in written and not (there["nullable"] or given or made):
            if kind == "sqlite" and (name,) in present.unique:
                continue
            problems.append(f"its column {name!r} is NOT NULL, and the script does not give it")
    return problems


def _deleted_column(name: str, present: Present, kind: str) -> list[str]:
    there = present.columns.get(name)
    if there is None:
        like = nearest(name, present.columns)
        return [f"it has no column {name!r} to mark deleted rows by; {like}"]
    takes = (
        (sqlalchemy.Boolean,) if kind == "postgresql" else (sqlalchemy.Boolean, sqlalchemy.Integer)
    )
    if not isinstance(there["type"], takes):
        return [
            f"the column {name!r} marks deleted rows, and is {there['type']!r}: make it BOOLEAN"
        ]
    return []


def _key(table: DatabaseTable, present: Present) -> list[str]:
    if not table.key or any(set(key) == set(table.key) for key in present.unique):
        return []
    has = ", ".join(f"({', '.join(key)})" for key in present.unique) or "none"
    return [
        f"it has no primary key or unique index of ({', '.join(table.key)}), so that rows could "
        f"not be told apart; it has {has}: add one, or declare that PRIMARY KEY"
    ]
