"""Plans queries whose parts look at several rows: these go to Beam SQL, the rest is row-wise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import polars as pl
from sqlglot import exp

from transforms.sql import types
from transforms.sql.beam_sql_columns import carried, restored
from transforms.sql.beam_sql_plan import (
    EVENT_TIME,
    RESULT,
    WINDOW_END,
    WINDOW_START,
    beam_sql_table,
)
from transforms.sql.compile import compile_expression
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression
from transforms.sql.job import Job, View
from transforms.sql.plan import Filter
from transforms.sql.query_planner import QueryPlan, QueryPlanner, _Named
from transforms.sql.scope import QueryScope, Relation
from transforms.sql.statements import CreateView
from transforms.sql.tables import Table
from transforms.sql.types import Kind, SqlType
from transforms.sql.windows_aggregates import Aggregate, aggregate
from transforms.sql.windows_core import Core, CoreInput
from transforms.sql.windows_delay import watermark_delay
from transforms.sql.windows_grouping import Grouping, grouping_of
from transforms.sql.windows_join import joined
from transforms.sql.windows_reason import reason_of
from transforms.sql.windows_time import TIMESTAMP_3, bounds, event_time

_GROUPED = ("expressions", "from_", "joins", "where", "group", "having")


class WindowPlanner(QueryPlanner):
    """A QueryPlanner that takes windows, groups and joins of streams too.

    The plan of a query with such a part has the part's result as its source; `cores` says by the
    name of that source what the part is.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.cores: dict[str, Core] = {}

    def query(self, query: exp.Expr, named: Mapping[str, _Named]) -> list[QueryPlan]:
        """The plans of a query: several where it is a UNION ALL. SqlError, SqlErrors."""
        if isinstance(query, exp.Subquery):
            return self.query(query.this, named)
        if query.args.get("with_") is not None:
            named = self._with_clause(query, named)
            query = _without(query, "with_")
        if isinstance(query, exp.Union) and not query.args.get("distinct"):
            return self._union(query, named)
        if not isinstance(query, exp.Select):
            return super().query(query, named)
        reason = reason_of(query)
        if reason is not None and reason.join:
            table, core, plan = joined(self, query, named)
            self.cores[table] = core
            return [plan]
        query, named = _lifted(query, named)
        if reason is None:
            return super().query(query, named)
        if query.args.get("group") is None and not reason.aggregate:
            # A window without a group, DISTINCT, ORDER BY and the like: told by the other planner.
            raise SqlError(reason.message(), reason.node)
        return [self._grouped(query, named, reason.word)]

    def _grouped(self, select: exp.Select, named: Mapping[str, _Named], reason: str) -> QueryPlan:
        for name, value in select.args.items():
            if value and name not in _GROUPED:
                message = f"{name.strip('_').upper()} is not supported in a statement with groups"
                place = value[0] if isinstance(value, list) else value
                raise SqlError(message, place if isinstance(place, exp.Expr) else select)
        relation, grouping = grouping_of(select)
        inner, order = _inner(select, relation, grouping)
        plans = super().query(inner, named)
        number = len(self.cores) + 1
        for plan in plans:
            if plan.source.name in self.cores:
                message = (
                    "a group of what is grouped already is not supported in one statement; write "
                    "the first into a topic, and read that in a job of its own"
                )
                raise SqlError(message, relation)
        aggregates = self._cross(plans, grouping, order)
        keys = [
            (name, plans[0].columns[order[name]].type, column)
            for name, column in zip(grouping.keys, aggregates.keys, strict=True)
        ]
        columns: list[tuple[str, SqlType]] = [(name, crossing.type) for name, _, crossing in keys]
        computed = [one for found in aggregates.found for one in found.computed]
        columns += [(one.name, one.type) for one in computed]
        if grouping.window is not None:
            columns += [(WINDOW_START, types.BIGINT), (WINDOW_END, types.BIGINT)]
        table = beam_sql_table(f"beam sql {number}", tuple(columns), RESULT)
        names = ", ".join([*grouping.keys, *(one.sql() for one in computed)] or ["COUNT(*) AS a0"])
        grouped = f" GROUP BY {', '.join(grouping.keys)}" if grouping.keys else ""
        self.cores[table.name] = Core(
            table=table,
            inputs=[
                CoreInput(
                    "PCOLLECTION",
                    plans,
                    tuple(zip(plans[0].names, (one.type for one in plans[0].columns), strict=True)),
                    max(watermark_delay(plan.source, self.session) for plan in plans),
                )
            ],
            window=None if grouping.window is None else grouping.window.window,
            query=f"SELECT {names} FROM PCOLLECTION{grouped}",  # noqa: S608 (names of our own)
            reason=reason,
            node=select,
            bounded_only=None
            if grouping.window is not None
            else "a GROUP BY without a window has its result when the input ends; add a window, as "
            "in GROUP BY ..., TUMBLE(ts, INTERVAL '5' MINUTE)",
        )
        values = {name: restored(name, sql_type) for name, sql_type, _ in keys}
        values |= {
            call.name: found.value
            for call, found in zip(grouping.calls, aggregates.found, strict=True)
        }
        if grouping.window is not None:
            values |= bounds(aggregates.time_type, self.session)
        return self._result(table, grouping, values)

    def _result(
        self, table: Table, grouping: Grouping, values: Mapping[str, Expression]
    ) -> QueryPlan:
        """The row-wise rest of a SELECT with groups: HAVING and the columns."""
        scope = QueryScope([Relation("", list(values), values.__getitem__)], self.session)
        steps = []
        if grouping.having is not None:
            condition = compile_expression(grouping.having, scope, self.session)
            if condition.type.kind not in (Kind.BOOLEAN, Kind.NULL):
                message = f"HAVING needs a BOOLEAN, this is {condition.type}"
                raise SqlError(message, grouping.having)
            steps.append(Filter(condition, grouping.having))
        columns = [
            dataclasses.replace(compile_expression(node, scope, self.session), node=node)
            for _, node in grouping.items
        ]
        return QueryPlan(table, [*steps], [name for name, _ in grouping.items], columns)

    def _cross(
        self, plans: list[QueryPlan], grouping: Grouping, order: Mapping[str, int]
    ) -> _Crossing:
        """Makes the plans' columns those that cross, and says what they are."""
        found: list[_Crossing] = []
        for plan in plans:
            keys = []
            for name, node in grouping.keys.items():
                column = plan.columns[order[name]]
                if column.type.kind in types.FLOATS:
                    message = f"{column.type} is no key of a group; CAST it to a DECIMAL"
                    raise SqlError(message, node)
                keys.append(carried(column, node))
            aggregates = [
                aggregate(
                    call,
                    None if call.argument is None else plan.columns[order[call.name]],
                    self.session,
                )
                for call in grouping.calls
            ]
            crossing = _Crossing(keys, aggregates)
            if grouping.window is not None:
                column = plan.columns[order[EVENT_TIME]]
                crossing.time = event_time(column, grouping.window)
                crossing.time_type = column.type
            found.append(crossing)
        for plan, one in zip(plans, found, strict=True):
            _replace(plan, grouping, one)
        return found[0]


