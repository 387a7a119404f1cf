"""An SQL script as a job: its tables, views, settings and INSERT statements."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

from sqlglot import exp

from transforms.sql.connectors import Role
from transforms.sql.dialect import parse_statements
from transforms.sql.errors import (
    Script,
    Span,
    SqlError,
    SqlErrors,
    did_you_mean,
    errors_of,
    span_of,
)
from transforms.sql.expression import Session
from transforms.sql.settings import KEYS, KMS_KEY, OpenKeys, set_option
from transforms.sql.stand_ins import StandIns, with_stand_ins
from transforms.sql.statements import (
    CreateTable,
    CreateView,
    InsertInto,
    SetOption,
    StatementSet,
)
from transforms.sql.tables import Column, Table, declare_table
from transforms.sql.variables import Substituted, substitute

_Named = TypeVar("_Named")


@dataclasses.dataclass(frozen=True)
class View:
    """`CREATE VIEW`: a named query, put in place wherever it is used."""

    name: str
    column_names: tuple[str, ...]
    query: exp.Expr
    node: CreateView


@dataclasses.dataclass(frozen=True)
class Insert:
    """One INSERT statement. `name` tells it from its siblings in counts and dead letters."""

    name: str
    sink: Table
    columns: tuple[Column, ...]
    query: exp.Expr
    node: InsertInto


@dataclasses.dataclass(frozen=True)
class Job:
    """What the statements of a script declare; the queries are checked by the plan.

    errors: the mistakes that can be seen without the queries, located. broken: the names whose
    own declarations are mistaken, so that their use is no further mistake. unplaced: the queries
    of INSERTs whose sink is mistaken.
    """

    script: Script
    tables: dict[str, Table]
    views: dict[str, View]
    inserts: tuple[Insert, ...]
    settings: dict[str, str]
    text: Substituted
    errors: tuple[SqlError, ...] = ()
    broken: frozenset[str] = frozenset()
    unplaced: tuple[exp.Expr, ...] = ()
    open_keys: OpenKeys | None = None

    @property
    def session(self) -> Session:
        keys = None
        if self.open_keys is not None and KEYS in self.settings:
            keys = self.open_keys(self.settings[KEYS], self.settings.get(KMS_KEY))
        return Session(time_zone=self.settings.get("table.local-time-zone", "UTC"), keys=keys)

    def where(self, node: exp.Expr) -> str:
        """`script:line:column` of a node, for the message of a dead letter."""
        span = span_of(node)
        if span is None:
            return self.script.name
        line, column = self.script.line_and_column(self.text.source_span(span).start)
        return f"{self.script.name}:{line}:{column}"

    def written(self, node: exp.Expr) -> str | None:
        """A node as the script spells it, with its `${NAME}`s; None for one that code made."""
        span = span_of(node)
        if span is None:
            return None
        source = self.text.source_span(span)
        return self.script.text[source.start : source.end]

    def located(self, error: SqlError) -> SqlError:
        """An error about the parsed text, told about the script as its author wrote it."""
        return _located(error, self.script, self.text)

    def relation(self, node: exp.Table) -> Table | View:
        """The table or view that `node` names; SqlError with the nearest names if there is none.
        SqlErrors, empty, if its own declaration is mistaken."""
        name = node.name
        found = self.tables.get(name) or self.views.get(name)
        if found is None and name in self.broken:
            raise SqlErrors([])
        if found is None:
            known = [*self.tables, *self.views]
            message = f"there is no table or view {name!r}; {did_you_mean(name, known)}"
            raise SqlError(message, node.this)
        return found


NO_STAND_INS = StandIns()


def compile_job(
    script: Script, values: Mapping[str, str], stand_ins: StandIns = NO_STAND_INS
) -> Job:
    """The job of a script, with `values` for its `${NAME}`s.

    Raises SqlErrors with every mistake that can be seen without the queries.
    """
    job = read_job(script, values, stand_ins)
    if job.errors:
        raise SqlErrors(job.errors)
    return job


def read_job(
    script: Script,
    values: Mapping[str, str],
    stand_ins: StandIns = NO_STAND_INS,
    open_keys: OpenKeys | None = None,
) -> Job:
    """The job of a script as far as it has no mistakes; the others are in its `errors`."""
    text = substitute(script, values)
    parsed = parse_statements(text.text)
    errors = [*parsed.errors]
    broken = set(parsed.broken)
    tables: dict[str, Table] = {}
    views: dict[str, View] = {}
    settings: dict[str, str] = {}
    insert_nodes: list[InsertInto] = []
    for statement in parsed.statements:
        try:
            match statement:
                case CreateTable():
                    _add(tables, views, statement.this, declare_table(statement))
                case CreateView():
                    names = tuple(name.name for name in statement.expressions)
                    view = View(statement.this.name, names, statement.expression, statement)
                    _add(views, tables, statement.this, view)
                case SetOption():
                    set_option(settings, statement, open_keys)
                case StatementSet():
                    insert_nodes += statement.expressions
                case InsertInto():
                    insert_nodes.append(statement)
        except (SqlError, SqlErrors) as error:
            errors += errors_of(error)
            if isinstance(statement, (CreateTable, CreateView)):
                broken.add(statement.this.name)
    try:
        tables = with_stand_ins(tables, {node.this.name for node in insert_nodes}, stand_ins)
    except SqlError as error:
        errors.append(error)
    inserts: list[Insert] = []
    unplaced: list[exp.Expr] = []
    for number, node in enumerate(insert_nodes, start=1):
        try:
            # A sink whose own declaration is wrong has its error already.
            if node.this.name in tables or node.this.name not in broken:
                inserts.append(_insert(tables, node, number, len(insert_nodes)))
                continue
        except (SqlError, SqlErrors) as error:
            errors += errors_of(error)
        unplaced.append(node.expression)
    if not insert_nodes and not errors:
        message = "the script has no INSERT INTO statement, so it has nothing to run; add one"
        errors.append(SqlError(message))
    located = _with_missing([_located(error, script, text) for error in errors], text)
    return Job(
        script,
        tables,
        views,
        tuple(inserts),
        settings,
        text,
        located,
        frozenset(broken - {*tables, *views}),
        tuple(unplaced),
        open_keys,
    )


def _located(error: SqlError, script: Script, text: Substituted) -> SqlError:
    if error.script is None and error.span is not None:
        error.span = text.source_span(error.span)
    return error.located(script)


def _with_missing(errors: list[SqlError], text: Substituted) -> tuple[SqlError, ...]:
    """The errors with those of names without a value, and without what follows from these."""
    missing = [error.span for error in text.missing if error.span is not None]

    def follows(span: Span | None) -> bool:
        return span is not None and any(
            span.start < other.end and other.start < span.end for other in missing
        )

    return (*text.missing, *(error for error in errors if not follows(error.span)))


def _add(
    into: dict[str, _Named], others: Mapping[str, object], name: exp.Expr, thing: _Named
) -> None:
    if name.name in into or name.name in others:
        message = f"{name.name!r} is declared twice; rename one"
        raise SqlError(message, name)
    into[name.name] = thing


def _insert(tables: Mapping[str, Table], node: InsertInto, number: int, of: int) -> Insert:
    sink = tables.get(node.this.name)
    if sink is None:
        message = f"there is no table {node.this.name!r}; {did_you_mean(node.this.name, tables)}"
        raise SqlError(message, node.this)
    sink.require_role(Role.SINK, node.this)
    writable = sink.physical_columns()
    columns = writable
    if node.expressions:
        columns = _listed(sink, writable, node)
    name = sink.name if of == 1 else f"{sink.name}#{number}"
    return Insert(name, sink, columns, node.expression, node)


def _listed(sink: Table, writable: tuple[Column, ...], node: InsertInto) -> tuple[Column, ...]:
    """The columns that an INSERT lists. Raises SqlErrors."""
    by_name = {column.name: column for column in writable}
    listed: dict[str, Column] = {}
    errors: list[SqlError] = []
    for name in node.expressions:
        if name.name not in by_name:
            message = (
                f"{sink.name} has no column {name.name!r} to write; "
                f"{did_you_mean(name.name, by_name)}"
            )
            errors.append(SqlError(message, name))
        elif name.name in listed:
            message = f"the INSERT lists the column {name.name!r} twice; keep one"
            errors.append(SqlError(message, name))
        else:
            listed[name.name] = by_name[name.name]
    for column in writable:
        if not column.nullable and column.name not in listed and not errors:
            message = f"{sink.name}.{column.name} is NOT NULL, so the INSERT must give it"
            errors.append(SqlError(message, node.this))
    if errors:
        raise SqlErrors(errors)
    return tuple(listed.values())
