"""The workload of the recordings of column types, and the tables as the database prints them.

Every value is there before a connector starts, and comes again while it streams: types_*.sql makes
the tables, types_*_rows.sql fills them, types_*_stream.sql runs later.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from tests.stack.databases import Database

Dialect = Literal["mysql", "postgresql"]

TABLES = ("all_types", "composite_key")
LAST = b"the end of the workload"
"""It stands in the last change of each table."""

_MYSQL_SESSION = "SET sql_mode = 'ALLOW_INVALID_DATES'"
_MYSQL_COLUMNS = """
SELECT column_name, data_type, column_key FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = %s ORDER BY ordinal_position
"""
_POSTGRESQL_COLUMNS = """
SELECT attname, 'text', CASE WHEN attnum = ANY(indkey) THEN 'PRI' END
FROM pg_attribute JOIN pg_index ON indrelid = attrelid AND indisprimary
WHERE attrelid = CAST(%s AS regclass) AND attnum > 0 ORDER BY attnum
"""
_SHAPES = ("point", "geometry", "linestring", "polygon")
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_PRINTED = {
    **dict.fromkeys(_SHAPES, "CONCAT('SRID=', ST_SRID({0}), ';', ST_AsText({0}))"),
    **dict.fromkeys(_BYTES, "CONCAT('0x', HEX({0}))"),
    "bit": "CONCAT('0x', HEX({0} + 0))",
    # FLOAT itself prints six digits.
    "float": "CAST({0} + 0e0 AS CHAR)",
}


def fill(database: Database, dialect: Dialect) -> None:
    """Makes the tables with their first rows."""
    if dialect == "postgresql":
        database.execute(*(f"CREATE EXTENSION {name}" for name in ("citext", "hstore", "ltree")))
    _run(database, dialect, "", "_rows")


def stream(database: Database, dialect: Dialect) -> None:
    """All rows again under other keys, updates of whole rows, and the changes of the file."""
    _run(database, dialect, "_again")
    # NULL throughout becomes the highest values, and these NULL.
    for number, like in ((14, 2), (12, 4)):
        database.execute(_set_like(database, dialect, number, like))
    _run(database, dialect, "_stream")


def printed_tables(database: Database, dialect: Dialect) -> dict[str, list[dict[str, str | None]]]:
    """{table: its rows in the order of their keys, each value as the database prints it}."""
    return {table: _printed(database, dialect, table) for table in TABLES}


def _run(database: Database, dialect: Dialect, *parts: str) -> None:
    for part in parts:
        text = (Path(__file__).parent / f"types_{dialect}{part}.sql").read_text(encoding="utf-8")
        session = [_MYSQL_SESSION] if dialect == "mysql" else []
        database.execute(*session, *_statements(text))


def _statements(text: str) -> Iterable[str]:
    """Statements end with a line that ends with a semicolon."""
    return [found for found in text.split(";\n") if found.strip()]


def _columns(database: Database, dialect: Dialect, table: str) -> list[tuple[str, str, bool]]:
    """Name, type, and whether it is of the primary key."""
    question = _MYSQL_COLUMNS if dialect == "mysql" else _POSTGRESQL_COLUMNS
    return [(name, kind, key == "PRI") for name, kind, key in database.query(question, table)]


def _set_like(database: Database, dialect: Dialect, number: int, like: int) -> str:
    """An UPDATE of all columns but the key to those of another row."""
    names = [name for name, _, key in _columns(database, dialect, "all_types") if not key]
    if dialect == "mysql":
        pairs = ", ".join(f"set_row.{name} = taken.{name}" for name in names)
        return (
            f"UPDATE all_types AS set_row JOIN all_types AS taken ON taken.id = {like} "  # noqa: S608
            f"SET {pairs} WHERE set_row.id = {number}"
        )
    listed = ", ".join(names)
    return (
        f"UPDATE all_types SET ({listed}) = "  # noqa: S608
        f"(SELECT {listed} FROM all_types WHERE id = {like}) WHERE id = {number}"
    )


def _printed(database: Database, dialect: Dialect, table: str) -> list[dict[str, str | None]]:
    columns = _columns(database, dialect, table)
    # PostgreSQL's concat prints as a client shows a value, its casts to text do not always.
    plain = (
        "CAST({0} AS CHAR)"
        if dialect == "mysql"
        else "CASE WHEN {0} IS NOT NULL THEN concat({0}) END"
    )
    values = ", ".join(_PRINTED.get(kind, plain).format(name) for name, kind, _ in columns)
    keys = ", ".join(name for name, _, key in columns if key)
    rows = database.query(f"SELECT {values} FROM {table} ORDER BY {keys}")  # noqa: S608
    return [dict(zip((name for name, _, _ in columns), row, strict=True)) for row in rows]
