"""Plans a row-wise statement for Beam SQL, as `--sql_engine=beam` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import polars as pl
from sqlglot import exp

from transforms.sql.beam_sql_columns import carried, carried_type, restored
from transforms.sql.beam_sql_plan import INPUT, RESULT, BeamSqlBranch, BeamSqlInput, beam_sql_table
from transforms.sql.beam_sql_text import RowWiseText, row_parts
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Failure
from transforms.sql.job import Insert, Job, View
from transforms.sql.plan import Branch
from transforms.sql.planner import needed_columns, planned_outputs
from transforms.sql.query_planner import QueryPlan, QueryPlanner
from transforms.sql.tables import Column, Table
from transforms.sql.types import STRING, TIMESTAMPS, Kind, SqlType

REASON = "--sql_engine=beam"

_MILLISECOND_DIGITS = 3
_MICROSECOND_DIGITS = 6


def row_wise_branch(
    job: Job, insert: Insert, plans: Sequence[QueryPlan], planner: QueryPlanner
) -> BeamSqlBranch:
    """A row-wise INSERT, planned already, as a statement of Beam SQL. SqlError."""
    sources = list({plan.source.name: plan.source for plan in plans}.values())
    mentioned = _mentioned(job, insert.query)
    names = ["PCOLLECTION"] if len(sources) == 1 else [f"t{n}" for n in range(len(sources))]
    inputs = [
        _input(insert, planner, source, name, mentioned)
        for source, name in zip(sources, names, strict=True)
    ]
    tables = {
        source.name: (one.name, one.columns()) for source, one in zip(sources, inputs, strict=True)
    }
    text = RowWiseText(job, tables).query(insert.query, {}, outermost=True)
    columns, values = _values(insert, plans[0])
    if len(columns) != len(text.names):
        message = "a ROW that a view makes does not come from Beam SQL; make it in the INSERT"
        raise SqlError(message, insert.node)
    table = beam_sql_table(f"{insert.name} result", tuple(columns), RESULT)
    plan = QueryPlan(table, [], plans[0].names, values)
    outputs = planned_outputs(insert, plan, job.session)
    result = Branch(
        insert.name,
        table,
        needed_columns(plan, outputs),
        (),
        tuple(outputs),
        insert.sink,
        insert.node,
    )
    query = _with_dates_as_text(text.sql, values, columns)
    return BeamSqlBranch(insert.name, tuple(inputs), None, query, result, REASON, insert.node)


def _with_dates_as_text(
    query: str, values: Sequence[Expression], columns: Sequence[tuple[str, SqlType]]
) -> str:
    """The query with its DATEs as text: Python's side of Beam cannot read the schema that Java's
    has for them."""
    dates = {name for value in values for name in _dates(value)}
    if not dates:
        return query
    items = [f"CAST({name} AS VARCHAR) AS {name}" if name in dates else name for name, _ in columns]
    return f"SELECT {', '.join(items)} FROM ({query})"  # noqa: S608 (Beam SQL's)


def _dates(value: Expression) -> Iterator[str]:
    for part in value.parts:
        yield from _dates(part)
    if value.type.kind is Kind.DATE:
        yield from value.column_names()


def _input(
    insert: Insert, planner: QueryPlanner, source: Table, name: str, mentioned: set[str]
) -> BeamSqlInput:
    """The columns of a source that the statement mentions, as they cross."""
    columns = [one for one in source.columns if one.name in mentioned or "*" in mentioned]
    columns = columns or list(source.columns[:1])
    select = exp.Select(
        expressions=[exp.column(one.name) for one in columns],
        from_=exp.From(this=exp.Table(this=exp.to_identifier(source.name))),
    )
    (plan,) = planner.query(select, {})
    times: dict[str, Kind] = {}
    crossing = []
    for column, expression in zip(columns, plan.columns, strict=True):
        kind = expression.type.kind
        if kind in (*TIMESTAMPS, Kind.DATE):
            times[column.name] = kind
        crossing.append(_crossing(source, column, expression))
    given = tuple(
        (column.name, value.type) for column, value in zip(columns, crossing, strict=True)
    )
    table = beam_sql_table(f"{insert.name} {name}", given, INPUT)
    outputs = tuple(zip(table.columns, crossing, strict=True))
    branch = Branch(
        f"{insert.name}.{source.name}",
        source,
        needed_columns(plan, list(outputs)),
        tuple(plan.steps),
        outputs,
        table,
        insert.node,
    )
    return BeamSqlInput(name, table, (branch,), times=times)


def _crossing(source: Table, column: Column, expression: Expression) -> Expression:
    if expression.type.kind in (Kind.TIME, Kind.INTERVAL, Kind.INTERVAL_MONTH):
        message = (
            f"{source.name}.{column.name} is a {expression.type}, which does not go to Beam SQL; "
            "leave --sql_engine=beam out"
        )
        raise SqlError(message, column.node)
    found = carried(expression, column.node)
    precision = expression.type.precision or 0
    if expression.type.kind not in TIMESTAMPS or precision <= _MILLISECOND_DIGITS:
        return found
    if precision > _MICROSECOND_DIGITS:
        message = f"a {expression.type} does not go to Beam SQL; declare at most 6 digits"
        raise SqlError(message, column.node)
    message = (
        f"{source.name}.{column.name} has microseconds, and Beam SQL's TIMESTAMP ends at "
        "milliseconds; leave --sql_engine=beam out"
    )
    cut = Failure(found.value % 1_000 != 0, message, column.node, expression.value)
    return dataclasses.replace(found, failures=(*found.failures, cut))


def _values(insert: Insert, plan: QueryPlan) -> tuple[list[tuple[str, SqlType]], list[Expression]]:
    """The columns that come out, c0 and so on, and the statement's columns made of them."""
    columns: list[tuple[str, SqlType]] = []

    def value(expression: Expression) -> Expression:
        node = expression.node
        if expression.parts and node is not None and row_parts(node):
            parts = tuple(value(part) for part in expression.parts)
            fields = [
                part.value.alias(field.name)
                for part, field in zip(parts, expression.type.fields, strict=True)
            ]
            return Expression(pl.struct(fields), expression.type, node=node, parts=parts)
        place = node if node is not None else insert.node.this
        name = f"c{len(columns)}"
        if expression.type.kind is Kind.DATE:
            columns.append((name, STRING))
            return Expression(pl.col(name).str.to_date("%Y-%m-%d"), expression.type, node=node)
        columns.append((name, carried_type(expression.type, place)))
        return dataclasses.replace(restored(name, expression.type), node=node)

    values = [value(expression) for expression in plan.columns]
    return columns, values


def _mentioned(job: Job, query: exp.Expr) -> set[str]:
    """The names of all columns that a query and its views write, and * for all."""
    names: set[str] = set()
    open_queries = [query]
    seen: set[str] = set()
    while open_queries:
        for node in _nodes(open_queries.pop()):
            if isinstance(node, exp.Column):
                names |= {part.name for part in node.parts}
            elif isinstance(node, exp.Star):
                names.add("*")
            elif isinstance(node, exp.Table) and node.name not in seen:
                seen.add(node.name)
                view = job.views.get(node.name)
                if isinstance(view, View):
                    open_queries.append(view.query)
    return names


def _nodes(query: exp.Expr) -> Iterator[exp.Expr]:
    yield from query.walk()