@dataclasses.dataclass
class _Crossing:
    keys: list[Expression]
    found: list[Aggregate]
    time: Expression | None = None
    time_type: SqlType = TIMESTAMP_3


def _replace(plan: QueryPlan, grouping: Grouping, crossing: _Crossing) -> None:
    names = [*grouping.keys]
    columns = [*crossing.keys]
    for call, found in zip(grouping.calls, crossing.found, strict=True):
        if found.argument is not None:
            names.append(call.name)
            columns.append(found.argument)
    if crossing.time is not None:
        names.append(EVENT_TIME)
        columns.append(crossing.time)
    if not names:
        # A row needs a column to be one.
        names, columns = ["one"], [Expression(pl.lit(1, pl.Int32), types.INT)]
    plan.names, plan.columns = names, columns


def _inner(
    select: exp.Select, relation: exp.Expr, grouping: Grouping
) -> tuple[exp.Select, dict[str, int]]:
    """The row-wise query below a group: keys, arguments and event time of each row, and at which
    place of its columns each of them is."""
    named = [*grouping.keys.items()]
    named += [(call.name, call.argument) for call in grouping.calls if call.argument is not None]
    if grouping.window is not None:
        named.append((EVENT_TIME, grouping.window.time))
    order = {name: number for number, (name, _) in enumerate(named)}
    expressions: list[exp.Expr] = [
        exp.alias_(node.copy(), name, copy=False) for name, node in named
    ]
    inner = exp.Select(
        expressions=expressions or [exp.alias_(exp.Literal.number(1), "one")],
        from_=exp.From(this=relation.copy()),
    )
    for part in ("joins", "where"):
        value = select.args.get(part)
        if value:
            copied = [one.copy() for one in value] if isinstance(value, list) else value.copy()
            inner.set(part, copied)
    return inner, order


def _without(query: exp.Expr, part: str) -> exp.Expr:
    copied = query.copy()
    copied.set(part, None)
    return copied


def _lifted(
    select: exp.Select, named: Mapping[str, _Named]
) -> tuple[exp.Select, Mapping[str, _Named]]:
    """The SELECT with a subquery of its FROM clause as a name, so that each is judged alone."""
    relation = select.args["from_"].this if select.args.get("from_") is not None else None
    if not isinstance(relation, exp.Subquery) or not isinstance(relation.this, exp.Query):
        return select, named
    name = relation.alias or "the subquery"
    copied = select.copy()
    table = exp.Table(this=exp.to_identifier(name))
    table.this.meta.update(relation.this.meta)
    if relation.args.get("alias") is not None:
        table.set("alias", relation.args["alias"].copy())
    copied.args["from_"].set("this", table)
    view = View(name, (), relation.this, CreateView(this=table.this))
    return copied, {**named, name: _Named(view, named)}
