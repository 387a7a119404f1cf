"""Calls nested in calls."""

from __future__ import annotations

import polars as pl
import pytest
from sqlglot import exp

import transforms.sql.functions  # noqa: F401  # registers the functions
from tests.transforms.sql.functions.calls import Evaluate
from transforms.sql.expression import Call, Expression, Session, find_function
from transforms.sql.types import INT, STRING


def _nested(levels: int) -> Expression:
    value = Expression(pl.col("v"), STRING)
    length = Expression(pl.lit(9, pl.Int32()), INT, literal=True, constant=9)
    filler = Expression(pl.lit("-"), STRING, literal=True, constant="-")
    node = exp.Anonymous(this="LPAD")
    for _ in range(levels):
        call = Call("LPAD", (value, length, filler), node, Session())
        value = find_function("LPAD", node)(call)
    return value


def test_an_expression_grows_by_the_same_at_every_level() -> None:
    sizes = [len(str(_nested(levels).value)) for levels in (1, 6)]
    assert sizes[1] < 10 * sizes[0]


def test_a_deep_expression_gives_what_each_level_gives() -> None:
    batch = pl.DataFrame({"v": ["a", None, "é"]})
    outcome = batch.with_columns(value=_nested(6).value).get_column("value")
    assert outcome.to_list() == ["--------a", None, "--------é"]


def test_a_failure_of_an_inner_call_is_a_failure_of_the_outer(evaluate: Evaluate) -> None:
    outcome = evaluate("UPPER(FROM_BASE64(v))", v=("STRING", ["YQ==", "!!", None]))
    assert outcome.values == ["A", ..., None]
    assert outcome.messages == [
        "FROM_BASE64: the value is not base64 of a text in UTF-8; correct it in the source"
    ]


@pytest.mark.parametrize(
    "sql", ["LPAD(v, 3, 'x')", "TO_TIMESTAMP(v)", "JSON_VALUE(v, '$')", "UUID()", "REPEAT(v, 2)"]
)
def test_an_empty_batch_stays_empty(evaluate: Evaluate, sql: str) -> None:
    assert evaluate(sql, v=("STRING", [])).values == []
