"""Plans a join of two streams: rows of one window, or of two inputs that end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlglot import exp

from transforms.sql import types
from transforms.sql.beam_sql_columns import carried, carried_type
from transforms.sql.beam_sql_plan import (
    EVENT_TIME,
    RESULT,
    WINDOW_END,
    WINDOW_START,
    beam_sql_table,
)
from transforms.sql.compile import coerce, compile_expression
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Session, conjuncts
from transforms.sql.plan import Filter, Step
from transforms.sql.query_planner import QueryPlan
from transforms.sql.scope import QueryScope
from transforms.sql.type_rules import common_type
from transforms.sql.types import FLOATS, Kind, SqlType
from transforms.sql.windows import (
    WINDOW_COLUMNS,
    WindowCall,
    WindowKind,
    is_window_table,
    window_table,
)
from transforms.sql.windows_core import Core, CoreInput
from transforms.sql.windows_delay import watermark_delay
from transforms.sql.windows_join_side import JoinSide
from transforms.sql.windows_time import event_time

_JOINED = ("expressions", "from_", "joins", "where")
_BOUNDS = frozenset({"window_start", "window_end"})
_HOW = (
    "SELECT ... FROM TABLE(TUMBLE(...)) AS l JOIN TABLE(TUMBLE(...)) AS r ON l.key = r.key AND "
    "l.window_start = r.window_start AND l.window_end = r.window_end"
)


class Planner(Protocol):
    """What a join needs of the planner of its query."""

    session: Session
    cores: dict[str, Core]

    def query(self, query: exp.Expr, named: Any) -> list[QueryPlan]: ...


def joined(
    planner: Planner, select: exp.Select, named: Mapping[str, Any]
) -> tuple[str, Core, QueryPlan]:
    """The name of what Beam SQL gives, its part, and the rest of the statement. SqlError."""
    for name, value in select.args.items():
        if value and name not in _JOINED:
            message = (
                f"{name.strip('_').upper()} over a join of streams is not supported in one "
                "statement; write the join into a topic, and read that in a job of its own"
            )
            place = value[0] if isinstance(value, list) else value
            raise SqlError(message, place if isinstance(place, exp.Expr) else select)
    joins = select.args["joins"]
    if len(joins) != 1:
        message = "a statement joins two streams; write their join into a topic to join a third"
        raise SqlError(message, joins[1].this)
    join = joins[0]
    outer = _is_left(join)
    left = _side(planner, select.args["from_"].this, named, "l")
    right = _side(planner, join.this, named, "r")
    scope = QueryScope([left.relation()], planner.session)
    scope.add(right.relation(), join.this)
    keys, residual, same = _conditions(join, left, right)
    window = _window(left, right, same, join)
    steps: list[Step] = []
    where = select.args.get("where")
    for node in [*residual, *(conjuncts(where.this) if where is not None else [])]:
        if node in residual and outer:
            message = "a LEFT JOIN of streams takes equal columns alone in ON; filter before it"
            raise SqlError(message, node)
        condition = compile_expression(node, scope, planner.session)
        if condition.type.kind not in (Kind.BOOLEAN, Kind.NULL):
            message = f"a condition is a BOOLEAN, this is {condition.type}"
            raise SqlError(message, node)
        steps.append(Filter(condition, node))
    names, columns = _columns(select, scope, planner.session)
    number = len(planner.cores) + 1
    table, core = _core(planner, f"beam sql {number}", select, (left, right), keys, window, outer)
    return table, core, QueryPlan(core.table, steps, names, columns)


def _is_left(join: exp.Join) -> bool:
    side = " ".join(str(join.args.get(part) or "") for part in ("method", "side", "kind")).split()
    if side not in ([], ["INNER"], ["LEFT"], ["LEFT", "OUTER"]):
        message = f"{' '.join(side)} JOIN of streams is not supported; use JOIN or LEFT JOIN"
        raise SqlError(message, join)
    if join.args.get("on") is None:
        message = f"the join has no ON clause; streams are joined so: {_HOW}"
        raise SqlError(message, join.this)
    return side[:1] == ["LEFT"]


def _side(planner: Planner, node: exp.Expr, named: Mapping[str, Any], letter: str) -> JoinSide:
    alias = node.alias_or_name
    inner, call = node, None
    if isinstance(node, exp.Subquery) and _is_star_of_window(node.this):
        inner = node.this.args["from_"].this
    if isinstance(inner, exp.Table) and is_window_table(inner):
        found = window_table(inner)
        inner, call = found.table, found.call
        alias = alias or inner.name
    select = exp.Select(expressions=[exp.Star()], from_=exp.From(this=inner.copy()))
    plans = planner.query(select, named)
    for plan in plans:
        if plan.source.name in planner.cores:
            message = (
                "a join of what is grouped or joined already is not supported in one statement; "
                "write that into a topic, and read it in a job of its own"
            )
            raise SqlError(message, node)
    if call is not None and call.time.name not in plans[0].names:
        message = f"{inner.name} has no column {call.time.name!r} for the window"
        raise SqlError(message, call.time)
    return JoinSide(alias, plans, call, letter, node, planner.session)


def _is_star_of_window(query: exp.Expr) -> bool:
    return (
        isinstance(query, exp.Select)
        and {name for name, value in query.args.items() if value} == {"expressions", "from_"}
        and len(query.expressions) == 1
        and isinstance(query.expressions[0], exp.Star)
        and isinstance(query.args["from_"].this, exp.Table)
        and is_window_table(query.args["from_"].this)
    )


def _conditions(
    join: exp.Join, left: JoinSide, right: JoinSide
) -> tuple[list[tuple[str, str, exp.Expr]], list[exp.Expr], set[str]]:
    """The pairs of equal columns, the other conditions, and which bounds of windows are equal."""
    keys: list[tuple[str, str, exp.Expr]] = []
    residual: list[exp.Expr] = []
    same: set[str] = set()
    for node in conjuncts(join.args["on"]):
        pair = _pair(node, left, right)
        if pair is None:
            residual.append(node)
        elif pair[0] == pair[1] and pair[0] in WINDOW_COLUMNS and left.call and right.call:
            same.add(pair[0])
        else:
            keys.append((*pair, node))
    if not keys:
        message = f"the ON clause has no pair of equal columns; streams are joined so: {_HOW}"
        raise SqlError(message, join.args["on"])
    return keys, residual, same


def _pair(node: exp.Expr, left: JoinSide, right: JoinSide) -> tuple[str, str] | None:
    if not isinstance(node, exp.EQ):
        return None
    scope = QueryScope([left.relation(), right.relation()], left.session)
    found: dict[str, str] = {}
    for side in (node.left, node.right):
        if not isinstance(side, exp.Column):
            return None
        relation, name, fields = scope.resolve(side)
        if fields:
            return None
        found[relation.alias] = name
    if len(found) != 2:
        return None
    return found[left.alias], found[right.alias]


def _window(left: JoinSide, right: JoinSide, same: set[str], join: exp.Join) -> WindowCall | None:
    if left.call is None and right.call is None:
        return None
    calls = [side.call for side in (left, right) if side.call is not None]
    if len(calls) != 2 or calls[0].window != calls[1].window:
        message = f"both sides of a join have the same window: {_HOW}"
        raise SqlError(message, join.this)
    if calls[0].window.kind is WindowKind.SESSION:
        message = "sessions of two streams differ, so they are not joined; use TUMBLE or HOP"
        raise SqlError(message, calls[0].node)
    if not same >= _BOUNDS:
        message = f"rows of one window are joined: {_HOW}"
        raise SqlError(message, join.args["on"])
    return calls[0]


def _columns(
    select: exp.Select, scope: QueryScope, session: Session
) -> tuple[list[str], list[Expression]]:
    names: list[str] = []
    columns: list[Expression] = []
    for number, node in enumerate(select.expressions):
        if node.is_star:
            for name, column in scope.star(node):
                names.append(name)
                columns.append(column)
            continue
        inner = node.this if isinstance(node, exp.Alias) else node
        names.append(node.alias_or_name or f"EXPR${number}")
        value = compile_expression(inner, scope, session)
        columns.append(dataclasses.replace(value, node=inner))
    return names, columns


def _core(
    planner: Planner,
    table_name: str,
    select: exp.Select,
    sides: Sequence[JoinSide],
    keys: Sequence[tuple[str, str, exp.Expr]],
    window: WindowCall | None,
    outer: bool,
) -> tuple[str, Core]:
    crossing: list[tuple[str, SqlType]] = []
    inputs = []
    for index, side in enumerate(sides):
        columns = [
            (new, carried_type(side.type_of(name), side.node)) for name, new in side.used.items()
        ]
        crossing += columns
        given: list[tuple[str, SqlType]] = []
        for plan in side.plans:
            given = _cross(plan, side, sides, keys, index, planner.session, outer=outer)
        delay = max(watermark_delay(plan.source, planner.session) for plan in side.plans)
        inputs.append(CoreInput(f"t{index}", side.plans, tuple(given), delay))
    if window is not None:
        crossing += [(WINDOW_START, types.BIGINT), (WINDOW_END, types.BIGINT)]
    names = [f"t0.{new} AS {new}" for new in sides[0].used.values()]
    names += [f"t1.{new} AS {new}" for new in sides[1].used.values()]
    on = " AND ".join(f"t0.k{n} = t1.k{n}" for n in range(len(keys)))
    how = "LEFT JOIN" if outer else "JOIN"
    table = beam_sql_table(table_name, tuple(crossing), RESULT)
    items = ", ".join(names or ["t0.k0 AS k0"])
    if not names:
        table = beam_sql_table(table_name, (inputs[0].columns[0], *crossing), RESULT)
    return table.name, Core(
        table=table,
        inputs=inputs,
        window=None if window is None else window.window,
        query=f"SELECT {items} FROM t0 {how} t1 ON {on}",  # noqa: S608 (names of our own)
        reason="JOIN",
        node=select,
        bounded_only=None
        if window is not None
        else "a join of streams without windows has its result when both inputs end; join windows "
        f"of them: {_HOW}",
    )


def _cross(
    plan: QueryPlan,
    side: JoinSide,
    sides: Sequence[JoinSide],
    keys: Sequence[tuple[str, str, exp.Expr]],
    index: int,
    session: Session,
    *,
    outer: bool,
) -> list[tuple[str, SqlType]]:
    """Makes a plan's columns those that cross: keys, what the statement reads, event time."""
    by_name = dict(zip(plan.names, plan.columns, strict=True))
    names: list[str] = []
    columns: list[Expression] = []
    for number, (left, right, node) in enumerate(keys):
        pair = [sides[0].type_of(left), sides[1].type_of(right)]
        common = common_type(pair)
        if common is None or common.kind in FLOATS:
            message = f"{pair[0]} and {pair[1]} are no key of a join; CAST them to one exact type"
            raise SqlError(message, node)
        value = coerce(by_name[(left, right)[index]], common, node, session)
        if index == 1 or not outer:
            # Beam SQL takes two NULLs for equal; SQL does not.
            known = Expression(value.value.is_not_null(), types.BOOLEAN, value.failures)
            plan.steps = [*plan.steps, Filter(known, node)]
        names.append(f"k{number}")
        columns.append(carried(value, node))
    for name, new in side.used.items():
        names.append(new)
        columns.append(carried(by_name[name], side.node))
    if side.call is not None:
        names.append(EVENT_TIME)
        columns.append(event_time(by_name[side.call.time.name], side.call))
    plan.names, plan.columns = names, columns
    return [(name, column.type) for name, column in zip(names, columns, strict=True)]
