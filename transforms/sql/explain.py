"""A plan as text, for `--explain`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from transforms.sql.connectors import OptionValue
from transforms.sql.job import Job
from transforms.sql.plan import ArrayLookup, Branch, Filter, LookupJoin, Plan, Step
from transforms.sql.tables import Table

DescribeLookup = Callable[[Branch, LookupJoin | ArrayLookup], str]
"""The very query that the database of a lookup will get."""

_WHY_IN_PROCESS = "every step is row-wise, so batches never leave the worker"


def explain(job: Job, plan: Plan, decoder: str, describe_lookup: DescribeLookup) -> str:
    """Sources, each statement's steps with the engine that runs them and why, and sinks."""
    lines = [f"job {job.script.name}"]
    for key, value in job.settings.items():
        lines.append(f"  set {key} = {value}")
    for source in plan.sources():
        lines += ["", *_table("source", source)]
        lines.append(f"  decoder: {decoder}")
        needed = {name for branch in plan.reading(source) for name in branch.needed}
        columns = [column.name for column in source.columns if column.name in needed]
        lines.append(f"  reads: {', '.join(columns) or 'no column'}")
    for branch in plan.branches:
        lines += ["", *_branch(job, branch, describe_lookup)]
    for sink in plan.sinks():
        lines += ["", *_table("sink", sink)]
    return "\n".join(lines)


def _table(role: str, table: Table) -> Iterator[str]:
    yield f"{role} {table.name}: {table.connector.name}"
    secret = {option.name for option in table.connector.options if option.secret}
    for name, value in table.options.items():
        yield f"  {name} = {'***' if name in secret else _shown(value)}"


def _shown(value: OptionValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _branch(job: Job, branch: Branch, describe_lookup: DescribeLookup) -> Iterator[str]:
    yield f"insert {branch.name} ({job.where(branch.node)})"
    yield f"  engine: in-process ({_WHY_IN_PROCESS})"
    yield f"  1. read {branch.source.name}"
    for number, step in enumerate(branch.steps, start=2):
        first, *rest = _step(branch, step, describe_lookup)
        yield f"  {number}. {first} ({job.where(step.node)})"
        yield from (f"     {line}" for line in rest)
    yield f"  {len(branch.steps) + 2}. write {branch.sink.name}"
    for column, expression in branch.outputs:
        source = expression.node
        text = source.sql(dialect="") if source is not None else "NULL"
        yield f"     {column.name} {column.type} = {text}"


def _step(branch: Branch, step: Step, describe_lookup: DescribeLookup) -> list[str]:
    match step:
        case Filter():
            return [f"keep rows where {step.node.sql(dialect='')}"]
        case LookupJoin():
            kind = "LEFT JOIN (misses kept)" if step.keep_misses else "JOIN (misses dropped)"
            head = f"lookup {step.table.name} AS {step.alias}: {kind}"
        case ArrayLookup():
            head = f"lookup array through {step.table.name}, an array of {step.element}"
    options = step.table.options
    cache = (
        f"cache: {options['lookup.cache.ttl']:g} s, {options['lookup.cache.max-rows']} rows, "
        f"misses {'kept' if options['lookup.cache.caching-missing-key'] else 'not kept'}"
    )
    query = describe_lookup(branch, step).splitlines()
    return [head, cache, "query:", *(f"  {line}" for line in query)]
