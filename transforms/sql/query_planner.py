"""Plans queries: what their FROM clauses name, and the steps on its rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl
from sqlglot import exp

from transforms.sql.compile import coerce, compile_expression
from transforms.sql.connectors import Role
from transforms.sql.errors import SqlError, SqlErrors, errors_of
from transforms.sql.expression import Expression, conjuncts
from transforms.sql.job import Job, View
from transforms.sql.lookup_planner import lookup_relation, plan_lookup_join, take_array_lookups
from transforms.sql.plan import ArrayLookup, Filter, Step
from transforms.sql.row_wise import check_row_wise, check_table
from transforms.sql.scope import QueryScope, Relation
from transforms.sql.tables import Table
from transforms.sql.type_rules import common_type
from transforms.sql.types import Kind


@dataclasses.dataclass
class QueryPlan:
    """A query over one stream: its source, the steps on its rows, and its columns in order."""

    source: Table
    steps: list[Step]
    names: list[str]
    columns: list[Expression]

    def relation(self, alias: str) -> Relation:
        by_name = dict(zip(self.names, self.columns, strict=True))
        return Relation(alias, self.names, by_name.__getitem__)


class _Named(NamedTuple):
    """A view or a query of a WITH clause, with the names of WITH clauses that it may use."""

    view: View
    outer: Mapping[str, _Named]


class QueryPlanner:
    """Plans the queries of one job; looked up columns get names that differ over all of them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.session = job.session
        self._lookups = 0
        self._arrays = 0
        self._open: list[str] = []
        self._used: set[str] = set()

    def query(self, query: exp.Expr, named: Mapping[str, _Named]) -> list[QueryPlan]:
        """The plans of a query: several where it is a UNION ALL. SqlError, SqlErrors."""
        check_row_wise(query)
        named = self._with_clause(query, named)
        match query:
            case exp.Union():
                return self._union(query, named)
            case exp.Subquery():
                return self.query(query.this, named)
            case exp.Select():
                return self._select(query, named)
        message = f"expected SELECT, found {query.key.upper()}"
        raise SqlError(message, query)

    def errors_of_unused(self) -> list[SqlError]:
        """The mistakes of views and computed columns that no INSERT uses."""
        errors: list[SqlError] = []
        for name, view in self.job.views.items():
            if name not in self._used:
                try:
                    self._view(_Named(view, {}), view.node.this)
                except (SqlError, SqlErrors) as error:
                    errors += errors_of(error)
        for name, table in self.job.tables.items():
            if name not in self._used and Role.SOURCE in table.connector.roles:
                try:
                    self._columns(table)
                except (SqlError, SqlErrors) as error:
                    errors += errors_of(error)
        return errors

    def _with_clause(self, query: exp.Expr, named: Mapping[str, _Named]) -> Mapping[str, _Named]:
        with_clause = query.args.get("with_")
        if with_clause is None:
            return named
        if with_clause.args.get("recursive"):
            message = "WITH RECURSIVE is not supported; a row-wise statement cannot repeat itself"
            raise SqlError(message, with_clause)
        for cte in with_clause.expressions:
            if cte.alias in named and named[cte.alias].view.node.parent is with_clause:
                message = f"{cte.alias!r} is in the WITH clause twice; rename one"
                raise SqlError(message, cte.args["alias"])
            names = tuple(name.name for name in cte.args["alias"].columns)
            # It sees the names before it.
            named = {**named, cte.alias: _Named(View(cte.alias, names, cte.this, cte), named)}
        return named

    def _union(self, query: exp.Union, named: Mapping[str, _Named]) -> list[QueryPlan]:
        left, right = self.query(query.left, named), self.query(query.right, named)
        if len(left[0].columns) != len(right[0].columns):
            message = (
                f"UNION ALL of {len(left[0].columns)} and {len(right[0].columns)} columns; "
                "give both sides the same number"
            )
            raise SqlError(message, query.right)
        plans = [*left, *right]
        errors: list[SqlError] = []
        for number, name in enumerate(left[0].names):
            columns = [plan.columns[number] for plan in plans]
            common = common_type([column.type for column in columns])
            if common is None:
                kinds = " and ".join(dict.fromkeys(str(column.type) for column in columns))
                message = f"UNION ALL: the column {name!r} is {kinds}; CAST them to one type"
                place = right[0].columns[number].node
                errors.append(SqlError(message, query.right if place is None else place))
                continue
            for plan, column in zip(plans, columns, strict=True):
                if column.type != common:
                    place = query.right if column.node is None else column.node
                    value = coerce(column, common, place, self.session)
                    plan.columns[number] = dataclasses.replace(value, node=column.node)
        if errors:
            raise SqlErrors(errors)
        # The first side names the columns, as in SQL.
        return [dataclasses.replace(plan, names=left[0].names) for plan in plans]

    def _select(self, select: exp.Select, named: Mapping[str, _Named]) -> list[QueryPlan]:
        from_clause = select.args.get("from_")
        if not select.expressions:
            message = "the SELECT names no columns; name some, or write *"
            raise SqlError(message, select)
        if from_clause is None:
            message = "the SELECT has no FROM; a job reads at least one source"
            raise SqlError(message, select)
        return [
            self._select_over(select, inner, alias)
            for inner, alias in self._relation(from_clause.this, named)
        ]

    def _relation(self, node: exp.Expr, named: Mapping[str, _Named]) -> list[tuple[QueryPlan, str]]:
        """What the FROM clause names, as plans without the outer SELECT's steps."""
        check_table(node)
        if isinstance(node, exp.Subquery):
            return [(plan, node.alias) for plan in self.query(node.this, named)]
        if not isinstance(node, exp.Table):
            message = "expected a table, a view or a subquery after FROM"
            raise SqlError(message, node)
        alias = node.alias or node.name
        found = named.get(node.name)
        if found is None:
            relation = self.job.relation(node)
            self._used.add(node.name)
            if isinstance(relation, Table):
                return [(self._scan(relation, node), alias)]
            found = _Named(relation, {})
        if node.args.get("version") is not None:
            message = f"{node.name} is a view; FOR SYSTEM_TIME AS OF goes with a looked up table"
            raise SqlError(message, node.this)
        return [(plan, alias) for plan in self._view(found, node)]

    def _view(self, found: _Named, node: exp.Expr) -> list[QueryPlan]:
        view = found.view
        if self.job.views.get(view.name) is view:
            self._used.add(view.name)
            if view.name in self._open:
                circle = " -> ".join([*self._open[self._open.index(view.name) :], view.name])
                message = f"the view {view.name} reads itself ({circle}); read a table in it"
                raise SqlError(message, node)
        self._open.append(view.name)
        try:
            plans = self.query(view.query, found.outer)
        finally:
            self._open.pop()
        for plan in plans:
            if not view.column_names:
                continue
            if len(view.column_names) != len(plan.names):
                message = (
                    f"the view {view.name} names {len(view.column_names)} columns, and its query "
                    f"gives {len(plan.names)} ({', '.join(plan.names)})"
                )
                raise SqlError(message, view.node.this)
            plan.names = list(view.column_names)
        return plans

    def _scan(self, table: Table, node: exp.Table) -> QueryPlan:
        table.require_role(Role.SOURCE, node.this)
        if node.args.get("version") is not None:
            message = f"{table.name} is a stream; FOR SYSTEM_TIME AS OF goes with a looked up table"
            raise SqlError(message, node.this)
        columns = self._columns(table)
        names = [column.name for column in table.columns]
        return QueryPlan(table, [], names, [columns[name] for name in names])

    def _columns(self, table: Table) -> dict[str, Expression]:
        """The columns of a source; a computed one may use those before it."""
        columns = {
            column.name: Expression(pl.col(column.name), column.type)
            for column in table.columns
            if column.type is not None
        }
        scope = QueryScope([Relation(table.name, list(columns), columns.__getitem__)], self.session)
        for column in table.columns:
            if column.expression is not None:
                columns[column.name] = compile_expression(column.expression, scope, self.session)
        return columns

    def _select_over(self, select: exp.Select, inner: QueryPlan, alias: str) -> QueryPlan:
        """A SELECT's own steps after those of the relation that it reads."""
        scope = QueryScope([inner.relation(alias)], self.session)
        joins = select.args.get("joins") or []
        for number, join in enumerate(joins, start=self._lookups + 1):
            scope.add(lookup_relation(self.job, join, number), join.this)
        self._lookups += len(joins)
        errors: list[SqlError] = []
        steps = [*inner.steps]
        early: list[exp.Expr] = []
        late: list[exp.Expr] = []
        where = select.args.get("where")
        for part in conjuncts(where.this) if where is not None else []:
            try:
                # What needs no lookup goes first: a row that is dropped costs no query.
                (late if scope.uses_lookup(part) else early).append(part)
            except SqlError as error:
                errors.append(error)
        steps += self._filters(early, scope, errors)
        for relation, join in zip(scope.relations[1:], joins, strict=True):
            try:
                steps.append(plan_lookup_join(self.job, join, scope, relation))
            except SqlError as error:
                errors.append(error)
        steps += self._filters(late, scope, errors)
        arrays, names, columns = self._project(select, scope, errors)
        if errors:
            raise SqlErrors(errors)
        return QueryPlan(inner.source, [*steps, *arrays], names, columns)

    def _filters(
        self, conjuncts: list[exp.Expr], scope: QueryScope, errors: list[SqlError]
    ) -> Iterator[Step]:
        for node in conjuncts:
            try:
                arrays, condition = self._compile(node, scope)
            except SqlError as error:
                errors.append(error)
                continue
            if condition.type.kind in (Kind.BOOLEAN, Kind.NULL):
                yield from arrays
                yield Filter(condition, node)
            else:
                message = f"WHERE needs a BOOLEAN, this is {condition.type}"
                errors.append(SqlError(message, node))

    def _compile(self, node: exp.Expr, scope: QueryScope) -> tuple[list[ArrayLookup], Expression]:
        arrays, node = take_array_lookups(self.job, node, scope, self._arrays)
        self._arrays += len(arrays)
        scope.extra |= {array.name: array.expression() for array in arrays}
        return arrays, compile_expression(node, scope, self.session)

    def _project(
        self, select: exp.Select, scope: QueryScope, errors: list[SqlError]
    ) -> tuple[list[ArrayLookup], list[str], list[Expression]]:
        arrays: list[ArrayLookup] = []
        names: list[str] = []
        columns: list[Expression] = []
        for number, node in enumerate(select.expressions):
            try:
                if node.is_star:
                    for name, column in scope.star(node):
                        names.append(name)
                        columns.append(column)
                    continue
                inner = node.this if isinstance(node, exp.Alias) else node
                looked_up, column = self._compile(inner, scope)
            except SqlError as error:
                errors.append(error)
                continue
            arrays += looked_up
            names.append(node.alias_or_name or f"EXPR${number}")
            columns.append(dataclasses.replace(column, node=inner))
        return arrays, names, columns
