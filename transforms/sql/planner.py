"""Plans a job's INSERT statements for the in-process engine: row-wise SQL over one stream."""

from __future__ import annotations

import dataclasses

import polars as pl
from sqlglot import exp

from transforms.sql.compile import coerce, compile_expression
from transforms.sql.connectors import Role
from transforms.sql.errors import SqlError, SqlErrors, did_you_mean
from transforms.sql.expression import Expression, Failure
from transforms.sql.job import Insert, Job, View
from transforms.sql.lookup_planner import lookup_relation, plan_lookup_join, take_array_lookups
from transforms.sql.plan import ArrayLookup, Branch, Filter, Output, Plan, Step
from transforms.sql.row_wise import check_row_wise
from transforms.sql.scope import QueryScope, Relation
from transforms.sql.tables import Column, Table, column_type
from transforms.sql.types import Kind, polars_type


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


def plan_job(job: Job) -> Plan:
    """The plan of a job. Raises SqlErrors with every mistake in its queries."""
    branches: list[Branch] = []
    errors: list[SqlError] = []
    for insert in job.inserts:
        try:
            branches += _Planner(job).insert(insert)
        except SqlError as error:
            errors.append(error)
        except SqlErrors as found:
            errors += found.errors
    if errors:
        raise SqlErrors([job.located(error) for error in errors])
    return Plan(tuple(branches))


