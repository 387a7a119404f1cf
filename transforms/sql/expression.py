"""What an SQL expression compiles to, and how functions are registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

import polars as pl
from sqlglot import exp

from transforms.encryption_ring import KeySource
from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.types import SqlType

NOW = "__now"
"""Column that the engine adds to a batch: the time it began on the batch, Datetime(us, UTC)."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """Rows that an expression refuses: each of them becomes a dead letter, never a wrong value.

    condition: Boolean; True where the row is refused (NULL counts as False).
    message: what was refused and what was expected, without the value.
    value: the refused value, shown in the dead letter; None where there is none to show.
    tells_why: the value is no value of the row, but a text that says why it was refused.
    place: the node of the script that refused it.
    error_class: a word to count and filter dead letters by.
    """

    condition: pl.Expr
    message: str
    place: exp.Expr
    value: pl.Expr | None = None
    error_class: str = "ValueRefused"
    tells_why: bool = False


@dataclasses.dataclass(frozen=True)
class Expression:
    """A compiled expression: one polars column of `polars_type(type)` a row.

    `literal` is True where the script wrote the value itself; `constant` is then that value.
    `node` is where the script says it, for errors about its use elsewhere. `parts` are the fields
    of a ROW that the script makes: who needs one takes it, since taking the ROW's column apart
    would compute all of them for each. `unix_seconds` is the Int64 that FROM_UNIXTIME wrote this
    text from: who reads it as a time again needs no text.
    """

    value: pl.Expr
    type: SqlType
    failures: tuple[Failure, ...] = ()
    literal: bool = False
    constant: object = None
    node: exp.Expr | None = None
    parts: tuple[Expression, ...] = ()
    unix_seconds: pl.Expr | None = None

    def column_names(self) -> set[str]:
        """The frame's columns that the value or a failure is computed from."""
        names = set(self.value.meta.root_names())
        for failure in self.failures:
            names |= set(failure.condition.meta.root_names())
            names |= set(failure.value.meta.root_names() if failure.value is not None else ())
        return names

    def failing_only_where(self, condition: pl.Expr) -> tuple[Failure, ...]:
        """The failures of this expression as a branch that is taken only where `condition`."""
        return tuple(
            dataclasses.replace(failure, condition=condition & failure.condition)
            for failure in self.failures
        )


def conjuncts(node: exp.Expr) -> list[exp.Expr]:
    """The conditions that AND joins, brackets or not; one alone if there is no AND."""
    if isinstance(node, exp.Paren):
        return conjuncts(node.this)
    if isinstance(node, exp.And):
        return [*conjuncts(node.left), *conjuncts(node.right)]
    return [node]


class Scope(Protocol):
    """The names that an expression may use."""

    def column(self, node: exp.Column) -> Expression:
        """The column, alias.column or column.field that `node` names; SqlError if there is none."""
        ...


@dataclasses.dataclass(frozen=True)
class Session:
    """What a script SETs that changes the meaning of expressions.

    keys: where the keys of DECRYPT and ENCRYPT are; None where the script names none.
    """

    time_zone: str = "UTC"
    keys: KeySource | None = None


@dataclasses.dataclass(frozen=True)
class Call:
    """One use of a function: its compiled arguments, in order, and its place in the script."""

    name: str
    arguments: tuple[Expression, ...]
    node: exp.Expr
    session: Session

    def error(self, message: str, argument: int | None = None) -> SqlError:
        """An SqlError about this call, or about one argument of it (counted from 0)."""
        place = self.node
        nodes = self.node.args.get("expressions") or []
        if argument is not None and argument < len(nodes):
            place = nodes[argument]
        return SqlError(f"{self.name}: {message}", place)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The failures of all arguments: a function fails wherever one of its arguments does."""
        return tuple(failure for argument in self.arguments for failure in argument.failures)


Function = Callable[[Call], Expression]
"""Checks a call's arguments (SqlError) and returns its expression."""

FUNCTIONS: dict[str, Function] = {}
"""Every function by its upper-case name."""


def function(*names: str) -> Callable[[Function], Function]:
    """Registers a function under its names."""

    def register(implementation: Function) -> Function:
        for name in names:
            if name in FUNCTIONS:
                message = f"the SQL function {name} is registered twice; give one another name"
                raise ValueError(message)
            FUNCTIONS[name] = implementation
        return implementation

    return register


def find_function(name: str, place: exp.Expr) -> Function:
    """The function called `name`; SqlError with the nearest names if there is none."""
    found = FUNCTIONS.get(name.upper())
    if found is None and name.upper() == "LOOKUP_ARRAY":
        message = (
            "LOOKUP_ARRAY stands in SELECT and WHERE alone; not in ON, in a computed column or in "
            "another LOOKUP_ARRAY"
        )
        raise SqlError(message, place)
    if found is None:
        message = f"unknown function {name}; {did_you_mean(name.upper(), FUNCTIONS)}"
        raise SqlError(message, place)
    return found
