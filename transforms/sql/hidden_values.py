"""Dead letters of a job that decrypts show no values: any of them may come of a decrypted one."""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from transforms.sql.expression import Expression, Failure
from transforms.sql.job import Job
from transforms.sql.plan import ArrayLookup, Branch, Filter, LookupJoin, Step

_DECRYPT = "DECRYPT"


def decrypts(job: Job) -> bool:
    """Whether a statement or a view of the job calls DECRYPT."""
    queries = [*(insert.query for insert in job.inserts), *(v.query for v in job.views.values())]
    tables = [table.node for table in job.tables.values()]
    return any(
        called.name.upper() == _DECRYPT
        for node in (*queries, *tables)
        for called in node.find_all(exp.Anonymous)
    )


def without_values(branch: Branch) -> Branch:
    """The branch with failures that say what was expected, and not what was found."""
    return dataclasses.replace(
        branch,
        steps=tuple(_step(step) for step in branch.steps),
        outputs=tuple((column, _hidden(expression)) for column, expression in branch.outputs),
        hides_values=True,
    )


def _step(step: Step) -> Step:
    match step:
        case Filter():
            return dataclasses.replace(step, condition=_hidden(step.condition))
        case LookupJoin():
            residual = None if step.residual is None else _hidden(step.residual)
            keys = tuple((name, _hidden(key)) for name, key in step.keys)
            return dataclasses.replace(step, keys=keys, residual=residual)
        case ArrayLookup():
            return dataclasses.replace(step, key=_hidden(step.key))


def _hidden(expression: Expression) -> Expression:
    return dataclasses.replace(
        expression,
        failures=tuple(_without_value(failure) for failure in expression.failures),
        parts=tuple(_hidden(part) for part in expression.parts),
    )


def _without_value(failure: Failure) -> Failure:
    return failure if failure.tells_why else dataclasses.replace(failure, value=None)
