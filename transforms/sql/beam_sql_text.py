"""A row-wise statement as the SQL that Beam SQL takes: Calcite's, its views put in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

from sqlglot import exp, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.generator import Generator

from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.job import Job, View
from transforms.sql.tables import Table
from transforms.sql.types import Kind, SqlType

FUNCTIONS = frozenset(
    {
        "ABS",
        "CEIL",
        "CHARACTER_LENGTH",
        "CHAR_LENGTH",
        "COALESCE",
        "EXP",
        "FLOOR",
        "INITCAP",
        "LN",
        "LOG10",
        "LOWER",
        "MOD",
        "NULLIF",
        "POWER",
        "ROUND",
        "SIGN",
        "SQRT",
        "TRUNCATE",
        "UPPER",
    }
)
"""Functions with one spelling in our SQL and in Beam's; tests/pipelines/test_two_engines.py has
where their values differ."""

_NODES = (
    exp.Add,
    exp.Alias,
    exp.And,
    exp.Anonymous,
    exp.Between,
    exp.Boolean,
    exp.Case,
    exp.Cast,
    exp.Column,
    exp.DPipe,
    exp.DataType,
    exp.DataTypeParam,
    exp.Div,
    exp.EQ,
    exp.Extract,
    exp.GT,
    exp.GTE,
    exp.Identifier,
    exp.If,
    exp.In,
    exp.Interval,
    exp.Is,
    exp.LT,
    exp.LTE,
    exp.Like,
    exp.Literal,
    exp.Mod,
    exp.Mul,
    exp.NEQ,
    exp.Neg,
    exp.Not,
    exp.Null,
    exp.Or,
    exp.Paren,
    exp.StrPosition,
    exp.Sub,
    exp.Substring,
    exp.Trim,
    exp.Var,
)
_TYPES = (
    exp.DType.BOOLEAN,
    exp.DType.TINYINT,
    exp.DType.SMALLINT,
    exp.DType.INT,
    exp.DType.BIGINT,
    exp.DType.FLOAT,
    exp.DType.DOUBLE,
    exp.DType.DECIMAL,
    exp.DType.CHAR,
    exp.DType.VARCHAR,
    exp.DType.TEXT,
    exp.DType.DATE,
    exp.DType.TIMESTAMP,
    exp.DType.TIMESTAMPLTZ,
)


_SPACE = "' '"


class CalciteSql(Dialect):
    """Calcite's SQL as Beam SQL reads it."""

    class Tokenizer(tokens.Tokenizer):
        IDENTIFIERS: ClassVar = ["`"]

    class Generator(Generator):
        TYPE_MAPPING: ClassVar = {
            **Generator.TYPE_MAPPING,
            exp.DType.TEXT: "VARCHAR",
            # Beam SQL has one timestamp, an instant.
            exp.DType.TIMESTAMPLTZ: "TIMESTAMP",
            exp.DType.INT: "INTEGER",
        }
        TRANSFORMS: ClassVar = {
            **Generator.TRANSFORMS,
            exp.Mod: lambda self, e: f"MOD({self.sql(e, 'this')}, {self.sql(e, 'expression')})",
            exp.StrPosition: lambda self, e: (
                f"POSITION({self.sql(e, 'substr')} IN {self.sql(e, 'this')})"
            ),
            exp.Trim: lambda self, e: (
                f"TRIM({e.text('position').upper() or 'BOTH'} "
                f"{self.sql(e, 'expression') or _SPACE} FROM {self.sql(e, 'this')})"
            ),
            exp.Interval: lambda self, e: (
                f"INTERVAL {self.sql(e, 'this')} {e.text('unit').upper().removesuffix('S')}"
            ),
        }


@dataclasses.dataclass(frozen=True)
class QueryText:
    """A query's text, and its columns' names."""

    sql: str
    names: tuple[str, ...]


