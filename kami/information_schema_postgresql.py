"""PostgreSQL's catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy

from kami.schema import SourceColumn, SourceTable

COLUMNS_SQL = """
SELECT
  n.nspname AS table_schema, t.relname AS table_name, t.relreplident AS replica_identity,
  a.attname AS column_name, a.attnotnull AS not_null, a.attgenerated AS generated,
  -- A domain is what it stands for; a domain over a domain is not looked through.
  CASE WHEN y.typtype = 'd' THEN format_type(y.typbasetype, y.typtypmod)
    ELSE format_type(a.atttypid, a.atttypmod) END AS source_type,
  COALESCE(b.typtype, y.typtype) AS type_kind, COALESCE(b.typcategory, y.typcategory) AS category,
  COALESCE(b.typname, y.typname) AS type_name,
  a.atthasmissing AS has_missing, a.attmissingval::text AS missing,
  pg_get_expr(d.adbin, d.adrelid) AS default_expression
FROM pg_attribute AS a
JOIN pg_class AS t ON t.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_type AS y ON y.oid = a.atttypid
LEFT JOIN pg_type AS b ON y.typtype = 'd' AND b.oid = y.typbasetype
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
  AND n.nspname NOT LIKE 'pg_temp%'
ORDER BY n.nspname, t.relname, a.attnum
"""
KEYS_SQL = """
SELECT n.nspname AS table_schema, t.relname AS table_name, a.attname AS column_name
FROM pg_index AS i
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum
WHERE i.indisprimary AND k.place <= i.indnkeyatts
ORDER BY n.nspname, t.relname, k.place
"""

Row = Mapping[str, object]


def read_postgresql(connection: sqlalchemy.Connection) -> list[SourceTable]:
    """The tables of the connection's database in all its schemas; of partitioned ones the whole."""
    columns = connection.exec_driver_sql(COLUMNS_SQL.replace("%", "%%")).mappings().all()
    keys = connection.exec_driver_sql(KEYS_SQL).mappings().all()
    return postgresql_tables([dict(row) for row in columns], [dict(row) for row in keys])


def postgresql_tables(columns: Sequence[Row], keys: Iterable[Row]) -> list[SourceTable]:
    """The tables, from the rows of COLUMNS_SQL and KEYS_SQL."""
    by_table: dict[tuple[str, str], list[SourceColumn]] = {}
    identities: dict[tuple[str, str], str] = {}
    for row in columns:
        name = (str(row["table_schema"]), str(row["table_name"]))
        by_table.setdefault(name, []).append(_column(row))
        identities[name] = _text(row["replica_identity"])
    key_of: dict[tuple[str, str], list[str]] = {}
    for row in keys:
        name = (str(row["table_schema"]), str(row["table_name"]))
        key_of.setdefault(name, []).append(str(row["column_name"]))
    return [
        SourceTable(
            schema=name[0],
            name=name[1],
            columns=tuple(found),
            primary_key=tuple(key_of.get(name, ())),
            dialect="postgresql",
            replica_identity=identities[name],
        )
        for name, found in by_table.items()
    ]


def _column(row: Row) -> SourceColumn:
    known = bool(row["has_missing"])
    default = (
        _missing_value(_text(row["missing"]))
        if known
        else _literal(row["default_expression"])
        if not _text(row["generated"])
        else None
    )
    return SourceColumn(
        name=str(row["column_name"]),
        source_type=_source_type(row),
        nullable=not row["not_null"],
        default=default,
        generated=bool(_text(row["generated"])),
        absent_value_known=known,
    )


def _source_type(row: Row) -> str:
    text = _text(row["source_type"])
    if _text(row["type_kind"]) == "e":
        return "enum"
    if text.endswith("[]") or _text(row["category"]) == "A":
        return text.lower()
    # A type of an extension is named with its schema where that is not on the search path.
    return re.sub(r'^"?[^".(]+"?\."?([^".(]+)"?', r"\1", text).lower()


def _missing_value(text: str) -> str | None:
    """attmissingval is an array of one element: {5}, {"a b"}, {NULL}."""
    inner = text.removeprefix("{").removesuffix("}")
    if inner.startswith('"'):
        return re.sub(r"\\(.)", r"\1", inner[1:-1])
    return None if inner == "NULL" else inner


def _literal(expression: object) -> str | None:
    """The value of 5, -5, 'text'::character varying, true; None for what is computed."""
    if expression is None:
        return None
    text = str(expression).strip()
    quoted = re.fullmatch(r"'((?:[^']|'')*)'(?:::[\w .,\"()\[\]]+)?", text)
    if quoted:
        return quoted[1].replace("''", "'")
    number = re.fullmatch(r"\(?(-?\d+(?:\.\d+)?)\)?(?:::[\w .,\"()]+)?", text)
    if number:
        return number[1]
    return text if text in ("true", "false") else None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return "" if value is None else str(value)
