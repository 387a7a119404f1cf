"""An SQL script as a job: its tables, views, settings and INSERT statements."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

from sqlglot import exp

from transforms.sql.connectors import Role
from transforms.sql.dialect import parse_script
from transforms.sql.errors import Script, SqlError, SqlErrors, did_you_mean, span_of
from transforms.sql.expression import Session
from transforms.sql.statements import (
    CreateTable,
    CreateView,
    InsertInto,
    SetOption,
    StatementSet,
)
from transforms.sql.tables import Column, Table, declare_table
from transforms.sql.time_zones import check_time_zone
from transforms.sql.variables import Substituted, substitute

SETTINGS = {
    "table.local-time-zone": "the time zone of TIMESTAMP_LTZ in casts and formats; default UTC",
    "functions.module": "a Python module whose functions the script may call",
    "pipeline.name": "the job's name",
}

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
    """A script whose statements are known to fit together; the queries are checked by the plan."""

    script: Script
    tables: dict[str, Table]
    views: dict[str, View]
    inserts: tuple[Insert, ...]
    settings: dict[str, str]
    text: Substituted

    @property
    def session(self) -> Session:
        return Session(time_zone=self.settings.get("table.local-time-zone", "UTC"))

    def where(self, node: exp.Expr) -> str:
        """`script:line:column` of a node, for the message of a dead letter."""
        span = span_of(node)
        if span is None:
            return self.script.name
        line, column = self.script.line_and_column(self.text.source_span(span).start)
        return f"{self.script.name}:{line}:{column}"

    def located(self, error: SqlError) -> SqlError:
        """An error about the parsed text, told about the script as its author wrote it."""
        if error.script is None and error.span is not None:
            error.span = self.text.source_span(error.span)
        return error.located(self.script)

    def relation(self, node: exp.Table) -> Table | View:
        """The table or view that `node` names; SqlError with the nearest names if there is none."""
        name = node.name
        found = self.tables.get(name) or self.views.get(name)
        if found is None:
            known = [*self.tables, *self.views]
            message = f"there is no table or view {name!r}; {did_you_mean(name, known)}"
            raise SqlError(message, node.this)
        return found


def compile_job(script: Script, values: Mapping[str, str]) -> Job:
    """The job of a script, with `values` for its `${NAME}`s.

    Raises SqlErrors with every mistake that can be seen without the queries.
    """
    text = substitute(script, values)
    try:
        return _compile(script, text, parse_script(script, text.text))
    except SqlErrors as found:
        for error in found.errors:
            if error.script is None and error.span is not None:
                error.span = text.source_span(error.span)
        raise SqlErrors([error.located(script) for error in found.errors]) from found


def _compile(script: Script, text: Substituted, statements: list[exp.Expr]) -> Job:
    errors: list[SqlError] = []
    tables: dict[str, Table] = {}
    views: dict[str, View] = {}
    settings: dict[str, str] = {}
    insert_nodes: list[InsertInto] = []
    for statement in statements:
        try:
            match statement:
                case CreateTable():
                    _add(tables, views, statement.this, declare_table(statement))
                case CreateView():
                    names = tuple(name.name for name in statement.expressions)
                    view = View(statement.this.name, names, statement.expression, statement)
                    _add(views, tables, statement.this, view)
                case SetOption():
                    _set(settings, statement)
                case StatementSet():
                    insert_nodes += statement.expressions
                case InsertInto():
                    insert_nodes.append(statement)
        except SqlError as error:
            errors.append(error)
    inserts: list[Insert] = []
    declared = {node.this.name for node in statements if isinstance(node, CreateTable)}
    for number, node in enumerate(insert_nodes, start=1):
        try:
            # A sink whose own declaration is wrong has its error already.
            if node.this.name in tables or node.this.name not in declared:
                inserts.append(_insert(tables, node, number, len(insert_nodes)))
        except SqlError as error:
            errors.append(error)
    if not insert_nodes and not errors:
        message = "the script has no INSERT INTO statement, so it has nothing to run; add one"
        errors.append(SqlError(message))
    if errors:
        raise SqlErrors(errors)
    return Job(script, tables, views, tuple(inserts), settings, text)


def _add(
    into: dict[str, _Named], others: Mapping[str, object], name: exp.Expr, thing: _Named
) -> None:
    if name.name in into or name.name in others:
        message = f"{name.name!r} is declared twice; rename one"
        raise SqlError(message, name)
    into[name.name] = thing


def _set(settings: dict[str, str], node: SetOption) -> None:
    key = node.this.name
    if key not in SETTINGS:
        message = f"unknown setting {key!r}; {did_you_mean(key, SETTINGS)}"
        raise SqlError(message, node.this)
    if key == "table.local-time-zone":
        check_time_zone(node.expression.name, node.expression)
    settings[key] = node.expression.name


def _insert(tables: Mapping[str, Table], node: InsertInto, number: int, of: int) -> Insert:
    sink = tables.get(node.this.name)
    if sink is None:
        message = f"there is no table {node.this.name!r}; {did_you_mean(node.this.name, tables)}"
        raise SqlError(message, node.this)
    sink.require_role(Role.SINK, node.this)
    writable = sink.physical_columns()
    columns = writable
    if node.expressions:
        by_name = {column.name: column for column in writable}
        for name in node.expressions:
            if name.name not in by_name:
                message = (
                    f"{sink.name} has no column {name.name!r} to write; "
                    f"{did_you_mean(name.name, by_name)}"
                )
                raise SqlError(message, name)
        columns = tuple(by_name[name.name] for name in node.expressions)
        missing = [column for column in writable if not column.nullable and column not in columns]
        if missing:
            message = f"{sink.name}.{missing[0].name} is NOT NULL, so the INSERT must give it"
            raise SqlError(message, node.this)
    name = sink.name if of == 1 else f"{sink.name}#{number}"
    return Insert(name, sink, columns, node.expression, node)
