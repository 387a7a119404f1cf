"""Evaluates one SQL expression over a few rows, as the engine does over a batch."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import polars as pl
from sqlglot import exp

import transforms.sql.functions
from transforms.sql import types
from transforms.sql.compile import compile_expression
from transforms.sql.dialect import parse_script
from transforms.sql.errors import Script, SqlError
from transforms.sql.expression import Expression, Session
from transforms.sql.type_rules import sql_type
from transforms.sql.types import SqlType, polars_type

assert transforms.sql.functions  # Importing it registers the functions.

FAILS = "fails"
"""What `values` gives for a row that the expression refuses."""


def parsed(text: str) -> exp.Expr:
    script = f"INSERT INTO o SELECT {text} FROM t"  # noqa: S608 (never sent to a database)
    statements = parse_script(Script("t.sql", script))
    expression: exp.Expr = statements[0].expression.expressions[0]
    return expression


def type_of(text: str) -> SqlType:
    return sql_type(parsed(f"CAST(NULL AS {text})").args["to"])


@dataclasses.dataclass(frozen=True)
class Columns:
    """A scope of plain columns."""

    types: Mapping[str, SqlType]

    def column(self, node: exp.Column) -> Expression:
        names = [part.name for part in node.parts]
        if names[0] not in self.types:
            message = f"no column {names[0]!r}"
            raise SqlError(message, node)
        found = Expression(pl.col(names[0]), self.types[names[0]])
        for name in names[1:]:
            field = next(field for field in found.type.fields if field.name == name)
            found = Expression(found.value.struct.field(name), field.type)
        return found


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """The type and values of an expression; FAILS stands for a row that is refused."""

    type: SqlType
    values: list[object]
    series: pl.Series


def evaluate(
    text: str,
    columns: Mapping[str, tuple[str, Any]] | None = None,
    time_zone: str = "UTC",
) -> Evaluated:
    """`text` over `columns`: name -> (SQL type, values). Without columns over one row."""
    columns = columns or {"unused": ("INT", [0])}
    kinds = {name: type_of(kind) for name, (kind, _) in columns.items()}
    frame = pl.DataFrame(
        {
            name: pl.Series(values, dtype=polars_type(kinds[name]))
            for name, (_, values) in columns.items()
        }
    )
    compiled = compile_expression(parsed(text), Columns(kinds), Session(time_zone))
    failed = [failure.condition.fill_null(value=False) for failure in compiled.failures]
    anything = pl.any_horizontal(failed) if failed else pl.lit(value=False)
    result = frame.with_columns(__value=compiled.value, __failed=anything)
    series = result["__value"]
    assert series.dtype == polars_type(compiled.type), (series.dtype, compiled.type)
    for failure in compiled.failures:
        if failure.value is not None:
            frame.with_columns(shown=failure.value)
    assert compiled.type.kind is types.Kind.NULL or series.len() == frame.height
    values = [
        FAILS if refused else value
        for value, refused in zip(series.to_list(), result["__failed"], strict=True)
    ]
    return Evaluated(compiled.type, values, series)


def at(text: str) -> dt.datetime:
    """A wall clock time, or with +00:00 an instant."""
    return dt.datetime.fromisoformat(text)
