"""A column of a CREATE TABLE statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlglot import exp

from kami.schema import SourceColumn

_SERIAL = ("serial", "bigserial", "smallserial")


class Column(NamedTuple):
    """A column, and whether it is declared as the primary key by itself."""

    column: SourceColumn
    key: bool

    @property
    def name(self) -> str:
        return self.column.name


def read_column(definition: exp.ColumnDef, read: str, types: Mapping[str, str]) -> Column:
    """The column that a definition declares.

    Args:
        read: sqlglot's name of the dialect.
        types: the types that the script has made, name -> what it stands for.
    """
    constraints = [constraint.args.get("kind") for constraint in definition.constraints]
    key = any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in constraints)
    source_type = _type(definition, read, types)
    nullable = not key and source_type not in _SERIAL
    default = None
    generated = False
    for kind in constraints:
        if isinstance(kind, exp.NotNullColumnConstraint):
            nullable = bool(kind.args.get("allow_null"))
        elif isinstance(kind, exp.DefaultColumnConstraint):
            default = literal_text(kind.this)
        elif isinstance(kind, exp.ComputedColumnConstraint):
            generated = True
    return Column(
        SourceColumn(
            name=identifier(definition.this, read),
            source_type=source_type,
            nullable=nullable,
            default=default,
            generated=generated,
        ),
        key,
    )


def identifier(node: exp.Expr, read: str) -> str:
    """The name as the database has it: PostgreSQL writes one without quotes in lower case."""
    found = node if isinstance(node, exp.Identifier) else node.find(exp.Identifier)
    if found is None:
        return str(node.name)
    name = str(found.this)
    return name if read == "mysql" or found.args.get("quoted") else name.lower()


def primary_key_of(part: exp.Expr | None, read: str) -> tuple[str, ...]:
    """The columns of a PRIMARY KEY clause, alone or in a named constraint; empty for any other."""
    if isinstance(part, exp.Constraint):
        for inner in part.expressions:
            key = primary_key_of(inner, read)
            if key:
                return key
    if isinstance(part, exp.PrimaryKey):
        return tuple(identifier(column, read) for column in part.expressions)
    return ()


def literal_text(node: exp.Expr | None) -> str | None:
    """The text of a default that is a literal; None for NULL and for what is computed."""
    match node:
        case exp.Literal():
            return str(node.this)
        case exp.Boolean():
            return "true" if node.this else "false"
        case exp.Neg(this=exp.Literal() as number):
            return f"-{number.this}"
        case exp.Cast() | exp.Paren():
            return literal_text(node.this)
        case exp.BitString():
            return str(int(node.this, 2))
        case _:
            return None


def _type(definition: exp.ColumnDef, read: str, types: Mapping[str, str]) -> str:
    kind = definition.args.get("kind")
    if kind is None:
        return "unknown"
    text = str(kind.sql(dialect=read)).lower()
    if read == "mysql":
        return text
    # A type of the user's may be named with its schema, and be an array.
    name, bracket, rest = text.partition("[")
    bare = name.rpartition(".")[2].strip('"')
    return types.get(bare, bare if bracket or "." in name else name) + bracket + rest
