"""Tables from a file of DDL statements, where there is no live database to ask."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Iterator

import click
import sqlglot
import sqlglot.errors
from sqlglot import exp

from kami.ddl_columns import Column, identifier, primary_key_of, read_column
from kami.ddl_text import readable
from kami.errors import ConfigurationError
from kami.schema import Dialect, SourceColumn, SourceTable

# Of each statement that it does not know it warns in words of its own; `_ignore` tells it.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_DOMAIN = re.compile(
    r"CREATE\s+DOMAIN\s+([\w.]+)\s+(?:AS\s+)?(\w+(?:\s+varying)?\s*(?:\([^)]*\))?)", re.IGNORECASE
)
Notice = Callable[[str], None]
Name = tuple[str, str]
"""Schema and name of a table; the schema is "" in MySQL where none is written."""


def read_ddl(text: str, dialect: Dialect, notice: Notice | None = None) -> list[SourceTable]:
    """The tables that the statements leave behind, in the order of their creation.

    CREATE TABLE, ALTER TABLE, DROP TABLE and RENAME TABLE are applied in order; in PostgreSQL also
    CREATE TYPE ... AS ENUM and CREATE DOMAIN.

    Args:
        notice: told of each kind of statement that is left out; by default on standard error.

    Raises:
        ConfigurationError: a statement cannot be read, or changes a table that is not there.
    """
    tell = notice or (lambda told: click.echo(f"kami: {told}", err=True))
    return _Script(dialect, tell).run(text)


class _Script:
    """The state of the tables, statement by statement."""

    def __init__(self, dialect: Dialect, notice: Notice) -> None:
        self._dialect = dialect
        self._read = "postgres" if dialect == "postgresql" else "mysql"
        self._notice = notice
        self._tables: dict[Name, SourceTable] = {}
        self._types: dict[str, str] = {}
        self._ignored: set[str] = set()

    def run(self, text: str) -> list[SourceTable]:
        for statement in self._statements(text):
            self._apply(statement)
        return list(self._tables.values())

    def _statements(self, text: str) -> Iterator[exp.Expr]:
        try:
            parsed = sqlglot.parse(readable(text, self._dialect), read=self._read)
        except sqlglot.errors.SqlglotError as error:
            message = f"the DDL cannot be read as {self._dialect}: {error}"
            raise ConfigurationError(message) from error
        yield from (statement for statement in parsed if statement is not None)

    def _apply(self, statement: exp.Expr) -> None:
        match statement:
            case exp.Create() if statement.kind == "TABLE" and isinstance(
                statement.this, exp.Schema
            ):
                self._create(statement)
            case exp.Create() if statement.kind == "TYPE":
                self._types[statement.this.name.lower()] = "enum"
            case exp.Command() if _DOMAIN.match(statement.sql(dialect=self._read)):
                self._create_domain(statement.sql(dialect=self._read))
            case exp.Alter() if statement.args.get("kind") == "TABLE":
                self._alter(statement)
            case exp.Drop() if statement.args.get("kind") == "TABLE":
                for table in statement.find_all(exp.Table):
                    self._tables.pop(self._name(table), None)
            case _:
                self._ignore(statement)

    def _ignore(self, statement: exp.Expr) -> None:
        words = statement.sql(dialect=self._read).split()[:2]
        kind = " ".join(words).upper()
        if kind not in self._ignored:
            self._ignored.add(kind)
            self._notice(f"the DDL's statements {kind} ... say nothing of columns: left out")

    def _name(self, table: exp.Expr) -> Name:
        schema = table.args.get("db")
        default = "public" if self._dialect == "postgresql" else ""
        name = identifier(table.this, self._read)
        return (identifier(schema, self._read) if schema else default, name)

    def _create(self, statement: exp.Create) -> None:
        name = self._name(statement.this.this)
        if statement.args.get("exists") and name in self._tables:
            return
        columns: list[Column] = []
        key: tuple[str, ...] = ()
        for part in statement.this.expressions:
            if isinstance(part, exp.ColumnDef):
                columns.append(read_column(part, self._read, self._types))
            else:
                key = primary_key_of(part, self._read) or key
        key = key or tuple(column.name for column in columns if column.key)
        self._tables[name] = SourceTable(
            schema=name[0],
            name=name[1],
            columns=tuple(column.column for column in columns),
            primary_key=key,
            dialect=self._dialect,
        )

    def _create_domain(self, statement: str) -> None:
        found = _DOMAIN.match(statement)
        assert found is not None  # noqa: S101
        definition = sqlglot.parse_one(f"CREATE TABLE t (c {found[2]})", read=self._read)
        (column,) = definition.this.expressions
        read = read_column(column, self._read, self._types)
        self._types[found[1].rpartition(".")[2].lower()] = read.column.source_type

    def _alter(self, statement: exp.Alter) -> None:
        name = self._name(statement.this)
        if name not in self._tables:
            message = (
                f"the DDL alters the table {name[1]!r}, which it has not created: "
                f"{statement.sql(dialect=self._read)}"
            )
            raise ConfigurationError(message)
        for action in statement.args["actions"]:
            self._alter_by(name, action, statement)

    def _alter_by(self, name: Name, action: exp.Expr, statement: exp.Alter) -> None:
        table = self._tables[name]
        match action:
            case exp.ColumnDef():
                self._tables[name] = self._with_column(table, action)
            case exp.Drop() if action.args.get("kind") == "COLUMN":
                gone = identifier(action, self._read)
                self._tables[name] = dataclasses.replace(
                    table, columns=tuple(c for c in table.columns if c.name != gone)
                )
            case exp.RenameColumn():
                old = identifier(action.this, self._read)
                new = identifier(action.args["to"], self._read)
                self._tables[name] = _renamed(table, old, new)
            case exp.ModifyColumn():
                self._tables[name] = self._modified(table, action)
            case exp.AlterColumn():
                self._tables[name] = self._altered(table, action)
            case exp.AlterRename():
                renamed = self._name(action.this)
                moved = dataclasses.replace(self._tables.pop(name), name=renamed[1])
                self._tables[(name[0], renamed[1])] = moved
            case exp.AddConstraint():
                for part in action.expressions:
                    key = primary_key_of(part, self._read)
                    if key:
                        self._tables[name] = dataclasses.replace(table, primary_key=key)
            case _ if primary_key_of(action, self._read):
                key = primary_key_of(action, self._read)
                self._tables[name] = dataclasses.replace(table, primary_key=key)
            case _:
                self._ignore(statement)

    def _with_column(self, table: SourceTable, definition: exp.ColumnDef) -> SourceTable:
        read = read_column(definition, self._read, self._types)
        columns = [column for column in table.columns if column.name != read.name]
        position = definition.args.get("position")
        place = len(columns)
        if position is not None and position.args.get("position") == "FIRST":
            place = 0
        elif position is not None:
            after = identifier(position.this, self._read)
            place = [column.name for column in columns].index(after) + 1
        columns.insert(place, read.column)
        key = table.primary_key or ((read.name,) if read.key else ())
        return dataclasses.replace(table, columns=tuple(columns), primary_key=key)

    def _modified(self, table: SourceTable, action: exp.Expr) -> SourceTable:
        """MySQL's MODIFY and CHANGE: the whole definition anew, under another name perhaps."""
        read = read_column(action.this, self._read, self._types)
        old = action.args.get("rename_from")
        table = _renamed(table, identifier(old, self._read), read.name) if old else table
        return _replaced(table, read.column)

    def _altered(self, table: SourceTable, action: exp.Expr) -> SourceTable:
        """ALTER COLUMN: a new type, or a new default, which rows that are there do not get."""
        column = table.column(identifier(action.this, self._read))
        kind = action.args.get("dtype")
        if kind is not None:
            definition = exp.ColumnDef(this=action.this, kind=kind)
            read = read_column(definition, self._read, self._types)
            column = dataclasses.replace(column, source_type=read.column.source_type)
        return _replaced(table, column)


def _replaced(table: SourceTable, column: SourceColumn) -> SourceTable:
    return dataclasses.replace(
        table,
        columns=tuple(column if old.name == column.name else old for old in table.columns),
    )


def _renamed(table: SourceTable, old: str, new: str) -> SourceTable:
    return dataclasses.replace(
        table,
        columns=tuple(
            dataclasses.replace(column, name=new) if column.name == old else column
            for column in table.columns
        ),
        primary_key=tuple(new if name == old else name for name in table.primary_key),
        renamed=table.renamed if new == old else {**table.renamed, new: old},
    )
