"""The bytes that BigQuery would read for a query, where no dry run tells them.

BigQuery bills the columns that a query uses: of every row their logical size, each column once
however often the query names it. Which columns those are is found in the query itself, whose views
and stars are written out and whose unused columns are left out; their sizes are asked of the
warehouse. A JSON column counts whole, though BigQuery may read only the members that are asked for;
a partition that a query leaves out counts too, and so do the rows of an empty result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import sqlglot
import sqlglot.errors
from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from kami.errors import KamiError
from kami.warehouse import Warehouse, quoted, table_sql

_FIXED = {
    exp.DType.BOOLEAN: 1,
    exp.DType.BIGINT: 8,
    exp.DType.DOUBLE: 8,
    exp.DType.DATE: 8,
    exp.DType.DATETIME: 8,
    exp.DType.TIME: 8,
    exp.DType.TIMESTAMP: 8,
    exp.DType.TIMESTAMPTZ: 8,
    exp.DType.DECIMAL: 16,
    exp.DType.INTERVAL: 16,
    exp.DType.BIGDECIMAL: 32,
}
"""Bytes of a value by its type; NULL has none."""
_TEXT_BYTES = "2 + BYTE_LENGTH({})"
_LENGTHS: dict[str, dict[exp.DType, str]] = {
    "bigquery": {
        exp.DType.TEXT: _TEXT_BYTES,
        exp.DType.BINARY: _TEXT_BYTES,
        exp.DType.JSON: "BYTE_LENGTH(TO_JSON_STRING({}))",
    },
    # STRLEN is DuckDB's own, and no translation knows it: that of BYTE_LENGTH takes no texts.
    "duckdb": {
        exp.DType.TEXT: "2 + STRLEN({})",
        exp.DType.BINARY: _TEXT_BYTES,
        exp.DType.JSON: "STRLEN(CAST({} AS STRING))",
    },
}
"""SQL of the bytes of a value, by the kind of warehouse: its text's in UTF-8, and 2."""
_SAME_TYPES = {exp.DType.VARCHAR: exp.DType.TEXT, exp.DType.VARBINARY: exp.DType.BINARY}


class TableName(NamedTuple):
    dataset: str
    name: str


Path = tuple[str, ...]
"""A column, or a field of a STRUCT: the names that lead to it."""

Layout = Mapping[str, exp.DataType]
"""A table's columns."""


def bytes_read(warehouse: Warehouse, bigquery_sql: str) -> int | None:
    """The bytes of the columns that a query reads; None where one of its tables is not there.

    It asks the warehouse for the length of every text in them, and so takes about as long as the
    query.

    Raises:
        KamiError: the text is no query of BigQuery's, or a column has a type of unknown size.
    """
    layouts: dict[TableName, Layout] = {}
    query = _with_views(warehouse, _parsed(bigquery_sql), layouts)
    if query is None:
        return None
    total = 0
    for table, paths in columns_read(query, layouts).items():
        sizes = [_size(path, layouts[table], warehouse.kind) for path in sorted(paths)]
        sql = f"SELECT {' + '.join(sizes)} AS n FROM {table_sql(*table)} AS t"  # noqa: S608
        total += int(warehouse.query(sql).column("n")[0].as_py() or 0)
    return total


