"""Plans a job's INSERT statements for the in-process engine: row-wise SQL over one stream."""

from __future__ import annotations

import dataclasses

import polars as pl

from transforms.sql.compile import coerce
from transforms.sql.errors import SqlError, SqlErrors, errors_of
from transforms.sql.expression import Expression, Failure, Session
from transforms.sql.hidden_values import decrypts, without_values
from transforms.sql.job import Insert, Job
from transforms.sql.plan import Branch, Output, Plan
from transforms.sql.query_planner import QueryPlan, QueryPlanner
from transforms.sql.tables import Column, Table, column_type
from transforms.sql.types import Kind, polars_type


def plan_job(job: Job) -> Plan:
    """The plan of a job. Raises SqlErrors with every mistake in it and in its queries."""
    branches: list[Branch] = []
    errors = [*job.errors]
    planner = QueryPlanner(job)
    for insert in job.inserts:
        try:
            branches += _branches(insert, planner.query(insert.query, {}), job.session)
        except (SqlError, SqlErrors) as error:
            errors += errors_of(error)
    for query in job.unplaced:
        try:
            planner.query(query, {})
        except (SqlError, SqlErrors) as error:
            errors += errors_of(error)
    errors += planner.errors_of_unused()
    errors += errors_of_files({insert.sink.name: insert.sink for insert in job.inserts})
    if errors:
        raise SqlErrors([job.located(error) for error in errors])
    if decrypts(job):
        branches = [without_values(branch) for branch in branches]
    return Plan(tuple(branches))


def _branches(insert: Insert, plans: list[QueryPlan], session: Session) -> list[Branch]:
    branches = []
    for number, plan in enumerate(plans, start=1):
        outputs = planned_outputs(insert, plan, session)
        branches.append(
            Branch(
                name=insert.name if len(plans) == 1 else f"{insert.name}.{number}",
                source=plan.source,
                needed=needed_columns(plan, outputs),
                steps=tuple(plan.steps),
                outputs=tuple(outputs),
                sink=insert.sink,
                node=insert.node,
            )
        )
    return branches


def planned_outputs(insert: Insert, plan: QueryPlan, session: Session) -> list[Output]:
    """The sink's columns in its order, each with the expression of its type."""
    given, wanted = len(plan.columns), len(insert.columns)
    if given != wanted:
        names = ", ".join(column.name for column in insert.columns)
        message = (
            f"the SELECT gives {given} column(s) ({', '.join(plan.names)}), and the INSERT into "
            f"{insert.sink.name} takes {wanted} ({names})"
        )
        raise SqlError(message, insert.node.this)
    outputs: dict[str, Output] = {}
    errors: list[SqlError] = []
    for column, expression in zip(insert.columns, plan.columns, strict=True):
        place = expression.node if expression.node is not None else insert.node.this
        try:
            value = coerce(expression, column_type(column), place, session)
        except SqlError as error:
            error.message = f"{insert.sink.name}.{column.name}: {error.message}"
            errors.append(error)
            continue
        if not column.nullable:
            message = f"{insert.sink.name}.{column.name} is NOT NULL, and the value is NULL"
            if expression.type.kind is Kind.NULL:
                errors.append(SqlError(f"{message}; drop NOT NULL or give a value", place))
                continue
            refused = Failure(value.value.is_null(), message, place)
            value = dataclasses.replace(value, failures=(*value.failures, refused))
        outputs[column.name] = (column, dataclasses.replace(value, node=expression.node))
    if errors:
        raise SqlErrors(errors)
    return [
        outputs.get(column.name) or (column, _null(column))
        for column in insert.sink.physical_columns()
    ]


def errors_of_files(sinks: dict[str, Table]) -> list[SqlError]:
    """Two sinks of one path: the file of the one would take the place of the other's."""
    errors: list[SqlError] = []
    paths: dict[object, str] = {}
    for sink in sinks.values():
        path = sink.options.get("path")
        if path is not None and paths.setdefault(path, sink.name) != sink.name:
            message = (
                f"{paths[path]} and {sink.name} write the same file {path!r}; give each its own, "
                "or INSERT INTO one table twice"
            )
            errors.append(SqlError(message, sink.option_node("path")))
    return errors


def _null(column: Column) -> Expression:
    sql_type = column_type(column)
    return Expression(pl.lit(None, polars_type(sql_type)), sql_type)


def needed_columns(plan: QueryPlan, outputs: list[Output]) -> tuple[str, ...]:
    """The source's columns that the steps and the outputs use, in the source's order."""
    used: set[str] = set()
    for expression in [
        *(expression for step in plan.steps for expression in step.expressions()),
        *(expression for _, expression in outputs),
    ]:
        used |= expression.column_names()
    return tuple(column.name for column in plan.source.columns if column.name in used)
