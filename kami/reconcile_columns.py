"""How a column of a live database is asked for, so that it can be compared with the god view.

The values come as numbers, bytes or canonical text; what the warehouse cannot have as the database
does (Debezium's own forms) is left out, and the report says so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import polars as pl

from kami.context import ConfiguredTable
from kami.reconcile_fingerprint import Shape
from kami.tables import Column
from kami.types import Form, parsed_type
from kami.views import ViewColumn, view_columns

_MYSQL: dict[Form, str] = {
    "integer": "{c}",
    "unsigned": "CAST({c} AS CHAR)",
    "decimal": "CAST({c} AS CHAR)",
    # FLOAT is printed with six digits, a DOUBLE of the same value with all.
    "float": "{c} + 0e0",
    "boolean": "{c} + 0",
    "date": "IF(MONTH({c}) = 0 OR DAY({c}) = 0, NULL, CAST({c} AS CHAR))",
    "datetime": "IF(MONTH({c}) = 0 OR DAY({c}) = 0, NULL, "
    "DATE_FORMAT({c}, '%Y-%m-%dT%H:%i:%s.%f'))",
    "timestamp": "IF(MONTH({c}) = 0, NULL, DATE_FORMAT({c}, '%Y-%m-%dT%H:%i:%s.%fZ'))",
    "bytes": "{c}",
    "json": "CAST({c} AS CHAR)",
    "text": "{c}",
}
_DATE_BOUNDS = (
    "CASE WHEN {c} = 'infinity' THEN '9999-12-31{last}' WHEN {c} = '-infinity' THEN "
    "'0001-01-01{first}' WHEN EXTRACT(YEAR FROM {c}) BETWEEN 1 AND 9999 THEN "
)
_POSTGRESQL: dict[Form, str] = {
    "integer": "{c}",
    "decimal": "NULLIF({c}::numeric::text, 'NaN')",
    "float": "{c}::float8",
    "boolean": "{c}::int",
    "date": _DATE_BOUNDS.replace("{last}", "").replace("{first}", "")
    + "TO_CHAR({c}, 'YYYY-MM-DD') END",
    "datetime": _DATE_BOUNDS.replace("{last}", "T23:59:59.999999").replace(
        "{first}", "T00:00:00.000000"
    )
    + "TO_CHAR({c}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US') END",
    "timestamp": _DATE_BOUNDS.replace("{last}", "T23:59:59.999999Z").replace(
        "{first}", "T00:00:00.000000Z"
    )
    + "TO_CHAR({c} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') END",
    "time": "CASE WHEN {c} = '24:00:00' THEN '23:59:59.999999' "
    "ELSE TO_CHAR({c}::interval, 'HH24:MI:SS.US') END",
    "bytes": "{c}",
    "json": "{c}::text",
    "text": "{c}::text",
}
_PLAIN_ARRAYS = re.compile(
    r"(smallint|integer|bigint|int[248]?|boolean|bool|text|varchar|character varying|uuid)"
    r"(\(\d+\))?(\[\]|\s+array)"
)
_DTYPES: dict[Form, type[pl.DataType]] = {
    "integer": pl.Int64,
    "float": pl.Float64,
    "boolean": pl.Boolean,
    "bytes": pl.Binary,
}


class LiveColumn(NamedTuple):
    """A column of the database: its SQL, and the type of what comes."""

    name: str
    sql: str
    dtype: type[pl.DataType]


def live_columns(table: ConfiguredTable) -> dict[str, LiveColumn]:
    """The columns that can be compared, by name."""
    found = {}
    for column in view_columns(table):
        source_type = table.table.column(column.name).source_type
        sql = (
            _postgresql_sql(column, source_type)
            if table.source.dialect == "postgresql"
            else _mysql_sql(column, source_type)
        )
        if sql is not None:
            dtype = _DTYPES.get(column.type.form, pl.String)
            found[column.name] = LiveColumn(column.name, sql, dtype)
    return found


def live_shape(table: ConfiguredTable, shape: Shape) -> Shape:
    """The shape without what cannot be compared, and with types that both sides can have."""
    columns = live_columns(table)
    kept = []
    for column in shape.columns:
        if column.name not in columns:
            continue
        name, _, _ = parsed_type(table.table.column(column.name).source_type)
        is_single = name in ("real", "float4") or (
            name == "float" and table.source.dialect == "mysql"
        )
        if is_single and column.type == "FLOAT64":
            column = Column(column.name, "FLOAT32")
        elif columns[column.name].sql.startswith("TO_JSON"):
            column = Column(column.name, "JSON")
        kept.append(column)
    return Shape(tuple(kept), shape.key)


def select_sql(table: ConfiguredTable, names: list[str]) -> str:
    """The query of a table's rows in the database, in its own dialect."""
    columns = live_columns(table)
    listed = ", ".join(columns[name].sql for name in names)
    place = _quoted(table, table.table.name)
    if table.table.schema:
        place = f"{_quoted(table, table.table.schema)}.{place}"
    return f"SELECT {listed} FROM {place}"  # noqa: S608 - names are quoted, there are no values


def live_frame(columns: list[LiveColumn], rows: list[tuple[object, ...]]) -> pl.DataFrame:
    """Fetched rows in columns."""
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    made = {}
    for column, listed in zip(columns, values, strict=True):
        if column.dtype == pl.Boolean:
            series = pl.Series(column.name, listed, pl.Int64, strict=False).cast(pl.Boolean)
        else:
            series = pl.Series(column.name, listed, column.dtype, strict=False)
        made[column.name] = series
    return pl.DataFrame(made)


def _mysql_sql(column: ViewColumn, source_type: str) -> str | None:
    name, _, _ = parsed_type(source_type)
    quoted = "`" + column.name.replace("`", "``") + "`"
    if name == "time":
        # Text without the zeros at its end, as the log has it.
        text = f"CAST({quoted} AS CHAR)"
        cut = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))"
        return f"IF(LOCATE('.', {text}), {cut}, {text})"
    if name == "bit" and column.type.form == "bytes":
        return None
    form = _MYSQL.get(column.type.form)
    return None if form is None else form.format(c=quoted)


def _postgresql_sql(column: ViewColumn, source_type: str) -> str | None:
    name, parameters, rest = parsed_type(source_type)
    quoted = '"' + column.name.replace('"', '""') + '"'
    if column.type.form == "array":
        return f"TO_JSON({quoted})::text" if _PLAIN_ARRAYS.fullmatch(source_type) else None
    if name in ("interval", "timetz") or (name == "time" and rest == "with time zone"):
        return None
    if name in ("bit", "varbit") and column.type.form == "bytes":
        return None
    if name in ("numeric", "decimal", "dec") and column.type.form == "text":
        return f"NULLIF(TRIM_SCALE({quoted})::text, 'NaN')"
    if name in ("char", "character", "bpchar") and not rest:
        # The cast to text takes blanks away that the column has.
        return f"RPAD({quoted}::text, {parameters[0] if parameters else 1})"
    form = _POSTGRESQL.get(column.type.form)
    return None if form is None else form.format(c=quoted)


def _quoted(table: ConfiguredTable, name: str) -> str:
    if table.source.dialect == "postgresql":
        return '"' + name.replace('"', '""') + '"'
    return "`" + name.replace("`", "``") + "`"