class _Planner:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.session = job.session
        self.lookups = 0

    def insert(self, insert: Insert) -> list[Branch]:
        plans = self.query(insert.query, {})
        branches = []
        for number, plan in enumerate(plans, start=1):
            outputs = self._outputs(insert, plan)
            branches.append(
                Branch(
                    name=insert.name if len(plans) == 1 else f"{insert.name}.{number}",
                    source=plan.source,
                    needed=_needed(plan, outputs),
                    steps=tuple(plan.steps),
                    outputs=tuple(outputs),
                    sink=insert.sink,
                    node=insert.node,
                )
            )
        return branches

    def _outputs(self, insert: Insert, plan: QueryPlan) -> list[Output]:
        """The sink's columns in its order, each with the expression of its type."""
        given, wanted = len(plan.columns), len(insert.columns)
        if given != wanted:
            names = ", ".join(column.name for column in insert.columns)
            message = (
                f"the SELECT gives {given} columns ({', '.join(plan.names)}), and the INSERT into "
                f"{insert.sink.name} takes {wanted} ({names})"
            )
            raise SqlError(message, insert.node.this)
        outputs: dict[str, Output] = {}
        errors: list[SqlError] = []
        for column, expression in zip(insert.columns, plan.columns, strict=True):
            place = expression.node if expression.node is not None else insert.node.this
            try:
                value = coerce(expression, column_type(column), place, self.session)
            except SqlError as error:
                error.message = f"{insert.sink.name}.{column.name}: {error.message}"
                errors.append(error)
                continue
            if not column.nullable:
                message = f"{insert.sink.name}.{column.name} is NOT NULL, and the value is NULL"
                refused = Failure(value.value.is_null(), message, place)
                value = dataclasses.replace(value, failures=(*value.failures, refused))
            outputs[column.name] = (column, dataclasses.replace(value, node=expression.node))
        if errors:
            raise SqlErrors(errors)
        return [
            outputs.get(column.name) or (column, _null(column))
            for column in insert.sink.physical_columns()
        ]

    def query(self, query: exp.Expr, views: dict[str, View]) -> list[QueryPlan]:
        """The plans of a query: several where it is a UNION ALL."""
        match query:
            case exp.Union():
                left = self.query(query.left, views)
                right = self.query(query.right, views)
                if len(left[0].columns) != len(right[0].columns):
                    message = (
                        f"UNION ALL of {len(left[0].columns)} and {len(right[0].columns)} columns; "
                        "give both sides the same number"
                    )
                    raise SqlError(message, query.right)
                # The first side names the columns, as in SQL.
                return [*left, *(dataclasses.replace(one, names=left[0].names) for one in right)]
            case exp.Subquery():
                return self.query(query.this, views)
            case exp.Select():
                return self.select(query, views)
        message = f"expected SELECT, found {query.key.upper()}"
        raise SqlError(message, query)

    def select(self, select: exp.Select, views: dict[str, View]) -> list[QueryPlan]:
        check_row_wise(select)
        with_clause = select.args.get("with_")
        if with_clause is not None:
            views = dict(views)
            for cte in with_clause.expressions:
                names = tuple(name.name for name in cte.args["alias"].columns)
                views[cte.alias] = View(cte.alias, names, cte.this, cte)
        from_clause = select.args.get("from_")
        if from_clause is None:
            message = "the SELECT has no FROM; a job reads at least one source"
            raise SqlError(message, select)
        return [
            self._select_over(select, inner, alias)
            for inner, alias in self._relation(from_clause.this, views)
        ]

    def _relation(self, node: exp.Expr, views: dict[str, View]) -> list[tuple[QueryPlan, str]]:
        """What the FROM clause names, as plans without the outer SELECT's steps."""
        if isinstance(node, exp.Subquery):
            return [(plan, node.alias) for plan in self.query(node.this, views)]
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            message = "expected a table, a view or a subquery after FROM"
            raise SqlError(message, node)
        alias = node.alias or node.name
        found = views.get(node.name) or self.job.relation(node)
        if isinstance(found, Table):
            return [(self._scan(found, node), alias)]
        # A view sees the job's names and, of a WITH clause, the names before it.
        outer = {name: view for name, view in views.items() if view is not found}
        plans = self.query(found.query, outer)
        for plan in plans:
            if found.column_names:
                if len(found.column_names) != len(plan.names):
                    message = (
                        f"the view {found.name} names {len(found.column_names)} columns, and its "
                        f"query gives {len(plan.names)}"
                    )
                    raise SqlError(message, node)
                plan.names = list(found.column_names)
        return [(plan, alias) for plan in plans]

    def _scan(self, table: Table, node: exp.Table) -> QueryPlan:
        table.require_role(Role.SOURCE, node.this)
        if node.args.get("version") is not None:
            message = f"{table.name} is a stream; FOR SYSTEM_TIME AS OF goes with a looked up table"
            raise SqlError(message, node.this)
        columns = {
            column.name: Expression(pl.col(column.name), column.type)
            for column in table.columns
            if column.type is not None
        }
        scope = QueryScope([Relation(table.name, list(columns), columns.__getitem__)], self.session)
        for column in table.columns:
            if column.expression is not None:
                columns[column.name] = compile_expression(column.expression, scope, self.session)
        names = [column.name for column in table.columns]
        return QueryPlan(table, [], names, [columns[name] for name in names])

    def _select_over(self, select: exp.Select, inner: QueryPlan, alias: str) -> QueryPlan:
        """A SELECT's own steps after those of the relation that it reads."""
        scope = QueryScope([inner.relation(alias)], self.session)
        joins = select.args.get("joins") or []
        for number, join in enumerate(joins, start=self.lookups + 1):
            scope.relations.append(lookup_relation(self.job, join, number))
        where = select.args.get("where")
        conjuncts = _conjuncts(where.this) if where is not None else []
        # What needs no lookup goes first: a row that is dropped costs no query.
        early = [part for part in conjuncts if not scope.uses_lookup(part)]
        late = [part for part in conjuncts if scope.uses_lookup(part)]
        steps = [*inner.steps]
        steps += self._filters(early, scope)
        for relation, join in zip(scope.relations[1:], joins, strict=True):
            self.lookups += 1
            steps.append(plan_lookup_join(self.job, join, scope, relation))
        steps += self._filters(late, scope)
        arrays, names, columns = self._project(select, scope)
        return QueryPlan(inner.source, [*steps, *arrays], names, columns)

    def _filters(self, conjuncts: list[exp.Expr], scope: QueryScope) -> list[Step]:
        steps: list[Step] = []
        for node in conjuncts:
            arrays, condition = self._compile(node, scope)
            if condition.type.kind not in (Kind.BOOLEAN, Kind.NULL):
                message = f"WHERE needs a BOOLEAN, this is {condition.type}"
                raise SqlError(message, node)
            steps += [*arrays, Filter(condition, node)]
        return steps

    def _compile(self, node: exp.Expr, scope: QueryScope) -> tuple[list[ArrayLookup], Expression]:
        arrays, node = take_array_lookups(self.job, node, scope)
        scope.extra |= {array.name: array.expression() for array in arrays}
        return arrays, compile_expression(node, scope, self.session)

    def _project(
        self, select: exp.Select, scope: QueryScope
    ) -> tuple[list[ArrayLookup], list[str], list[Expression]]:
        arrays: list[ArrayLookup] = []
        names: list[str] = []
        columns: list[Expression] = []
        errors: list[SqlError] = []
        for number, node in enumerate(select.expressions):
            try:
                if node.is_star:
                    for name, column in _star(node, scope):
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
        if errors:
            raise SqlErrors(errors)
        return arrays, names, columns


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Paren):
        return _conjuncts(node.this)
    if isinstance(node, exp.And):
        return [*_conjuncts(node.left), *_conjuncts(node.right)]
    return [node]


def _null(column: Column) -> Expression:
    sql_type = column_type(column)
    return Expression(pl.lit(None, polars_type(sql_type)), sql_type)


def _star(node: exp.Expr, scope: QueryScope) -> list[tuple[str, Expression]]:
    """The columns that `*` or `alias.*` stands for."""
    alias = node.table if isinstance(node, exp.Column) else ""
    relations = [one for one in scope.relations if not alias or one.alias == alias]
    if not relations:
        known = [one.alias for one in scope.relations]
        message = f"there is no table {alias!r} here; {did_you_mean(alias, known)}"
        raise SqlError(message, node)
    return [(name, relation.column(name)) for relation in relations for name in relation.names]


def _needed(plan: QueryPlan, outputs: list[Output]) -> tuple[str, ...]:
    """The source's columns that the steps and the outputs use, in the source's order."""
    used: set[str] = set()
    for expression in [
        *(expression for step in plan.steps for expression in step.expressions()),
        *(expression for _, expression in outputs),
    ]:
        used |= expression.column_names()
    return tuple(column.name for column in plan.source.columns if column.name in used)