def columns_read(
    query: exp.Expr, layouts: Mapping[TableName, Layout]
) -> dict[TableName, set[Path]]:
    """The columns and fields of its tables that a query uses.

    Args:
        query: BigQuery's, of tables alone. It is not changed.
    """
    by_dataset: dict[str, object] = {
        dataset: {table.name: dict(of) for table, of in layouts.items() if table.dataset == dataset}
        for dataset in {table.dataset for table in layouts}
    }
    try:
        whole = qualify(
            query.transform(_in_array),
            schema=by_dataset,
            dialect="bigquery",
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        pruned = pushdown_projections(whole)
    except sqlglot.errors.SqlglotError as error:
        message = f"what a query reads cannot be told: {error}"
        raise KamiError(message) from error
    found: dict[TableName, set[Path]] = {}
    for table, path in _uses(pruned):
        whole_path = _in_layout(path, layouts[table])
        if whole_path is not None:
            found.setdefault(table, set()).add(whole_path)
    return {table: _without_parts(paths) for table, paths in found.items()}


def _in_array(node: exp.Expr) -> exp.Expr:
    """`IN UNNEST` as a function of the array: UNNEST may make rows, and would be kept unused."""
    unnest = node.args.get("unnest") if isinstance(node, exp.In) else None
    if not isinstance(unnest, exp.Unnest):
        return node
    (array,) = unnest.expressions
    return exp.ArrayContains(this=array, expression=node.this)


def _parsed(bigquery_sql: str) -> exp.Expr:
    try:
        return sqlglot.parse_one(bigquery_sql, read="bigquery")
    except sqlglot.errors.SqlglotError as error:
        message = f"a statement is no SQL of BigQuery: {error}\nin: {bigquery_sql}"
        raise KamiError(message) from error


def _with_views(
    warehouse: Warehouse, query: exp.Expr, layouts: dict[TableName, Layout]
) -> exp.Expr | None:
    """The query with the text of its views in their place, and the layouts of all its tables."""
    root = exp.Subquery(this=query)
    for table in list(root.find_all(exp.Table)):
        if not table.db:
            # A step of the query's own.
            continue
        name = TableName(table.db, table.name)
        view = warehouse.definition(*name)
        if view is not None:
            inner = _with_views(warehouse, _parsed(view), layouts)
            if inner is None:
                return None
            table.replace(exp.Subquery(this=inner, alias=exp.TableAlias(this=_alias(table))))
            continue
        columns = warehouse.columns(*name)
        if columns is None:
            return None
        layouts[name] = {column: _type(of) for column, of in columns.items()}
    found: exp.Expr = root.this
    return found


def _alias(table: exp.Table) -> exp.Identifier:
    return exp.to_identifier(table.alias or table.name, quoted=True)


def _type(of: str) -> exp.DataType:
    """The type that a warehouse tells: a DuckDB file tells its STRUCTs in its own words."""
    dialect = "duckdb" if of.startswith("STRUCT(") else "bigquery"
    return exp.DataType.build(of, dialect=dialect)


def _uses(query: exp.Expr) -> Iterator[tuple[TableName, Path]]:
    """Each place where a column of a table, or a field of it, is used."""
    for scope in traverse_scope(query):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if not isinstance(source, exp.Table) or not source.db:
                continue
            path = [column.name]
            node: exp.Expr = column
            while isinstance(node.parent, exp.Dot) and node.parent.this is node:
                node = node.parent
                path.append(node.name)
            yield TableName(source.db, source.name), tuple(path)


def _in_layout(path: Path, layout: Layout) -> Path | None:
    """The path in the table's own letters; None where the table has no such column."""
    names = {name.lower(): name for name in layout}
    name = names.get(path[0].lower())
    if name is None:
        return None
    found, of = [name], layout[name]
    for part in path[1:]:
        fields = _fields(of)
        match = next((field for field in fields if field.lower() == part.lower()), None)
        if match is None:
            break
        found.append(match)
        of = fields[match]
    return tuple(found)


def _without_parts(paths: set[Path]) -> set[Path]:
    """Without the fields of a STRUCT that is read whole."""
    return {path for path in paths if not any(path[:end] in paths for end in range(1, len(path)))}


def _fields(of: exp.DataType) -> dict[str, exp.DataType]:
    if of.this != exp.DType.STRUCT:
        return {}
    return {field.name: field.args["kind"] for field in of.expressions}


def _size(path: Path, layout: Layout, kind: str) -> str:
    """BigQuery SQL of the bytes that a column of `t` has in all rows."""
    of = layout[path[0]]
    for name in path[1:]:
        of = _fields(of)[name]
    return _sum(".".join(("t", *(quoted(name) for name in path))), of, _LENGTHS[kind])


def _sum(value: str, of: exp.DataType, lengths: Mapping[exp.DType, str]) -> str:
    if of.this == exp.DType.STRUCT:
        parts = [
            _sum(f"{value}.{quoted(name)}", inner, lengths) for name, inner in _fields(of).items()
        ]
        return f"({' + '.join(parts)})"
    if of.this == exp.DType.ARRAY:
        elements = _sum("e", of.expressions[0], lengths)
        each = f"(SELECT {elements} FROM UNNEST({value}) AS e)"  # noqa: S608
        return f"COALESCE(SUM({each}), 0)"
    fixed = _FIXED.get(of.this)
    if fixed is not None:
        return f"{fixed} * COUNT({value})"
    length = lengths.get(_SAME_TYPES.get(of.this, of.this))
    if length is None:
        message = f"the size of the type {of.sql(dialect='bigquery')} is not known"
        raise KamiError(message)
    return f"COALESCE(SUM(IF({value} IS NULL, 0, {length.format(value)})), 0)"
