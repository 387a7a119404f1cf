"""Evaluates SQL calls over typed columns, for the tables of the functions' tests."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

import polars as pl
import pytest
from sqlglot import exp

import transforms.sql.functions  # noqa: F401  # registers the functions
from tests.transforms.sql.functions.calls import Check, Evaluate, Outcome
from transforms.sql.compile import compile_expression
from transforms.sql.dialect import parse_script, parse_type
from transforms.sql.errors import Script, SqlError
from transforms.sql.expression import NOW, Call, Expression, Session, find_function
from transforms.sql.type_rules import sql_type
from transforms.sql.types import polars_type

BEGAN = datetime.datetime(2024, 2, 29, 22, 30, 15, 123456, tzinfo=datetime.timezone.utc)
"""The present time of every batch."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """A scope of columns without a table."""

    types: Mapping[str, str]

    def column(self, node: exp.Column) -> Expression:
        if node.name not in self.types:
            message = f"unknown column {node.name}"
            raise SqlError(message, node)
        return Expression(pl.col(node.name), sql_type(parse_type(self.types[node.name])))


def _node(sql: str) -> exp.Expr:
    text = f"INSERT INTO s SELECT {sql} FROM t;"  # noqa: S608  # parsed here, sent nowhere
    (statement,) = parse_script(Script("test", text))
    node: exp.Expr = statement.args["expression"].expressions[0]
    return node


def _compiled(sql: str, scope: Columns, session: Session) -> Expression:
    node = _node(sql)
    if isinstance(node, exp.Anonymous) and node.name in ("TIMESTAMPADD", "TIMESTAMPDIFF"):
        # The first argument is a unit, no expression: the compiler leaves it to the function.
        arguments = [compile_expression(part, scope, session) for part in node.expressions[1:]]
        return find_function(node.name, node)(Call(node.name, tuple(arguments), node, session))
    return compile_expression(node, scope, session)


@pytest.fixture
def evaluate() -> Evaluate:
    """`evaluate("UPPER(v)", v=("STRING", ["a", None]))`; `zone` is the session's."""

    def run(
        sql: str, zone: str = "UTC", rows: int = 1, **columns: tuple[str, Sequence[object]]
    ) -> Outcome:
        types = {name: kind for name, (kind, _) in columns.items()}
        expression = _compiled(sql, Columns(types), Session(zone))
        data = {
            name: pl.Series(values, dtype=polars_type(sql_type(parse_type(kind))), strict=False)
            for name, (kind, values) in columns.items()
        }
        height = max((len(series) for series in data.values()), default=rows)
        began = pl.Series([BEGAN] * height, dtype=pl.Datetime("us", "UTC"))
        batch = pl.DataFrame({**data, NOW: began})
        value = batch.with_columns(value=expression.value).get_column("value")
        assert value.dtype == polars_type(expression.type), f"{value.dtype} for {expression.type}"
        values = list(value.to_list())
        messages = []
        for failure in expression.failures:
            refused = batch.with_columns(no=failure.condition).get_column("no").to_list()
            for row, is_refused in enumerate(refused):
                if is_refused:
                    values[row] = ...
                    messages.append(failure.message)
            if failure.value is not None:
                batch.with_columns(shown=failure.value)
        return Outcome(str(expression.type), values, messages)

    return run


@pytest.fixture
def check(evaluate: Evaluate) -> Check:
    """Asserts what a call gives for a value of its column v, between two NULLs, which stay NULL.

    An expected `...` is a refused row.
    """

    def compare(
        sql: str, kind: str, value: object, result: str, expected: object, zone: str = "UTC"
    ) -> None:
        outcome = evaluate(sql, zone=zone, v=(kind, [None, value, None]))
        assert outcome.type == result
        assert outcome.values == [None, expected, None]

    return compare
