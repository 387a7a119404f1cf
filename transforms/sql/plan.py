"""What a planned statement is: one stream source, steps on its rows, and the sink's columns."""

from __future__ import annotations

import dataclasses

import polars as pl
from sqlglot import exp

from transforms.sql.expression import Expression
from transforms.sql.tables import Column, Table
from transforms.sql.types import SqlType, array


@dataclasses.dataclass(frozen=True)
class Filter:
    """Keeps the rows for which the condition is TRUE; the others are counted as filtered."""

    condition: Expression
    node: exp.Expr

    def expressions(self) -> tuple[Expression, ...]:
        return (self.condition,)


@dataclasses.dataclass(frozen=True)
class LookupJoin:
    """Adds the columns of a looked up table, named `prefix` + the column's name.

    keys: column of the table and the stream's expression, of that column's type.
    residual: what else the ON clause asks of a pair of rows; None if nothing.
    keep_misses: LEFT JOIN; an inner JOIN drops a row without a match (counted as filtered).
    """

    table: Table
    alias: str
    prefix: str
    keys: tuple[tuple[str, Expression], ...]
    keep_misses: bool
    residual: Expression | None
    node: exp.Expr

    def expressions(self) -> tuple[Expression, ...]:
        keys = tuple(expression for _, expression in self.keys)
        return keys if self.residual is None else (*keys, self.residual)


@dataclasses.dataclass(frozen=True)
class ArrayLookup:
    """Adds the rows that a query gives for a key as one array, in the column `name`."""

    name: str
    table: Table
    query: str
    key: Expression
    element: SqlType
    node: exp.Expr

    def expression(self) -> Expression:
        """The array as a column of the frame after this step."""
        return Expression(pl.col(self.name), array(self.element))

    def expressions(self) -> tuple[Expression, ...]:
        return (self.key,)


Output = tuple[Column, Expression]
"""A column of the sink and what is written into it, of the column's type."""

Step = Filter | LookupJoin | ArrayLookup


@dataclasses.dataclass(frozen=True)
class Branch:
    """One SELECT over one source into one sink: what one record goes through.

    hides_values: no dead letter shows a value of it.

    name: the INSERT's, with a number where a UNION ALL gives it several branches; counts and dead
    letters carry it. needed: the source's columns that are read, in the order of its declaration.
    """

    name: str
    source: Table
    needed: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]
    sink: Table
    node: exp.Expr
    hides_values: bool = False

    def used_columns(self) -> set[str]:
        """The frame's columns that any step or output is computed from."""
        expressions = [expression for step in self.steps for expression in step.expressions()]
        expressions += [expression for _, expression in self.outputs]
        return {name for expression in expressions for name in expression.column_names()}

    def looked_up_columns(self, step: LookupJoin) -> tuple[Column, ...]:
        """The columns of a looked up table that the statement uses, at least one."""
        used = self.used_columns()
        columns = step.table.physical_columns()
        key = step.keys[0][0]
        return tuple(column for column in columns if step.prefix + column.name in used) or tuple(
            column for column in columns if column.name == key
        )


@dataclasses.dataclass(frozen=True)
class Plan:
    """All branches of a job; several may read the same source, which is then decoded once."""

    branches: tuple[Branch, ...]

    def sources(self) -> tuple[Table, ...]:
        by_name = {branch.source.name: branch.source for branch in self.branches}
        return tuple(by_name.values())

    def sinks(self) -> tuple[Table, ...]:
        by_name = {branch.sink.name: branch.sink for branch in self.branches}
        return tuple(by_name.values())

    def reading(self, source: Table) -> tuple[Branch, ...]:
        return tuple(branch for branch in self.branches if branch.source.name == source.name)
