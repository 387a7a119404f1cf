"""MySQL's and MariaDB's information schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import sqlalchemy

from kami.schema import SourceColumn, SourceTable

COLUMNS_SQL = """
SELECT
  c.TABLE_SCHEMA AS table_schema, c.TABLE_NAME AS table_name, c.COLUMN_NAME AS column_name,
  c.COLUMN_TYPE AS column_type, c.IS_NULLABLE AS is_nullable, c.COLUMN_DEFAULT AS column_default,
  c.EXTRA AS extra, c.GENERATION_EXPRESSION AS expression, VERSION() AS version
FROM information_schema.COLUMNS AS c
JOIN information_schema.TABLES AS t
  ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE'
ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION
"""
KEYS_SQL = """
SELECT TABLE_NAME AS table_name, COLUMN_NAME AS column_name
FROM information_schema.KEY_COLUMN_USAGE
WHERE TABLE_SCHEMA = DATABASE() AND CONSTRAINT_NAME = 'PRIMARY'
ORDER BY TABLE_NAME, ORDINAL_POSITION
"""

Row = Mapping[str, object]


def read_mysql(connection: sqlalchemy.Connection) -> list[SourceTable]:
    """The base tables of the connection's database."""
    columns = connection.execute(sqlalchemy.text(COLUMNS_SQL)).mappings().all()
    keys = connection.execute(sqlalchemy.text(KEYS_SQL)).mappings().all()
    return mysql_tables([dict(row) for row in columns], [dict(row) for row in keys])


def mysql_tables(columns: Iterable[Row], keys: Iterable[Row]) -> list[SourceTable]:
    """The tables, from the rows of COLUMNS_SQL and KEYS_SQL."""
    by_table: dict[tuple[str, str], list[SourceColumn]] = {}
    for row in columns:
        name = (str(row["table_schema"]), str(row["table_name"]))
        by_table.setdefault(name, []).append(_column(row))
    key_of: dict[str, list[str]] = {}
    for row in keys:
        key_of.setdefault(str(row["table_name"]), []).append(str(row["column_name"]))
    return [
        SourceTable(
            schema=schema,
            name=name,
            columns=tuple(found),
            primary_key=tuple(key_of.get(name, ())),
            dialect="mysql",
        )
        for (schema, name), found in by_table.items()
    ]


def _column(row: Row) -> SourceColumn:
    extra = _text(row["extra"]).lower()
    generated = "virtual" in extra or "stored" in extra or "persistent" in extra
    default = None if row["column_default"] is None else _text(row["column_default"])
    if generated or "default_generated" in extra:
        # An expression, which new rows get; rows that are there have no one value of it.
        default = None
    elif default is not None and "mariadb" in _text(row["version"]).lower():
        default = _mariadb_literal(default)
    elif default is not None:
        default = _mysql_literal(default)
    return SourceColumn(
        name=str(row["column_name"]),
        source_type=_text(row["column_type"]).lower()
        if not _text(row["column_type"]).lower().startswith(("enum", "set"))
        else _text(row["column_type"]),
        nullable=row["is_nullable"] == "YES",
        default=default,
        generated=generated,
    )


def _mysql_literal(text: str) -> str | None:
    """MySQL gives literals as they are; but CURRENT_TIMESTAMP before version 8 unmarked."""
    if re.match(r"current_timestamp", text, re.IGNORECASE):
        return None
    bits = re.fullmatch(r"b'([01]*)'", text)
    return str(int(bits[1] or "0", 2)) if bits else text


def _mariadb_literal(text: str) -> str | None:
    """MariaDB gives the expression: texts in quotes, NULL as a word, functions unquoted."""
    if text.startswith("'") and text.endswith("'"):
        return text[1:-1].replace("''", "'").replace("\\'", "'").replace("\\\\", "\\")
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return text
    return None


def _text(value: object) -> str:
    """MySQL's driver gives some of these columns as bytes."""
    if isinstance(value, bytes):
        return value.decode()
    return "" if value is None else str(value)
