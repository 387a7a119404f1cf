"""Plans a statement with a part for Beam SQL."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.sql.beam_sql_plan import (
    INPUT,
    BeamSqlBranch,
    BeamSqlInput,
    beam_sql_table,
)
from transforms.sql.expression import Session
from transforms.sql.job import Insert, Job
from transforms.sql.plan import Branch
from transforms.sql.planner import needed_columns, planned_outputs
from transforms.sql.query_planner import QueryPlan
from transforms.sql.windows_core import Core, CoreInput
from transforms.sql.windows_planner import WindowPlanner


def plan_windowed(job: Job, insert: Insert) -> list[Branch | BeamSqlBranch]:
    """The branches of an INSERT, whatever engine each needs. SqlError, SqlErrors."""
    planner = WindowPlanner(job)
    return branches_of(insert, planner.query(insert.query, {}), planner, job.session)


def branches_of(
    insert: Insert, plans: Sequence[QueryPlan], planner: WindowPlanner, session: Session
) -> list[Branch | BeamSqlBranch]:
    """The branches of an INSERT whose query has these plans. SqlError."""
    branches: list[Branch | BeamSqlBranch] = []
    for number, plan in enumerate(plans, start=1):
        name = insert.name if len(plans) == 1 else f"{insert.name}.{number}"
        outputs = planned_outputs(insert, plan, session)
        branch = Branch(
            name=name,
            source=plan.source,
            needed=needed_columns(plan, outputs),
            steps=tuple(plan.steps),
            outputs=tuple(outputs),
            sink=insert.sink,
            node=insert.node,
        )
        core = planner.cores.get(plan.source.name)
        branches.append(branch if core is None else _with_core(branch, core))
    return branches


def _with_core(result: Branch, core: Core) -> BeamSqlBranch:
    return BeamSqlBranch(
        name=result.name,
        inputs=tuple(_input(result, core, one) for one in core.inputs),
        window=core.window,
        query=core.query,
        result=result,
        reason=core.reason,
        node=core.node,
        bounded_only=core.bounded_only,
    )


def _input(result: Branch, core: Core, given: CoreInput) -> BeamSqlInput:
    name = f"{result.name} {given.name}"
    table = beam_sql_table(name, given.columns, INPUT)
    branches = []
    for number, plan in enumerate(given.plans, start=1):
        outputs = list(zip(table.columns, plan.columns, strict=True))
        suffix = "" if len(given.plans) == 1 else f".{number}"
        branches.append(
            Branch(
                name=f"{result.name}.{given.name.lower()}{suffix}",
                source=plan.source,
                needed=needed_columns(plan, outputs),
                steps=tuple(plan.steps),
                outputs=tuple(outputs),
                sink=table,
                node=core.node,
            )
        )
    return BeamSqlInput(given.name, table, tuple(branches), given.delay)