class RowWiseText:
    """Writes row-wise queries. `tables` gives by name of a source what Beam SQL calls it, and its
    columns that cross."""

    def __init__(
        self, job: Job, tables: Mapping[str, tuple[str, Sequence[tuple[str, SqlType]]]]
    ) -> None:
        self.job = job
        self.tables = tables

    def query(
        self, query: exp.Expr, named: Mapping[str, View], *, outermost: bool = False
    ) -> QueryText:
        """The text of a query. SqlError at the first part that Beam SQL lacks.

        The columns of the outermost are c0, c1 and so on, those of a ROW one by one.
        """
        with_clause = query.args.get("with_")
        for cte in with_clause.expressions if with_clause is not None else []:
            names = tuple(name.name for name in cte.args["alias"].columns)
            named = {**named, cte.alias: View(cte.alias, names, cte.this, cte)}
        if isinstance(query, exp.Subquery):
            return self.query(query.this, named, outermost=outermost)
        if isinstance(query, exp.Union):
            left, right = (
                self.query(side, named, outermost=outermost) for side in (query.left, query.right)
            )
            return QueryText(f"{left.sql} UNION ALL {right.sql}", left.names)
        if not isinstance(query, exp.Select):
            message = f"expected SELECT, found {query.key.upper()}"
            raise SqlError(message, query)
        return self._select(query, named, outermost=outermost)

    def _select(
        self, select: exp.Select, named: Mapping[str, View], *, outermost: bool
    ) -> QueryText:
        for join in select.args.get("joins") or []:
            message = (
                "a lookup runs in-process, so a statement with one cannot run by "
                "--sql_engine=beam; drop the flag"
            )
            raise SqlError(message, join.this)
        relation, names = self._relation(select.args["from_"].this, named)
        columns: list[tuple[str, str]] = []
        for number, node in enumerate(select.expressions):
            if node.is_star:
                columns += [(name, _quoted(name)) for name in names]
                continue
            inner = node.this if isinstance(node, exp.Alias) else node
            name = node.alias_or_name or f"EXPR${number}"
            parts = flattened(inner) if outermost else [inner]
            columns += [(name, self.expression(part)) for part in parts]
        if outermost:
            columns = [(f"c{number}", text) for number, (_, text) in enumerate(columns)]
        items = ", ".join(f"{text} AS {_quoted(name)}" for name, text in columns)
        where = select.args.get("where")
        condition = "" if where is None else f" WHERE {self.expression(where.this)}"
        text = f"SELECT {items} FROM {relation}{condition}"  # noqa: S608 (Beam SQL's)
        return QueryText(text, tuple(name for name, _ in columns))

    def _relation(self, node: exp.Expr, named: Mapping[str, View]) -> tuple[str, list[str]]:
        alias = f" AS {_quoted(node.alias)}" if node.alias else ""
        if isinstance(node, exp.Subquery):
            inner = self.query(node.this, named)
            return f"({inner.sql}){alias}", list(inner.names)
        if not isinstance(node, exp.Table):
            message = "expected a table, a view or a subquery after FROM"
            raise SqlError(message, node)
        relation: Table | View = named.get(node.name) or self.job.relation(node)
        alias = f" AS {_quoted(node.alias or node.name)}"
        if isinstance(relation, Table):
            name, columns = self.tables[relation.name]
            return f"{_with_scales(name, columns)}{alias}", [one for one, _ in columns]
        inner = self.query(relation.query, named)
        if not relation.column_names:
            return f"({inner.sql}){alias}", list(inner.names)
        pairs = zip(inner.names, relation.column_names, strict=True)
        items = ", ".join(f"{_quoted(old)} AS {_quoted(new)}" for old, new in pairs)
        return f"(SELECT {items} FROM ({inner.sql})){alias}", list(relation.column_names)  # noqa: S608

    def expression(self, node: exp.Expr) -> str:
        """The text of an expression. SqlError at what Beam SQL lacks."""
        for part in node.walk():
            self._check(part)
        quoted = node.copy()
        for name in quoted.find_all(exp.Identifier):
            name.set("quoted", True)
        return quoted.sql(dialect=_CALCITE)

    def _check(self, node: exp.Expr) -> None:
        if isinstance(node, exp.Anonymous) and node.name.upper() not in FUNCTIONS:
            message = (
                f"Beam SQL has no {node.name.upper()} of our meaning; "
                f"{did_you_mean(node.name.upper(), FUNCTIONS)}, or leave --sql_engine=beam out"
            )
            raise SqlError(message, node)
        if isinstance(node, exp.DataType) and node.this not in _TYPES:
            message = (
                f"Beam SQL casts to no {node.sql()} of our meaning; leave --sql_engine=beam out"
            )
            raise SqlError(message, node)
        if isinstance(node, exp.Cast) and type(node) is not exp.Cast:
            message = "Beam SQL has no TRY_CAST; write CAST, or leave --sql_engine=beam out"
            raise SqlError(message, node)
        if isinstance(node, exp.Column) and len(node.parts) > 2:
            message = "a field of a ROW does not go to Beam SQL; leave --sql_engine=beam out"
            raise SqlError(message, node)
        if not isinstance(node, _NODES):
            message = f"{node.key.upper()} does not go to Beam SQL; leave --sql_engine=beam out"
            raise SqlError(message, node)


def _with_scales(table: str, columns: Sequence[tuple[str, SqlType]]) -> str:
    """The table, its DECIMALs with their digits: Beam's schemas have none, and where Beam SQL then
    looks for the type of two (CASE, COALESCE, UNION) it takes whole numbers and cuts the rest."""
    if not any(sql_type.kind is Kind.DECIMAL for _, sql_type in columns):
        return table
    items = [
        f"CAST({_quoted(name)} AS {sql_type}) AS {_quoted(name)}"
        if sql_type.kind is Kind.DECIMAL
        else _quoted(name)
        for name, sql_type in columns
    ]
    return f"(SELECT {', '.join(items)} FROM {table})"  # noqa: S608 (Beam SQL's)


def flattened(node: exp.Expr) -> list[exp.Expr]:
    """The parts of a ROW that the script makes, and theirs; else the node alone."""
    return [inner for part in row_parts(node) for inner in flattened(part)] or [node]


def row_parts(node: exp.Expr) -> list[exp.Expr]:
    """The fields of a ROW that the script makes: `(a, b)` or ROW(a, b)."""
    if isinstance(node, exp.Paren):
        return row_parts(node.this)
    if isinstance(node, exp.Tuple | exp.Struct):
        return list(node.expressions)
    called = isinstance(node, exp.Anonymous) and node.name.upper() == "ROW"
    return list(node.expressions) if called else []


def _quoted(name: str) -> str:
    return f"`{name}`"


_CALCITE = CalciteSql()
