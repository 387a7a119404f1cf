"""The columns of a query that somebody gives: the table's own where the names agree, and else
what the database says that the query makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipeline_io.audit_readings import Reading, field_of
from pipeline_io.audit_types_mysql import mysql_reading
from pipeline_io.audit_types_postgresql import postgresql_reading

# Numbers of MySQL's protocol. A result does not tell unsigned integers: the wider type holds both.
_MYSQL_TYPES = {
    **dict.fromkeys((1, 2, 3, 9), "bigint"),
    8: "bigint",
    4: "float",
    5: "double",
    7: "timestamp",
    10: "date",
    11: "time",
    12: "datetime",
    13: "year",
    245: "json",
}
_MYSQL_DECIMAL = 246


def query_readings(
    connection: sa.Connection, query: str, known: Mapping[str, Reading]
) -> dict[str, Reading]:
    """How each column of the query is read, in its order.

    Args:
        known: the table's columns, which the query is taken to pass on as they are.
    """
    text = query.strip().rstrip("; \n").replace(":", "\\:")
    # No row is asked for: the database plans the query and describes its columns.
    empty = sa.select(sa.text("*")).select_from(sa.text(text).columns().subquery("polled"))
    result = connection.execute(empty.where(sa.literal_column("1") == sa.literal_column("0")))
    description: Sequence[Any] = result.cursor.description if result.cursor is not None else ()
    columns = list(description)
    result.close()
    kind = connection.dialect.name
    found: dict[str, Reading] = {}
    for column in columns:
        name = str(column[0])
        if name in known:
            found[name] = known[name]
        elif kind == "postgresql":
            found[name] = _postgresql(connection, name, column)
        elif kind in ("mysql", "mariadb"):
            found[name] = _mysql(name, column)
        else:
            found[name] = Reading(field_of(name, pa.string()), "text", "CAST({value} AS TEXT)")
    return found


def _postgresql(connection: sa.Connection, name: str, column: Any) -> Reading:
    words = sa.text("SELECT format_type(oid, NULL), typtype = 'e' FROM pg_type WHERE oid = :oid")
    source_type, is_enum = connection.execute(words, {"oid": column.type_code}).one()
    if source_type == "numeric" and column.precision is not None:
        source_type = f"numeric({column.precision},{column.scale or 0})"
    return postgresql_reading(name, source_type, is_enum=is_enum)


def _mysql(name: str, column: Sequence[Any]) -> Reading:
    code, scale = column[1], column[5]
    if code == _MYSQL_DECIMAL:
        return mysql_reading(name, f"decimal(65,{scale or 0})")
    return mysql_reading(name, _MYSQL_TYPES.get(code, "text"))
