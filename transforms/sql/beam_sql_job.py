"""A job whose statements need different engines, planned as a whole."""

from __future__ import annotations

import dataclasses
import enum

from transforms.sql.beam_sql_plan import BeamSqlBranch
from transforms.sql.beam_sql_planner import branches_of
from transforms.sql.beam_sql_row_wise import row_wise_branch
from transforms.sql.errors import SqlError, SqlErrors, errors_of
from transforms.sql.hidden_values import decrypts, without_values
from transforms.sql.job import Job, read_job
from transforms.sql.plan import Branch, Plan
from transforms.sql.planner import errors_of_files
from transforms.sql.refusals import Where
from transforms.sql.run import JobText
from transforms.sql.tables import Table
from transforms.sql.windows_planner import WindowPlanner


class Engine(enum.Enum):
    """`--sql_engine`: which engine runs the statements."""

    AUTO = "auto"
    IN_PROCESS = "in_process"
    BEAM = "beam"


@dataclasses.dataclass(frozen=True)
class MixedPlan(Plan):
    """A plan with statements for Beam SQL. `branches` are all that run in-process on records: the
    row-wise statements, and what computes the rows that go to Beam SQL."""

    beam_sql: tuple[BeamSqlBranch, ...] = ()

    def sinks(self) -> tuple[Table, ...]:
        """The tables of the script that are written."""
        inner = {one.table.name for branch in self.beam_sql for one in branch.inputs}
        found = {sink.name: sink for sink in super().sinks() if sink.name not in inner}
        found |= {branch.result.sink.name: branch.result.sink for branch in self.beam_sql}
        return tuple(found.values())


def plan_engines(job: Job, engine: Engine = Engine.AUTO) -> MixedPlan:
    """The plan of a job. Raises SqlErrors with every mistake in it and in its queries."""
    branches: list[Branch] = []
    beam_sql: list[BeamSqlBranch] = []
    errors = [*job.errors]
    planner = WindowPlanner(job)
    for insert in job.inserts:
        try:
            plans = planner.query(insert.query, {})
            found = branches_of(insert, plans, planner, job.session)
            if engine is Engine.BEAM and all(isinstance(branch, Branch) for branch in found):
                found = [row_wise_branch(job, insert, plans, planner)]
            for branch in found:
                if isinstance(branch, Branch):
                    branches.append(branch)
                    continue
                _check_engine(branch, engine)
                beam_sql.append(branch)
                branches += [inner for one in branch.inputs for inner in one.branches]
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
        beam_sql = [dataclasses.replace(one, result=without_values(one.result)) for one in beam_sql]
    return MixedPlan(tuple(branches), tuple(beam_sql))


def _check_engine(branch: BeamSqlBranch, engine: Engine) -> None:
    if engine is Engine.IN_PROCESS:
        message = (
            f"{branch.reason} looks at several rows, so it needs Beam SQL, and "
            "--sql_engine=in_process leaves that out; drop the flag"
        )
        raise SqlError(message, branch.node)


@dataclasses.dataclass(frozen=True)
class MixedJobText(JobText):
    """A JobText whose statements may need Beam SQL."""

    engine: Engine = Engine.AUTO

    def compile(self) -> tuple[Job, MixedPlan]:
        """Job and plan. Raises SqlErrors with every mistake of the script."""
        job = read_job(self.script, self.values, self.stand_ins, self.open_keys)
        return job, plan_engines(job, self.engine)

    def beam_sql_branch(self, name: str) -> tuple[BeamSqlBranch, Where]:
        """The statement `name`, compiled again on the worker. Raises LookupError."""
        job, plan = self.compile()
        for branch in plan.beam_sql:
            if branch.name == name:
                return branch, job.where
        message = f"the job has no statement {name!r} for Beam SQL"
        raise LookupError(message)
