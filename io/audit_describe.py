"""What a database says of a table that is to be polled: its columns, key and indexes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_readings import Reading
from pipeline_io.audit_tables import TableRequest
from pipeline_io.audit_types_mysql import mysql_reading
from pipeline_io.audit_types_postgresql import postgresql_reading
from pipeline_io.audit_types_sqlite import generic_reading, sqlite_reading
from pipeline_io.database import nearest

# A domain is of its base type, whatever it is a domain of.
_POSTGRESQL = """
WITH RECURSIVE base (num, attname, required, oid, typmod) AS (
  SELECT a.attnum, a.attname, a.attnotnull, a.atttypid, a.atttypmod
  FROM pg_attribute a WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0
  AND NOT a.attisdropped
  UNION ALL
  SELECT b.num, b.attname, b.required OR t.typnotnull, t.typbasetype,
    CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.typmod END
  FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT b.attname, format_type(b.oid, b.typmod), NOT b.required, t.typtype = 'e'
FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype <> 'd' ORDER BY b.num
"""
_MYSQL = """
SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE = 'YES' FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND TABLE_NAME = :name ORDER BY ORDINAL_POSITION
"""


@dataclasses.dataclass(frozen=True)
class Description:
    """A table as it is: its columns in their order, its primary key, and its indexes' columns."""

    schema: str | None
    name: str
    readings: Mapping[str, Reading]
    primary_key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]


def describe_table(connection: sa.Connection, request: TableRequest) -> Description:
    """What the table is now. Raises AuditError with the nearest names when there is none."""
    schema, _, name = request.name.rpartition(".")
    readings = _readings(connection, schema or None, name)
    inspector = sa.inspect(connection)
    if not readings:
        tables = inspector.get_table_names(schema or None)
        tables += inspector.get_view_names(schema or None)
        message = f"there is no table {request.name!r}; {nearest(name, tables)}"
        raise AuditError(message)
    is_table = inspector.has_table(name, schema=schema or None)
    key: Sequence[str] = ()
    indexes: list[tuple[str, ...]] = []
    if is_table and name not in inspector.get_view_names(schema or None):
        key = inspector.get_pk_constraint(name, schema or None).get("constrained_columns") or ()
        for index in inspector.get_indexes(name, schema or None):
            indexes.append(tuple(column or "" for column in index["column_names"]))
        for unique in inspector.get_unique_constraints(name, schema or None):
            indexes.append(tuple(unique["column_names"]))
    if connection.dialect.name == "postgresql":
        found = schema or _visible_schema(connection, name)
    else:
        found = schema or None
    return Description(found, name, readings, tuple(key), (tuple(key), *indexes))


def _visible_schema(connection: sa.Connection, name: str) -> str | None:
    query = sa.text(
        "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass(:name)"
    )
    quoted = connection.dialect.identifier_preparer.quote_identifier(name)
    found: str | None = connection.execute(query, {"name": quoted}).scalar()
    return found


def _readings(connection: sa.Connection, schema: str | None, name: str) -> dict[str, Reading]:
    kind = connection.dialect.name
    if kind == "postgresql":
        quote = connection.dialect.identifier_preparer.quote_identifier
        full = f"{quote(schema)}.{quote(name)}" if schema else quote(name)
        rows = connection.execute(sa.text(_POSTGRESQL), {"name": full}).all()
        return {
            column: postgresql_reading(column, source_type, nullable=nullable, is_enum=is_enum)
            for column, source_type, nullable, is_enum in rows
        }
    if kind in ("mysql", "mariadb"):
        rows = connection.execute(sa.text(_MYSQL), {"schema": schema, "name": name}).all()
        return {
            column: mysql_reading(column, _text(source_type), nullable=bool(nullable))
            for column, source_type, nullable in rows
        }
    try:
        columns = sa.inspect(connection).get_columns(name, schema=schema)
    except sa.exc.NoSuchTableError:
        return {}
    if kind != "sqlite":
        return {
            column["name"]: generic_reading(
                column["name"], column["type"], nullable=bool(column["nullable"])
            )
            for column in columns
        }
    preparer = connection.dialect.identifier_preparer
    source = f"{preparer.quote(schema)}." if schema else ""
    pragma = sa.text(f"PRAGMA {source}table_info({preparer.quote_identifier(name)})")
    # SQLAlchemy's types lose the declared words.
    return {
        row[1]: sqlite_reading(row[1], row[2] or "", nullable=not (row[3] or row[5]))
        for row in connection.execute(pragma).all()
    }


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
