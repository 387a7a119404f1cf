"""A plan as text, for `--explain`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from sqlglot import exp

from transforms.sql.connectors import OptionValue
from transforms.sql.job import Job
from transforms.sql.plan import ArrayLookup, Branch, Filter, LookupJoin, Output, Plan, Step
from transforms.sql.tables import Table
from transforms.sql.types import Field, Kind, SqlType

LINE_WIDTH = 100
"""Columns of a line before a type is broken; the author's own lines are kept as they are."""


@dataclasses.dataclass(frozen=True)
class LookupDescription:
    """What the database of a lookup will get.

    database: its address without the password. query: the very SQL. keys_per_query: how many
    keys one query asks for at most. one_by_one: why each key takes a query of its own, or None.
    """

    database: str
    query: str
    keys_per_query: int
    one_by_one: str | None = None


DescribeLookup = Callable[[Branch, LookupJoin | ArrayLookup], LookupDescription]


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
        lines += _listed("  reads: ", columns or ["no column"])
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


def _listed(head: str, names: list[str]) -> Iterator[str]:
    """Names behind `head`, on as many lines as they take."""
    line = head + names[0]
    for name in names[1:]:
        if len(line) + len(name) + 3 > LINE_WIDTH:
            yield f"{line},"
            line = " " * len(head) + name
        else:
            line = f"{line}, {name}"
    yield line


def _branch(job: Job, branch: Branch, describe_lookup: DescribeLookup) -> Iterator[str]:
    steps = len(branch.steps) + 2
    yield f"insert {branch.name} ({job.where(branch.node)})"
    yield (
        f"  engine: in-process for all {steps} steps: each is row-wise, so batches never leave the "
        "worker"
    )
    yield f"  1. read {branch.source.name}"
    for number, step in enumerate(branch.steps, start=2):
        first, *rest = _step(job, branch, step, describe_lookup)
        yield f"  {number}. {first}"
        yield from (f"     {line}" for line in rest)
    yield f"  {steps}. write {branch.sink.name}"
    for output in branch.outputs:
        yield from (f"     {line}" for line in _output(job, output))


def _step(job: Job, branch: Branch, step: Step, describe_lookup: DescribeLookup) -> Iterator[str]:
    where = f"({job.where(step.node)})"
    match step:
        case Filter():
            condition = written(job, step.node)
            line = f"keep rows where {condition[0]} {where}"
            if len(condition) == 1 and len(line) <= LINE_WIDTH:
                yield line
            else:
                yield from _joined(f"keep rows where {where}:", condition)
            return
        case LookupJoin():
            kind = "LEFT JOIN (misses kept)" if step.keep_misses else "JOIN (misses dropped)"
            yield f"lookup {step.table.name} AS {step.alias}: {kind} {where}"
        case ArrayLookup():
            yield f"lookup array through {step.table.name} {where}"
            yield from _joined("type:", _type_lines(SqlType(Kind.ARRAY, element=step.element)))
    options = step.table.options
    found = describe_lookup(branch, step)
    misses = "kept" if options["lookup.cache.caching-missing-key"] else "not kept"
    yield f"database: {found.database}"
    yield (
        f"cache: {options['lookup.cache.ttl']:g} s, {options['lookup.cache.max-rows']} rows, "
        f"misses {misses}"
    )
    if found.one_by_one is None:
        yield f"query, for up to {found.keys_per_query} keys (here 2):"
    else:
        yield f"query, one a key: {found.one_by_one}:"
    yield from (f"  {line}" for line in found.query.splitlines())


def _output(job: Job, output: Output) -> Iterator[str]:
    column, expression = output
    kind = column.type if column.type is not None else expression.type
    if expression.node is not None:
        source = written(job, expression.node)
    else:
        source = [", ".join(sorted(expression.column_names())) or "NULL"]
    types = _type_lines(kind)
    line = f"{column.name} {types[0]} = {source[0]}"
    if len(types) == len(source) == 1 and len(line) <= LINE_WIDTH:
        yield line
        return
    yield f"{column.name} {types[0]}"
    yield from types[1:]
    yield f"  = {source[0]}"
    yield from (f"    {line}" for line in source[1:])


def _joined(head: str, lines: list[str]) -> Iterator[str]:
    if len(lines) == 1 and len(head) + len(lines[0]) < LINE_WIDTH:
        yield f"{head} {lines[0]}"
        return
    yield head
    yield from (f"  {line}" for line in lines)


def written(job: Job, node: exp.Expr) -> list[str]:
    """The lines of an expression as its author wrote them, less their indentation."""
    text = job.written(node)
    # A column that a star stands for is called by its name.
    if text is None or (isinstance(node, exp.Column) and text.endswith("*")):
        return [node.sql(dialect="")]
    first, *rest = text.expandtabs(2).splitlines()
    indents = [len(line) - len(line.lstrip()) for line in rest if line.strip()]
    # What closes a bracket stands where the line that opened it began.
    common = min(indents, default=0)
    return [first, *(line[common:].rstrip() for line in rest)]


def _type_lines(kind: SqlType, room: int = LINE_WIDTH - 20) -> list[str]:
    """A type, with a ROW that is too long for one line broken over several."""
    if len(text := _type_text(kind)) <= room:
        return [text]
    if kind.kind is Kind.ARRAY and kind.element is not None:
        first, *rest = _type_lines(kind.element, room - 6)
        return [f"ARRAY<{first}", *rest[:-1], f"{rest[-1]}>"] if rest else [f"ARRAY<{first}>"]
    if kind.kind is not Kind.ROW:
        return [text]
    lines = []
    for number, field in enumerate(kind.fields):
        first, *rest = _type_lines(field.type, room - 2 - len(field.name))
        end = _field_end(field) + ("" if number == len(kind.fields) - 1 else ",")
        inner = [f"{field.name} {first}", *rest]
        lines += [f"  {line}" for line in [*inner[:-1], inner[-1] + end]]
    return ["ROW<", *lines, ">"]


def _type_text(kind: SqlType) -> str:
    match kind.kind:
        case Kind.ROW:
            fields = (f"{one.name} {_type_text(one.type)}{_field_end(one)}" for one in kind.fields)
            return f"ROW<{', '.join(fields)}>"
        case Kind.ARRAY if kind.element is not None:
            return f"ARRAY<{_type_text(kind.element)}>"
    return str(kind)


def _field_end(field: Field) -> str:
    return "" if field.nullable else " NOT NULL"
