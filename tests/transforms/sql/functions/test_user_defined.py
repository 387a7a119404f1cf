"""Functions of a user, over batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest

from tests.transforms.sql.functions.calls import Evaluate
from transforms.sql.errors import SqlError
from transforms.sql.expression import FUNCTIONS
from transforms.sql.functions.user_defined import (
    UserFunctionError,
    register_function,
    sql_function,
)
from transforms.sql.types import BIGINT, DOUBLE, INT, STRING


@pytest.fixture(autouse=True)
def _forget_functions() -> Iterator[None]:
    """Leaves no function of a test behind."""
    known = dict(FUNCTIONS)
    yield
    FUNCTIONS.clear()
    FUNCTIONS.update(known)


def test_a_registered_function_runs_on_batches(evaluate: Evaluate) -> None:
    sizes = []

    @sql_function("Mask_Iban", [STRING], STRING)
    def mask(values: pl.Series) -> pl.Series:
        sizes.append(len(values))
        shown: pl.Series = values.str.head(4) + "****"
        return shown

    outcome = evaluate("mask_iban(v)", v=("STRING", ["DE123456", None, "é1234"]))
    assert (outcome.type, outcome.values) == ("STRING", ["DE12****", None, "é123****"])
    assert set(sizes) == {3}
    assert mask(pl.Series(["abcde"])).item() == "abcd****"


def test_arguments_are_widened_to_what_was_registered(evaluate: Evaluate) -> None:
    register_function("ADD_UP", lambda a, b: a + b, [BIGINT, DOUBLE], DOUBLE)
    outcome = evaluate("ADD_UP(v, 1.5)", v=("TINYINT", [1, None]))
    assert outcome.values == [2.5, None]


def test_a_function_of_literals_or_nothing_fills_a_batch(evaluate: Evaluate) -> None:
    register_function("DOUBLED", lambda values: values * 2, [INT], INT)
    register_function("ANSWER", lambda: pl.Series([42], dtype=pl.Int32()), [], INT)
    assert evaluate("DOUBLED(3)", rows=3).values == [6, 6, 6]
    assert evaluate("ANSWER()", rows=2).values == [42, 42]


def test_the_rows_that_a_function_raises_for_are_refused_alone(evaluate: Evaluate) -> None:
    def parse(values: pl.Series) -> pl.Series:
        return pl.Series([None if one is None else int(one) for one in values], dtype=pl.Int32())

    register_function("PARSED", parse, [STRING], INT)
    outcome = evaluate("PARSED(v)", v=("STRING", ["1", "x", None, "4"]))
    assert outcome.values == [1, ..., None, 4]
    assert outcome.messages == ["PARSED: the function raised an error for the row"]


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        (lambda values: values.cast(pl.Int64()), "gave a Series of Int64, expected Int32 for INT"),
        (lambda values: values.head(1), "gave 1 values for 2 rows"),
        (lambda values: values.to_list(), "gave a list, expected a polars Series of 2 values"),
    ],
)
def test_a_result_that_was_not_declared_stops_and_names_the_function(
    evaluate: Evaluate, implementation: Callable[..., Any], message: str
) -> None:
    register_function("WRONG", implementation, [INT], INT)
    with pytest.raises(UserFunctionError) as raised:
        evaluate("WRONG(v)", v=("INT", [1, 2]))
    assert f"the function WRONG {message}" in str(raised.value)


def test_all_null_is_a_result_of_any_type(evaluate: Evaluate) -> None:
    register_function("NOTHING", lambda values: pl.Series([None] * len(values)), [INT], STRING)
    assert evaluate("NOTHING(v)", v=("INT", [1, 2])).values == [None, None]


def test_a_name_is_registered_once(evaluate: Evaluate) -> None:
    with pytest.raises(ValueError, match="the SQL function UPPER exists already"):
        register_function("upper", lambda values: values, [STRING], STRING)
    with pytest.raises(ValueError, match="is no SQL name"):
        register_function("a-b", lambda values: values, [STRING], STRING)


def test_a_wrong_argument_is_an_error_of_the_script(evaluate: Evaluate) -> None:
    register_function("HALF", lambda values: values // 2, [INT], INT)
    with pytest.raises(SqlError, match="HALF: argument 1 is BIGINT, expected INT"):
        evaluate("HALF(v)", v=("BIGINT", [1]))
    with pytest.raises(SqlError, match="HALF: expected 1 argument, not 2"):
        evaluate("HALF(v, v)", v=("INT", [1]))
